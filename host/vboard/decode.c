/* SPDX-License-Identifier: MIT */
/* Thumb-2 as in the Armv7-M Architecture Reference Manual, chapter A5 (tables A5-1 … A5-31). */
#include "insn.h"

#include <string.h>

#define R(n) (1u << (n))

static unsigned bits(uint32_t v, unsigned hi, unsigned lo)
{
	return (v >> lo) & ((1u << (hi - lo + 1)) - 1);
}

static unsigned popcount(uint32_t v)
{
	return (unsigned)__builtin_popcount(v);
}

static void op_alu(struct mn_insn *i, unsigned cls, uint32_t dst, uint32_t src)
{
	i->cls = (uint8_t)cls;
	i->dst = dst;
	i->src = src;
	if (dst & R(15)) {
		i->cls = MN_I_BX;
		i->attr |= MN_IA_PC;
	}
}

static void op_load(struct mn_insn *i, unsigned rt, unsigned rn, unsigned size, int is_signed)
{
	i->cls = MN_I_LOAD;
	i->attr |= MN_IA_LOAD;
	i->rn = (uint8_t)rn;
	i->early |= R(rn) & 0x7fff;
	i->dst |= R(rt);
	i->n_words = 1;
	i->access_bytes = (uint8_t)size;
	if (size < 4 || is_signed)
		i->attr |= MN_IA_SLOW;
	if (rt == 15)
		i->attr |= MN_IA_PC;
	if (rn == 15)
		i->attr |= MN_IA_LITERAL;
}

static void op_store(struct mn_insn *i, unsigned rt, unsigned rn, unsigned size)
{
	i->cls = MN_I_STORE;
	i->attr |= MN_IA_STORE;
	i->rn = (uint8_t)rn;
	i->early |= R(rn);
	i->late |= R(rt);
	i->n_words = 1;
	i->access_bytes = (uint8_t)size;
}

static void op_index(struct mn_insn *i, unsigned rm)
{
	i->attr |= MN_IA_REGOFF;
	i->early |= R(rm);
	i->index |= R(rm);
}

static void op_multi(struct mn_insn *i, int load, unsigned rn, uint32_t list, int wback)
{
	i->cls = load ? MN_I_LOADM : MN_I_STOREM;
	i->attr |= load ? MN_IA_LOAD : MN_IA_STORE;
	i->rn = (uint8_t)rn;
	i->early = R(rn);
	if (load)
		i->dst = list;
	else
		i->late = list;
	if (wback) {
		i->attr |= MN_IA_BASE;
		i->dst |= R(rn);
	}
	if (load && (list & R(15)))
		i->attr |= MN_IA_PC;
	i->n_words = (uint8_t)popcount(list);
	i->access_bytes = 4;
}

/* ADD, SUB and MOV without a shift may run in the M7's early ALU. */
static unsigned alu_class(unsigned shifted, int addmov)
{
	return addmov && !shifted ? MN_I_ADDMOV : MN_I_ALU;
}

