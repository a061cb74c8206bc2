/* SPDX-License-Identifier: MIT */
#include "wire.h"

#include <string.h>

#include "err.h"
#include "program.h"

struct writer {
	uint8_t *p;
	size_t left;
	int overflow;
};

struct reader {
	const uint8_t *p;
	size_t left;
	int bad;
};

static void put_uint(struct writer *w, uint64_t value, size_t bytes)
{
	if (w->left < bytes) {
		w->overflow = 1;
		return;
	}
	for (size_t i = 0; i < bytes; i++)
		w->p[i] = (uint8_t)(value >> (8 * i));
	w->p += bytes;
	w->left -= bytes;
}

static void put_bytes(struct writer *w, const void *data, size_t len)
{
	if (w->left < len) {
		w->overflow = 1;
		return;
	}
	if (len)
		memcpy(w->p, data, len);
	w->p += len;
	w->left -= len;
}

static uint64_t get_uint(struct reader *r, size_t bytes)
{
	uint64_t value = 0;

	if (r->left < bytes) {
		r->bad = 1;
		r->left = 0;
		return 0;
	}
	for (size_t i = 0; i < bytes; i++)
		value |= (uint64_t)r->p[i] << (8 * i);
	r->p += bytes;
	r->left -= bytes;
	return value;
}

static const uint8_t *get_bytes(struct reader *r, size_t len)
{
	const uint8_t *p = r->p;

	if (r->left < len) {
		r->bad = 1;
		r->left = 0;
		return NULL;
	}
	r->p += len;
	r->left -= len;
	return p;
}

static void put_str(struct writer *w, const char *s, size_t max)
{
	size_t len = 0;

	while (len < max && s[len])
		len++;
	put_uint(w, len, 1);
	put_bytes(w, s, len);
}

static void get_str(struct reader *r, char *s, size_t max)
{
	size_t len = (size_t)get_uint(r, 1);
	const uint8_t *p = get_bytes(r, len);

	if (len > max)
		r->bad = 1;
	if (r->bad)
		return;
	if (len)
		memcpy(s, p, len);
	s[len] = '\0';
}

#define BYTES_U8    1
#define BYTES_U16   2
#define BYTES_U32   4
#define BYTES_U64   8
#define BYTES_I32   4
#define UINT_U8(v)  (v)
#define UINT_U16(v) (v)
#define UINT_U32(v) (v)
#define UINT_U64(v) (v)
#define UINT_I32(v) (uint32_t)(v)

