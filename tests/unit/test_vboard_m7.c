/* SPDX-License-Identifier: MIT */
/*
 * Micro-checks of the Cortex-M7 model. J = jnk0le's measurements (STM32H743), L = LLVM's
 * ARMScheduleM7, X = independent measurements; none on an STM32F7.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "vboard_sim.h"

#define CODE 0x00000400u /* ITCM */
#define A    SIM_SRAM    /* DTCM */
#define B    (SIM_SRAM + 0x104)

static int setup(void **state)
{
	static struct sim s;

	sim_open(&s, "virtual-f746zg");
	*state = &s;
	return 0;
}

static int teardown(void **state)
{
	sim_close(*state);
	return 0;
}

/* Cycles of `per` passes. */
#define EXPECT_PER(cycles, per, ...)                                                               \
	assert_int_equal(SIM_STEADY(*state, CODE, __VA_ARGS__) * (per),                            \
			 (cycles) * (uint64_t)SIM_PASSES)
#define EXPECT(cycles, ...) EXPECT_PER(cycles, 1, __VA_ARGS__)

/* X, J: a dependent pair of additions issues in one cycle; MOVW and MOVT of one register too. */
static void test_early_alu(void **state)
{
	EXPECT(1, {0x1888, 0, 0, 0}, {0x1903, 0, 0, 0}); /* adds r0, r1, r2; adds r3, r0, r4 */
	EXPECT(1, {0xf240, 0x0001, 0, 0}, {0xf2c0, 0x0002, 0, 0});
	/* but a chain goes on at one a cycle: its operands are never there early */
	EXPECT_PER(1, 1, {0x1840, 0, 0, 0}); /* adds r0, r0, r1 */
}

/* J, L: independent ALU instructions two a cycle, as fast as 8 bytes a cycle bring them. */
static void test_dual_issue(void **state)
{
	EXPECT(1, {0xeb01, 0x0002, 0, 0},
	       {0xeb04, 0x0305, 0, 0}); /* add.w r0, r1, r2; r3, r4, r5 */
	EXPECT(1, {0x4608, 0, 0, 0}, {0x4613, 0, 0, 0});
	/* two inline shifts do not pair */
	EXPECT(2, {0xeb01, 0x00c2, 0, 0}, {0xeb04, 0x03c5, 0, 0});
	/* two SIMD instructions do not, one as the older with an addition does */
	EXPECT(2, {0xfa2f, 0xf081, 0, 0}, {0xfa2f, 0xf384, 0, 0});
	EXPECT(1, {0xfa2f, 0xf081, 0, 0}, {0xeb04, 0x0305, 0, 0});
}

/* L, J: SMLAD chain on its accumulator 1 a cycle; MUL to ADD 2. */
static void test_multiply(void **state)
{
	EXPECT(1, {0xfb21, 0x0002, 0, 0});
	EXPECT(2 + 1, {0xfb00, 0xf001, 0, 0}, {0x4410, 0, 0, 0}); /* mul r0, r0, r1; add r0, r2 */
}

/*
 * L: as chains through the address, which is read one cycle early: LDR to ADD 1, LDRB to ADD 2, ADD
 * to address 2, LDR to MUL 2, MUL to address 4.
 */
static void test_load_latency(void **state)
{
	EXPECT(1 + 2, {0x6800, 0, A, 0}, {0x1840, 0, 0, 0});
	EXPECT(2 + 2, {0x7800, 0, A, 0}, {0x1840, 0, 0, 0});
	EXPECT(2 + 4, {0x6800, 0, A, 0}, {0xfb00, 0xf001, 0, 0});
	EXPECT(2, {0x6800, 0, A, 0}); /* load to the next address */
}