static void decode16(uint32_t h, struct mn_insn *i)
{
	unsigned rd = bits(h, 2, 0), rn = bits(h, 5, 3), rm = bits(h, 8, 6), r8 = bits(h, 10, 8);
	unsigned op;

	switch (bits(h, 15, 12)) {
	case 0x0:
	case 0x1:
		op = bits(h, 12, 11);
		if (op < 3) {
			int plain = op == 0 && bits(h, 10, 6) == 0;

			op_alu(i, plain ? MN_I_ADDMOV : MN_I_SHIFT, R(rd) | MN_R_FLAGS, R(rn));
		} else {
			op_alu(i, MN_I_ADDMOV, R(rd) | MN_R_FLAGS,
			       R(rn) | (bits(h, 10, 10) ? 0 : R(rm)));
		}
		return;
	case 0x2:
	case 0x3:
		op = bits(h, 12, 11);
		if (op == 0)
			op_alu(i, MN_I_ADDMOV, R(r8) | MN_R_FLAGS, 0);
		else if (op == 1)
			op_alu(i, MN_I_ALU, MN_R_FLAGS, R(r8));
		else
			op_alu(i, MN_I_ADDMOV, R(r8) | MN_R_FLAGS, R(r8));
		return;
	case 0x4:
		if (bits(h, 11, 11)) {
			op_load(i, r8, 15, 4, 0);
			return;
		}
		if (bits(h, 11, 10) == 0) {
			uint32_t both = R(rd) | R(rn);

			switch (bits(h, 9, 6)) {
			case 2:
			case 3:
			case 4:
			case 7:
				op_alu(i, MN_I_SHIFT, R(rd) | MN_R_FLAGS, both);
				return;
			case 5:
			case 6:
				op_alu(i, MN_I_ALU, R(rd) | MN_R_FLAGS, both | MN_R_FLAGS);
				return;
			case 8:
			case 10:
			case 11:
				op_alu(i, MN_I_ALU, MN_R_FLAGS, both);
				return;
			case 9:
			case 15:
				op_alu(i, MN_I_ALU, R(rd) | MN_R_FLAGS, R(rn));
				return;
			case 13:
				op_alu(i, MN_I_MUL, R(rd) | MN_R_FLAGS, both);
				return;
			default:
				op_alu(i, MN_I_ALU, R(rd) | MN_R_FLAGS, both);
				return;
			}
		}
		rm = bits(h, 6, 3);
		rd |= bits(h, 7, 7) << 3;
		switch (bits(h, 9, 8)) {
		case 0:
			op_alu(i, MN_I_ADDMOV, R(rd), R(rd) | R(rm));
			return;
		case 1:
			op_alu(i, MN_I_ALU, MN_R_FLAGS, R(rd) | R(rm));
			return;
		case 2:
			op_alu(i, MN_I_ADDMOV, R(rd), R(rm));
			return;
		default:
			i->cls = MN_I_BX;
			i->attr = MN_IA_PC | (bits(h, 7, 7) ? MN_IA_CALL : 0);
			i->src = R(rm);
			i->dst = bits(h, 7, 7) ? R(14) : 0;
			return;
		}
	case 0x5: {
		static const uint8_t size[8] = {4, 2, 1, 1, 4, 2, 1, 2};

		op = bits(h, 11, 9);
		if (op < 3)
			op_store(i, rd, rn, size[op]);
		else
			op_load(i, rd, rn, size[op], op == 3 || op == 7);
		op_index(i, rm);
		return;
	}
	case 0x6:
	case 0x7:
	case 0x8: {
		unsigned size = bits(h, 15, 12) == 6 ? 4 : bits(h, 15, 12) == 7 ? 1 : 2;

		if (bits(h, 11, 11))
			op_load(i, rd, rn, size, 0);
		else
			op_store(i, rd, rn, size);
		return;
	}
	case 0x9:
		if (bits(h, 11, 11))
			op_load(i, r8, 13, 4, 0);
		else
			op_store(i, r8, 13, 4);
		return;
	case 0xa:
		op_alu(i, MN_I_ADDMOV, R(r8), bits(h, 11, 11) ? R(13) : 0);
		return;
	case 0xb:
		if (bits(h, 11, 8) == 0) {
			op_alu(i, MN_I_ADDMOV, R(13), R(13));
		} else if ((h & 0xf500) == 0xb100) {
			i->cls = MN_I_CBZ;
			i->attr = MN_IA_PC;
			i->src = R(rd);
		} else if (bits(h, 11, 8) == 2) {
			op_alu(i, MN_I_SIMD, R(rd), R(rn));
		} else if (bits(h, 11, 9) == 2) {
			op_multi(i, 0, 13, (h & 0xff) | (bits(h, 8, 8) ? R(14) : 0), 1);
		} else if ((h & 0xffe8) == 0xb660) {
			i->cls = MN_I_SYSREG;
		} else if (bits(h, 11, 8) == 10 && bits(h, 7, 6) != 2) {
			op_alu(i, MN_I_SIMD, R(rd), 0);
			i->attr |= MN_IA_REV;
			i->early = R(rn);
		} else if (bits(h, 11, 9) == 6) {
			op_multi(i, 1, 13, (h & 0xff) | (bits(h, 8, 8) ? R(15) : 0), 1);
		} else if (bits(h, 11, 8) == 14) {
			i->cls = MN_I_TRAP;
		} else if (bits(h, 11, 8) == 15) {
			if (h & 0xf) {
				i->cls = MN_I_IT;
				i->it_count = (uint8_t)(4 - __builtin_ctz(h & 0xf));
				i->src = MN_R_FLAGS;
			} else {
				op = bits(h, 7, 4);
				i->cls = op == 2 || op == 3 ? MN_I_TRAP : MN_I_NOP;
			}
		}
		return;
	case 0xc: {
		uint32_t list = h & 0xff;

		op_multi(i, (int)bits(h, 11, 11), r8, list, !(bits(h, 11, 11) && (list & R(r8))));
		return;
	}
	case 0xd:
		if (bits(h, 11, 8) == 14)
			return;
		if (bits(h, 11, 8) == 15) {
			i->cls = MN_I_TRAP;
			return;
		}
		i->cls = MN_I_BCC;
		i->attr = MN_IA_PC;
		i->src = MN_R_FLAGS;
		return;
	default:
		i->cls = MN_I_B;
		i->attr = MN_IA_PC;
		return;
	}
}