#define PUT(type, field)    put_uint(&w, UINT_##type(m->field), BYTES_##type);
#define PUT_STR(field, max) put_str(&w, m->field, max);
#define PUT_BYTES(field)                                                                           \
	put_uint(&w, m->field##_len, 2);                                                           \
	put_bytes(&w, m->field, m->field##_len);
#define GET(type, field)    m.field = (MN_CT_##type)get_uint(&r, BYTES_##type);
#define GET_STR(field, max) get_str(&r, m.field, max);
#define GET_BYTES(field)                                                                           \
	m.field##_len = (uint16_t)get_uint(&r, 2);                                                 \
	m.field = get_bytes(&r, m.field##_len);

#define PACKER(NAME, name, type)                                                                   \
	int mn_wire_pack_##name(const struct type *m, uint8_t *buf, size_t size)                   \
	{                                                                                          \
		struct writer w = {buf, size, 0};                                                  \
		MN_FIELDS_##NAME(PUT, PUT_STR, PUT_BYTES) return w.overflow ? MN_E_TOO_BIG         \
									    : (int)(w.p - buf);    \
	}                                                                                          \
	int mn_wire_unpack_##name(const uint8_t *buf, size_t len, struct type *ret)                \
	{                                                                                          \
		struct reader r = {buf, len, 0};                                                   \
		struct type m;                                                                     \
		memset(&m, 0, sizeof(m));                                                          \
		MN_FIELDS_##NAME(GET, GET_STR, GET_BYTES) if (r.bad) return MN_E_PROTOCOL;         \
		*ret = m;                                                                          \
		return (int)(r.p - buf);                                                           \
	}

#define X(NAME, name, type) PACKER(NAME, name, mn_msg_##name)
MN_MSG_TABLE(X)
#undef X
#define X(NAME, name) PACKER(NAME, name, mn_rec_##name)
MN_REC_TABLE(X)
#undef X

static int has_shape(uint8_t op)
{
	return op == MN_OP_RESHAPE || op == MN_OP_STRIDED_SLICE ||
	       op == MN_OP_RESIZE_NEAREST_NEIGHBOR;
}

void mn_wire_step_to_rec(const struct mn_step *step, struct mn_rec_step *ret)
{
	const struct mn_layer *l = &step->layer;
	const struct mn_shape *b = has_shape(l->op) ? &l->shape : &l->in2;
	uint64_t lo = 0, hi = 0;

	for (int i = 0; i < 8; i++) {
		uint16_t pad = l->pad[i / 2][i % 2];

		lo |= (uint64_t)(pad & 0xff) << (8 * i);
		hi |= (uint64_t)(pad >> 8) << (8 * i);
	}
	*ret = (struct mn_rec_step){
		.op = l->op,
		.padding = l->padding,
		.act = l->act,
		.bias = l->bias,
		.axes = l->axes,
		.kernel_h = l->kernel_h,
		.kernel_w = l->kernel_w,
		.stride_h = l->stride_h,
		.stride_w = l->stride_w,
		.dilation_h = l->dilation_h,
		.dilation_w = l->dilation_w,
		.multiplier = l->multiplier,
		.in_n = l->in.n,
		.in_h = l->in.h,
		.in_w = l->in.w,
		.in_c = l->in.c,
		.b_n = b->n,
		.b_h = b->h,
		.b_w = b->w,
		.b_c = b->c,
		.pads_lo = lo,
		.pads_hi = hi,
		.out_c = l->out_c,
		.in_off = step->in_off,
		.in2_off = step->in2_off,
		.out_off = step->out_off,
		.scratch_off = step->scratch_off,
		.scratch_bytes = step->scratch_bytes,
		.quant_off = step->quant_off,
		.weight_off = step->weight_off,
		.bias_off = step->bias_off,
	};
}

void mn_wire_step_from_rec(const struct mn_rec_step *rec, struct mn_step *ret)
{
	struct mn_layer *l = &ret->layer;
	struct mn_shape b = {rec->b_n, rec->b_h, rec->b_w, rec->b_c};

	memset(ret, 0, sizeof(*ret));
	l->op = rec->op;
	l->padding = rec->padding;
	l->act = rec->act;
	l->bias = rec->bias;
	l->axes = rec->axes;
	l->kernel_h = rec->kernel_h;
	l->kernel_w = rec->kernel_w;
	l->stride_h = rec->stride_h;
	l->stride_w = rec->stride_w;
	l->dilation_h = rec->dilation_h;
	l->dilation_w = rec->dilation_w;
	l->multiplier = rec->multiplier;
	l->in = (struct mn_shape){rec->in_n, rec->in_h, rec->in_w, rec->in_c};
	if (has_shape(rec->op))
		l->shape = b;
	else
		l->in2 = b;
	for (int i = 0; i < 8; i++)
		l->pad[i / 2][i % 2] = (uint16_t)(((rec->pads_lo >> (8 * i)) & 0xff) |
						  ((rec->pads_hi >> (8 * i)) & 0xff) << 8);
	l->out_c = rec->out_c;
	ret->in_off = rec->in_off;
	ret->in2_off = rec->in2_off;
	ret->out_off = rec->out_off;
	ret->scratch_off = rec->scratch_off;
	ret->scratch_bytes = rec->scratch_bytes;
	ret->quant_off = rec->quant_off;
	ret->weight_off = rec->weight_off;
	ret->bias_off = rec->bias_off;
}

const char *mn_msg_name(uint8_t type)
{
	switch (type) {
#define X(NAME, name, value)                                                                       \
	case value:                                                                                \
		return #NAME;
		MN_MSG_TABLE(X)
#undef X
	default:
		return "?";
	}
}

uint32_t mn_get_le32(const void *p)
{
	const uint8_t *b = p;

	return b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

void mn_put_le32(void *p, uint32_t value)
{
	uint8_t *b = p;

	for (int i = 0; i < 4; i++)
		b[i] = (uint8_t)(value >> (8 * i));
}
