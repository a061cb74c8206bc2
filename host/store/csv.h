/* SPDX-License-Identifier: MIT */
/*
 * Reading CSV (RFC 4180) from memory. Pure: no files, no allocation.
 *
 * Fields are separated by commas and records by LF or CR LF; the last one may lack its line end. A
 * field in double quotes may hold commas, line ends and, doubled, quotes. Strict beyond the RFC: a
 * quote inside an unquoted field, bytes after a closing quote, a lone CR, NUL and bytes that are
 * not UTF-8 are errors. Lenient beyond the RFC: a byte order mark at the start, empty lines, and
 * lines that start with # (comments) are skipped; quote a first field that starts with #.
 */
#ifndef MN_CSV_H
#define MN_CSV_H

#include <stddef.h>
#include <stdint.h>

struct mn_csv {
	char *text; /* borrowed; quotes are taken out of it in place */
	size_t len, pos;
	uint32_t line, column; /* of pos; 1-based, columns in characters */
};

struct mn_csv_field {
	char *text; /* into mn_csv.text, ends in NUL; text[len] was a separator */
	size_t len;
	uint32_t line, column; /* of its first character (the quote, if it has one) */
};

/* text is len bytes and has one more that may be written (a NUL will be put there). */
void mn_csv_init(struct mn_csv *csv, char *text, size_t len);

/*
 * The next record: its fields in fields[0 .. *ret_n - 1]. Returns 1, 0 at the end, MN_E_SYNTAX or
 * MN_E_TOO_BIG (more than max fields) with a static sentence in *ret_why and csv->line and column
 * at the offending byte; the reader must not be used after that.
 */
int mn_csv_record(struct mn_csv *csv, struct mn_csv_field *fields, size_t max, size_t *ret_n,
		  const char **ret_why);

#endif