static uint32_t sreg(unsigned v, unsigned x, int dp)
{
	unsigned n = dp ? (v | x << 4) * 2 : (v << 1 | x);

	return n > 31 ? 0 : (dp ? 3u : 1u) << n;
}

static void decode_fp_data(uint32_t h1, uint32_t h2, struct mn_insn *i)
{
	int dp = (int)bits(h2, 8, 8);
	unsigned opc1 = bits(h1, 7, 7) << 2 | bits(h1, 5, 4);
	uint32_t d = sreg(bits(h2, 15, 12), bits(h1, 6, 6), dp);
	uint32_t n = sreg(bits(h1, 3, 0), bits(h2, 7, 7), dp);
	uint32_t m = sreg(bits(h2, 3, 0), bits(h2, 5, 5), dp);

	i->attr |= MN_IA_FP | (dp ? MN_IA_DOUBLE : 0);
	i->fdst = d;
	if (h1 & 0x1000) {
		/* FPv5: VSEL, VMAXNM/VMINNM, VRINT, VCVTx */
		i->cls = MN_I_VALU;
		i->fsrc = bits(h1, 7, 7) && bits(h1, 5, 4) == 3 ? m : n | m;
		if (!bits(h1, 7, 7))
			i->src = MN_R_FLAGS;
		return;
	}
	switch (opc1) {
	case 0:
	case 1:
		i->cls = MN_I_VMAC;
		i->fsrc = n | m;
		i->facc = d;
		return;
	case 2:
	case 3:
		i->cls = MN_I_VALU;
		i->fsrc = n | m;
		return;
	case 4:
		i->cls = MN_I_VDIV;
		i->fsrc = n | m;
		return;
	case 5:
	case 6:
		i->cls = MN_I_VMAC;
		i->attr |= MN_IA_FUSED;
		i->fsrc = n | m;
		i->facc = d;
		return;
	default:
		break;
	}
	if (!bits(h2, 6, 6)) {
		i->cls = MN_I_VMOV; /* immediate */
		return;
	}
	switch (bits(h1, 3, 0)) {
	case 0:
		i->cls = MN_I_VMOV;
		i->fsrc = m;
		return;
	case 1:
		i->cls = bits(h2, 7, 7) ? MN_I_VSQRT : MN_I_VMOV;
		i->fsrc = m;
		return;
	case 4:
	case 5:
		i->cls = MN_I_VALU;
		i->fsrc = d | (bits(h1, 3, 0) == 4 ? m : 0);
		i->fdst = 0;
		return;
	default:
		i->cls = MN_I_VALU;
		i->fsrc = m;
		if (bits(h1, 3, 0) == 7 || bits(h1, 3, 0) >= 8)
			i->fdst = d | sreg(bits(h2, 15, 12), bits(h1, 6, 6), 0);
		return;
	}
}

