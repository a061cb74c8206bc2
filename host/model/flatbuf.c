/* SPDX-License-Identifier: MIT */
#include "flatbuf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int mn_fb_fail(struct mn_fb *fb, int code, uint32_t byte, const char *fmt, ...)
{
	char why[256];
	va_list ap;

	if (fb->failed)
		return fb->failed;
	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	fb->failed = mn_err_set(fb->err, code, "byte %u: %s", byte, why);
	return fb->failed;
}

/* Whether [pos, pos + bytes) is inside the buffer. */
static int inside(const struct mn_fb *fb, uint32_t pos, uint64_t bytes)
{
	return pos <= fb->size && bytes <= fb->size - pos;
}

static uint16_t le16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static struct mn_fb_table open_table(struct mn_fb *fb, uint32_t pos)
{
	static const struct mn_fb_table absent;
	struct mn_fb_table table = {.pos = pos};
	int64_t vtable;

	if (!inside(fb, pos, 4)) {
		mn_fb_fail(fb, MN_E_SYNTAX, pos, "a table is beyond the end of the file (%u bytes)",
			   fb->size);
		return absent;
	}
	vtable = (int64_t)pos - (int32_t)mn_fb_le32(fb->data + pos);
	if (vtable < 0 || vtable > fb->size || !inside(fb, (uint32_t)vtable, 4)) {
		mn_fb_fail(fb, MN_E_SYNTAX, pos, "a table's vtable is outside the file");
		return absent;
	}
	table.vtable = (uint32_t)vtable;
	table.vtable_bytes = le16(fb->data + vtable);
	table.table_bytes = le16(fb->data + vtable + 2);
	if (table.vtable_bytes < 4 || table.vtable_bytes % 2 ||
	    !inside(fb, table.vtable, table.vtable_bytes)) {
		mn_fb_fail(fb, MN_E_SYNTAX, table.vtable, "a vtable of %u bytes",
			   table.vtable_bytes);
		return absent;
	}
	if (table.table_bytes < 4 || !inside(fb, pos, table.table_bytes)) {
		mn_fb_fail(fb, MN_E_SYNTAX, pos, "a table of %u bytes", table.table_bytes);
		return absent;
	}
	return table;
}

/* Where the `bytes` of a field are, NULL if it is absent or on failure. */
static const uint8_t *field_at(struct mn_fb *fb, const struct mn_fb_table *table, unsigned field,
			       unsigned bytes)
{
	unsigned entry = 4 + 2 * field, at;

	if (fb->failed || !table->pos || entry + 2 > table->vtable_bytes)
		return NULL;
	at = le16(fb->data + table->vtable + entry);
	if (!at)
		return NULL;
	if (at < 4 || at + bytes > table->table_bytes) {
		mn_fb_fail(fb, MN_E_SYNTAX, table->vtable + entry,
			   "field %u is outside its table of %u bytes", field, table->table_bytes);
		return NULL;
	}
	return fb->data + table->pos + at;
}

/* Follow the offset at p; 0 on failure. */
static uint32_t follow(struct mn_fb *fb, const uint8_t *p)
{
	uint32_t from = (uint32_t)(p - fb->data), offset = mn_fb_le32(p);

	if (offset < 4 || !inside(fb, from, (uint64_t)offset + 4)) {
		mn_fb_fail(fb, MN_E_SYNTAX, from, "an offset of %u leads nowhere", offset);
		return 0;
	}
	return from + offset;
}

int mn_fb_begin(struct mn_fb *fb, const uint8_t *data, size_t size, const char *identifier,
		struct mn_err *err, struct mn_fb_table *ret_root)
{
	struct mn_fb_table root;
	uint32_t pos;

	*fb = (struct mn_fb){.data = data, .err = err};
	if (size > INT32_MAX)
		return mn_fb_fail(fb, MN_E_TOO_BIG, 0,
				  "a FlatBuffers file has less than 2^31 bytes");
	fb->size = (uint32_t)size;
	if (size < 8)
		return mn_fb_fail(fb, MN_E_SYNTAX, fb->size, "the file ends here, in its header");
	if (memcmp(data + 4, identifier, 4))
		return mn_fb_fail(fb, MN_E_SYNTAX, 4, "the identifier is not \"%.4s\"", identifier);
	pos = follow(fb, data);
	if (fb->failed)
		return fb->failed;
	root = open_table(fb, pos);
	if (!fb->failed)
		*ret_root = root;
	return fb->failed;
}

uint8_t mn_fb_u8(struct mn_fb *fb, const struct mn_fb_table *table, unsigned field, uint8_t def)
{
	const uint8_t *p = field_at(fb, table, field, 1);

	return p ? *p : def;
}

int32_t mn_fb_i32(struct mn_fb *fb, const struct mn_fb_table *table, unsigned field, int32_t def)
{
	const uint8_t *p = field_at(fb, table, field, 4);

	return p ? (int32_t)mn_fb_le32(p) : def;
}

uint64_t mn_fb_u64(struct mn_fb *fb, const struct mn_fb_table *table, unsigned field, uint64_t def)
{
	const uint8_t *p = field_at(fb, table, field, 8);

	return p ? mn_fb_le64(p) : def;
}

float mn_fb_f32(struct mn_fb *fb, const struct mn_fb_table *table, unsigned field, float def)
{
	const uint8_t *p = field_at(fb, table, field, 4);
	uint32_t bits;
	float value = def;

	if (p) {
		bits = mn_fb_le32(p);
		memcpy(&value, &bits, sizeof(value));
	}
	return value;
}

struct mn_fb_table mn_fb_table(struct mn_fb *fb, const struct mn_fb_table *table, unsigned field)
{
	struct mn_fb_table ret = {0};
	const uint8_t *p = field_at(fb, table, field, 4);
	uint32_t pos = p ? follow(fb, p) : 0;

	if (pos)
		ret = open_table(fb, pos);
	return ret;
}

struct mn_fb_vector mn_fb_vector(struct mn_fb *fb, const struct mn_fb_table *table, unsigned field,
				 uint32_t element_bytes)
{
	struct mn_fb_vector ret = {0};
	const uint8_t *p = field_at(fb, table, field, 4);
	uint32_t pos = p ? follow(fb, p) : 0, n;

	if (!pos)
		return ret;
	n = mn_fb_le32(fb->data + pos);
	if (!inside(fb, pos + 4, (uint64_t)n * element_bytes)) {
		mn_fb_fail(fb, MN_E_SYNTAX, pos,
			   "a vector of %u elements of %u bytes, but the file has %u bytes", n,
			   element_bytes, fb->size);
		return ret;
	}
	ret.pos = pos + 4;
	ret.n = n;
	return ret;
}

struct mn_fb_table mn_fb_vector_table(struct mn_fb *fb, const struct mn_fb_vector *vector,
				      uint32_t i)
{
	struct mn_fb_table ret = {0};
	uint32_t pos = fb->failed ? 0 : follow(fb, fb->data + vector->pos + 4 * i);

	if (pos)
		ret = open_table(fb, pos);
	return ret;
}

const char *mn_fb_string(struct mn_fb *fb, const struct mn_fb_table *table, unsigned field,
			 const char *def)
{
	struct mn_fb_vector text = mn_fb_vector(fb, table, field, 1);

	if (!text.pos)
		return def;
	if (!inside(fb, text.pos, (uint64_t)text.n + 1) || fb->data[text.pos + text.n]) {
		mn_fb_fail(fb, MN_E_SYNTAX, text.pos + text.n, "a string does not end in NUL");
		return def;
	}
	return (const char *)fb->data + text.pos;
}
