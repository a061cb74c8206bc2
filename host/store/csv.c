/* SPDX-License-Identifier: MIT */
#include "csv.h"

#include <string.h>

#include "err.h"

static const char lone_cr[] = "a carriage return that no line feed follows";

void mn_csv_init(struct mn_csv *csv, char *text, size_t len)
{
	*csv = (struct mn_csv){.text = text, .len = len, .line = 1, .column = 1};
	text[len] = '\0';
	if (len >= 3 && !memcmp(text, "\xef\xbb\xbf", 3))
		csv->pos = 3;
}

/* Bytes of the UTF-8 character at p (n > 0 bytes are there), or 0 if it is none. */
static size_t utf8_len(const unsigned char *p, size_t n)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	uint32_t c;
	size_t len;

	if (p[0] < 0x80)
		return p[0] ? 1 : 0;
	if (p[0] >= 0xc0 && p[0] < 0xe0)
		len = 2, c = p[0] & 0x1f;
	else if (p[0] >= 0xe0 && p[0] < 0xf0)
		len = 3, c = p[0] & 0x0f;
	else if (p[0] >= 0xf0 && p[0] < 0xf8)
		len = 4, c = p[0] & 0x07;
	else
		return 0;
	if (len > n)
		return 0;
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < least[len] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return 0;
	return len;
}

/* Step over the line end at pos. 1 if there was one, else 0. */
static int line_end(struct mn_csv *csv)
{
	size_t n = 0;

	if (csv->pos < csv->len && csv->text[csv->pos] == '\n')
		n = 1;
	else if (csv->len - csv->pos >= 2 && !memcmp(csv->text + csv->pos, "\r\n", 2))
		n = 2;
	if (n == 0)
		return 0;
	csv->pos += n;
	csv->line++;
	csv->column = 1;
	return 1;
}

/* Copy the character at pos to *at and step over it. */
static int copy_char(struct mn_csv *csv, char **at, const char **ret_why)
{
	const unsigned char *p = (const unsigned char *)csv->text + csv->pos;
	size_t n = utf8_len(p, csv->len - csv->pos);

	if (n == 0) {
		*ret_why = *p ? "this is not UTF-8 text" : "there is a NUL byte";
		return MN_E_SYNTAX;
	}
	memmove(*at, p, n);
	*at += n;
	csv->pos += n;
	csv->column++;
	return 0;
}

static int quoted(struct mn_csv *csv, struct mn_csv_field *field, const char **ret_why)
{
	char *at = field->text;

	csv->pos++;
	csv->column++;
	for (;;) {
		char *from = csv->text + csv->pos;

		if (csv->pos == csv->len) {
			csv->line = field->line;
			csv->column = field->column;
			*ret_why = "the quote that opens this field is never closed";
			return MN_E_SYNTAX;
		}
		if (*from == '"' && csv->len - csv->pos >= 2 && from[1] == '"') {
			*at++ = '"';
			csv->pos += 2;
			csv->column += 2;
		} else if (*from == '"') {
			csv->pos++;
			csv->column++;
			field->len = (size_t)(at - field->text);
			return 0;
		} else if (line_end(csv)) {
			*at++ = '\n';
		} else if (*from == '\r') {
			*ret_why = lone_cr;
			return MN_E_SYNTAX;
		} else if (copy_char(csv, &at, ret_why) < 0) {
			return MN_E_SYNTAX;
		}
	}
}

static int unquoted(struct mn_csv *csv, struct mn_csv_field *field, const char **ret_why)
{
	char *at = field->text;

	while (csv->pos < csv->len && !strchr(",\n\r", csv->text[csv->pos])) {
		if (csv->text[csv->pos] == '"') {
			*ret_why = "a quote inside a field that does not start with one: put the "
				   "whole field in quotes and double those inside";
			return MN_E_SYNTAX;
		}
		if (copy_char(csv, &at, ret_why) < 0)
			return MN_E_SYNTAX;
	}
	field->len = (size_t)(at - field->text);
	/* strchr() finds the NUL too. */
	if (csv->pos < csv->len && csv->text[csv->pos] == '\0') {
		*ret_why = "there is a NUL byte";
		return MN_E_SYNTAX;
	}
	return 0;
}

/* Empty lines and comments. */
static int skip(struct mn_csv *csv, const char **ret_why)
{
	while (csv->pos < csv->len) {
		if (line_end(csv))
			continue;
		if (csv->text[csv->pos] != '#')
			break;
		while (csv->pos < csv->len && csv->text[csv->pos] != '\n') {
			char *at = csv->text + csv->pos;

			if (copy_char(csv, &at, ret_why) < 0)
				return MN_E_SYNTAX;
		}
	}
	return 0;
}

int mn_csv_record(struct mn_csv *csv, struct mn_csv_field *fields, size_t max, size_t *ret_n,
		  const char **ret_why)
{
	size_t n = 0;

	if (skip(csv, ret_why) < 0)
		return MN_E_SYNTAX;
	if (csv->pos == csv->len)
		return 0;
	for (;;) {
		struct mn_csv_field *field = &fields[n];
		int comma, end, rc;

		if (n == max) {
			*ret_why = "this line has too many fields";
			return MN_E_TOO_BIG;
		}
		field->text = csv->text + csv->pos;
		field->line = csv->line;
		field->column = csv->column;
		if (csv->pos < csv->len && csv->text[csv->pos] == '"')
			rc = quoted(csv, field, ret_why);
		else
			rc = unquoted(csv, field, ret_why);
		if (rc < 0)
			return rc;
		n++;
		comma = csv->pos < csv->len && csv->text[csv->pos] == ',';
		end = csv->pos == csv->len;
		if (comma) {
			csv->pos++;
			csv->column++;
		} else if (!end && !line_end(csv)) {
			*ret_why = csv->text[csv->pos] == '\r'
					   ? lone_cr
					   : "a comma or the end of the line is missing after the "
					     "closing quote";
			return MN_E_SYNTAX;
		}
		/* Its end is a quote, a separator or the byte behind the text. */
		field->text[field->len] = '\0';
		if (!comma) {
			*ret_n = n;
			return 1;
		}
	}
}
