/* SPDX-License-Identifier: MIT */
/*
 * Micro-checks of the Cortex-M4 model. Each says where its number comes from: TRM = the instruction
 * and load/store timing tables of the Technical Reference Manual as TI reprints them; F446 =
 * published measurements on a NUCLEO-F446RE, decomposed exactly; others by name.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "vboard_sim.h"

#define CODE 0x08001000u
#define A    SIM_SRAM
#define B    (SIM_SRAM + 0x100)
#define C    (SIM_SRAM + 0x200)
/* clang-format off */
#define NOP      {0xbf00, 0, 0, 0}
#define LDR1_R0  {0x6801, 0, A, 0} /* ldr r1, [r0] */
#define LDR2_R3  {0x681a, 0, B, 0} /* ldr r2, [r3] */
#define LDR4_R5  {0x682c, 0, C, 0} /* ldr r4, [r5] */
#define LDR2_R1  {0x680a, 0, B, 0} /* ldr r2, [r1] */
#define STR1_R3  {0x6019, 0, B, 0} /* str r1, [r3] */
#define STR1_RR  {0x5081, 0, B, 0} /* str r1, [r0, r2] */
/* clang-format on */

static int setup(void **state)
{
	static struct sim s;

	sim_open(&s, "virtual-f446re");
	*state = &s;
	return 0;
}

static int teardown(void **state)
{
	sim_close(*state);
	return 0;
}

#define EXPECT(cycles, ...)                                                                        \
	assert_int_equal(SIM_STEADY(*state, CODE, __VA_ARGS__), (cycles) * (uint64_t)SIM_PASSES)

/* TRM 3.3.2: LDR 2; two independent 3; three 4. */
static void test_loads(void **state)
{
	EXPECT(1 + 2, NOP, LDR1_R0);
	EXPECT(1 + 3, NOP, LDR1_R0, LDR2_R3);
	EXPECT(1 + 4, NOP, LDR1_R0, LDR2_R3, LDR4_R5);
}

/* TRM 3.3.2: the loaded value as an address does not overlap. */
static void test_load_dependent_address(void **state)
{
	EXPECT(1 + 4, NOP, LDR1_R0, LDR2_R1);
}

/*
 * TRM 3.3.2: LDR then STR 3; STR 1; STR with a register offset 2, and a load behind it starts anew.
 * jnk0le, F407: a load directly behind a store adds a cycle; one instruction between hides it.
 */
static void test_stores(void **state)
{
	EXPECT(1 + 3, NOP, LDR1_R0, STR1_R3);
	EXPECT(1 + 1, NOP, STR1_R3);
	EXPECT(1 + 2, NOP, STR1_RR);
	EXPECT(1 + 1 + 1 + 2, NOP, STR1_R3, LDR4_R5);
	EXPECT(1 + 1 + 2, STR1_R3, NOP, LDR4_R5);
	EXPECT(1 + 1 + 1 + 3, NOP, STR1_R3, {0xe9d0, 0x1200, A, 0});
}

/* GCC's cortex-m4.md: ALU result to an address 2. */
static void test_address_stall(void **state)
{
	EXPECT(1 + 1 + 2, {0x3004, 0, 0, 0}, LDR1_R0); /* adds r0, #4 */
	EXPECT(1 + 2, {0x3604, 0, 0, 0}, LDR1_R0);     /* adds r6, #4 */
}

/* jnk0le, F407: base updates chain only with different bases. ldr r1, [r0], #4 twice; r0 then r3.
 */
static void test_load_writeback(void **state)
{
	EXPECT(4, {0xf850, 0x1b04, A, 0}, {0xf850, 0x2b04, A, 0});
	EXPECT(1 + 3, {0xf04f, 0x0000, 0, 0}, {0xf857, 0x1b04, A, 0}, {0xf853, 0x2b04, A, 0});
}

