/* SPDX-License-Identifier: MIT */
/* Encodings: Armv7-M Architecture Reference Manual, chapter A5 and A7. */
#include "addr.h"

#include <stdlib.h>
#include <string.h>

#define UNKNOWN 0xffu
#define R(n)    (1u << (n))

/* base + offset; base UNKNOWN: cannot be told. */
struct value {
	uint8_t base;
	uint32_t offset;
};

struct analysis {
	struct value r[16];
	struct mn_addr_op op[MN_ADDR_OPS];
	uint32_t n_ops;
	struct mn_addr_access *access;
	uint32_t n_access, room;
	int (*constant)(void *user, uint32_t addr, uint32_t *ret_word);
	void *user;
};

/* How a load or store forms its address. */
struct operand {
	struct value base;
	int has_index;
	unsigned index, shift;
	uint32_t offset; /* added to the base for the access */
	uint32_t update; /* added to the base register after it */
};

static unsigned bits(uint32_t v, unsigned hi, unsigned lo)
{
	return (v >> lo) & ((1u << (hi - lo + 1)) - 1);
}

static struct value plus(struct value v, uint32_t offset)
{
	v.offset += offset;
	return v;
}

static struct value number(uint32_t v)
{
	return (struct value){MN_ADDR_ZERO, v};
}

static struct value unknown(void)
{
	return (struct value){UNKNOWN, 0};
}

static struct value apply(struct analysis *s, enum mn_addr_kind kind, struct value a,
			  struct value b, unsigned shift)
{
	struct mn_addr_op *op;

	if (a.base == UNKNOWN || b.base == UNKNOWN || s->n_ops == MN_ADDR_OPS)
		return unknown();
	if (kind == MN_ADDR_ADD && b.base == MN_ADDR_ZERO)
		return plus(a, b.offset << shift);
	if (kind == MN_ADDR_ADD && a.base == MN_ADDR_ZERO && shift == 0)
		return plus(b, a.offset);
	if (kind == MN_ADDR_SUB && b.base == MN_ADDR_ZERO)
		return plus(a, 0u - (b.offset << shift));
	op = &s->op[s->n_ops];
	*op = (struct mn_addr_op){.kind = (uint8_t)kind,
				  .a = a.base,
				  .b = b.base,
				  .shift = (uint8_t)shift,
				  .a_offset = a.offset,
				  .b_offset = b.offset};
	return (struct value){(uint8_t)(MN_ADDR_FIRST + s->n_ops++), 0};
}

static struct value loaded(struct analysis *s, struct value at, unsigned bytes, int is_signed)
{
	struct mn_addr_op *op;
	struct value v;
	uint32_t word;

	if (at.base == MN_ADDR_ZERO && bytes == 4 && s->constant(s->user, at.offset, &word))
		return number(word);
	v = apply(s, MN_ADDR_LOAD, at, number(0), 0);
	if (v.base == UNKNOWN)
		return v;
	op = &s->op[s->n_ops - 1];
	op->bytes = (uint8_t)bytes;
	op->is_signed = (uint8_t)is_signed;
	op->after = (uint16_t)s->n_access;
	return v;
}

/* ---- loads and stores -------------------------------------------------------------------------
 */

static int operand16(const struct analysis *s, uint32_t h, uint32_t at, unsigned words,
		     struct operand *o)
{
	static const uint8_t scale[4] = {4, 1, 2, 4}; /* of 0x6 … 0x9 */
	unsigned top = bits(h, 15, 12);

	switch (top) {
	case 0x4: /* literal */
		o->base = number(((at + 4) & ~3u) + bits(h, 7, 0) * 4);
		return 1;
	case 0x5:
		o->base = s->r[bits(h, 5, 3)];
		o->has_index = 1;
		o->index = bits(h, 8, 6);
		return 1;
	case 0x6:
	case 0x7:
	case 0x8:
		o->base = s->r[bits(h, 5, 3)];
		o->offset = bits(h, 10, 6) * scale[top - 6];
		return 1;
	case 0x9:
		o->base = s->r[13];
		o->offset = bits(h, 7, 0) * 4;
		return 1;
	case 0xb:
		o->base = s->r[13];
		if (bits(h, 11, 11)) {
			o->update = 4 * words;
		} else {
			o->offset = 0u - 4 * words;
			o->update = o->offset;
		}
		return 1;
	case 0xc:
		o->base = s->r[bits(h, 10, 8)];
		o->update = 4 * words;
		return 1;
	default:
		return 0;
	}
}