static void decode_fp(uint32_t h1, uint32_t h2, struct mn_insn *i)
{
	unsigned rt = bits(h2, 15, 12), rn = bits(h1, 3, 0);
	int dp = (int)bits(h2, 8, 8);

	if (bits(h2, 11, 9) != 5)
		return;
	/* Of the second half of the coprocessor space only FPv5's data processing exists. */
	if ((h1 & 0x1000) && (bits(h1, 11, 8) != 14 || bits(h2, 4, 4)))
		return;
	if (bits(h1, 11, 8) == 14) {
		if (!bits(h2, 4, 4)) {
			decode_fp_data(h1, h2, i);
			return;
		}
		/* one core register <-> s register, VMSR/VMRS */
		i->cls = MN_I_VCORE;
		i->attr |= MN_IA_FP;
		i->n_words = 1;
		if (bits(h1, 7, 5) == 7) {
			if (bits(h1, 4, 4))
				i->dst = rt == 15 ? MN_R_FLAGS : R(rt);
			else
				i->src = R(rt);
		} else if (bits(h1, 4, 4)) {
			i->dst = R(rt);
			i->fsrc = sreg(rn, bits(h2, 7, 7), 0);
		} else {
			i->src = R(rt);
			i->fdst = sreg(rn, bits(h2, 7, 7), 0);
		}
		return;
	}
	i->attr |= MN_IA_FP;
	if ((h1 & 0x0fe0) == 0x0c40) { /* two core registers */
		uint32_t s = dp ? sreg(bits(h2, 3, 0), bits(h2, 5, 5), 1)
				: sreg(bits(h2, 3, 0), bits(h2, 5, 5), 0) * 3u;

		i->cls = MN_I_VCORE;
		i->n_words = 2;
		if (bits(h1, 4, 4)) {
			i->dst = R(rt) | R(rn);
			i->fsrc = s;
		} else {
			i->src = R(rt) | R(rn);
			i->fdst = s;
		}
		return;
	}
	if ((h1 & 0x0e00) != 0x0c00)
		return;
	int load = (int)bits(h1, 4, 4);
	int single = bits(h1, 8, 8) && !bits(h1, 5, 5);
	unsigned words = single ? (dp ? 2 : 1) : bits(h2, 7, 0);
	unsigned first = dp ? (bits(h2, 15, 12) | bits(h1, 6, 6) << 4) * 2
			    : (bits(h2, 15, 12) << 1 | bits(h1, 6, 6));
	uint32_t list = 0;

	for (unsigned k = 0; k < words && first + k < 32; k++)
		list |= 1u << (first + k);
	if (words == 0 || words > 32)
		return;
	i->cls = single ? (load ? MN_I_VLOAD : MN_I_VSTORE) : (load ? MN_I_VLOADM : MN_I_VSTOREM);
	i->attr |= (load ? MN_IA_LOAD : MN_IA_STORE) | (dp ? MN_IA_DOUBLE : 0);
	i->rn = (uint8_t)rn;
	i->early = R(rn) & 0x7fff;
	if (rn == 15)
		i->attr |= MN_IA_LITERAL;
	if (bits(h1, 5, 5) && !single) {
		i->attr |= MN_IA_BASE;
		i->dst = R(rn);
	}
	if (load)
		i->fdst = list;
	else
		i->fsrc = list;
	i->n_words = (uint8_t)words;
	i->access_bytes = 4;
}

static void decode_dp_shifted(uint32_t h1, uint32_t h2, struct mn_insn *i)
{
	unsigned op = bits(h1, 8, 5), rn = bits(h1, 3, 0), rd = bits(h2, 11, 8);
	unsigned rm = bits(h2, 3, 0), imm = bits(h2, 14, 12) << 2 | bits(h2, 7, 6);
	unsigned type = bits(h2, 5, 4), shifted = imm || type;
	uint32_t flags = bits(h1, 4, 4) ? MN_R_FLAGS : 0;
	uint32_t src_m = R(rm);

	if (op == 6) { /* PKHBT, PKHTB: the shifted register is read early */
		op_alu(i, MN_I_SIMD, R(rd), R(rn));
		i->early = R(rm) | (bits(h2, 5, 5) ? R(rn) : 0);
		return;
	}
	if (op == 2 && rn == 15) { /* MOV and the shifts by an immediate */
		op_alu(i, shifted ? MN_I_SHIFT : MN_I_ADDMOV, R(rd) | flags,
		       R(rm) | (type == 3 && !imm ? MN_R_FLAGS : 0));
		return;
	}
	if (op == 3 && rn == 15) {
		op_alu(i, MN_I_ALU, R(rd) | flags, shifted ? 0 : R(rm));
	} else {
		uint32_t dst = R(rd) | flags;

		if (rd == 15 && flags && (op == 0 || op == 4 || op == 8 || op == 13))
			dst = MN_R_FLAGS;
		op_alu(i, alu_class(shifted, op == 8 || op == 13), dst,
		       R(rn) | (shifted ? 0 : src_m) | (op == 10 || op == 11 ? MN_R_FLAGS : 0));
	}
	if (shifted) {
		i->early |= src_m;
		i->attr |= MN_IA_SHIFTED;
	}
}