/* J: two loads pair only from different 32-bit banks; LDM and STM two words a cycle. */
static void test_load_banks(void **state)
{
	EXPECT(1, {0x6801, 0, A, 0}, {0x681a, 0, A + 4, 0});
	EXPECT(2, {0x6801, 0, A, 0}, {0x681a, 0, A + 8, 0});
	EXPECT(2, {0xe890, 0x001e, A, 0}); /* four registers */
}

/* J: a store beside its producer, even a load; two stores never pair. */
static void test_stores(void **state)
{
	EXPECT(1, {0x6801, 0, A, 0}, {0x6019, 0, B, 0}); /* ldr r1, [r0]; str r1, [r3] */
	EXPECT(2, {0x6001, 0, A, 0}, {0x6019, 0, B, 0});
}

/* J: STRB at one a cycle to one bank 4 each, alternating 2, unit stride 2.4 (here 2 to 2.5). */
static void test_byte_stores(void **state)
{
	uint64_t unit;

	EXPECT(2 * 4, {0x7001, 0, A, 0}, {0x7001, 0, A + 8, 0});
	EXPECT(2 * 2, {0x7001, 0, A, 0}, {0x7001, 0, A + 4, 0});
	unit = SIM_STEADY(*state, CODE, {0x7001, 0, A, 0}, {0x7001, 0, A + 1, 0},
			  {0x7001, 0, A + 2, 0}, {0x7001, 0, A + 3, 0}, {0x7001, 0, A + 4, 0},
			  {0x7001, 0, A + 5, 0}, {0x7001, 0, A + 6, 0}, {0x7001, 0, A + 7, 0});
	assert_in_range(unit, 8 * 2 * SIM_PASSES, 8 * 5 * SIM_PASSES / 2);
}

/* J: a predicted taken branch has no bubble; a misprediction 8, or 6 when the flags are old. */
static void test_branches(void **state)
{
	struct sim *s = *state;
	const struct sim_insn nop = {0xbf00, 0, 0, 0};
	struct sim_insn subs = {0x3b01, 0, 0, 0}, bne = {0xd1fd, 0, 0, CODE};
	struct sim_insn loop[2] = {subs, bne};
	uint64_t predicted, start;

	s->pc = CODE;
	sim_run(s, loop, 2, 20);
	predicted = sim_run(s, loop, 2, 100);
	assert_int_equal(predicted, 100);
	/* the exit: flags just made */
	bne.next = 0;
	start = s->model->now;
	sim_step(s, &subs, 0, 1);
	sim_step(s, &bne, 0, 1);
	assert_int_equal(s->model->now - start, 1 + 8);
	/* flags four cycles old */
	bne.next = CODE;
	for (int pass = 0; pass < 20; pass++) {
		s->pc = pass ? s->pc : CODE;
		sim_step(s, &subs, 0, 1);
		for (int k = 0; k < 8; k++)
			sim_step(s, &nop, 0, 1);
		bne.next = pass < 19 ? CODE : 0;
		start = s->model->now;
		sim_step(s, &bne, 0, 1);
	}
	assert_in_range(s->model->now - start, 6, 7);
}

/* [I] figures of the board file: a miss costs the first word, a hit nothing; 4 KB of 32-byte lines.
 */
static void test_l1_data(void **state)
{
	struct sim *s = *state;
	const struct mn_m7_params *p = s->board->model->m7;
	struct sim_insn ldr = {0x6801, 0, 0x08010000u, 0}, nop = {0xf04f, 0, 0, 0};
	uint64_t hit, miss, start;

	s->pc = CODE;
	for (int k = 0; k < 50; k++) {
		sim_step(s, &ldr, 0, 1);
		sim_step(s, &nop, 0, 1);
	}
	start = s->model->now;
	sim_step(s, &ldr, 0, 1);
	sim_step(s, &nop, 0, 1);
	hit = s->model->now - start;
	for (int k = 0; k < 50; k++)
		sim_step(s, &nop, 0, 1);
	ldr.addr += 32;
	start = s->model->now;
	sim_step(s, &ldr, 0, 1);
	sim_step(s, &nop, 0, 1);
	miss = s->model->now - start;
	assert_in_range(miss - hit, p->flash_first_cycles, p->flash_first_cycles + 1);
	for (uint32_t k = 0; k < 128; k++) { /* 4 KB more: most of the first lines are gone */
		ldr.addr += 32;
		sim_step(s, &ldr, 0, 1);
	}
	assert_int_equal(s->model->stats.d_misses, 2 + 128);
	s->model->ops->maintain(s->model, MN_MAINTAIN_D_FLUSH_ADDRESS, ldr.addr);
	sim_step(s, &ldr, 0, 1);
	assert_int_equal(s->model->stats.d_misses, 2 + 128 + 1);
}

