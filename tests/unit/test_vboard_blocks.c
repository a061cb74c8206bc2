/* SPDX-License-Identifier: MIT */
/*
 * Straight-line blocks on the Cortex-M7 model, whose cycles SLOTHY publishes for the same
 * operations (slothy-optimizer/slothy ede5131d, examples/opt/armv7m, "Instructions" and "Expected
 * cycles"): what its model of the core expects of the best order, not silicon. The code is our own,
 * from the arithmetic; each block is in an order that needs no more, and must not need less.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "vboard_sim.h"

#define CODE     0x00000400u /* ITCM */
#define A        SIM_SRAM    /* DTCM: rN points to A + 0x400 * N */
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* clang-format off */
/* Sums of three pairs of int16: add_kyber, last loop: 12 in 6. Differences: sub_kyber, the same. */
static const struct sim_insn add3[] = {
	{0x6893, 0, A + 0x808, 0}, /* ldr r3, [r2, #8] */
	{0x684d, 0, A + 0x404, 0}, /* ldr r5, [r1, #4] */
	{0x688c, 0, A + 0x408, 0}, /* ldr r4, [r1, #8] */
	{0x6856, 0, A + 0x804, 0}, /* ldr r6, [r2, #4] */
	{0xfa95, 0xf746, 0, 0}, /* uadd16 r7, r5, r6 */
	{0xf8d1, 0x8000, A + 0x400, 0}, /* ldr r8, [r1, #0] */
	{0xf8d2, 0x9000, A + 0x800, 0}, /* ldr r9, [r2, #0] */
	{0x6047, 0, A + 0x004, 0}, /* str r7, [r0, #4] */
	{0xfa94, 0xfa43, 0, 0}, /* uadd16 r10, r4, r3 */
	{0xf8c0, 0xa008, A + 0x008, 0}, /* str r10, [r0, #8] */
	{0xfa98, 0xf449, 0, 0}, /* uadd16 r4, r8, r9 */
	{0x6004, 0, A + 0x000, 0}, /* str r4, [r0, #0] */
};

/* Sums of five, and a counter: add_kyber: 21 in 11. Differences: sub_kyber, the same. */
static const struct sim_insn add5[] = {
	{0xf8d1, 0x9008, A + 0x408, 0}, /* ldr r9, [r1, #8] */
	{0x684b, 0, A + 0x404, 0}, /* ldr r3, [r1, #4] */
	{0xf8d2, 0xc00c, A + 0x80c, 0}, /* ldr r12, [r2, #12] */
	{0x690c, 0, A + 0x410, 0}, /* ldr r4, [r1, #16] */
	{0x6857, 0, A + 0x804, 0}, /* ldr r7, [r2, #4] */
	{0xf8d2, 0x8000, A + 0x800, 0}, /* ldr r8, [r2, #0] */
	{0xfa93, 0xf547, 0, 0}, /* uadd16 r5, r3, r7 */
	{0x6917, 0, A + 0x810, 0}, /* ldr r7, [r2, #16] */
	{0x6896, 0, A + 0x808, 0}, /* ldr r6, [r2, #8] */
	{0xf8d1, 0xa00c, A + 0x40c, 0}, /* ldr r10, [r1, #12] */
	{0xfa99, 0xfb46, 0, 0}, /* uadd16 r11, r9, r6 */
	{0xf8d1, 0x9000, A + 0x400, 0}, /* ldr r9, [r1, #0] */
	{0xf8c0, 0xb008, A + 0x008, 0}, /* str r11, [r0, #8] */
	{0xf1be, 0x0e01, 0, 0}, /* subs r14, r14, #1 */
	{0xfa9a, 0xfa4c, 0, 0}, /* uadd16 r10, r10, r12 */
	{0x6045, 0, A + 0x004, 0}, /* str r5, [r0, #4] */
	{0xfa94, 0xfb47, 0, 0}, /* uadd16 r11, r4, r7 */
	{0xf8c0, 0xa00c, A + 0x00c, 0}, /* str r10, [r0, #12] */
	{0xfa99, 0xf348, 0, 0}, /* uadd16 r3, r9, r8 */
	{0xf8c0, 0xb010, A + 0x010, 0}, /* str r11, [r0, #16] */
	{0x6003, 0, A + 0x000, 0}, /* str r3, [r0, #0] */
};

