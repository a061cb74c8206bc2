/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <capstone/capstone.h>

#include "insn.h"

#define R(n) (1u << (n))

struct expected {
	uint16_t h1, h2;
	const char *text;
	uint8_t cls, size, n_words;
	uint32_t dst, src, early, late;
};

/* clang-format off */
static const struct expected table[] = {
	{0x4402, 0,      "add r2, r0",                  MN_I_ADDMOV, 2, 0, R(2), R(2) | R(0), 0, 0},
	{0x4293, 0,      "cmp r3, r2",                  MN_I_ALU,    2, 0, MN_R_FLAGS, R(3) | R(2), 0, 0},
	{0x4770, 0,      "bx lr",                       MN_I_BX,     2, 0, 0, R(14), 0, 0},
	{0xf803, 0x1b01, "strb r1, [r3], #1",           MN_I_STORE,  4, 1, R(3), 0, R(3), R(1)},
	{0xe7f9, 0,      "b",                           MN_I_B,      2, 0, 0, 0, 0, 0},
	{0xf850, 0x4b04, "ldr r4, [r0], #4",            MN_I_LOAD,   4, 1, R(4) | R(0), 0, R(0), 0},
	{0xea4f, 0x2534, "mov r5, r4, ror #8",          MN_I_SHIFT,  4, 0, R(5), R(4), 0, 0},
	{0xfa26, 0xf484, "sxtab16 r4, r6, r4",          MN_I_SIMD,   4, 0, R(4), R(6), R(4), 0},
	{0xeac4, 0x4705, "pkhbt r7, r4, r5, lsl #16",   MN_I_SIMD,   4, 0, R(7), R(4), R(5), 0},
	{0xfb21, 0x0002, "smlad r0, r1, r2, r0",        MN_I_MAC,    4, 0, R(0), R(1) | R(2), 0, R(0)},
	{0xe9d0, 0x1200, "ldrd r1, r2, [r0]",           MN_I_LOAD2,  4, 2, R(1) | R(2), 0, R(0), 0},
	{0xe890, 0x001e, "ldm r0, {r1-r4}",             MN_I_LOADM,  4, 4, 0x1e, 0, R(0), 0},
	{0xb430, 0,      "push {r4, r5}",               MN_I_STOREM, 2, 2, R(13), 0, R(13), R(4) | R(5)},
	{0xbd10, 0,      "pop {r4, pc}",                MN_I_LOADM,  2, 2, R(4) | R(15) | R(13), 0, R(13), 0},
	{0x5081, 0,      "str r1, [r0, r2]",            MN_I_STORE,  2, 1, 0, 0, R(0) | R(2), R(1)},
	{0xe8df, 0xf000, "tbb [pc, r0]",                MN_I_TBB,    4, 1, R(15), 0, R(0), 0},
	{0xfb91, 0xf0f2, "sdiv r0, r1, r2",             MN_I_DIV,    4, 0, R(0), R(1) | R(2), 0, 0},
	{0xbf04, 0,      "itt eq",                      MN_I_IT,     2, 0, 0, MN_R_FLAGS, 0, 0},
	{0xfbc2, 0x0103, "smlal r0, r1, r2, r3",        MN_I_MAC,    4, 0, R(0) | R(1), R(2) | R(3), 0, R(0) | R(1)},
	{0xeb01, 0x00c2, "add r0, r1, r2, lsl #3",      MN_I_ALU,    4, 0, R(0), R(1), R(2), 0},
	{0xf301, 0x0007, "ssat r0, #8, r1",             MN_I_SIMD2,  4, 0, R(0), 0, R(1), 0},
	{0xf3c1, 0x0082, "ubfx r0, r1, #2, #3",         MN_I_SIMD,   4, 0, R(0), 0, R(1), 0},
	{0xfb71, 0x3002, "usada8 r0, r1, r2, r3",       MN_I_SIMD2,  4, 0, R(0), R(1) | R(2), 0, R(3)},
	{0xf7ff, 0xff89, "bl",                          MN_I_BL,     4, 0, R(14), 0, 0, 0},
	{0xf3bf, 0x8f4f, "dsb",                         MN_I_BARRIER, 4, 0, 0, 0, 0, 0},
	{0xf3bf, 0x8f6f, "isb",                         MN_I_ISB,    4, 0, 0, 0, 0, 0},
	{0xb662, 0,      "cpsie i",                     MN_I_SYSREG, 2, 0, 0, 0, 0, 0},
	{0xde00, 0,      "udf",                         MN_I_UNDEFINED, 2, 0, 0, 0, 0, 0},
	{0xed2d, 0x8b02, "vpush {d8}",                  MN_I_VSTOREM, 4, 2, R(13), 0, R(13), 0},
	{0xf911, 0x0022, "ldrsb r0, [r1, r2, lsl #2]",  MN_I_LOAD,   4, 1, R(0), 0, R(1) | R(2), 0},
};
/* clang-format on */

