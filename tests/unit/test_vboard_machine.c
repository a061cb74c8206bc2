/* SPDX-License-Identifier: MIT */
/* Small programs on the whole machine: registers, link, faults, and the two ways of accounting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <sys/socket.h>
#include <unistd.h>

#include "elf_read.h"
#include "fault.h"
#include "machine.h"
#include "port.h"
#include "vboard_elf.h"
#include "vboard_sim.h"

#define CODE 0x08000008u /* first instruction of elf_program() */

struct run {
	struct mn_machine_result result;
	struct mn_machine_stats stats;
	char out[256];
	size_t n_out;
};

/* The board's end of the link is the standard input and output of this process. */
static void run(const char *name, const uint16_t *code, uint32_t n, const char *input,
		struct mn_machine_options options, const char *fault, struct run *ret)
{
	static struct elf_image image;
	struct mn_faults faults;
	struct mn_machine *machine;
	struct mn_soc *soc;
	struct mn_port *port;
	struct mn_elf elf;
	struct mn_err err;
	struct sim s;
	int pair[2], in, out;
	ssize_t got;

	memset(ret, 0, sizeof(*ret));
	fflush(stdout);
	sim_open(&s, name);
	elf_program(&image, code, n);
	mn_fault_init(&faults);
	if (fault)
		assert_int_equal(mn_fault_add(&faults, fault, &err), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(write(pair[0], input, strlen(input)), (ssize_t)strlen(input));
	shutdown(pair[0], SHUT_WR);
	in = dup(STDIN_FILENO);
	out = dup(STDOUT_FILENO);
	dup2(pair[1], STDIN_FILENO);
	dup2(pair[1], STDOUT_FILENO);
	assert_int_equal(mn_port_open("stdio", &port, &err), 0);
	assert_int_equal(mn_elf_read(image.bytes, image.len, s.board, &elf, &err), 0);
	assert_int_equal(mn_soc_new(s.board, s.model, port, &faults, &soc, &err), 0);
	assert_int_equal(
		mn_machine_new(s.board, &elf, image.bytes, s.model, soc, &options, &machine, &err),
		0);
	assert_int_equal(mn_machine_run(machine, &ret->result, &err), 0);
	mn_machine_stats(machine, &ret->stats);
	mn_machine_free(machine);
	mn_soc_free(soc);
	mn_port_close(port);
	mn_elf_free(&elf);
	dup2(in, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	close(in);
	close(out);
	close(pair[1]);
	while ((got = read(pair[0], ret->out + ret->n_out, sizeof(ret->out) - ret->n_out)) > 0)
		ret->n_out += (size_t)got;
	close(pair[0]);
	sim_close(&s);
}

static void run_plain(const uint16_t *code, uint32_t n, struct run *ret)
{
	run("virtual-f446re", code, n, "", (struct mn_machine_options){.cycles_max = 1000000}, NULL,
	    ret);
}

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void expect_fault(const uint16_t *code, uint32_t n, uint32_t pc, const char *reason)
{
	struct run r;

	run_plain(code, n, &r);
	if (r.result.end != MN_END_FAULT || r.result.pc != pc || !strstr(r.result.reason, reason))
		fail_msg("end %d at 0x%08x: %s", r.result.end, r.result.pc, r.result.reason);
	assert_non_null(r.result.report);
	assert_non_null(strstr(r.result.report, "xpsr"));
	free(r.result.report);
}

static void test_undefined(void **state)
{
	static const uint16_t code[] = {0xbf00, 0xde00};

	(void)state;
	expect_fault(code, COUNT(code), CODE + 2, "undefined");
}

static void test_svc_and_sleep(void **state)
{
	static const uint16_t svc[] = {0xbf00, 0xdf01}, wfi[] = {0xbf30, 0xe7fe};
	struct run r;

	(void)state;
	run_plain(svc, COUNT(svc), &r);
	assert_int_equal(r.result.end, MN_END_FAULT);
	assert_non_null(strstr(r.result.reason, "SVC"));
	free(r.result.report);
	run_plain(wfi, COUNT(wfi), &r);
	assert_int_equal(r.result.end, MN_END_FAULT);
	assert_non_null(strstr(r.result.reason, "sleep"));
	free(r.result.report);
}

/* The address is exact although the emulator only knows the block. */
static void test_outside_the_map(void **state)
{
	/* movs r2, #1; mov.w r0, #0x60000000; nop; ldr r1, [r0]; nop; b . */
	static const uint16_t read[] = {0x2201, 0xf04f, 0x40c0, 0xbf00, 0x6801, 0xbf00, 0xe7fe};
	/* ...; ldr r1, [sp, #-4]; ldr r1, [r0] */
	static const uint16_t second[] = {0x2201, 0xf04f, 0x40c0, 0xf85d, 0x1c04, 0x6801, 0xe7fe};
	/* ...; ldr r1, [sp, #-4]; str r1, [r0] */
	static const uint16_t write[] = {0x2201, 0xf04f, 0x40c0, 0xf85d, 0x1c04, 0x6001, 0xe7fe};
	/* mov.w r0, #0x08000000; str r0, [r0] */
	static const uint16_t flash[] = {0xf04f, 0x6000, 0x6000, 0xe7fe};
	/* mov.w r0, #0x60000000; bx r0 */
	static const uint16_t jump[] = {0xf04f, 0x40c0, 0x4700};

	(void)state;
	expect_fault(read, COUNT(read), CODE + 8, "read of 0x60000000");
	expect_fault(second, COUNT(second), CODE + 10, "read of 0x60000000");
	expect_fault(write, COUNT(write), CODE + 10, "write to 0x60000000");
	expect_fault(flash, COUNT(flash), CODE + 4, "read-only");
	expect_fault(jump, COUNT(jump), 0x60000000u, "no code");
}

static void test_no_register(void **state)
{
	/* mov.w r0, #0x40000000; movs r1, #0x7f; lsls r1, r1, #12; ldr r1, [r0, r1] */
	static const uint16_t code[] = {0xf04f, 0x4080, 0x217f, 0x0309, 0x5841, 0xe7fe};

	(void)state;
	expect_fault(code, COUNT(code), CODE + 8, "no register to read at 0x4007f000");
}

static void test_unaligned_multiple(void **state)
{
	/* mov.w r0, #0x20000000; adds r0, #2; ldm r0!, {r1, r2} */
	static const uint16_t code[] = {0xf04f, 0x5000, 0x3002, 0xc806, 0xe7fe};

	(void)state;
	expect_fault(code, COUNT(code), CODE + 6, "unaligned");
}

static void test_fpu_off(void **state)
{
	static const uint16_t code[] = {0xee30, 0x0a81, 0xe7fe};

	(void)state;
	expect_fault(code, COUNT(code), CODE, "FPU");
}

static void test_endless_loop(void **state)
{
	static const uint16_t code[] = {0xe7fe};
	struct run r;

	(void)state;
	run_plain(code, COUNT(code), &r);
	assert_int_equal(r.result.end, MN_END_BUDGET);
	assert_int_equal(r.result.pc, CODE);
	free(r.result.report);
}

/*
 * Echo: enables USART2, returns each byte plus 1.
 *   ldr r0, =0x40004400; movw r1, #0x200c; str r1, [r0, #12]; movs r1, #16; str r1, [r0, #8]
 *   1: ldr r1, [r0]; lsls r2, r1, #26; bpl 1b; ldr r1, [r0, #4]; adds r1, #1; str r1, [r0, #4]; b
 * 1b
 */
static const uint16_t echo[] = {0x4806, 0xf242, 0x010c, 0x60c1, 0x2110, 0x6081, 0x6801, 0x068a,
				0xd5fc, 0x6841, 0x3101, 0x6041, 0xe7f8, 0x0000, 0x4400, 0x4000};

static void test_echo(void **state)
{
	struct mn_machine_options o = {.cycles_max = 1000000};
	struct run a, b, c;

	(void)state;
	run("virtual-f446re", echo, COUNT(echo), "HAL", o, NULL, &a);
	assert_int_equal(a.result.end, MN_END_CLOSED);
	assert_int_equal(a.n_out, 3);
	assert_memory_equal(a.out, "IBM", 3);
	o.reference = 1;
	run("virtual-f446re", echo, COUNT(echo), "HAL", o, NULL, &b);
	assert_int_equal(a.stats.cycles, b.stats.cycles);
	assert_int_equal(a.stats.insns, b.stats.insns);
	run("virtual-f446re", echo, COUNT(echo), "HAL", o, "drop-byte:2", &c);
	assert_int_equal(c.n_out, 2);
	assert_memory_equal(c.out, "IM", 2);
	free(a.result.report);
	free(b.result.report);
	free(c.result.report);
}

/*
 * A loop with loads, stores, a division, skipped and executed IT instructions, a call and multiple
 * accesses, 500 times, then one byte of the counter over the link.
 *   mov.w r7, #500; mov.w r0, #0x20000000; movs r1, #7; movs r3, #0
 *   1: str r1, [r0, #4]; ldr r2, [r0, #4]; ldrh.w r4, [r0, #5]; tst r7, #1; ite eq
 *      ldreq r4, [r0, #8]; strne r4, [r0, #12]; udiv r5, r7, r1; add r3, r5; push {r3, r4}
 *      ldrd r4, r5, [r0, #16]; pop {r3, r4}; bl 2f; subs r7, #1; bne 1b; udf
 *   2: ldr r6, [pc, #4]; strb r6, [r0, #32]; bx lr; .word
 */
static const uint16_t mixed[] = {0xf44f, 0x77fa, 0xf04f, 0x5000, 0x2107, 0x2300, 0x6041,
				 0x6842, 0xf8b0, 0x4005, 0xf017, 0x0f01, 0xbf0c, 0x6884,
				 0x60c4, 0xfbb7, 0xf5f1, 0x442b, 0xb418, 0xe9d0, 0x4504,
				 0xbc18, 0xf000, 0xf803, 0x3f01, 0xd1eb, 0xde00, 0x4e01,
				 0xf880, 0x6020, 0x4770, 0xbf00, 0xbf00, 0xbf00};

static void test_block_equals_reference(void **state)
{
	static const char *const boards[] = {"virtual-f446re", "virtual-f746zg", "virtual-f767zi"};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct mn_machine_options o = {.cycles_max = 10000000};
		struct run a, b, c;

		run(boards[i], mixed, COUNT(mixed), "", o, NULL, &a);
		run(boards[i], mixed, COUNT(mixed), "", o, NULL, &b);
		o.reference = 1;
		run(boards[i], mixed, COUNT(mixed), "", o, NULL, &c);
		if (!strstr(a.result.reason, "undefined"))
			fail_msg("%s", a.result.reason);
		assert_int_equal(a.stats.cycles, b.stats.cycles);
		assert_int_equal(a.stats.cycles, c.stats.cycles);
		assert_int_equal(a.stats.insns, c.stats.insns);
		assert_int_equal(a.stats.model.d_misses, c.stats.model.d_misses);
		assert_int_equal(a.stats.model.i_misses, c.stats.model.i_misses);
		/* With the L1 caches off, as they are here, nothing may be remembered. */
		if (i == 0)
			assert_true(a.stats.stepped < a.stats.segments / 10);
		free(a.result.report);
		free(b.result.report);
		free(c.result.report);
	}
}

/* 9000 times every way to form an address that a recipe knows: indexed and shifted, pre- and
 * post-indexed, unaligned, multiplied, through pointers in memory, literal. */
static const uint16_t kinds[] = {
	0xf04f, 0x5000, 0xf500, 0x5180, 0x468d, 0xf64e, 0x5188, 0xf2ce,
	0x0100, 0xf44f, 0x0270, 0x600a, 0xe7ff, 0xbf00, /* r0 = SRAM, sp = r0 + 4096, FPU on */
	0xf242, 0x3728, 0x240c, 0xf500, 0x7980, 0xf8c0, 0x9018, 0xf8c0,
	0x901c, 0xeb00, 0x0184,         /* 1: add r1, r0, r4, lsl #2 */
	0xf851, 0x2f04,                 /* ldr r2, [r1, #4]! */
	0xf831, 0x3b02,                 /* ldrh r3, [r1], #2 */
	0xf8d1, 0x5000,                 /* ldr r5, [r1] */
	0x0063,                         /* lsls r3, r4, #1 */
	0xf910, 0x5003,                 /* ldrsb r5, [r0, r3] */
	0x5906,                         /* ldr r6, [r0, r4] */
	0xfb04, 0xf604, 0x1b36, 0x5d85, /* mul r6, r4, r4; subs r6, r4; ldrb r5, [r0, r6] */
	0xfb04, 0x0604, 0xf1a6, 0x0608, /* mla r6, r4, r4, r0; sub r6, #8 */
	0xe966, 0x2304, 0xce0c,         /* strd r2, r3, [r6, #-16]!; ldm r6!, {r2, r3} */
	0xb452,                         /* push {r1, r4, r6} */
	0x6985, 0x68ad,                 /* ldr r5, [r0, #24]; ldr r5, [r5, #8] */
	0xe9d0, 0x2306, 0x605f,         /* ldrd r2, r3, [r0, #24]; str r7, [r3, #4] */
	0xf802, 0x7f01,                 /* strb r7, [r2, #1]! */
	0xbc4c,                         /* pop {r2, r3, r6} */
	0xeba1, 0x0600, 0x0876, 0x10b5, 0x5d86, 0x5d45, /* (r1 - r0) >> 1, and >> 2 of it */
	0x4d09, 0xa308, 0x885b,                         /* literal; ldrh from it */
	0xed80, 0x0a0a, 0xe889, 0x002e,                 /* vstr s0, [r0, #40]; stm r9 */
	0xf240, 0x1500, 0xf2c2, 0x0500, 0x686e,         /* movw, movt r5; ldr r6, [r5, #4] */
	0x46a8, 0xf858, 0x6c04,                         /* mov r8, r5; ldr r6, [r8, #-4] */
	0x3f01, 0xd1c8, 0xde00, 0xbf00, 0x5678, 0x1234};

/*
 * A pointer in memory that leads to SRAM 8000 times, then to DWT_CYCCNT 1000 times.
 *   1: ldr r1, [r0]; ldr r2, [r1]; subs r7, #1; beq 3f; cmp r7, #1000; bne 1b; [r0] = CYCCNT; b 1b
 */
static const uint16_t device[] = {0xf04f, 0x5000, 0xf100, 0x0540, 0x6005, 0xf242, 0x3728, 0x6801,
				  0x680a, 0x3f01, 0xd009, 0xf240, 0x33e8, 0x429f, 0xd1f7, 0xf241,
				  0x0504, 0xf2ce, 0x0500, 0x6005, 0xe7f1, 0xde00, 0xbf00};

static void test_hot_equals_reference(void **state)
{
	static const char *const boards[] = {"virtual-f446re", "virtual-f746zg", "virtual-f767zi"};
	static const struct {
		const uint16_t *code;
		uint32_t n, fast_at_least;
	} program[] = {{kinds, COUNT(kinds), 6000}, {device, COUNT(device), 8000}};

	(void)state;
	for (size_t i = 0; i < 6; i++) {
		struct mn_machine_options o = {.cycles_max = 10000000};
		const uint16_t *code = program[i / 3].code;
		struct run a, b;

		run(boards[i % 3], code, program[i / 3].n, "", o, NULL, &a);
		o.reference = 1;
		run(boards[i % 3], code, program[i / 3].n, "", o, NULL, &b);
		if (!strstr(a.result.reason, "undefined"))
			fail_msg("%s", a.result.reason);
		assert_int_equal(a.stats.cycles, b.stats.cycles);
		assert_int_equal(a.stats.insns, b.stats.insns);
		assert_int_equal(a.stats.model.d_lookups, b.stats.model.d_lookups);
		assert_int_equal(a.stats.model.d_misses, b.stats.model.d_misses);
		assert_memory_equal(a.result.reg, b.result.reg, sizeof(a.result.reg));
		assert_in_range(a.stats.fast, program[i / 3].fast_at_least, a.stats.blocks - 1000);
		assert_int_equal(b.stats.fast, 0);
		free(a.result.report);
		free(b.result.report);
	}
}

/* mov r0, SRAM; movs r2, #0; 1: ldr r1, [r0], #32; adds r2, r2, r1; b 1b: to the end of the SRAM */
static void test_fault_in_hot_block(void **state)
{
	static const uint16_t code[] = {0xf04f, 0x5000, 0x2200, 0xf850, 0x1b20, 0x1852, 0xe7fb};
	struct run r;

	(void)state;
	run_plain(code, COUNT(code), &r);
	assert_int_equal(r.result.end, MN_END_FAULT);
	assert_int_equal(r.result.pc, CODE + 6);
	assert_non_null(strstr(r.result.reason, "read of 0x20020000"));
	assert_true(r.stats.fast > 1000);
	free(r.result.report);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_undefined),
		cmocka_unit_test(test_svc_and_sleep),
		cmocka_unit_test(test_outside_the_map),
		cmocka_unit_test(test_no_register),
		cmocka_unit_test(test_unaligned_multiple),
		cmocka_unit_test(test_fpu_off),
		cmocka_unit_test(test_endless_loop),
		cmocka_unit_test(test_echo),
		cmocka_unit_test(test_block_equals_reference),
		cmocka_unit_test(test_hot_equals_reference),
		cmocka_unit_test(test_fault_in_hot_block),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