/* Eight times a - ((a + 2^22) >> 23) * q, the first two loaded before, the next two loaded here: reduce32_dilithium: 41 in 21. */
static const struct sim_insn reduce32[] = {
	{0xf501, 0x0380, 0, 0}, /* add r3, r1, #4194304 */
	{0xf502, 0x0480, 0, 0}, /* add r4, r2, #4194304 */
	{0xea4f, 0x55e3, 0, 0}, /* asr r5, r3, #23 */
	{0xea4f, 0x56e4, 0, 0}, /* asr r6, r4, #23 */
	{0xfb05, 0x171c, 0, 0}, /* mls r7, r5, r12, r1 */
	{0xfb06, 0x221c, 0, 0}, /* mls r2, r6, r12, r2 */
	{0x6007, 0, A + 0x000, 0}, /* str r7, [r0, #0] */
	{0xf8d0, 0x8008, A + 0x008, 0}, /* ldr r8, [r0, #8] */
	{0xf508, 0x0980, 0, 0}, /* add r9, r8, #4194304 */
	{0x6042, 0, A + 0x004, 0}, /* str r2, [r0, #4] */
	{0xf8d0, 0xa00c, A + 0x00c, 0}, /* ldr r10, [r0, #12] */
	{0xea4f, 0x5be9, 0, 0}, /* asr r11, r9, #23 */
	{0xf50a, 0x0380, 0, 0}, /* add r3, r10, #4194304 */
	{0xfb0b, 0x841c, 0, 0}, /* mls r4, r11, r12, r8 */
	{0xea4f, 0x57e3, 0, 0}, /* asr r7, r3, #23 */
	{0x6084, 0, A + 0x008, 0}, /* str r4, [r0, #8] */
	{0x6905, 0, A + 0x010, 0}, /* ldr r5, [r0, #16] */
	{0xfb07, 0xa11c, 0, 0}, /* mls r1, r7, r12, r10 */
	{0xf505, 0x0480, 0, 0}, /* add r4, r5, #4194304 */
	{0x60c1, 0, A + 0x00c, 0}, /* str r1, [r0, #12] */
	{0xea4f, 0x56e4, 0, 0}, /* asr r6, r4, #23 */
	{0x6942, 0, A + 0x014, 0}, /* ldr r2, [r0, #20] */
	{0xf502, 0x0980, 0, 0}, /* add r9, r2, #4194304 */
	{0xfb06, 0x5b1c, 0, 0}, /* mls r11, r6, r12, r5 */
	{0xea4f, 0x58e9, 0, 0}, /* asr r8, r9, #23 */
	{0xf8c0, 0xb010, A + 0x010, 0}, /* str r11, [r0, #16] */
	{0x6985, 0, A + 0x018, 0}, /* ldr r5, [r0, #24] */
	{0xfb08, 0x231c, 0, 0}, /* mls r3, r8, r12, r2 */
	{0xf505, 0x0780, 0, 0}, /* add r7, r5, #4194304 */
	{0x6143, 0, A + 0x014, 0}, /* str r3, [r0, #20] */
	{0xf8d0, 0xa01c, A + 0x01c, 0}, /* ldr r10, [r0, #28] */
	{0xea4f, 0x53e7, 0, 0}, /* asr r3, r7, #23 */
	{0xf50a, 0x0180, 0, 0}, /* add r1, r10, #4194304 */
	{0xfb03, 0x571c, 0, 0}, /* mls r7, r3, r12, r5 */
	{0xea4f, 0x54e1, 0, 0}, /* asr r4, r1, #23 */
	{0x6187, 0, A + 0x018, 0}, /* str r7, [r0, #24] */
	{0xfb04, 0xa61c, 0, 0}, /* mls r6, r4, r12, r10 */
	{0xf1be, 0x0e01, 0, 0}, /* subs r14, r14, #1 */
	{0x61c6, 0, A + 0x01c, 0}, /* str r6, [r0, #28] */
	{0xf8d0, 0x9024, A + 0x024, 0}, /* ldr r9, [r0, #36] */
	{0x6a03, 0, A + 0x020, 0}, /* ldr r3, [r0, #32] */
};

