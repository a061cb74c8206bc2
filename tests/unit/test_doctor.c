/* SPDX-License-Identifier: MIT */
/* `mnchar doctor` on virtual boards: a good one, and ones with a fault each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include <jansson.h>

static json_t *report;

/* Runs it and keeps its report; returns the exit code. */
static int doctor(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static int doctor(const char *fmt, ...)
{
	char args[2048], command[4096];
	va_list ap;
	FILE *f;
	int status;

	va_start(ap, fmt);
	vsnprintf(args, sizeof(args), fmt, ap);
	va_end(ap);
	snprintf(command, sizeof(command), "../bin/mnchar doctor --json %s", args);
	f = popen(command, "re");
	assert_non_null(f);
	json_decref(report);
	report = json_loadf(f, 0, NULL);
	status = pclose(f);
	assert_true(json_is_array(report));
	return WEXITSTATUS(status);
}

/* A check's member, "" if there is no such check. */
static const char *said(const char *check, const char *member)
{
	size_t i;
	json_t *row;

	json_array_foreach(
		report, i,
		row) if (!strcmp(json_string_value(json_object_get(row, "check")),
				 check)) return json_string_value(json_object_get(row, member));
	return "";
}

/* A virtual board of its own: a line of its file is changed, or an option is added. */
static int doctor_with(const char *edit, const char *option, const char *more)
{
	const char *build = getenv("MNCHAR_BUILD_DIR"), *source = getenv("MNCHAR_SOURCE_DIR");
	char path[] = "doctor-XXXXXX", command[4096];
	int fd = mkstemp(path), code;

	assert_true(fd >= 0);
	close(fd);
	snprintf(command, sizeof(command), "sed '%s' '%s/data/boards/virtual-f446re.yaml' > %s",
		 edit, source, path);
	assert_int_equal(system(command), 0);
	code = doctor("--board 'exec:%s/bin/mnchar-vboard --board ./%s --image "
		      "%s/firmware/mnchar-nucleo-f446re.elf %s' %s",
		      build, path, build, option, more);
	unlink(path);
	return code;
}

static void a_good_board_passes(void **state)
{
	static const char *const checks[] = {"rights",      "port",          "supply",
					     "board clock", "counter",       "range",
					     "marker",      "monitor clock", "repeatability"};

	(void)state;
	assert_int_equal(doctor("--board virtual-f446re --meter virtual"), 0);
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
		if (strcmp(said(checks[i], "result"), "pass"))
			fail_msg("%s: %s", checks[i], said(checks[i], "found"));
}

static void the_marker_on_another_line(void **state)
{
	(void)state;
	assert_int_equal(doctor_with("s/^marker: .*/marker: gpioa 9/; s/^layer: .*/layer: gpioa 8/",
				     "", "--meter virtual"),
			 1);
	assert_string_equal(said("marker", "result"), "fail");
	assert_non_null(strstr(said("marker", "found"), "line 1 and belongs on line 0"));
	assert_non_null(strstr(said("marker", "remedy"), "line 0"));
}

static void no_marker_at_all(void **state)
{
	(void)state;
	assert_int_equal(doctor_with("s/^marker: .*/marker: gpioc 0/; s/^layer: .*/layer: gpioc 1/",
				     "", "--meter virtual"),
			 1);
	assert_string_equal(said("marker", "result"), "fail");
	assert_non_null(strstr(said("marker", "found"), "no line moved"));
}

static void faults_of_the_board(void **state)
{
	(void)state;
	assert_int_equal(doctor_with("", "--fault dead-counter", ""), 1);
	assert_string_equal(said("counter", "result"), "fail");
	assert_int_equal(doctor_with("", "--fault wrong-clock", ""), 1);
	assert_string_equal(said("board clock", "result"), "fail");
	assert_true(*said("board clock", "remedy"));
	assert_int_equal(doctor("--board exec:false"), 1);
	assert_string_equal(said("port", "result"), "fail");
}

static void monitors_that_do_not_fit(void **state)
{
	(void)state;
	assert_int_equal(doctor("--board virtual-f446re --meter voltmeter"), 1);
	assert_string_equal(said("supply", "result"), "fail");
	assert_int_equal(doctor("--board virtual-f446re --meter ppk2 --volt 3300"), 1);
	assert_string_equal(said("supply", "result"), "fail");
}

static int clean_up(void **state)
{
	(void)state;
	json_decref(report);
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_board_passes),
		cmocka_unit_test(the_marker_on_another_line),
		cmocka_unit_test(no_marker_at_all),
		cmocka_unit_test(faults_of_the_board),
		cmocka_unit_test(monitors_that_do_not_fit),
	};

	if (argc > 1 && !strcmp(argv[1], "none")) {
		printf("skipped: no firmware was built\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, clean_up);
}
