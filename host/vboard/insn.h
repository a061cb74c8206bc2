/* SPDX-License-Identifier: MIT */
/*
 * One Armv7E-M instruction, decoded once into what a pipeline model asks: which unit it needs,
 * which registers it reads and when, what it writes, how many words it moves. Not a disassembler.
 */
#ifndef MN_INSN_H
#define MN_INSN_H

#include <stdint.h>

enum mn_insn_class {
	MN_I_UNDEFINED,
	MN_I_NOP,
	MN_I_ALU,    /* one-cycle integer arithmetic and logic, MOVW/MOVT */
	MN_I_ADDMOV, /* ADD/SUB/MOV/MOVW/MOVT without a shift: the M7 may run them in its early ALU
		      */
	MN_I_SHIFT,  /* LSL/LSR/ASR/ROR/RRX as an instruction of its own */
	MN_I_MUL,    /* 32-bit and DSP multiplies without an accumulator */
	MN_I_MAC,    /* with one; MN_IA_LONG: a 64-bit result */
	MN_I_DIV,
	MN_I_SIMD,  /* bit field, extend, pack, parallel add, SEL, REV, CLZ: the M7's one SIMD unit
		     */
	MN_I_SIMD2, /* saturating and USAD8: the same unit, result one cycle later */
	MN_I_LOAD,
	MN_I_STORE,
	MN_I_LOAD2, /* LDRD */
	MN_I_STORE2,
	MN_I_LOADM, /* LDM, POP */
	MN_I_STOREM,
	MN_I_B, /* direct, always */
	MN_I_BCC,
	MN_I_BL,
	MN_I_CBZ,
	MN_I_BX, /* BX, BLX, MOV pc, ADD pc */
	MN_I_TBB,
	MN_I_IT,
	MN_I_SYSREG, /* MRS, MSR, CPS */
	MN_I_BARRIER,
	MN_I_ISB,
	MN_I_TRAP, /* SVC, BKPT, WFI: leave the program */
	MN_I_VMOV, /* VMOV s,s / s,#imm, VABS, VNEG */
	MN_I_VALU, /* VADD, VSUB, VMUL, VCVT, VCMP */
	MN_I_VMAC, /* VMLA/VMLS/VFMA …; facc is the accumulator; MN_IA_FUSED */
	MN_I_VDIV,
	MN_I_VSQRT,
	MN_I_VCORE, /* core register <-> s register, VMRS; n_words registers */
	MN_I_VLOAD,
	MN_I_VSTORE,
	MN_I_VLOADM, /* n_words single words */
	MN_I_VSTOREM,
	MN_I_CLASSES
};

#define MN_IA_LOAD    (1u << 0)  /* reads memory */
#define MN_IA_STORE   (1u << 1)  /* writes memory */
#define MN_IA_BASE    (1u << 2)  /* writes its base register back */
#define MN_IA_REGOFF  (1u << 3)  /* register offset addressing */
#define MN_IA_SHIFTED (1u << 4)  /* inline shifted operand, or a rotated 8-bit constant */
#define MN_IA_LONG    (1u << 5)  /* 64-bit multiply result */
#define MN_IA_SLOW    (1u << 6)  /* byte or half load: data one stage later */
#define MN_IA_PC      (1u << 7)  /* may write the PC */
#define MN_IA_LITERAL (1u << 8)  /* PC-relative load */
#define MN_IA_SLOT0   (1u << 9)  /* CLZ, BFI: M7 older slot only */
#define MN_IA_FUSED   (1u << 10) /* VFMA family */
#define MN_IA_DOUBLE  (1u << 11) /* double precision */
#define MN_IA_FP      (1u << 12) /* needs the FPU */
#define MN_IA_EXCL    (1u << 13) /* LDREX, STREX */
#define MN_IA_REV     (1u << 14)
#define MN_IA_CALL    (1u << 15)

#define MN_R_FLAGS (1u << 16) /* in src and dst: APSR flags */

struct mn_insn {
	uint8_t cls;  /* enum mn_insn_class */
	uint8_t size; /* 2 or 4 bytes */
	uint8_t cond; /* 1: inside an IT block, may be skipped */
	uint8_t rn;   /* base register of a load or store, else 16 */
	uint16_t attr;
	uint8_t n_words;      /* memory transfers, or registers of MN_I_VCORE */
	uint8_t access_bytes; /* of one transfer */
	uint8_t it_count;     /* MN_I_IT: instructions that it covers */
	uint8_t rd_div[2];    /* MN_I_DIV: Rn, Rm */
	uint8_t is_signed;    /* MN_I_DIV: SDIV */
	uint32_t src;         /* read at the usual stage */
	uint32_t early;       /* read at address generation: base, index, inline-shifted operand */
	uint32_t index;       /* of those, the index register of a load or store */
	uint32_t late;        /* accumulators and store data */
	uint32_t dst;
	uint32_t fsrc, facc, fdst; /* s registers */
};

/*
 * Decode the instruction whose first halfword is hw1; hw2 is looked at only if the instruction is
 * wide. Unknown encodings give MN_I_UNDEFINED with the right size. `cond` is left 0: IT is the
 * caller's.
 */
void mn_insn_decode(uint16_t hw1, uint16_t hw2, struct mn_insn *ret_insn);

/* 1 if hw1 starts a 32-bit instruction. */
static inline int mn_insn_is_wide(uint16_t hw1)
{
	return (hw1 >> 11) >= 0x1d;
}

#endif
