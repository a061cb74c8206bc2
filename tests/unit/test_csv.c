/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "csv.h"
#include "err.h"

/* Fields of all records, "a|b" each with "/" between records, or "line:column code" of the error.
 */
static const char *read_all_len(const char *text, size_t len)
{
	static char out[1024];
	char *copy = malloc(len + 1); /* of exactly this size, for AddressSanitizer */
	struct mn_csv_field fields[4];
	struct mn_csv csv;
	size_t n, used = 0;
	const char *why = "";
	int rc;

	memcpy(copy, text, len);
	mn_csv_init(&csv, copy, len);
	out[0] = '\0';
	while ((rc = mn_csv_record(&csv, fields, 4, &n, &why)) == 1) {
		for (size_t i = 0; i < n; i++) {
			assert_int_equal(strlen(fields[i].text), fields[i].len);
			used += (size_t)snprintf(out + used, sizeof(out) - used, "%s%s",
						 i ? "|" : "", fields[i].text);
		}
		used += (size_t)snprintf(out + used, sizeof(out) - used, "/");
	}
	if (rc < 0) {
		assert_true(why[0]);
		snprintf(out, sizeof(out), "%u:%u %s", csv.line, csv.column, mn_err_name(rc));
	}
	free(copy);
	return out;
}

static const char *read_all(const char *text)
{
	return read_all_len(text, strlen(text));
}

static void plain_records(void **state)
{
	(void)state;
	assert_string_equal(read_all(""), "");
	assert_string_equal(read_all("\n\n"), "");
	assert_string_equal(read_all("a"), "a/");
	assert_string_equal(read_all("a,b\n"), "a|b/");
	assert_string_equal(read_all("a,b\r\nc,d"), "a|b/c|d/");
	assert_string_equal(read_all("a,\n,b\n,\n"), "a|/|b/|/");
	assert_string_equal(read_all("a,"), "a|/");
	assert_string_equal(read_all(" a , b"), " a | b/");
	assert_string_equal(read_all("\xef\xbb\xbf"
				     "a,b"),
			    "a|b/");
	assert_string_equal(read_all("a,b,c,d"), "a|b|c|d/");
	assert_string_equal(read_all("a,b,c,d,e"), "1:9 MN_E_TOO_BIG");
}

static void quoted_fields(void **state)
{
	(void)state;
	assert_string_equal(read_all("\"a\",\"b\"\n"), "a|b/");
	assert_string_equal(read_all("\"\",x"), "|x/");
	assert_string_equal(read_all("\"a,b\",c"), "a,b|c/");
	assert_string_equal(read_all("\"a\r\nb\nc\",d\ne"), "a\nb\nc|d/e/");
	assert_string_equal(read_all("\"a\"\"b\",\"\"\"\""), "a\"b|\"/");
	assert_string_equal(read_all("\"#a\",b"), "#a|b/");
	assert_string_equal(read_all("x,\"a"), "1:3 MN_E_SYNTAX");
	assert_string_equal(read_all("x,\"a\"\""), "1:3 MN_E_SYNTAX");
	assert_string_equal(read_all("\"a\"b"), "1:4 MN_E_SYNTAX");
	assert_string_equal(read_all("a\"b"), "1:2 MN_E_SYNTAX");
}

static void comments_and_empty_lines(void **state)
{
	(void)state;
	assert_string_equal(read_all("# x, \"y\n\na,b\n#\n# z\nc,d\n# end"), "a|b/c|d/");
	assert_string_equal(read_all("a,#b\n"), "a|#b/");
}

static void what_is_no_text(void **state)
{
	(void)state;
	assert_string_equal(read_all("a\rb"), "1:2 MN_E_SYNTAX");
	/* Found by the fuzzer: it would become a line end with the next one. */
	assert_string_equal(read_all("\"a\r\r\nb\""), "1:3 MN_E_SYNTAX");
	assert_string_equal(read_all_len("a\n\0b", 4), "2:1 MN_E_SYNTAX");
	assert_string_equal(read_all_len("a,\"b\0c\"", 7), "1:5 MN_E_SYNTAX");
	assert_string_equal(read_all("\xc3\xa4,\xff"),
			    "1:3 MN_E_SYNTAX"); /* columns are characters */
	assert_string_equal(read_all("\xc3"), "1:1 MN_E_SYNTAX");
	assert_string_equal(read_all("\xc0\x80"), "1:1 MN_E_SYNTAX");         /* overlong */
	assert_string_equal(read_all("\xed\xa0\x80"), "1:1 MN_E_SYNTAX");     /* surrogate */
	assert_string_equal(read_all("\xf4\x90\x80\x80"), "1:1 MN_E_SYNTAX"); /* above 10ffff */
	assert_string_equal(read_all("# \xff"), "1:3 MN_E_SYNTAX");
	assert_string_equal(read_all("\xf0\x9f\x98\x80,\xe2\x82\xac"),
			    "\xf0\x9f\x98\x80|\xe2\x82\xac/");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_records),
		cmocka_unit_test(quoted_fields),
		cmocka_unit_test(comments_and_empty_lines),
		cmocka_unit_test(what_is_no_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