/* Bits P, U and W as every encoding with an immediate has them. */
static void indexed(struct operand *o, uint32_t imm, unsigned p, unsigned u, unsigned w)
{
	uint32_t offset = u ? imm : 0u - imm;

	if (p)
		o->offset = offset;
	if (w)
		o->update = offset;
}

static int operand32(const struct analysis *s, uint32_t h1, uint32_t h2, uint32_t at,
		     unsigned words, struct operand *o)
{
	unsigned rn = bits(h1, 3, 0);

	o->base = rn == 15 ? number((at + 4) & ~3u) : s->r[rn];
	if ((h1 & 0xfe40) == 0xe800) { /* LDM, STM */
		if (bits(h1, 8, 7) == 2)
			o->offset = 0u - 4 * words;
		if (bits(h1, 5, 5))
			o->update = bits(h1, 8, 7) == 2 ? o->offset : 4 * words;
		return 1;
	}
	if ((h1 & 0xfff0) == 0xe8d0 && (h2 & 0x00e0) == 0) { /* TBB, TBH */
		if (rn == 15)
			o->base = number(at + 4);
		o->has_index = 1;
		o->index = bits(h2, 3, 0);
		o->shift = bits(h2, 4, 4);
		return 1;
	}
	if ((h1 & 0xfe40) == 0xe840) { /* LDRD, STRD */
		indexed(o, bits(h2, 7, 0) * 4, bits(h1, 8, 8), bits(h1, 7, 7), bits(h1, 5, 5));
		return bits(h1, 8, 8) || bits(h1, 5, 5);
	}
	if ((h1 & 0xfe00) == 0xec00) { /* VLDR, VSTR, VLDM, VSTM */
		unsigned p = bits(h1, 8, 8), u = bits(h1, 7, 7), w = bits(h1, 5, 5);
		uint32_t imm = bits(h2, 7, 0) * 4;

		if (p && !w)
			indexed(o, imm, 1, u, 0);
		else if (p)
			indexed(o, imm, !u, u, 1);
		else
			o->update = w ? imm : 0;
		return 1;
	}
	if ((h1 & 0xfe00) != 0xf800)
		return 0;
	if (rn == 15) {
		indexed(o, bits(h2, 11, 0), 1, bits(h1, 7, 7), 0);
	} else if (bits(h1, 7, 7)) {
		o->offset = bits(h2, 11, 0);
	} else if (bits(h2, 11, 11)) {
		indexed(o, bits(h2, 7, 0), bits(h2, 10, 10), bits(h2, 9, 9), bits(h2, 8, 8));
	} else {
		o->has_index = 1;
		o->index = bits(h2, 3, 0);
		o->shift = bits(h2, 5, 4);
	}
	return 1;
}

/* Registers that a load of several words fills, in the order of the words. */
static uint32_t load_list(const struct mn_insn *i, uint32_t h1, uint32_t h2)
{
	if (i->cls != MN_I_LOADM)
		return 0;
	if (i->size == 4)
		return h2 & 0x7fff;
	return (h1 & 0xff) | (bits(h1, 15, 12) == 0xb && bits(h1, 8, 8) ? R(15) : 0);
}