/* TRM: LDRD 3, LDM 1 + N, PUSH 1 + N, POP with PC 1 + N + 3. */
static void test_multiple(void **state)
{
	EXPECT(3, {0xe9d0, 0x1200, A, 0});
	EXPECT(4, {0xe890, 0x000e, A, 0});
	EXPECT(1 + 3, NOP, {0xb430, 0, A, 0});
	EXPECT(1 + 1 + 2 + 3, NOP, {0xbd10, 0, A, CODE});
}

/* Unaligned word at 2 mod 4 two transfers, odd three (rsaxvc). */
static void test_unaligned(void **state)
{
	EXPECT(1 + 3, NOP, {0x6801, 0, A + 2, 0});
	EXPECT(1 + 4, NOP, {0x6801, 0, A + 1, 0});
	EXPECT(1 + 3, NOP, {0x8801, 0, A + 1, 0}); /* ldrh */
}

/* TRM: multiplies of every kind 1, SDIV 2..12. */
static void test_arithmetic(void **state)
{
	EXPECT(1, {0xfb21, 0x0002, 0, 0}); /* smlad r0, r1, r2, r0 */
	EXPECT(1, {0xfbc2, 0x0103, 0, 0}); /* smlal */
	EXPECT(1, {0xfa21, 0xf092, 0, 0}); /* sxtab16 ror */
	EXPECT(2, {0xfb91, 0xf0f2, 2, 0}); /* sdiv 2 / 3 */
	assert_in_range(SIM_STEADY(*state, CODE, {0xfb91, 0xf0f2, 0x7fffffff, 0}), 3 * SIM_PASSES,
			12 * SIM_PASSES);
}

/*
 * compendium.i-0.nl (measured): taken direct branch 2, to a 32-bit instruction at 2 mod 4 3, not
 * taken 1. [I] BX 3; TRM: TBB 6, LDR pc 5.
 */
static void test_branches(void **state)
{
	EXPECT(1 + 2, NOP, {0xe7fd, 0, 0, CODE});
	EXPECT(1 + 1, NOP, {0xd1fe, 0, 0, 0});
	EXPECT(1 + 3, NOP, {0x4770, 0, 0, CODE});
	EXPECT(1 + 6, NOP, {0xe8df, 0xf000, A, CODE});
	EXPECT(1 + 5, NOP, {0xf8d0, 0xf000, A, CODE});
	/* head: mov.w at 2 mod 4 */
	assert_int_equal(
		SIM_STEADY(*state, CODE + 2, {0xf04f, 0x0000, 0, 0}, {0xe7fc, 0, 0, CODE + 2}),
		(1 + 3) * SIM_PASSES);
}

/*
 * compendium.i-0.nl, two loops of 14 instructions that go round three times, whole, from flash that
 * is cached. Head 16 bits wide: 16 cycles. Head 32 bits at 2 mod 4: 19, of which its own rules
 * explain 18.
 */
static void test_loop_heads(void **state)
{
	struct sim *s = *state;
	const struct sim_insn enter[] = {{0x4602, 0, 0, 0}, {0xf04f, 0x0001, 0, 0}};
	struct sim_insn narrow[] = {{0x4410, 0, 0, 0}, /* add r0, r2 */
				    {0xf1a1, 0x0101, 0, 0},
				    {0x2900, 0, 0, 0},
				    {0xd1fa, 0, 0, CODE + 6}};
	struct sim_insn wide[] = {{0xfb02, 0xf000, 0, 0}, /* mul r0, r2, r0 */
				  {0xf1a1, 0x0101, 0, 0},
				  {0x2900, 0, 0, 0},
				  {0xd1f9, 0, 0, CODE + 6}};
	struct sim_insn *loop[] = {narrow, wide}, nop = NOP;
	uint64_t cycles[2] = {0}, start;

	for (int k = 0; k < 2; k++)
		for (int pass = 0; pass < 2; pass++) {
			s->pc = CODE - 16;
			sim_run(s, &nop, 1, 8);
			start = s->model->now;
			sim_run(s, enter, 2, 1);
			loop[k][3].next = CODE + 6;
			sim_run(s, loop[k], 4, 2);
			loop[k][3].next = 0;
			sim_run(s, loop[k], 4, 1);
			cycles[k] = s->model->now - start;
		}
	assert_int_equal(cycles[0], 16);
	assert_in_range(cycles[1], 18, 19);
}

