/* SPDX-License-Identifier: MIT */
/*
 * Reading FlatBuffers from a file that nobody vouches for.
 *
 * Every read is checked against the buffer; nothing is copied. The first failure is recorded in
 * *err with its byte offset and stays: later reads return the default, vectors come back empty. So
 * a reader goes through without a check a line and asks mn_fb_failed() before it believes or
 * stores anything. Nothing recurses: a table is opened only where a caller asks for it.
 *
 * The format, as far as it matters here (little endian): a table starts with an int32, which
 * subtracted from the table's position gives its vtable: uint16 bytes of the vtable, uint16 bytes
 * of the table, then a uint16 for each field number: where in the table the field is, 0 if it is
 * absent. Strings, vectors and tables sit elsewhere: the field is a uint32 to add to its own
 * position. A vector is a uint32 count and its elements; a string is a vector of bytes with a NUL
 * behind.
 */
#ifndef MN_FLATBUF_H
#define MN_FLATBUF_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"

struct mn_fb {
	const uint8_t *data; /* borrowed */
	uint32_t size;
	int failed;         /* 0 or MN_E_* of the first failure */
	struct mn_err *err; /* may be NULL */
};

/* pos 0: absent; every field of it reads as its default. */
struct mn_fb_table {
	uint32_t pos, vtable;
	uint16_t vtable_bytes, table_bytes;
};

/* pos: first element. All n elements lie inside the buffer. */
struct mn_fb_vector {
	uint32_t pos, n;
};

/*
 * Begin: checks the size (below 2^31, as the format has it) and the four-byte identifier at byte 4,
 * and opens the root table. data is borrowed until the last read. Returns fb->failed.
 */
int mn_fb_begin(struct mn_fb *fb, const uint8_t *data, size_t size, const char *identifier,
		struct mn_err *err, struct mn_fb_table *ret_root);

static inline int mn_fb_failed(const struct mn_fb *fb)
{
	return fb->failed;
}

/* Record a failure at a byte unless there is one already; returns fb->failed. The message becomes
 * "byte N: ...". */
int mn_fb_fail(struct mn_fb *fb, int code, uint32_t byte, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* Scalar fields by number, with the schema's default. */
uint8_t mn_fb_u8(struct mn_fb *fb, const struct mn_fb_table *table, unsigned field, uint8_t def);
int32_t mn_fb_i32(struct mn_fb *fb, const struct mn_fb_table *table, unsigned field, int32_t def);
uint64_t mn_fb_u64(struct mn_fb *fb, const struct mn_fb_table *table, unsigned field, uint64_t def);
float mn_fb_f32(struct mn_fb *fb, const struct mn_fb_table *table, unsigned field, float def);

/* A table that a field points to. */
struct mn_fb_table mn_fb_table(struct mn_fb *fb, const struct mn_fb_table *table, unsigned field);

/* A vector of elements of element_bytes each. */
struct mn_fb_vector mn_fb_vector(struct mn_fb *fb, const struct mn_fb_table *table, unsigned field,
				 uint32_t element_bytes);

/* Element i of a vector of tables (element_bytes 4). i is below vector->n. */
struct mn_fb_table mn_fb_vector_table(struct mn_fb *fb, const struct mn_fb_vector *vector,
				      uint32_t i);

/* A string, NUL-terminated inside the buffer; `def` if it is absent. */
const char *mn_fb_string(struct mn_fb *fb, const struct mn_fb_table *table, unsigned field,
			 const char *def);

/* Little-endian bytes at any alignment. */
static inline uint32_t mn_fb_le32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t mn_fb_le64(const uint8_t *p)
{
	return mn_fb_le32(p) | (uint64_t)mn_fb_le32(p + 4) << 32;
}

#endif
