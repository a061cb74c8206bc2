/* SPDX-License-Identifier: MIT */
/* What MicroProfiler prints: the three forms, where errors point, and the rows that come of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tflm_profile.h"
#include "tiny_model.h"

#define CSV  "\"Event\",\"Tag\",\"Ticks\"\r\n"
#define SUMS "\"Unique Tag\",\"Total ticks across all events with that tag.\"\r\n"
#define RUN  "0,SOFTMAX,100\r\n1,ADD,200\r\n2,SOFTMAX,300\r\n3,Mine, too,400\r\n4,SOFTMAX,500\r\n"

struct outcome {
	int rc;
	struct mn_err err;
	char *csv;
	char left_out[512]; /* "why;why;" */
};

static void left_out(void *arg, const char *why)
{
	struct outcome *o = arg;
	size_t n = strlen(o->left_out);

	snprintf(o->left_out + n, sizeof(o->left_out) - n, "%s;", why);
}

/* tick_hz 0: cycles of 180 MHz. */
static struct outcome take(const char *text, int64_t tick_hz)
{
	struct mn_profile_source source = {.name = "f.log",
					   .model_name = "tiny",
					   .board = "nucleo-f446re",
					   .kernels = "k/1",
					   .clock_hz = 180000000,
					   .tick_hz = tick_hz};
	struct outcome o = {0};
	struct tiny_model tiny;
	const struct mn_model *model = tiny_model(&tiny);
	struct mn_profile profile = {0};
	size_t len = strlen(text);
	char *exact = malloc(len + !len); /* without a NUL, for the sanitizer */

	memcpy(exact, text, len);
	o.rc = mn_profile_parse("f.log", exact, len, tick_hz ? tick_hz : 180000000, &profile,
				&o.err);
	if (o.rc == 0)
		o.rc = mn_profile_rows(&profile, model, &source, left_out, &o, &o.csv, &len,
				       &o.err);
	mn_profile_free(&profile);
	free(exact);
	return o;
}

static void assert_row(const struct outcome *o, const char *words)
{
	if (o->rc < 0)
		fail_msg("%s", o->err.msg);
	if (!strstr(o->csv, words))
		fail_msg("no row with %s in:\n%s", words, o->csv);
}

static unsigned rows(const struct outcome *o)
{
	unsigned n = 0;

	for (const char *p = o->csv; *p; p++)
		n += *p == '\n';
	return n - 1;
}

static void events(void **state)
{
	struct outcome o = take(CSV RUN, 0);

	(void)state;
	assert_row(&o, "measured,\"nucleo-f446re\",\"\",\"\",180000000,\"k/1\",\"\",\"\","
		       "\"softmax in=1x1x1x8\",\"\",,100,,,\"operator 0 of tiny, run 1 of 1\","
		       "\"TFLM MicroProfiler, f.log\"\n");
	assert_row(&o, "\"add in=1x1x1x8 in2=1x1x1x8 act=none\",\"\",,200,,,");
	assert_row(&o, ",\"\",\"tiny\",,1500,,,\"sum of the operators, run 1 of 1\"");
	assert_string_equal(o.left_out, "Mine, too;SOFTMAX not int8;");
	assert_int_equal(rows(&o), 4);
	free(o.csv);
}

static void runs_and_other_events(void **state)
{
	/* Numbered on, as without ClearEvents(), with an application's event between. */
	struct outcome o =
		take(CSV RUN "5,mine,9\r\n6,SOFTMAX,110\r\n7,ADD,210\r\n8,SOFTMAX,310\r\n"
			     "9,Mine, too,410\r\n10,SOFTMAX,510\r\n",
		     0);

	(void)state;
	assert_row(&o, "110,,,\"operator 0 of tiny, run 2 of 2\"");
	assert_row(&o, "1550,,,\"sum of the operators, run 2 of 2\"");
	assert_int_equal(rows(&o), 8);
	assert_non_null(strstr(o.left_out, ";mine;"));
	free(o.csv);
	/* And with it: the header and the numbers start over. */
	o = take(CSV RUN "\r\n" CSV RUN, 0);
	assert_row(&o, "run 2 of 2");
	free(o.csv);
}

static void log_lines(void **state)
{
	static const char text[] = "SOFTMAX took 180000 ticks (1 ms).\n"
				   "ADD took 5 ticks (0 ms).\n\n"
				   "SOFTMAX took 360000 ticks (2 ms).\n"
				   "Mine, too took 0 ticks (0 ms).\n"
				   "SOFTMAX took 1 ticks (1000 ms).\n";
	struct outcome o = take(text, 0);

	(void)state;
	assert_row(&o, "180000,,,\"operator 0 of tiny");
	free(o.csv);
	/* Of a timer of 1 MHz they would be 180 ms. */
	o = take(text, 1000000);
	assert_int_equal(o.rc, MN_E_INVALID);
	assert_non_null(strstr(o.err.msg, "f.log:1:28: 180000 ticks in 1 ms"));
	o = take("SOFTMAX took 180 ticks (0 ms).\nADD took 0 ticks (0 ms).\n"
		 "SOFTMAX took 1 ticks (0 ms).\nMine, too took 0 ticks (0 ms).\n"
		 "SOFTMAX took 7 ticks (0 ms)\n",
		 1000000);
	assert_row(&o, ",,180000,,\"operator 0");
	assert_row(&o, ",,,\"0 ticks: shorter than one tick of the timer\",\"operator 1");
	free(o.csv);
}