/* F446, exact: byte memset of newlib's small variant 7.0 cycles a byte. */
static void test_memset_loop(void **state)
{
	const uint32_t head = CODE + 4;

	assert_int_equal(SIM_STEADY(*state, head, {0x4293, 0, 0, 0}, {0xd100, 0, 0, head + 6},
				    {0xf803, 0x1b01, A, 0}, {0xe7f9, 0, 0, head}),
			 7 * SIM_PASSES);
}

/* F446, exact: im2col copy, 4 int8 to 4 int16, 13.0 cycles. */
static void test_im2col_loop(void **state)
{
	EXPECT(13, {0xf850, 0x4b04, A, 0}, /* ldr   r4, [r0], #4 */
	       {0xea4f, 0x2534, 0, 0},     /* mov   r5, r4, ror #8 */
	       {0xfa26, 0xf484, 0, 0},     /* sxtab16 r4, r6, r4 */
	       {0xfa26, 0xf585, 0, 0},     /* sxtab16 r5, r6, r5 */
	       {0xeac4, 0x4705, 0, 0},     /* pkhbt r7, r4, r5, lsl #16 */
	       {0xeac5, 0x4824, 0, 0},     /* pkhtb r8, r5, r4, asr #16 */
	       {0xf8c1, 0x8004, B + 4, 0}, /* str   r8, [r1, #4] */
	       {0xf841, 0x7b08, B, 0},     /* str   r7, [r1], #8 */
	       {0xf102, 0x0200, 0, 0},     /* add   r2, r2, #0 */
	       {0x3b01, 0, 0, 0},          /* subs  r3, #1 */
	       {0xd1eb, 0, 0, CODE});      /* bne */
}

/*
 * Three-word queue: aligned wide code 1 a cycle. Unaligned: the first pair is in the queue, then
 * two instructions in three cycles (S6: three in a row cost one more; F446: the 1x1 loop, 106 to
 * 127).
 */
static void test_fetch_queue(void **state)
{
	EXPECT(1, {0xf04f, 0x0000, 0, 0});
	assert_int_equal(SIM_STEADY(*state, CODE + 2, {0xf04f, 0x0000, 0, 0}), SIM_PASSES * 3 / 2);
	EXPECT(1, NOP);
	/* ldr (2 cycles: the queue fills), three unaligned wide ones, and back on the boundary */
	EXPECT(2 + 2 + 3 + 1 + 3, {0x6801, 0, A, 0}, {0xbf00, 0, 0, 0}, {0xbf00, 0, 0, 0},
	       {0xf04f, 0x0000, 0, 0}, {0xf04f, 0x0000, 0, 0}, {0xf04f, 0x0000, 0, 0},
	       {0xbf00, 0, 0, 0}, {0xbf00, 0, 0, 0}, NOP);
}

/*
 * IT behind a 16-bit instruction costs nothing, but 1 behind a load, a store or a 32-bit one
 * (cmemu, checked on a Cortex-M3); a skipped instruction 1.
 */
static void test_it(void **state)
{
	static const struct sim_insn before[] = {LDR1_R0, STR1_R3, {0xf04f, 0x0000, 0, 0}};
	static const uint64_t cost[] = {2, 1, 1};
	struct sim *s = *state;
	const struct sim_insn it = {0xbf04, 0, 0, 0}, mov = {0x4608, 0, 0, 0},
			      ldr = {0x6808, 0, A, 0}, nop = NOP;
	uint64_t start;

	s->pc = CODE;
	for (int k = 0; k < 8; k++)
		sim_step(s, &nop, 0, 1);
	start = s->model->now;
	sim_step(s, &nop, 0, 1);
	sim_step(s, &it, 0, 1);
	sim_step(s, &mov, 1, 0);
	sim_step(s, &ldr, 1, 0);
	assert_int_equal(s->model->now - start, 1 + 0 + 1 + 1);
	for (unsigned i = 0; i < 3; i++) {
		for (int k = 0; k < 8; k++)
			sim_step(s, &nop, 0, 1);
		start = s->model->now;
		sim_step(s, &before[i], 0, 1);
		sim_step(s, &it, 0, 1);
		sim_step(s, &mov, 1, 1);
		sim_step(s, &mov, 1, 1);
		assert_int_equal(s->model->now - start, cost[i] + 1 + 1 + 1);
	}
}