/* A modified constant that needs the shifter: i:imm3 >= 4 means a rotated byte. */
static unsigned rotated_const(uint32_t h1, uint32_t h2)
{
	return (bits(h1, 10, 10) << 3 | bits(h2, 14, 12)) >= 4;
}

static void decode_dp_imm(uint32_t h1, uint32_t h2, struct mn_insn *i)
{
	unsigned op = bits(h1, 8, 5), rn = bits(h1, 3, 0), rd = bits(h2, 11, 8);
	uint32_t flags = bits(h1, 4, 4) ? MN_R_FLAGS : 0;
	uint32_t dst = R(rd) | flags, src = R(rn);

	if (bits(h1, 9, 9)) { /* plain binary immediate */
		switch (bits(h1, 8, 4)) {
		case 0x00:
		case 0x0a:
			op_alu(i, MN_I_ADDMOV, R(rd), rn == 15 ? 0 : R(rn));
			return;
		case 0x04:
			op_alu(i, MN_I_ADDMOV, R(rd), 0);
			return;
		case 0x0c:
			op_alu(i, MN_I_ADDMOV, R(rd), R(rd));
			return;
		case 0x10:
		case 0x12:
		case 0x18:
		case 0x1a:
			op_alu(i, MN_I_SIMD2, R(rd), 0);
			i->early = R(rn);
			return;
		case 0x14:
		case 0x1c:
			op_alu(i, MN_I_SIMD, R(rd), 0);
			i->early = R(rn);
			return;
		case 0x16:
			op_alu(i, MN_I_SIMD, R(rd), R(rd));
			i->early = rn == 15 ? 0 : R(rn);
			i->attr |= MN_IA_SLOT0;
			return;
		default:
			return;
		}
	}
	if (rd == 15 && flags && (op == 0 || op == 4 || op == 8 || op == 13))
		dst = MN_R_FLAGS;
	if ((op == 2 || op == 3) && rn == 15)
		src = 0;
	op_alu(i, alu_class(rotated_const(h1, h2), op == 8 || op == 13 || (op == 2 && rn == 15)),
	       dst, src | (op == 10 || op == 11 ? MN_R_FLAGS : 0));
	if (rotated_const(h1, h2))
		i->attr |= MN_IA_SHIFTED;
}

static void decode_dp_reg(uint32_t h1, uint32_t h2, struct mn_insn *i)
{
	unsigned op1 = bits(h1, 7, 4), rn = bits(h1, 3, 0), rd = bits(h2, 11, 8);
	unsigned rm = bits(h2, 3, 0), op2 = bits(h2, 7, 4);

	if (op1 < 8 && op2 == 0) {
		op_alu(i, MN_I_SHIFT, R(rd) | (bits(h1, 4, 4) ? MN_R_FLAGS : 0), R(rn) | R(rm));
		return;
	}
	if (op1 < 8 && op2 >= 8) { /* extend, extend and add */
		if (op1 > 5)
			return;
		op_alu(i, MN_I_SIMD, R(rd), rn == 15 ? R(rm) : R(rn));
		if (rn != 15)
			i->early = R(rm);
		return;
	}
	if (op1 >= 8 && op2 < 8) { /* parallel add and subtract; bits 5:4 = 01 saturating */
		int sat = (op2 & 3) == 1;

		op_alu(i, sat ? MN_I_SIMD2 : MN_I_SIMD, R(rd), R(rn) | R(rm));
		return;
	}
	if (op1 >= 8 && op2 >= 8 && op2 < 12) {
		switch (op1 & 3) {
		case 0:
			op_alu(i, MN_I_SIMD2, R(rd), R(rn) | R(rm));
			return;
		case 1:
			op_alu(i, MN_I_SIMD, R(rd), 0);
			i->early = R(rm);
			i->attr |= MN_IA_REV;
			return;
		case 2:
			op_alu(i, MN_I_SIMD, R(rd), R(rn) | R(rm) | MN_R_FLAGS);
			return;
		default:
			op_alu(i, MN_I_SIMD, R(rd), R(rm));
			i->attr |= MN_IA_SLOT0;
			return;
		}
	}
}

