/* SPDX-License-Identifier: MIT */
/* mnchar inspect and memory as a script sees them, on the golden models. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>
#include <sys/wait.h>

#define CONV "conv_2d/conv_2d_003_k1x1_s2x2_same_5x3_c2_1_none"

static char scratch[] = "/tmp/mnchar-memory-XXXXXX";

/* Run mnchar VERB on the golden model. Returns the exit code; stdout to *ret. */
static int run(const char *verb, const char *arguments, char **ret)
{
	static char out[1 << 18];
	char command[2048];
	size_t n;
	int status;
	FILE *p;

	snprintf(command, sizeof(command),
		 "'%s/bin/mnchar' %s '%s/tests/golden/" CONV ".tflite' %s 2>'%s/err'",
		 getenv("MNCHAR_BUILD_DIR"), verb, getenv("MNCHAR_SOURCE_DIR"), arguments, scratch);
	p = popen(command, "r");
	assert_non_null(p);
	n = fread(out, 1, sizeof(out) - 1, p);
	out[n] = '\0';
	status = pclose(p);
	assert_true(WIFEXITED(status));
	*ret = out;
	return WEXITSTATUS(status);
}

static json_t *parse(const char *text)
{
	json_error_t error;
	json_t *o = json_loads(text, 0, &error);

	if (!o)
		fail_msg("%s: %s", error.text, text);
	return o;
}

static json_int_t number(const json_t *o, const char *key)
{
	json_t *value = json_object_get(o, key);

	if (!json_is_integer(value))
		fail_msg("%s is no integer", key);
	return json_integer_value(value);
}

static void test_inspect(void **state)
{
	json_t *o, *layer;
	char *out;

	(void)state;
	assert_int_equal(run("inspect", "--json", &out), 0);
	o = parse(out);
	layer = json_array_get(json_object_get(o, "layers"), 0);
	assert_string_equal(json_string_value(json_object_get(layer, "op")), "CONV_2D");
	/* 5x3x2, 1x1, stride 2: 3x2 outputs of one channel, two MACs each. */
	assert_int_equal(number(layer, "macs"), 12);
	assert_int_equal(number(json_object_get(o, "totals"), "ops"), 24);
	assert_int_equal(json_array_size(json_object_get(o, "not_int8")), 0);
	assert_int_equal(json_array_size(json_object_get(o, "unsupported")), 0);
	json_decref(o);
	assert_int_equal(run("inspect", "", &out), 0);
	assert_non_null(strstr(out, "CONV_2D"));
	assert_non_null(strstr(out, "1 layers, 12 MACs, 24 ops"));
}

static void test_memory(void **state)
{
	static const char *const boards[] = {"nucleo-f446re",  "nucleo-f746zg",  "nucleo-f767zi",
					     "virtual-f446re", "virtual-f746zg", "virtual-f767zi"};
	char arguments[128], *out;

	(void)state;
	for (size_t i = 0; i < sizeof(boards) / sizeof(boards[0]); i++) {
		json_t *o, *flash;

		snprintf(arguments, sizeof(arguments), "--board %s --json", boards[i]);
		assert_int_equal(run("memory", arguments, &out), 0);
		o = parse(out);
		assert_int_equal(number(o, "arena_used_bytes"),
				 number(o, "nonpersistent_bytes") + number(o, "persistent_bytes"));
		assert_true(number(o, "smallest_arena_bytes") >= number(o, "arena_used_bytes"));
		flash = json_object_get(o, "flash_bytes");
		assert_int_equal(number(flash, "total"),
				 number(flash, "weights") + number(flash, "quantisation") +
					 number(flash, "graph") + number(flash, "runtime"));
		assert_true(json_is_true(json_object_get(o, "fits")));
		assert_true(json_is_true(json_object_get(o, "exact")));
		assert_non_null(
			json_string_value(json_object_get(json_object_get(o, "follows"), "tflm")));
		json_decref(o);
	}
	assert_int_equal(run("memory", "-b nucleo-f446re", &out), 0);
	assert_non_null(strstr(out, "smallest arena"));
	assert_non_null(strstr(out, "peak"));
}

static void test_svg(void **state)
{
	char arguments[256], path[128], text[4096], *out;
	size_t n;
	FILE *f;

	(void)state;
	snprintf(path, sizeof(path), "%s/arena.svg", scratch);
	snprintf(arguments, sizeof(arguments), "-b nucleo-f446re --svg '%s'", path);
	assert_int_equal(run("memory", arguments, &out), 0);
	f = fopen(path, "r");
	assert_non_null(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	fclose(f);
	unlink(path);
	assert_memory_equal(text, "<svg ", 5);
	assert_non_null(strstr(text, "</svg>"));
	assert_int_equal(run("memory", "-b nucleo-f446re --svg /nowhere/arena.svg", &out), 1);
}

static void test_refused(void **state)
{
	char *out;

	(void)state;
	assert_int_equal(run("memory", "", &out), 64);
	assert_int_equal(run("memory", "-b nucleo-f999zz", &out), 1);
	assert_int_equal(run("memory", "-b ../nucleo-f446re", &out), 1);
	assert_int_equal(run("memory", "-b nucleo-f446re --tflm 1234567", &out), 64);
	assert_int_equal(run("memory", "-b nucleo-f746zg --build default", &out), 1);
	assert_int_equal(run("inspect", "another.tflite", &out), 64);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_inspect),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_svg),
		cmocka_unit_test(test_refused),
	};
	char err[128];
	int rc;

	if (!mkdtemp(scratch))
		return 1;
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	snprintf(err, sizeof(err), "%s/err", scratch);
	unlink(err);
	rmdir(scratch);
	return rc;
}