static void test_table(void **state)
{
	(void)state;
	for (size_t k = 0; k < sizeof(table) / sizeof(table[0]); k++) {
		const struct expected *e = &table[k];
		struct mn_insn i;

		mn_insn_decode(e->h1, e->h2, &i);
		if (i.cls != e->cls || i.size != e->size || i.n_words != e->n_words ||
		    i.dst != e->dst || i.src != e->src || i.early != e->early || i.late != e->late)
			fail_msg("%s: class %d size %d words %d dst %x src %x early %x late %x",
				 e->text, i.cls, i.size, i.n_words, i.dst, i.src, i.early, i.late);
	}
}

/* What capstone calls a load, a store or a branch is one here, for every narrow and many wide
 * codes. */
static void against_capstone(csh cs, uint16_t h1, uint16_t h2)
{
	uint8_t bytes[4] = {(uint8_t)h1, (uint8_t)(h1 >> 8), (uint8_t)h2, (uint8_t)(h2 >> 8)};
	cs_insn *insn;
	struct mn_insn i;
	const char *m;

	mn_insn_decode(h1, h2, &i);
	assert_int_equal(i.size, mn_insn_is_wide(h1) ? 4 : 2);
	assert_true(i.n_words <= 32 && i.cls < MN_I_CLASSES);
	if (cs_disasm(cs, bytes, i.size, 0x1000, 1, &insn) != 1)
		return;
	m = insn->mnemonic;
	/* A byte or half load into the PC is PLD or unpredictable. */
	if (insn->size == i.size && i.cls != MN_I_UNDEFINED &&
	    !(i.cls == MN_I_NOP && !strncmp(insn->op_str, "pc,", 3))) {
		int load = !strncmp(m, "ldr", 3) || !strncmp(m, "ldm", 3) ||
			   !strncmp(m, "pop", 3) || !strncmp(m, "vldr", 4) ||
			   !strncmp(m, "vldm", 4) || !strncmp(m, "vpop", 4) ||
			   !strncmp(m, "fldm", 4);
		int store = !strncmp(m, "str", 3) || !strncmp(m, "stm", 3) ||
			    !strncmp(m, "push", 4) || !strncmp(m, "vstr", 4) ||
			    !strncmp(m, "vstm", 4) || !strncmp(m, "vpush", 5) ||
			    !strncmp(m, "fstm", 4);
		int divide = !strcmp(m, "sdiv") || !strcmp(m, "udiv");

		if (load != ((i.attr & MN_IA_LOAD) && i.cls != MN_I_TBB) ||
		    store != ((i.attr & MN_IA_STORE) != 0) || divide != (i.cls == MN_I_DIV))
			fail_msg("%04x %04x %s %s: class %d attr %x", h1, h2, m, insn->op_str,
				 i.cls, i.attr);
	}
	cs_free(insn, 1);
}

static void test_against_capstone(void **state)
{
	uint32_t x = 12345;
	csh cs;

	(void)state;
	assert_int_equal(cs_open(CS_ARCH_ARM, CS_MODE_THUMB | CS_MODE_MCLASS, &cs), CS_ERR_OK);
	for (uint32_t h = 0; h < 0xe800; h++)
		against_capstone(cs, (uint16_t)h, 0xbf00);
	for (uint32_t k = 0; k < 300000; k++) {
		x ^= x << 13;
		x ^= x >> 17;
		x ^= x << 5;
		against_capstone(cs, (uint16_t)(0xe800 + (x & 0x17ff)), (uint16_t)(x >> 16));
	}
	cs_close(&cs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_against_capstone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