static void sums(void **state)
{
	struct outcome o = take(SUMS "SOFTMAX, 900\r\nADD, 200\r\nMine, too, 400\r\nmine, 1\r\n"
				     "\"total number of ticks\", 1501\r\n",
				0);

	(void)state;
	assert_row(&o, "\"add in=1x1x1x8 in2=1x1x1x8 act=none\",\"\",,200,,,\"operator 1");
	assert_row(&o, ",\"\",\"tiny\",,1500,,,\"sum of the operators\"");
	assert_int_equal(rows(&o), 2);
	assert_string_equal(o.left_out, "SOFTMAX summed;Mine, too;mine;");
	free(o.csv);
}

static void refused(void **state)
{
	static const struct {
		const char *text, *place, *words;
	} cases[] = {
		{"", "f.log: ", "nothing that MicroProfiler prints"},
		{"\r\n\n", "f.log: ", "nothing that MicroProfiler prints"},
		{"hello\n", "f.log:1:1: ", "TAG took N ticks"},
		{"ADD took 5 cycles\n", "f.log:1:10: ", "TAG took N ticks"},
		{"ADD took x ticks (0 ms).\n", "f.log:1:10: ", "no whole number"},
		{"ADD took 5 ticks (0 s).\n", "f.log:1:19: ", "TAG took N ticks"},
		{"ADD took 5 ticks (0 ms). more\n", "f.log:1:19: ", "TAG took N ticks"},
		{"ADD took 4294967295 ticks (0 ms).\n", "f.log:1:10: ", "no end"},
		{"ADD took 4294967296 ticks (0 ms).\n", "f.log:1:10: ", "too big"},
		{" took 5 ticks (0 ms).\n", "f.log:1:1: ", "tag is empty"},
		{CSV "0,SOFTMAX\r\n", "f.log:2:1: ", "three fields"},
		{CSV "0,SOFTMAX,1\r\n2,ADD,1\r\n", "f.log:3:1: ", "event 1 is due"},
		{CSV "x,SOFTMAX,1\r\n", "f.log:2:1: ", "no whole number"},
		{CSV "0,SOFTMAX,1.5\r\n", "f.log:2:11: ", "no whole number"},
		{CSV "0,SOFTMAX,\r\n", "f.log:2:11: ", "missing"},
		{CSV "0,SOFTMAX,-1\r\n", "f.log:2:11: ", "no end"},
		{CSV "0,SOFTMAX,-7\r\n", "f.log:2:11: ", "negative"},
		{CSV "0,,7\r\n", "f.log:2:3: ", "tag is empty"},
		{CSV "0,ADD,7\r\n", "f.log:2:3: ", "operator 0 of the model is SOFTMAX"},
		{CSV "0,SOFTMAX,7\r\n1,ADD,7\r\n", "f.log:3:3: ", "ends here after 2 of 5"},
		{CSV "0,mine,7\r\n", "f.log: ", "no event of an operator"},
		{CSV "0,SOFTMAX,0\r\n1,ADD,0\r\n2,SOFTMAX,0\r\n3,Mine, too,0\r\n4,SOFTMAX,0\r\n",
		 "f.log:6:11: ", "does not count"},
		{CSV RUN SUMS, "f.log:7:1: ", "keep the events"},
		{SUMS "ADD, 1\r\n", "f.log:3:1: ", "total is missing"},
		{SUMS "ADD, 1\r\n\"total number of ticks\", 2\r\n", "f.log:3:26: ", "not the sum"},
		{SUMS "ADD, 1\r\n\"total number of ticks\", 1\r\nADD, 1\r\n",
		 "f.log:4:1: ", "after the total"},
		{SUMS "ADD 1\r\n", "f.log:2:1: ", "two fields"},
		{SUMS "ADD, 1\r\n" CSV, "f.log:3:1: ", "keep the events"},
		{SUMS "ADD, 1\r\n\"total number of ticks\", 1\r\n",
		 "f.log: ", "the model has SOFTMAX"},
		{SUMS "CONV_2D, 1\r\n\"total number of ticks\", 1\r\n",
		 "f.log:2:1: ", "no operator of that name"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct outcome o = take(cases[i].text, 0);

		if (o.rc == 0)
			fail_msg("case %zu is taken: %s", i, cases[i].text);
		if (strncmp(o.err.msg, cases[i].place, strlen(cases[i].place)) ||
		    !strstr(o.err.msg, cases[i].words))
			fail_msg("case %zu: %s", i, o.err.msg);
		assert_null(o.csv);
	}
}

static void control_flow(void **state)
{
	struct mn_profile_source source = {
		.name = "f.log", .model_name = "tiny", .board = "b", .kernels = "k", .clock_hz = 1};
	struct mn_profile profile = {0};
	struct tiny_model tiny;
	const struct mn_model *model = tiny_model(&tiny);
	struct mn_err err = {0};
	char *csv = NULL;
	size_t len = 0;

	(void)state;
	tiny.operators[2].options.subgraphs[0] = 0;
	assert_int_equal(
		mn_profile_rows(&profile, model, &source, left_out, NULL, &csv, &len, &err),
		MN_E_UNSUPPORTED);
	tiny.graph.n_operators = 0;
	assert_int_equal(
		mn_profile_rows(&profile, model, &source, left_out, NULL, &csv, &len, &err),
		MN_E_INVALID);
	assert_null(csv);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events),    cmocka_unit_test(runs_and_other_events),
		cmocka_unit_test(log_lines), cmocka_unit_test(sums),
		cmocka_unit_test(refused),   cmocka_unit_test(control_flow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