/* An access; the registers it writes. */
static int transfer(struct analysis *s, const struct mn_insn *i, uint32_t at, uint32_t h1,
		    uint32_t h2)
{
	struct operand o = {.has_index = 0};
	struct value first;
	int store = (i->attr & MN_IA_STORE) != 0;
	unsigned words = i->n_words, base = i->rn;
	struct value filled[16];
	uint32_t list = load_list(i, h1, h2);

	if (i->attr & MN_IA_EXCL)
		return 0;
	if (i->size == 2 ? !operand16(s, h1, at, words, &o) : !operand32(s, h1, h2, at, words, &o))
		return 0;
	first = o.has_index ? apply(s, MN_ADDR_ADD, o.base, s->r[o.index], o.shift)
			    : plus(o.base, o.offset);
	if (first.base == UNKNOWN || s->n_access + words > s->room)
		return 0;
	for (unsigned r = 0; r < 16; r++)
		filled[r] = i->dst & R(r) ? unknown() : s->r[r];
	if (!store && words == 1 && i->cls == MN_I_LOAD)
		filled[i->size == 2
			       ? (bits(h1, 15, 12) == 4 || bits(h1, 15, 12) == 9 ? bits(h1, 10, 8)
										 : bits(h1, 2, 0))
			       : bits(h2, 15, 12)] =
			loaded(s, first, i->access_bytes,
			       i->size == 4 ? (int)bits(h1, 8, 8) : (h1 & 0xf600) == 0x5600);
	if (i->cls == MN_I_LOAD2) {
		filled[bits(h2, 15, 12)] = loaded(s, first, 4, 0);
		filled[bits(h2, 11, 8)] = loaded(s, plus(first, 4), 4, 0);
	}
	for (unsigned r = 0, k = 0; r < 16; r++)
		if (list & R(r))
			filled[r] = loaded(s, plus(first, 4 * k++), 4, 0);
	for (unsigned k = 0; k < words; k++)
		s->access[s->n_access++] = (struct mn_addr_access){first.offset + 4 * k, first.base,
								   i->access_bytes, (uint8_t)store};
	if (o.update && base < 15 && !(list & R(base)))
		filled[base] = plus(o.base, o.update);
	memcpy(s->r, filled, sizeof(s->r));
	return 1;
}

/* ---- arithmetic -------------------------------------------------------------------------------
 */

/* A value shifted as data-processing instructions do; LSL by n comes back as n. */
static struct value shifted(struct analysis *s, struct value v, unsigned type, unsigned n,
			    unsigned *ret_lsl)
{
	*ret_lsl = 0;
	if (type == 0) {
		*ret_lsl = n;
		return v;
	}
	if (type == 3)
		return unknown();
	if (n == 0) /* by 32 */
		return unknown();
	return apply(s, type == 1 ? MN_ADDR_LSR : MN_ADDR_ASR, v, number(0), n);
}

static struct value shift_by(struct analysis *s, struct value v, unsigned type, unsigned n)
{
	unsigned lsl;

	v = shifted(s, v, type, n, &lsl);
	return lsl ? apply(s, MN_ADDR_ADD, number(0), v, lsl) : v;
}

/* 1: the result for *ret_rd is known to be *ret. */
static int arithmetic16(struct analysis *s, uint32_t h, uint32_t at, unsigned *ret_rd,
			struct value *ret)
{
	unsigned low = bits(h, 2, 0), r8 = bits(h, 10, 8), high = low | bits(h, 7, 7) << 3;
	struct value n = s->r[bits(h, 5, 3)], m = s->r[bits(h, 8, 6)];

	*ret_rd = low;
	switch (bits(h, 15, 11)) {
	case 0x00:
	case 0x01:
	case 0x02:
		*ret = shift_by(s, n, bits(h, 12, 11), bits(h, 10, 6));
		return 1;
	case 0x03:
		if (bits(h, 10, 10))
			m = number(bits(h, 8, 6));
		*ret = apply(s, bits(h, 9, 9) ? MN_ADDR_SUB : MN_ADDR_ADD, n, m, 0);
		return 1;
	case 0x04:
		*ret_rd = r8;
		*ret = number(bits(h, 7, 0));
		return 1;
	case 0x06:
	case 0x07:
		*ret_rd = r8;
		*ret = plus(s->r[r8], bits(h, 11, 11) ? 0u - bits(h, 7, 0) : bits(h, 7, 0));
		return 1;
	case 0x08:
		m = bits(h, 6, 3) == 15 ? number(at + 4) : s->r[bits(h, 6, 3)];
		*ret_rd = high;
		if (bits(h, 10, 8) == 4)
			*ret = apply(s, MN_ADDR_ADD, s->r[high], m, 0);
		else
			*ret = m;
		return bits(h, 10, 8) == 4 || bits(h, 10, 8) == 6;
	case 0x14:
	case 0x15:
		*ret_rd = r8;
		*ret = plus(bits(h, 11, 11) ? s->r[13] : number((at + 4) & ~3u), bits(h, 7, 0) * 4);
		return 1;
	case 0x16:
		*ret_rd = 13;
		*ret = plus(s->r[13], (bits(h, 7, 7) ? 0u - bits(h, 6, 0) : bits(h, 6, 0)) * 4);
		return bits(h, 11, 8) == 0;
	default:
		return 0;
	}
}