/*
 * A conditional branch that is not taken has used up a fetch (TRM: the branch target is requested
 * in decode): 32-bit code, which takes a word a cycle, loses a cycle to it, 16-bit code nothing.
 */
static void test_speculative_fetch(void **state)
{
	struct sim *s = *state;
	const struct sim_insn code[] = {NOP, {0xf04f, 0x0000, 0, 0}};
	const struct sim_insn branch[] = {{0xd17e, 0, 0, 0}, {0xf040, 0x8080, 0, 0}};

	for (unsigned wide = 0; wide < 2; wide++) {
		uint64_t cycles[2], start;

		for (int with = 0; with < 2; with++) {
			s->pc = CODE;
			for (int k = 0; k < 16; k++)
				sim_step(s, &code[wide], 0, 1);
			start = s->model->now;
			sim_step(s, with ? &branch[wide] : &code[wide], 0, 1);
			for (int k = 0; k < 16; k++)
				sim_step(s, &code[wide], 0, 1);
			cycles[with] = s->model->now - start;
		}
		assert_int_equal(cycles[1], cycles[0] + wide);
	}
}

/* TRM FPU table: VMLA 3, VADD 1 (+1 for the next consumer), VDIV 14 in the background. */
static void test_fpu(void **state)
{
	EXPECT(3, {0xee00, 0x0a81, 0, 0});
	EXPECT(1, {0xee30, 0x0a81, 0, 0});
	EXPECT(3, {0xee30, 0x0a81, 0, 0}, {0xee70, 0x1a20, 0, 0});
	EXPECT(14 + 1 + 1, {0xee80, 0x0a81, 0, 0}, NOP, NOP, {0xee70, 0x1a20, 0, 0});
}

/* RM0090 ch. 3: a miss is LATENCY stall cycles; a hit none; 64 lines of 16 bytes stay. */
static void test_art(void **state)
{
	struct sim *s = *state;
	const struct sim_insn wide = {0xf04f, 0x0000, 0, 0};
	struct sim_insn back = {0xe7fe, 0, 0, CODE};
	uint64_t cold, warm, start;

	s->model->ops->maintain(s->model, MN_MAINTAIN_ART_I_RESET, 0);
	sim_flash(s, 5, 1, 1, 1);
	s->pc = CODE;
	start = s->model->now;
	for (int k = 0; k < 63 * 4; k++)
		sim_step(s, &wide, 0, 1);
	sim_step(s, &back, 0, 1);
	cold = s->model->now - start;
	start = s->model->now;
	for (int k = 0; k < 63 * 4; k++)
		sim_step(s, &wide, 0, 1);
	warm = s->model->now - start;
	/* With prefetch a line of four wide instructions takes LATENCY + 1 = 6 cycles. */
	assert_in_range(cold, 63 * 6, 63 * 6 + 12);
	assert_in_range(warm, 63 * 4, 63 * 4 + 2);

	/* Without it each line costs its whole latency. */
	s->model->ops->maintain(s->model, MN_MAINTAIN_ART_I_RESET, 0);
	sim_flash(s, 5, 1, 1, 0);
	back.next = CODE + 0x1000;
	sim_step(s, &back, 0, 1);
	start = s->model->now;
	for (int k = 0; k < 63 * 4; k++)
		sim_step(s, &wide, 0, 1);
	assert_in_range(s->model->now - start, 63 * 8, 63 * 9 + 6);
}