static void decode_mul(uint32_t h1, uint32_t h2, struct mn_insn *i)
{
	unsigned op1 = bits(h1, 6, 4), rn = bits(h1, 3, 0), rd = bits(h2, 11, 8);
	unsigned ra = bits(h2, 15, 12), rm = bits(h2, 3, 0);

	if (op1 == 7) { /* USAD8, USADA8 */
		op_alu(i, MN_I_SIMD2, R(rd), R(rn) | R(rm));
		i->late = ra == 15 ? 0 : R(ra);
		return;
	}
	op_alu(i, ra == 15 ? MN_I_MUL : MN_I_MAC, R(rd), R(rn) | R(rm));
	i->late = ra == 15 ? 0 : R(ra);
}

static void decode_mull(uint32_t h1, uint32_t h2, struct mn_insn *i)
{
	unsigned op1 = bits(h1, 6, 4), rn = bits(h1, 3, 0), lo = bits(h2, 15, 12);
	unsigned hi = bits(h2, 11, 8), rm = bits(h2, 3, 0), op2 = bits(h2, 7, 4);

	if ((op1 == 1 || op1 == 3) && op2 == 15) {
		op_alu(i, MN_I_DIV, R(hi), R(rn) | R(rm));
		i->rd_div[0] = (uint8_t)rn;
		i->rd_div[1] = (uint8_t)rm;
		i->is_signed = op1 == 1;
		return;
	}
	if (op1 == 1 || op1 == 3 || op1 == 7)
		return;
	op_alu(i, op1 == 0 || op1 == 2 ? MN_I_MUL : MN_I_MAC, R(lo) | R(hi), R(rn) | R(rm));
	if (op1 >= 4)
		i->late = R(lo) | R(hi);
	i->attr |= MN_IA_LONG;
}

static void decode_single(uint32_t h1, uint32_t h2, struct mn_insn *i)
{
	static const uint8_t sizes[4] = {1, 2, 4, 0};
	unsigned size = sizes[bits(h1, 6, 5)], rn = bits(h1, 3, 0), rt = bits(h2, 15, 12);
	int load = (int)bits(h1, 4, 4), sign = (int)bits(h1, 8, 8);
	int imm12 = (int)bits(h1, 7, 7);

	if (size == 0 || (sign && (!load || size == 4)))
		return;
	if (load && rt == 15 && size != 4) { /* PLD, PLI and hints */
		i->cls = MN_I_NOP;
		i->early = R(rn) & 0x7fff;
		return;
	}
	if (!load && rn == 15)
		return;
	if (load)
		op_load(i, rt, rn, size, sign);
	else
		op_store(i, rt, rn, size);
	if (rn == 15 || imm12)
		return;
	if (bits(h2, 11, 11)) {
		if (bits(h2, 8, 8)) {
			i->attr |= MN_IA_BASE;
			i->dst |= R(rn);
		}
	} else {
		op_index(i, bits(h2, 3, 0));
	}
}

static void decode_dual(uint32_t h1, uint32_t h2, struct mn_insn *i)
{
	unsigned rn = bits(h1, 3, 0), rt = bits(h2, 15, 12), rt2 = bits(h2, 11, 8);
	int load = (int)bits(h1, 4, 4);

	if (bits(h1, 8, 8) || bits(h1, 5, 5)) { /* LDRD, STRD */
		i->cls = load ? MN_I_LOAD2 : MN_I_STORE2;
		i->attr |= load ? MN_IA_LOAD : MN_IA_STORE;
		i->rn = (uint8_t)rn;
		i->early = R(rn) & 0x7fff;
		if (rn == 15)
			i->attr |= MN_IA_LITERAL;
		if (load)
			i->dst = R(rt) | R(rt2);
		else
			i->late = R(rt) | R(rt2);
		if (bits(h1, 5, 5)) {
			i->attr |= MN_IA_BASE;
			i->dst |= R(rn);
		}
		i->n_words = 2;
		i->access_bytes = 4;
		return;
	}
	if (!bits(h1, 7, 7)) { /* LDREX, STREX */
		if (load)
			op_load(i, rt, rn, 4, 0);
		else
			op_store(i, rt, rn, 4), i->dst = R(rt2);
		i->attr |= MN_IA_EXCL;
		return;
	}
	switch (bits(h2, 7, 4)) {
	case 0:
	case 1: /* TBB, TBH: one access, then a jump */
		if (!load)
			return;
		op_load(i, 15, rn, bits(h2, 4, 4) ? 2 : 1, 0);
		i->attr &= (uint16_t)~MN_IA_LITERAL;
		op_index(i, bits(h2, 3, 0));
		i->cls = MN_I_TBB;
		return;
	case 4:
	case 5: {
		unsigned size = bits(h2, 4, 4) ? 2 : 1;

		if (load)
			op_load(i, rt, rn, size, 0);
		else
			op_store(i, rt, rn, size), i->dst = R(bits(h2, 3, 0));
		i->attr |= MN_IA_EXCL;
		return;
	}
	default:
		return;
	}
}

