/* SPDX-License-Identifier: MIT */
/* Where files are found: in the build tree, in an installed prefix, and by MNCHAR_DATA. */
#include <limits.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "paths.h"

static char source[PATH_MAX], build[PATH_MAX];

/* A copy of this program elsewhere is started with "print": it says where it finds the schema. */
static int print_schema(void)
{
	struct mn_err err = {0};
	char path[PATH_MAX];

	if (mn_path(MN_DIR_SCHEMA, "001-init.sql", path, sizeof(path), &err) != 0) {
		puts(err.msg);
		return 1;
	}
	puts(path);
	return 0;
}

static void in_the_build_tree(void **state)
{
	char path[PATH_MAX], want[2 * PATH_MAX];

	(void)state;
	assert_int_equal(mn_path(MN_DIR_SCHEMA, NULL, path, sizeof(path), NULL), 0);
	snprintf(want, sizeof(want), "%s/data/schema", source);
	assert_string_equal(path, want);
	assert_int_equal(mn_path(MN_DIR_PUBLISHED, "micronets-2021.csv", path, sizeof(path), NULL),
			 0);
	snprintf(want, sizeof(want), "%s/data/published/micronets-2021.csv", source);
	assert_string_equal(path, want);
	assert_int_equal(mn_path(MN_DIR_BOARDS, NULL, path, sizeof(path), NULL), 0);
	snprintf(want, sizeof(want), "%s/data/boards", source);
	assert_string_equal(path, want);
	assert_int_equal(mn_path(MN_DIR_BIN, NULL, path, sizeof(path), NULL), 0);
	snprintf(want, sizeof(want), "%s/bin", build);
	assert_string_equal(path, want);
}

static void what_is_missing_is_named(void **state)
{
	struct mn_err err = {0};
	char path[PATH_MAX] = "kept";

	(void)state;
	assert_int_equal(mn_path(MN_DIR_SCHEMA, "nothing.sql", path, sizeof(path), &err),
			 MN_E_NOTFOUND);
	assert_non_null(strstr(err.msg, "data/schema/nothing.sql"));
	assert_non_null(strstr(err.msg, "among the steps of the database schema"));
	assert_int_equal(mn_path(MN_DIR_SCHEMA, NULL, path, 4, &err), MN_E_TOO_BIG);
	assert_int_equal(mn_path((enum mn_dir)99, NULL, path, sizeof(path), &err), MN_E_INVALID);
	assert_string_equal(path, "kept");
}

static void the_environment_overrides(void **state)
{
	struct mn_err err = {0};
	char path[PATH_MAX], data[2 * PATH_MAX];

	(void)state;
	snprintf(data, sizeof(data), "%s/data", source);
	setenv("MNCHAR_DATA", data, 1);
	assert_int_equal(mn_path(MN_DIR_PUBLISHED, NULL, path, sizeof(path), NULL), 0);
	assert_int_equal(strncmp(path, data, strlen(data)), 0);
	/* Programs are not data. */
	assert_int_equal(mn_path(MN_DIR_BIN, NULL, path, sizeof(path), NULL), 0);
	setenv("MNCHAR_DATA", "nowhere", 1);
	assert_int_equal(mn_path(MN_DIR_SCHEMA, NULL, path, sizeof(path), &err), MN_E_NOTFOUND);
	assert_non_null(strstr(err.msg, "nowhere/schema"));
	assert_non_null(strstr(err.msg, "MNCHAR_DATA"));
	unsetenv("MNCHAR_DATA");
}

static void in_a_prefix(void **state)
{
	char prefix[] = "prefix-XXXXXX", command[4 * PATH_MAX], line[PATH_MAX] = "";
	FILE *pipe;
	int status;

	(void)state;
	assert_non_null(mkdtemp(prefix));
	/* Found from the program and not from the current folder. */
	snprintf(command, sizeof(command),
		 "cd '%s' && mkdir -p p/bin p/share/mnchar && cp /proc/%d/exe p/bin/prog && "
		 "cp -r '%s/data/schema' p/share/mnchar && p/bin/prog print && "
		 "rm -r p/share && p/bin/prog print",
		 prefix, (int)getpid(), source);
	pipe = popen(command, "r");
	assert_non_null(pipe);
	assert_non_null(fgets(line, sizeof(line), pipe));
	assert_non_null(strstr(line, "/p/bin/../share/mnchar/schema/001-init.sql\n"));
	/* Without them it does not fall back to the tree that it was built from. */
	assert_non_null(fgets(line, sizeof(line), pipe));
	assert_non_null(strstr(line, "reinstall mnchar"));
	status = pclose(pipe);
	assert_int_equal(WEXITSTATUS(status), 1);
	snprintf(command, sizeof(command), "rm -r '%s'", prefix);
	assert_int_equal(system(command), 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_the_build_tree),
		cmocka_unit_test(what_is_missing_is_named),
		cmocka_unit_test(the_environment_overrides),
		cmocka_unit_test(in_a_prefix),
	};

	if (argc > 1 && !strcmp(argv[1], "print"))
		return print_schema();
	if (!realpath(getenv("MNCHAR_SOURCE_DIR"), source) ||
	    !realpath(getenv("MNCHAR_BUILD_DIR"), build))
		return 1;
	unsetenv("MNCHAR_DATA");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
