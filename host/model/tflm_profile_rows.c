/* SPDX-License-Identifier: MIT */
/* Events of a profile to operators of a model, and those as rows. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "census.h"
#include "lower.h"
#include "tflm_profile.h"

struct rows {
	const struct mn_profile *profile;
	const struct mn_subgraph *graph;
	const struct mn_profile_source *source;
	void (*left_out)(void *arg, const char *why);
	void *arg;
	FILE *out;
	struct mn_err *err;
};

static int at(const struct rows *r, const struct mn_profile_event *e, uint32_t column,
	      const char *why)
{
	return mn_err_set(r->err, MN_E_INVALID, "%s:%" PRIu32 ":%" PRIu32 ": %s", r->source->name,
			  e->line, column, why);
}

static int has_tag(const struct mn_profile_event *e, const char *name)
{
	return strlen(name) == e->tag_len && !memcmp(name, e->tag, e->tag_len);
}

/* Could the interpreter have made this event: is its tag an operator's name? */
static int is_operator(const struct rows *r, const struct mn_profile_event *e)
{
	for (int32_t i = 0; i < MN_BUILTIN_COUNT; i++)
		if (has_tag(e, mn_builtin_name(i)))
			return 1;
	for (uint32_t i = 0; i < r->graph->n_operators; i++)
		if (has_tag(e, mn_operator_name(&r->graph->operators[i])))
			return 1;
	return 0;
}

/* An application's own event. */
static void leave_event(const struct rows *r, const struct mn_profile_event *e)
{
	char why[64];
	size_t n = e->tag_len < 60 ? e->tag_len : 60;

	/* A serial line may have made anything of it; it goes to a terminal. */
	for (size_t i = 0; i < n; i++)
		why[i] = e->tag[i] >= ' ' && e->tag[i] <= '~' ? e->tag[i] : '?';
	why[n] = '\0';
	r->left_out(r->arg, why);
}

/* A comma and the text in quotes, doubled where it has some. */
static void put_text(FILE *out, const char *text)
{
	fputs(",\"", out);
	for (; text && *text; text++) {
		if (*text == '"')
			putc('"', out);
		putc(*text, out);
	}
	putc('"', out);
}

static void put_row(const struct rows *r, const char *layer, uint64_t model_ops, uint64_t ticks,
		    const char *note)
{
	const struct mn_profile_source *s = r->source;
	const int is_virtual = !strncmp(s->board, "virtual-", strlen("virtual-"));
	char source[512];

	fputs(is_virtual ? "virtual" : "measured", r->out);
	put_text(r->out, s->board);
	put_text(r->out, s->chip);
	put_text(r->out, s->cpu);
	fprintf(r->out, ",%" PRId64, s->clock_hz);
	put_text(r->out, s->kernels);
	put_text(r->out, s->compiler);
	put_text(r->out, s->flags);
	put_text(r->out, layer);
	put_text(r->out, layer ? NULL : s->model_name);
	putc(',', r->out);
	if (model_ops)
		fprintf(r->out, "%" PRIu64, model_ops);
	if (ticks == 0)
		fputs(",,,\"0 ticks: shorter than one tick of the timer\"", r->out);
	else if (s->tick_hz == 0)
		fprintf(r->out, ",%" PRIu64 ",,", ticks);
	else
		fprintf(r->out, ",,%.0f,", (double)ticks * 1e9 / (double)s->tick_hz);
	put_text(r->out, note);
	if (s->source && *s->source)
		snprintf(source, sizeof(source), "%s", s->source);
	else
		snprintf(source, sizeof(source), "TFLM MicroProfiler, %s", s->name);
	put_text(r->out, source);
	putc('\n', r->out);
}

/* Operator `op` took that many ticks, in that run of so many. */
static void put_operator(const struct rows *r, uint32_t op, uint64_t ticks, size_t run, size_t runs)
{
	const char *name = mn_operator_name(&r->graph->operators[op]);
	char text[MN_LAYER_TEXT_MAX], note[300], why[64];
	struct mn_layer layer;
	struct mn_census census;
	struct mn_err err;

	mn_census_of(r->graph, op, &census);
	if (!census.int8)
		snprintf(why, sizeof(why), "%.40s not int8", name);
	else if (mn_lower_parts(r->graph, op) > 1 || mn_lower_layer(r->graph, op, &layer, &err) < 0)
		snprintf(why, sizeof(why), "%.60s", name);
	else
		why[0] = '\0';
	if (why[0]) {
		r->left_out(r->arg, why);
		return;
	}
	mn_layer_format(&layer, text, sizeof(text));
	snprintf(note, sizeof(note), "operator %" PRIu32 " of %.200s, run %zu of %zu", op,
		 r->source->model_name, run + 1, runs);
	put_row(r, text, 0, ticks, note);
}

static uint64_t ops_of(const struct mn_subgraph *graph)
{
	uint64_t macs = 0;

	for (uint32_t i = 0; i < graph->n_operators; i++) {
		struct mn_census census;

		mn_census_of(graph, i, &census);
		if (census.macs > INT64_MAX / 4 - macs)
			return 0;
		macs += census.macs;
	}
	return 2 * macs;
}