/* Eight times a + (q if a < 0), likewise: caddq_dilithium: 34 in 17. */
static const struct sim_insn caddq[] = {
	{0xf8d0, 0x9008, A + 0x008, 0}, /* ldr r9, [r0, #8] */
	{0xea0c, 0x73e1, 0, 0}, /* and r3, r12, r1, asr #31 */
	{0x4419, 0, 0, 0}, /* add r1, r1, r3 */
	{0xea0c, 0x74e2, 0, 0}, /* and r4, r12, r2, asr #31 */
	{0xea0c, 0x77e9, 0, 0}, /* and r7, r12, r9, asr #31 */
	{0xeb02, 0x0304, 0, 0}, /* add r3, r2, r4 */
	{0xeb09, 0x0507, 0, 0}, /* add r5, r9, r7 */
	{0x6043, 0, A + 0x004, 0}, /* str r3, [r0, #4] */
	{0x6001, 0, A + 0x000, 0}, /* str r1, [r0, #0] */
	{0x68c3, 0, A + 0x00c, 0}, /* ldr r3, [r0, #12] */
	{0x6906, 0, A + 0x010, 0}, /* ldr r6, [r0, #16] */
	{0x6085, 0, A + 0x008, 0}, /* str r5, [r0, #8] */
	{0xea0c, 0x78e3, 0, 0}, /* and r8, r12, r3, asr #31 */
	{0xf8d0, 0xa014, A + 0x014, 0}, /* ldr r10, [r0, #20] */
	{0xea0c, 0x79e6, 0, 0}, /* and r9, r12, r6, asr #31 */
	{0xeb03, 0x0408, 0, 0}, /* add r4, r3, r8 */
	{0xea0c, 0x7bea, 0, 0}, /* and r11, r12, r10, asr #31 */
	{0xeb06, 0x0309, 0, 0}, /* add r3, r6, r9 */
	{0x60c4, 0, A + 0x00c, 0}, /* str r4, [r0, #12] */
	{0x6982, 0, A + 0x018, 0}, /* ldr r2, [r0, #24] */
	{0xeb0a, 0x070b, 0, 0}, /* add r7, r10, r11 */
	{0x6103, 0, A + 0x010, 0}, /* str r3, [r0, #16] */
	{0xea0c, 0x71e2, 0, 0}, /* and r1, r12, r2, asr #31 */
	{0x69c5, 0, A + 0x01c, 0}, /* ldr r5, [r0, #28] */
	{0x440a, 0, 0, 0}, /* add r2, r2, r1 */
	{0xf8d0, 0x8024, A + 0x024, 0}, /* ldr r8, [r0, #36] */
	{0xf1be, 0x0e01, 0, 0}, /* subs r14, r14, #1 */
	{0xea0c, 0x7ae5, 0, 0}, /* and r10, r12, r5, asr #31 */
	{0xeb05, 0x060a, 0, 0}, /* add r6, r5, r10 */
	{0x6182, 0, A + 0x018, 0}, /* str r2, [r0, #24] */
	{0x6147, 0, A + 0x014, 0}, /* str r7, [r0, #20] */
	{0xf8d0, 0x9020, A + 0x020, 0}, /* ldr r9, [r0, #32] */
	{0xd1fe, 0, 0, 0}, /* bne . */
	{0x61c6, 0, A + 0x01c, 0}, /* str r6, [r0, #28] */
};