static void decode_branch_misc(uint32_t h1, uint32_t h2, struct mn_insn *i)
{
	unsigned op = bits(h1, 10, 4), op1 = bits(h2, 14, 12);

	if ((op1 & 5) == 0) {
		if ((op & 0x38) != 0x38) {
			i->cls = MN_I_BCC;
			i->attr = MN_IA_PC;
			i->src = MN_R_FLAGS;
		} else if (op == 0x38 || op == 0x39) {
			i->cls = MN_I_SYSREG;
			i->src = R(bits(h1, 3, 0));
			i->dst = MN_R_FLAGS;
		} else if (op == 0x3a) {
			unsigned hint = bits(h2, 7, 0);

			i->cls = hint == 2 || hint == 3 ? MN_I_TRAP : MN_I_NOP;
		} else if (op == 0x3b) {
			unsigned b = bits(h2, 7, 4);

			i->cls = b == 6 ? MN_I_ISB : b == 2 ? MN_I_NOP : MN_I_BARRIER;
		} else if (op == 0x3e || op == 0x3f) {
			i->cls = MN_I_SYSREG;
			i->dst = R(bits(h2, 11, 8));
			i->src = MN_R_FLAGS;
		}
		return;
	}
	i->attr = MN_IA_PC;
	if (op1 & 4) {
		i->cls = MN_I_BL;
		i->attr |= MN_IA_CALL;
		i->dst = R(14);
	} else {
		i->cls = MN_I_B;
	}
}

static void decode32(uint32_t h1, uint32_t h2, struct mn_insn *i)
{
	unsigned op1 = bits(h1, 12, 11), op2 = bits(h1, 10, 4);

	if (op1 == 1) {
		if (op2 & 0x40) {
			decode_fp(h1, h2, i);
		} else if (op2 & 0x20) {
			decode_dp_shifted(h1, h2, i);
		} else if (op2 & 4) {
			decode_dual(h1, h2, i);
		} else {
			unsigned mode = bits(h1, 8, 7);

			if (mode == 1 || mode == 2)
				op_multi(i, (int)bits(h1, 4, 4), bits(h1, 3, 0), h2 & 0xdfff,
					 (int)bits(h1, 5, 5));
		}
	} else if (op1 == 2) {
		if (h2 & 0x8000)
			decode_branch_misc(h1, h2, i);
		else
			decode_dp_imm(h1, h2, i);
	} else {
		if (op2 & 0x40)
			decode_fp(h1, h2, i);
		else if ((op2 & 0x60) == 0)
			decode_single(h1, h2, i);
		else if ((op2 & 0x70) == 0x20)
			decode_dp_reg(h1, h2, i);
		else if ((op2 & 0x78) == 0x30)
			decode_mul(h1, h2, i);
		else
			decode_mull(h1, h2, i);
	}
}

void mn_insn_decode(uint16_t hw1, uint16_t hw2, struct mn_insn *ret_insn)
{
	struct mn_insn i;

	memset(&i, 0, sizeof(i));
	i.rn = 16;
	if (mn_insn_is_wide(hw1)) {
		i.size = 4;
		decode32(hw1, hw2, &i);
	} else {
		i.size = 2;
		decode16(hw1, &i);
	}
	*ret_insn = i;
}