static uint32_t expand(uint32_t h1, uint32_t h2)
{
	uint32_t imm = bits(h1, 10, 10) << 11 | bits(h2, 14, 12) << 8 | bits(h2, 7, 0);
	uint32_t byte = imm & 0xff, rotate = imm >> 7;

	switch (imm >> 8) {
	case 0:
		return byte;
	case 1:
		return byte << 16 | byte;
	case 2:
		return byte << 24 | byte << 8;
	case 3:
		return byte * 0x01010101u;
	default:
		byte |= 0x80;
		return byte >> rotate | byte << (32 - rotate);
	}
}

static int arithmetic32(struct analysis *s, uint32_t h1, uint32_t h2, uint32_t at, unsigned *ret_rd,
			struct value *ret)
{
	unsigned rn = bits(h1, 3, 0), rm = bits(h2, 3, 0), rd = bits(h2, 11, 8), lsl;
	uint32_t plain = bits(h1, 10, 10) << 11 | bits(h2, 14, 12) << 8 | bits(h2, 7, 0);
	unsigned amount = bits(h2, 14, 12) << 2 | bits(h2, 7, 6), type = bits(h2, 5, 4);
	struct value n = rn == 15 ? unknown() : s->r[rn], m = rm == 15 ? unknown() : s->r[rm];

	*ret_rd = rd;
	if ((h1 & 0xf800) == 0xf000 && !(h2 & 0x8000)) {
		switch (h1 & 0xfbe0) {
		case 0xf100:
			*ret = plus(n, expand(h1, h2));
			return 1;
		case 0xf1a0:
			*ret = plus(n, 0u - expand(h1, h2));
			return 1;
		case 0xf040:
			*ret = number(expand(h1, h2));
			return rn == 15;
		default:
			break;
		}
		switch (h1 & 0xfbf0) {
		case 0xf200:
		case 0xf2a0:
			n = rn == 15 ? number((at + 4) & ~3u) : n;
			*ret = plus(n, bits(h1, 7, 7) ? 0u - plain : plain);
			return 1;
		case 0xf240:
			*ret = number(rn << 12 | plain);
			return 1;
		case 0xf2c0:
			*ret = number((s->r[rd].offset & 0xffff) | (rn << 12 | plain) << 16);
			return s->r[rd].base == MN_ADDR_ZERO;
		default:
			return 0;
		}
	}
	switch (h1 & 0xffe0) {
	case 0xeb00:
	case 0xeba0:
		m = shifted(s, m, type, amount, &lsl);
		*ret = apply(s, (h1 & 0xffe0) == 0xeb00 ? MN_ADDR_ADD : MN_ADDR_SUB, n, m, lsl);
		return 1;
	case 0xea40:
		*ret = shift_by(s, m, type, amount);
		return rn == 15;
	default:
		break;
	}
	if ((h1 & 0xfff0) == 0xfb00 && (h2 & 0x00e0) == 0) {
		struct value product = apply(s, MN_ADDR_MUL, n, m, 0);
		unsigned ra = bits(h2, 15, 12);

		if (ra == 15)
			*ret = product;
		else
			*ret = apply(s, bits(h2, 4, 4) ? MN_ADDR_SUB : MN_ADDR_ADD, s->r[ra],
				     product, 0);
		return 1;
	}
	return 0;
}

/* ---- the recipe -------------------------------------------------------------------------------
 */

static int analyse_one(struct analysis *s, const struct mn_insn *i, uint32_t at, uint32_t h1,
		       uint32_t h2)
{
	struct value v = unknown();
	unsigned rd = 0;
	int access = (i->attr & (MN_IA_LOAD | MN_IA_STORE)) != 0;

	switch (i->cls) {
	case MN_I_UNDEFINED:
	case MN_I_DIV:
	case MN_I_SYSREG:
	case MN_I_TRAP:
		return 0;
	default:
		break;
	}
	if (access)
		return !i->cond && transfer(s, i, at, h1, h2);
	if (!(i->dst & 0xffff))
		return 1;
	if (i->cond || !(i->size == 2 ? arithmetic16(s, h1, at, &rd, &v)
				      : arithmetic32(s, h1, h2, at, &rd, &v)))
		v = unknown();
	for (unsigned r = 0; r < 16; r++)
		if (i->dst & R(r))
			s->r[r] = v.base != UNKNOWN && r == rd ? v : unknown();
	return 1;
}