/* Two complex products of int16 pairs; operands of the next round loaded here: basemul_16_32_kyber: 15 in 8. */
static const struct sim_insn basemul_16_32[] = {
	{0xfb25, 0xf717, 0, 0}, /* smuadx r7, r5, r7 */
	{0xf8d1, 0xa008, A + 0x408, 0}, /* ldr r10, [r1, #8] */
	{0xfb25, 0xf509, 0, 0}, /* smuad r5, r5, r9 */
	{0xf8d3, 0xb00c, A + 0xc0c, 0}, /* ldr r11, [r3, #12] */
	{0xfb24, 0xf908, 0, 0}, /* smuad r9, r4, r8 */
	{0xf8d2, 0xb00c, A + 0x80c, 0}, /* ldr r11, [r2, #12] */
	{0xf8d2, 0xc008, A + 0x808, 0}, /* ldr r12, [r2, #8] */
	{0xfb24, 0xf416, 0, 0}, /* smuadx r4, r4, r6 */
	{0xf8d3, 0xa008, A + 0xc08, 0}, /* ldr r10, [r3, #8] */
	{0x60c7, 0, A + 0x00c, 0}, /* str r7, [r0, #12] */
	{0x6085, 0, A + 0x008, 0}, /* str r5, [r0, #8] */
	{0xf8d1, 0x800c, A + 0x40c, 0}, /* ldr r8, [r1, #12] */
	{0xf8c0, 0x9000, A + 0x000, 0}, /* str r9, [r0, #0] */
	{0xf1be, 0x0e01, 0, 0}, /* subs r14, r14, #1 */
	{0x6044, 0, A + 0x004, 0}, /* str r4, [r0, #4] */
};

/* The same with half of the loads: basemul_16_32_kyber, last loop: 12 in 8. */
static const struct sim_insn basemul_16_32_tail[] = {
	{0xfb25, 0xf717, 0, 0}, /* smuadx r7, r5, r7 */
	{0xf8d1, 0xa008, A + 0x408, 0}, /* ldr r10, [r1, #8] */
	{0xfb25, 0xf509, 0, 0}, /* smuad r5, r5, r9 */
	{0xf1be, 0x0e01, 0, 0}, /* subs r14, r14, #1 */
	{0xfb24, 0xfb08, 0, 0}, /* smuad r11, r4, r8 */
	{0xf8d3, 0x9008, A + 0xc08, 0}, /* ldr r9, [r3, #8] */
	{0xfb24, 0xf816, 0, 0}, /* smuadx r8, r4, r6 */
	{0xf8d2, 0xc008, A + 0x808, 0}, /* ldr r12, [r2, #8] */
	{0x60c7, 0, A + 0x00c, 0}, /* str r7, [r0, #12] */
	{0x6085, 0, A + 0x008, 0}, /* str r5, [r0, #8] */
	{0xf8c0, 0xb000, A + 0x000, 0}, /* str r11, [r0, #0] */
	{0xf8c0, 0x8004, A + 0x004, 0}, /* str r8, [r0, #4] */
};

/* Two products, the one reduced modulo q: basemul_257_dilithium: 11 in 7. */
static const struct sim_insn basemul_257[] = {
	{0xf8de, 0x9004, A + 0x3804, 0}, /* ldr r9, [r14, #4] */
	{0x6888, 0, A + 0x408, 0}, /* ldr r0, [r1, #8] */
	{0xf1c9, 0x0c00, 0, 0}, /* neg r12, r9 */
	{0x680c, 0, A + 0x400, 0}, /* ldr r4, [r1, #0] */
	{0xfb10, 0xfa29, 0, 0}, /* smultb r10, r0, r9 */
	{0x684c, 0, A + 0x404, 0}, /* ldr r4, [r1, #4] */
	{0x68cd, 0, A + 0x40c, 0}, /* ldr r5, [r1, #12] */
	{0xf8de, 0x9000, A + 0x3800, 0}, /* ldr r9, [r14, #0] */
	{0xfb5a, 0xf612, 0, 0}, /* smmulr r6, r10, r2 */
	{0xfb15, 0xf72c, 0, 0}, /* smultb r7, r5, r12 */
	{0xfb06, 0xa813, 0, 0}, /* mls r8, r6, r3, r10 */
};