/* The data side: 8 lines; a miss is LATENCY more. */
static void test_art_data(void **state)
{
	struct sim *s = *state;
	struct sim_insn load[] = {NOP, {0x6801, 0, 0x08010000u, 0}, {0xe7fc, 0, 0, CODE}};
	uint64_t start;

	sim_flash(s, 5, 1, 1, 1);
	s->pc = CODE;
	sim_run(s, load, 3, 10);
	start = s->model->now;
	sim_run(s, load, 3, 10);
	assert_int_equal(s->model->now - start, 10 * (1 + 2 + 2));
	start = s->model->now;
	for (uint32_t k = 1; k <= 9; k++) { /* nine new lines */
		load[1].addr = 0x08010000u + 16 * k;
		sim_run(s, load, 3, 1);
	}
	assert_int_equal(s->model->now - start, 9 * (1 + 2 + 2 + 5));
	load[1].addr = 0x08010000u; /* long gone from eight lines */
	start = s->model->now;
	sim_run(s, load, 3, 1);
	assert_int_equal(s->model->now - start, 1 + 2 + 2 + 5);
}

/* The same instructions give the same cycles, through save and load at every step as well. */
static void test_state_round_trip(void **state)
{
	static const struct sim_insn list[] = {LDR1_R0,
					       LDR2_R3,
					       {0x3004, 0, 0, 0},
					       LDR1_R0,
					       STR1_R3,
					       {0xfb21, 0x0002, 0, 0},
					       {0xee80, 0x0a81, 0, 0},
					       NOP,
					       {0xee70, 0x1a20, 0, 0},
					       {0xf850, 0x1b04, A, 0},
					       {0xf850, 0x2b04, A, 0},
					       {0xe890, 0x000e, A, 0},
					       {0xf04f, 0x0000, 0, 0},
					       {0xf04f, 0x0000, 0, 0},
					       {0xf04f, 0x0000, 0, 0},
					       NOP};
	struct sim *s = *state, t;
	uint8_t raw[MN_STATE_MAX];

	sim_open(&t, "virtual-f446re");
	s->pc = t.pc = CODE;
	for (int pass = 0; pass < 50; pass++)
		for (unsigned k = 0; k < sizeof(list) / sizeof(list[0]); k++) {
			sim_step(s, &list[k], 0, 1);
			sim_step(&t, &list[k], 0, 1);
			memset(raw, 0, sizeof(raw));
			assert_int_equal(t.model->ops->save(t.model, t.pc, raw), 1);
			t.model->ops->load(t.model, t.pc, raw);
			assert_int_equal(s->model->now, t.model->now);
		}
	sim_close(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_loads, setup, teardown),
		cmocka_unit_test_setup_teardown(test_load_dependent_address, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stores, setup, teardown),
		cmocka_unit_test_setup_teardown(test_address_stall, setup, teardown),
		cmocka_unit_test_setup_teardown(test_load_writeback, setup, teardown),
		cmocka_unit_test_setup_teardown(test_multiple, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unaligned, setup, teardown),
		cmocka_unit_test_setup_teardown(test_arithmetic, setup, teardown),
		cmocka_unit_test_setup_teardown(test_branches, setup, teardown),
		cmocka_unit_test_setup_teardown(test_loop_heads, setup, teardown),
		cmocka_unit_test_setup_teardown(test_memset_loop, setup, teardown),
		cmocka_unit_test_setup_teardown(test_im2col_loop, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fetch_queue, setup, teardown),
		cmocka_unit_test_setup_teardown(test_it, setup, teardown),
		cmocka_unit_test_setup_teardown(test_speculative_fetch, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fpu, setup, teardown),
		cmocka_unit_test_setup_teardown(test_art, setup, teardown),
		cmocka_unit_test_setup_teardown(test_art_data, setup, teardown),
		cmocka_unit_test_setup_teardown(test_state_round_trip, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