/* What is needed, from the accesses back; operations that are not go. */
static uint32_t prune(struct analysis *s)
{
	uint64_t needed = 0;
	uint8_t number_of[MN_ADDR_FIRST + MN_ADDR_OPS];
	uint32_t n = 0;

	for (uint32_t k = 0; k < s->n_access; k++)
		needed |= 1ull << s->access[k].base;
	for (uint32_t k = s->n_ops; k-- > 0;)
		if (needed >> (MN_ADDR_FIRST + k) & 1)
			needed |= 1ull << s->op[k].a | 1ull << s->op[k].b;
	for (unsigned v = 0; v < MN_ADDR_FIRST; v++)
		number_of[v] = (uint8_t)v;
	for (uint32_t k = 0; k < s->n_ops; k++) {
		if (!(needed >> (MN_ADDR_FIRST + k) & 1))
			continue;
		number_of[MN_ADDR_FIRST + k] = (uint8_t)(MN_ADDR_FIRST + n);
		s->op[n] = s->op[k];
		s->op[n].a = number_of[s->op[n].a];
		s->op[n].b = number_of[s->op[n].b];
		n++;
	}
	for (uint32_t k = 0; k < s->n_access; k++)
		s->access[k].base = number_of[s->access[k].base];
	s->n_ops = n;
	return (uint32_t)(needed & 0x7fff);
}

static void find_extents(struct mn_addr_recipe *recipe)
{
	for (uint32_t k = 0; k < recipe->n_access; k++) {
		const struct mn_addr_access *a = &recipe->access[k];
		struct mn_addr_extent *e = recipe->extent;

		while (e < recipe->extent + recipe->n_extents && e->base != a->base)
			e++;
		if (e == recipe->extent + recipe->n_extents) {
			*e = (struct mn_addr_extent){a->offset, a->offset, a->base};
			recipe->n_extents++;
		} else if ((int32_t)(a->offset - e->low) < 0) {
			e->low = a->offset;
		} else if ((int32_t)(a->offset - e->high) > 0) {
			e->high = a->offset;
		}
	}
}

_Static_assert(MN_ADDR_FIRST + MN_ADDR_OPS <= 64, "a set of values is 64 bits");

struct mn_addr_recipe *
mn_addr_analyse(const struct mn_insn *insn, const uint32_t *at, const uint16_t *hw, uint32_t n,
		int (*constant)(void *user, uint32_t addr, uint32_t *ret_word), void *user)
{
	struct analysis s;
	struct mn_addr_recipe *recipe = NULL;

	memset(&s, 0, sizeof(s));
	for (unsigned r = 0; r < 15; r++)
		s.r[r] = (struct value){(uint8_t)r, 0};
	s.r[15] = unknown();
	s.constant = constant;
	s.user = user;
	for (uint32_t k = 0; k < n; k++)
		if (insn[k].attr & (MN_IA_LOAD | MN_IA_STORE))
			s.room += insn[k].n_words;
	s.access = malloc((s.room + 1) * sizeof(*s.access));
	if (!s.access)
		return NULL;
	for (uint32_t k = 0; k < n; k++)
		if (!analyse_one(&s, &insn[k], at[k], hw[2 * k], hw[2 * k + 1]))
			goto out;
	recipe = calloc(1, sizeof(*recipe));
	if (!recipe)
		goto out;
	recipe->reads = prune(&s);
	recipe->op = malloc(s.n_ops * sizeof(*recipe->op) + 1);
	recipe->extent = malloc((MN_ADDR_FIRST + MN_ADDR_OPS) * sizeof(*recipe->extent));
	if (!recipe->op || !recipe->extent) {
		mn_addr_free(recipe);
		recipe = NULL;
		goto out;
	}
	memcpy(recipe->op, s.op, s.n_ops * sizeof(*recipe->op));
	recipe->n_ops = (uint16_t)s.n_ops;
	recipe->n_access = (uint16_t)s.n_access;
	recipe->access = s.access;
	find_extents(recipe);
	return recipe;
out:
	free(s.access);
	return recipe;
}

void mn_addr_free(struct mn_addr_recipe *recipe)
{
	if (!recipe)
		return;
	free(recipe->op);
	free(recipe->access);
	free(recipe->extent);
	free(recipe);
}