/* Three 64-bit products with Montgomery reduction; operands of the next round loaded here: pointwise_montgomery_dilithium: 20 in 12. */
static const struct sim_insn montgomery[] = {
	{0xfb87, 0xe808, 0, 0}, /* smull r14, r8, r7, r8 */
	{0xf8d1, 0x9008, A + 0x408, 0}, /* ldr r9, [r1, #8] */
	{0xf8d2, 0xb008, A + 0x808, 0}, /* ldr r11, [r2, #8] */
	{0xfb85, 0xa606, 0, 0}, /* smull r10, r6, r5, r6 */
	{0xfb0e, 0xf503, 0, 0}, /* mul r5, r14, r3 */
	{0x690f, 0, A + 0x410, 0}, /* ldr r7, [r1, #16] */
	{0xfb89, 0x7b0b, 0, 0}, /* smull r7, r11, r9, r11 */
	{0xf8d2, 0x900c, A + 0x80c, 0}, /* ldr r9, [r2, #12] */
	{0xfbc5, 0xe804, 0, 0}, /* smlal r14, r8, r5, r4 */
	{0xd1fe, 0, 0, 0}, /* bne . */
	{0xfb07, 0xf903, 0, 0}, /* mul r9, r7, r3 */
	{0x6915, 0, A + 0x810, 0}, /* ldr r5, [r2, #16] */
	{0xfb0a, 0xfe03, 0, 0}, /* mul r14, r10, r3 */
	{0x68cd, 0, A + 0x40c, 0}, /* ldr r5, [r1, #12] */
	{0xfbc9, 0x7b04, 0, 0}, /* smlal r7, r11, r9, r4 */
	{0xf1bc, 0x0c01, 0, 0}, /* subs r12, r12, #1 */
	{0xf8c0, 0xb008, A + 0x008, 0}, /* str r11, [r0, #8] */
	{0xfbce, 0xa604, 0, 0}, /* smlal r10, r6, r14, r4 */
	{0xf8c0, 0x8004, A + 0x004, 0}, /* str r8, [r0, #4] */
	{0x6006, 0, A + 0x000, 0}, /* str r6, [r0, #0] */
};

static const struct {
	const char *name;
	const struct sim_insn *code;
	unsigned n, cycles;
	int subtract; /* USUB16 for UADD16 */
} blocks[] = {
	{"add3", add3, COUNT(add3), 6, 0},
	{"sub3", add3, COUNT(add3), 6, 1},
	{"add5", add5, COUNT(add5), 11, 0},
	{"sub5", add5, COUNT(add5), 11, 1},
	{"reduce32", reduce32, COUNT(reduce32), 21, 0},
	{"caddq", caddq, COUNT(caddq), 17, 0},
	{"basemul_16_32", basemul_16_32, COUNT(basemul_16_32), 8, 0},
	{"basemul_16_32 tail", basemul_16_32_tail, COUNT(basemul_16_32_tail), 8, 0},
	{"basemul_257", basemul_257, COUNT(basemul_257), 7, 0},
	{"montgomery", montgomery, COUNT(montgomery), 12, 0},
};
/* clang-format on */

static void test_blocks(void **state)
{
	static const char *const boards[] = {"virtual-f746zg", "virtual-f767zi"};

	(void)state;
	for (size_t b = 0; b < COUNT(boards); b++)
		for (size_t k = 0; k < COUNT(blocks); k++) {
			struct sim_insn code[64];
			struct sim s;
			uint64_t cycles = 0;

			memcpy(code, blocks[k].code, blocks[k].n * sizeof(code[0]));
			for (unsigned i = 0; blocks[k].subtract && i < blocks[k].n; i++)
				if ((code[i].h1 & 0xfff0) == 0xfa90)
					code[i].h1 ^= 0x0040;

			sim_open(&s, boards[b]);
			for (int pass = 0; pass < 4; pass++) {
				/* From an empty pipeline, as the published figures count. */
				s.model->ops->advance(s.model, 100);
				s.pc = CODE;
				cycles = sim_run(&s, code, blocks[k].n, 1);
			}
			if (cycles != blocks[k].cycles)
				fail_msg("%s, %s: %u instructions, %u cycles published, %u here",
					 boards[b], blocks[k].name, blocks[k].n, blocks[k].cycles,
					 (unsigned)cycles);
			sim_close(&s);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_blocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