/* Code in flash: cold lines cost, warm ones run at full rate. */
static void test_l1_code(void **state)
{
	struct sim *s = *state;
	const struct sim_insn wide = {0xeb01, 0x0002, 0, 0}, other = {0xeb04, 0x0305, 0, 0};
	struct sim_insn back = {0xf7ff, 0xb800, 0, 0x08001000u}, to = {0xe7fe, 0, 0, 0x08001000u};
	uint64_t start, cold, warm;

	s->pc = CODE;
	sim_step(s, &to, 0, 1);
	for (int pass = 0; pass < 3; pass++) {
		start = s->model->now;
		for (int k = 0; k < 128; k++)
			sim_step(s, k & 1 ? &other : &wide, 0, 1);
		if (pass == 0)
			cold = s->model->now - start;
		else
			warm = s->model->now - start;
		sim_step(s, &back, 0, 1);
	}
	assert_in_range(warm, 64, 66);
	assert_in_range(cold, 16 * s->board->model->m7->flash_first_cycles,
			16 * (s->board->model->m7->flash_line_cycles + 4));
}

/* Through save and load at every step the cycles are the same. */
static void test_state_round_trip(void **state)
{
	static const struct sim_insn list[] = {{0x6801, 0, A, 0},
					       {0x681a, 0, B, 0},
					       {0x3004, 0, 0, 0},
					       {0x5081, 0, A, 0},
					       {0x7001, 0, A + 1, 0},
					       {0x7001, 0, A + 9, 0},
					       {0xfb21, 0x0002, 0, 0},
					       {0xfb00, 0xf001, 0, 0},
					       {0x4410, 0, 0, 0},
					       {0xee80, 0x0a81, 0, 0},
					       {0xbf00, 0, 0, 0},
					       {0xee70, 0x1a20, 0, 0},
					       {0xf850, 0x1b04, A, 0},
					       {0xe890, 0x001e, A, 0},
					       {0xfa2f, 0xf081, 0, 0},
					       {0xeea0, 0x0a81, 0, 0},
					       {0xeea0, 0x0a81, 0, 0},
					       {0x6801, 0, 0x20020000u, 0},
					       {0x6801, 0, 0x08020000u, 0},
					       {0x7001, 0, 0x20020040u, 0},
					       {0x1888, 0, 0, 0}};
	struct sim *s = *state, t;
	uint8_t raw[MN_STATE_MAX];

	sim_open(&t, "virtual-f746zg");
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
		cmocka_unit_test_setup_teardown(test_early_alu, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dual_issue, setup, teardown),
		cmocka_unit_test_setup_teardown(test_multiply, setup, teardown),
		cmocka_unit_test_setup_teardown(test_load_latency, setup, teardown),
		cmocka_unit_test_setup_teardown(test_load_banks, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stores, setup, teardown),
		cmocka_unit_test_setup_teardown(test_byte_stores, setup, teardown),
		cmocka_unit_test_setup_teardown(test_branches, setup, teardown),
		cmocka_unit_test_setup_teardown(test_l1_data, setup, teardown),
		cmocka_unit_test_setup_teardown(test_l1_code, setup, teardown),
		cmocka_unit_test_setup_teardown(test_state_round_trip, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