/* Each event of an operator in its turn, run after run. */
static int rows_of_events(const struct rows *r)
{
	const struct mn_profile *p = r->profile;
	const uint32_t n = r->graph->n_operators;
	const struct mn_profile_event *latest = NULL;
	size_t events = 0, seen = 0;
	uint64_t sum = 0, all = 0;
	char note[64];

	for (size_t i = 0; i < p->n_events; i++) {
		const struct mn_profile_event *e = &p->events[i];
		const char *due;
		char why[256];

		if (!is_operator(r, e))
			continue;
		due = mn_operator_name(&r->graph->operators[events % n]);
		if (!has_tag(e, due)) {
			snprintf(why, sizeof(why),
				 "this is %.*s, but operator %zu of the model is %.80s: did "
				 "another model run?",
				 e->tag_len < 80 ? (int)e->tag_len : 80, e->tag, events % n, due);
			return at(r, e, e->tag_column, why);
		}
		events++;
		all += e->ticks;
		latest = e;
	}
	if (!latest)
		return mn_err_set(r->err, MN_E_INVALID, "%s: no event of an operator is in it",
				  r->source->name);
	if (events % n) {
		char why[128];

		snprintf(why, sizeof(why),
			 "the last run ends here after %zu of %" PRIu32 " operators", events % n,
			 n);
		return at(r, latest, latest->tag_column, why);
	}
	if (all == 0)
		return at(r, latest, latest->ticks_column,
			  "all events took 0 ticks: this platform's GetCurrentTimeTicks() does "
			  "not count");
	for (size_t i = 0; i < p->n_events; i++) {
		const struct mn_profile_event *e = &p->events[i];
		size_t run = seen / n;

		if (!is_operator(r, e)) {
			leave_event(r, e);
			continue;
		}
		put_operator(r, (uint32_t)(seen % n), e->ticks, run, events / n);
		sum += e->ticks;
		if (++seen % n == 0) {
			snprintf(note, sizeof(note), "sum of the operators, run %zu of %zu",
				 run + 1, events / n);
			put_row(r, NULL, ops_of(r->graph), sum, note);
			sum = 0;
		}
	}
	return 0;
}

/* Sums by tag: a layer where the model has one operator of that name, and the model. */
static int rows_of_sums(const struct rows *r)
{
	const struct mn_profile *p = r->profile;
	uint64_t sum = 0;

	for (size_t i = 0; i < p->n_events; i++) {
		const struct mn_profile_event *e = &p->events[i];
		uint32_t found = 0, op = 0;
		char why[64];

		if (!is_operator(r, e))
			continue;
		for (uint32_t k = 0; k < r->graph->n_operators; k++)
			if (has_tag(e, mn_operator_name(&r->graph->operators[k]))) {
				op = k;
				found++;
			}
		if (!found)
			return at(r, e, e->tag_column,
				  "the model has no operator of that name: did another one run?");
		sum += e->ticks;
		if (found == 1) {
			put_operator(r, op, e->ticks, 0, 1);
			continue;
		}
		snprintf(why, sizeof(why), "%.24s summed",
			 mn_operator_name(&r->graph->operators[op]));
		r->left_out(r->arg, why);
	}
	for (uint32_t k = 0; k < r->graph->n_operators; k++) {
		const char *name = mn_operator_name(&r->graph->operators[k]);
		size_t i = 0;

		while (i < p->n_events && !has_tag(&p->events[i], name))
			i++;
		if (i == p->n_events)
			return mn_err_set(r->err, MN_E_INVALID,
					  "%s: the model has %.80s, but the file has no line of "
					  "it: did another one run?",
					  r->source->name, name);
	}
	if (sum == 0)
		return at(r, &p->events[0], p->events[0].ticks_column,
			  "all events took 0 ticks: this platform's GetCurrentTimeTicks() does "
			  "not count");
	for (size_t i = 0; i < p->n_events; i++)
		if (!is_operator(r, &p->events[i]))
			leave_event(r, &p->events[i]);
	put_row(r, NULL, ops_of(r->graph), sum, "sum of the operators");
	return 0;
}

int mn_profile_rows(const struct mn_profile *profile, const struct mn_model *model,
		    const struct mn_profile_source *source,
		    void (*left_out)(void *arg, const char *why), void *arg, char **ret_csv,
		    size_t *ret_len, struct mn_err *err)
{
	struct rows r = {.profile = profile,
			 .graph = &model->subgraphs[0],
			 .source = source,
			 .left_out = left_out,
			 .arg = arg,
			 .err = err};
	char *csv = NULL;
	size_t len = 0;
	int rc;

	if (model->n_subgraphs == 0 || r.graph->n_operators == 0)
		return mn_err_set(err, MN_E_INVALID, "%s: the model has no operators",
				  source->model_name);
	for (uint32_t i = 0; i < r.graph->n_operators; i++)
		if (r.graph->operators[i].options.subgraphs[0] >= 0)
			return mn_err_set(err, MN_E_UNSUPPORTED,
					  "%s: operator %" PRIu32
					  ", %.80s, runs other operators, whose events cannot be "
					  "told from its own",
					  source->model_name, i,
					  mn_operator_name(&r.graph->operators[i]));
	r.out = open_memstream(&csv, &len);
	if (!r.out)
		return mn_err_set(err, MN_E_NOMEM, "%s: out of memory", source->name);
	fputs("kind,board,chip,cpu,clock_hz,kernels,compiler,flags,layer,model,ops,cycles,"
	      "latency_ns,excluded_latency,note,source\n",
	      r.out);
	rc = profile->sums ? rows_of_sums(&r) : rows_of_events(&r);
	if (fclose(r.out) != 0 && rc == 0)
		rc = mn_err_set(err, MN_E_NOMEM, "%s: out of memory", source->name);
	if (rc < 0) {
		free(csv);
		return rc;
	}
	*ret_csv = csv;
	*ret_len = len;
	return 0;
}
