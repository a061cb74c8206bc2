/* SPDX-License-Identifier: MIT */
/* The shipping images on their virtual boards: what they say of themselves, what they compute, how
 * they fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <elf.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "err.h"
#include "exec.h"
#include "vboard_client.h"

static const char *const boards[] = {"virtual-f446re", "virtual-f746zg", "virtual-f767zi"};

static void start(struct vb_client *c, const char *board, const char *option, const char *value)
{
	const char *args[] = {"--board", board, option, value, NULL};
	char program[4096];

	snprintf(program, sizeof(program), "%s/bin/mnchar-vboard", getenv("MNCHAR_BUILD_DIR"));
	assert_int_equal(vb_start(c, program, args), 0);
}

static void stop(struct vb_client *c)
{
	vb_stop(c);
	unlink(c->log);
}

static int within(uint32_t value, uint32_t nominal, uint32_t per_mille)
{
	return value >= nominal - nominal / 1000 * per_mille &&
	       value <= nominal + nominal / 1000 * per_mille;
}

static void hello(void **state)
{
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		uint32_t hclk = i ? 216000000 : 180000000;
		struct vb_client c;

		start(&c, boards[i], NULL, NULL);
		assert_int_equal(vb_hello(&c), 0);
		assert_string_equal(c.hello.board + strlen("nucleo-"),
				    boards[i] + strlen("virtual-"));
		assert_int_equal(c.hello.clock_source, MN_CLOCK_HSE_BYPASS);
		assert_int_equal(c.hello.clock_set_hz, hclk);
		assert_true(within(c.hello.clock_measured_hz, hclk, 1));
		assert_true(within(c.hello.hse_measured_hz, 8000000, 10));
		assert_int_equal(c.hello.wait_states, i ? 7 : 5);
		assert_int_equal(c.hello.caches,
				 MN_CACHE_ART_I | MN_CACHE_PREFETCH |
					 (i ? MN_CACHE_L1_I | MN_CACHE_L1_D : MN_CACHE_ART_D));
		assert_int_equal(c.hello.counter_status, 0);
		assert_in_range(c.hello.counter_reference, 262144, 270000);
		assert_true(within(c.hello.counter_cycles, c.hello.counter_reference, 1));
		assert_int_equal(strlen(c.hello.image), 40);
		assert_int_equal(c.hello.bias_pool_bytes, 4 * MN_BIAS_WORDS);
		stop(&c);
	}
}

static uint32_t native_crc(const char *text, const struct mn_kernel_set *set)
{
	static uint8_t arena[65536] __attribute__((aligned(16)));
	static int8_t pool[65536] __attribute__((aligned(16)));
	static int32_t bias[MN_BIAS_WORDS];
	const struct mn_exec_mem mem = {arena,        sizeof(arena), pool,
					sizeof(pool), bias,          sizeof(bias)};
	struct mn_layer layer;
	struct mn_program program;
	struct mn_step step;
	struct mn_exec exec;

	mn_stimulus_pools(bias, MN_BIAS_WORDS, pool, sizeof(pool));
	assert_int_equal(mn_layer_parse(text, strlen(text), &layer, NULL, NULL), 0);
	assert_int_equal(
		mn_program_single(&layer,
				  mn_kernel_find(set, (enum mn_op)layer.op)->scratch_bytes(&layer),
				  &step, &program),
		0);
	assert_int_equal(mn_exec_bind(&exec, &program, &mem, set, 7, NULL), 0);
	mn_exec_fill(&exec);
	assert_int_equal(mn_exec_run(&exec), 0);
	return mn_exec_output_crc(&exec);
}

/* Every op, every kernel set, warm and cold: the same output as here, and figures that agree. */
static void outputs(void **state)
{
	static const char *const layers[] = {
		"null",
		"conv_2d in=1x7x6x5 out_c=9 kernel=3x3 padding=same act=relu",
		"conv_2d in=1x6x6x8 out_c=8 kernel=1x1 padding=valid",
		"depthwise_conv_2d in=1x8x7x6 kernel=3x3 padding=same act=relu6",
		"fully_connected in=1x1x1x37 out_c=11",
		"average_pool_2d in=1x8x8x5 kernel=2x2 stride=2x2",
		"max_pool_2d in=1x7x7x12 kernel=3x3 padding=same",
		"mean in=1x5x4x7 axes=hw",
		"add in=1x4x4x10 in2=1x4x4x10 act=relu",
		"softmax in=1x1x1x10",
		"pad in=1x4x4x3 pads=0,0,1,1,2,2,0,0",
		"reshape in=1x4x4x4 shape=1x1x1x64",
	};
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct vb_client c;

		start(&c, boards[i], NULL, NULL);
		assert_int_equal(vb_hello(&c), 0);
		for (size_t k = 0; mn_kernel_sets[k]; k++) {
			for (size_t n = 0; n < sizeof(layers) / sizeof(layers[0]); n++) {
				struct vb_result r;
				uint64_t sum = 0;

				assert_int_equal(vb_run(&c, layers[n], (int)k, (int)(n % 2), 2, &r),
						 0);
				if (r.status || r.crc != native_crc(layers[n], mn_kernel_sets[k]))
					fail_msg("%s %s %s: status %d, crc %08x", boards[i],
						 mn_kernel_sets[k]->id, layers[n], r.status, r.crc);
				assert_int_equal(r.n_rep, 6);
				for (uint32_t j = 0; j < r.n_rep; j++)
					sum += r.rep[j];
				assert_true(sum == r.n_cycles + r.n2_cycles);
				/* The two clocks agree, but for the timer's grain and the calls
				 * around it. */
				assert_in_range(r.n_micros + 4,
						r.n_cycles / (c.hello.clock_set_hz / 1000000),
						r.n_cycles / (c.hello.clock_set_hz / 1000000) + 8);
				assert_in_range(r.overhead_cycles, 1, 100);
			}
		}
		stop(&c);
	}
}

static void hsi_fall_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct vb_client c;
		struct vb_result r;

		start(&c, boards[i], "--fault", "no-hse");
		assert_int_equal(vb_hello(&c), 0);
		assert_int_equal(c.hello.clock_source, MN_CLOCK_HSI);
		assert_int_equal(c.hello.clock_set_hz, i ? 216000000 : 180000000);
		assert_int_equal(c.hello.clock_measured_hz, 0);
		assert_int_equal(c.hello.hse_measured_hz, 0);
		assert_int_equal(c.hello.counter_status, 0);
		assert_int_equal(vb_run(&c, "null", 0, 0, 1, &r), 0);
		assert_int_equal(r.status, 0);
		stop(&c);
	}
}

static void bad_counters(void **state)
{
	static const struct {
		const char *fault;
		int status;
	} cases[] = {{"dead-counter", MN_E_NO_COUNTER}, {"wrong-clock", MN_E_CLOCK}};
	(void)state;

	for (size_t i = 0; i < 6; i++) {
		struct vb_client c;
		struct vb_result r;

		start(&c, boards[i % 3], "--fault", cases[i / 3].fault);
		assert_int_equal(vb_hello(&c), 0);
		assert_int_equal(c.hello.counter_status, cases[i / 3].status);
		assert_int_equal(vb_run(&c, "null", 0, 0, 1, &r), 0);
		assert_int_equal(r.status, cases[i / 3].status);
		assert_int_equal(r.n_cycles, 0);
		assert_int_equal(r.n_rep, 0);
		stop(&c);
	}
}

/* An image whose empty kernel does something else: code, then the address of the fault handler. */
static void patched_image(const char *path, const uint16_t *code, size_t n)
{
	char from[4096];
	uint8_t *bytes;
	const Elf32_Ehdr *h;
	const Elf32_Phdr *p;
	const Elf32_Shdr *s;
	uint32_t null = 0, handler = 0, at = 0;
	size_t size;
	FILE *f;

	snprintf(from, sizeof(from), "%s/firmware/mnchar-nucleo-f446re.elf",
		 getenv("MNCHAR_BUILD_DIR"));
	f = fopen(from, "rb");
	assert_non_null(f);
	fseek(f, 0, SEEK_END);
	size = (size_t)ftell(f);
	rewind(f);
	bytes = malloc(size);
	assert_int_equal(fread(bytes, 1, size, f), size);
	fclose(f);
	h = (const Elf32_Ehdr *)(void *)bytes;
	p = (const Elf32_Phdr *)(void *)(bytes + h->e_phoff);
	s = (const Elf32_Shdr *)(void *)(bytes + h->e_shoff);
	for (int i = 0; i < h->e_shnum; i++) {
		const Elf32_Sym *sym = (const Elf32_Sym *)(void *)(bytes + s[i].sh_offset);
		const char *names;

		if (s[i].sh_type != SHT_SYMTAB)
			continue;
		names = (const char *)bytes + s[s[i].sh_link].sh_offset;
		for (uint32_t k = 0; k < s[i].sh_size / sizeof(*sym); k++) {
			if (!strcmp(names + sym[k].st_name, "mn_null"))
				null = sym[k].st_value & ~1u;
			if (!strcmp(names + sym[k].st_name, "mn_fault_entry"))
				handler = sym[k].st_value;
		}
	}
	for (int i = 0; i < h->e_phnum; i++)
		if (p[i].p_type == PT_LOAD && null >= p[i].p_paddr &&
		    null < p[i].p_paddr + p[i].p_filesz)
			at = p[i].p_offset + (null - p[i].p_paddr);
	assert_true(at && handler && null % 4 == 0);
	memcpy(bytes + at, code, 2 * n);
	memcpy(bytes + at + 2 * n, &handler, 4);
	f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, size, f), size);
	fclose(f);
	free(bytes);
}

static void fault_of(const uint16_t *code, size_t n, struct mn_msg_fault *ret)
{
	const struct mn_rec_probe probe = {.reps = 1, .n_steps = 1};
	const struct mn_step step = {.layer = {.op = MN_OP_NOP}};
	struct mn_msg_load load = {.batch = 5};
	struct mn_msg_run run = {.batch = 5, .n_probes = 1};
	struct mn_rec_step rec;
	struct mn_frame f;
	struct vb_client c;
	uint8_t batch[256], payload[512];
	char path[64];

	snprintf(path, sizeof(path), "patched-%ld.elf", (long)getpid());
	patched_image(path, code, n);
	start(&c, "virtual-f446re", "--image", path);
	assert_int_equal(vb_hello(&c), 0);
	mn_wire_step_to_rec(&step, &rec);
	load.total = (uint32_t)mn_wire_pack_probe(&probe, batch, sizeof(batch));
	load.total += (uint32_t)mn_wire_pack_step(&rec, batch + load.total, 200);
	load.data = batch;
	load.data_len = (uint16_t)load.total;
	run.crc = mn_crc32c(0, batch, load.total);
	vb_send(&c, MN_MSG_LOAD, payload,
		(size_t)mn_wire_pack_load(&load, payload, sizeof(payload)));
	assert_int_equal(vb_receive(&c, &f, 60000), MN_MSG_LOADED);
	vb_send(&c, MN_MSG_RUN, payload, (size_t)mn_wire_pack_run(&run, payload, sizeof(payload)));
	assert_int_equal(vb_receive(&c, &f, 60000), MN_MSG_RUNNING);
	/* Instead of RESULT. */
	assert_int_equal(vb_receive(&c, &f, 60000), MN_MSG_FAULT);
	assert_true(mn_wire_unpack_fault(f.payload, f.len, ret) >= 0);
	assert_int_equal(ret->batch, 5);
	assert_int_equal(ret->index, 0);
	/* It goes on for ever, and sees the closed link only when it next sends. */
	kill(c.pid, SIGKILL);
	stop(&c);
	unlink(path);
}

static void faults(void **state)
{
	/*
	 * The virtual board stops at a real fault, so the frame that the core would stack is
	 * stacked here: movs r5, #0x55; movs r6, #0x66; movs r7, #0x77; push {r0-r7};
	 * ldr r0, handler; bx r0; and twice nop for the alignment of the literal.
	 */
	static const uint16_t enter[] = {0x2555, 0x2666, 0x2777, 0xb4ff,
					 0x4801, 0x4700, 0xbf00, 0xbf00};
	/* movs r0, #1; lsls r0, #29; str r0, [r0]; bx lr: over the canary at the bottom of RAM. */
	static const uint16_t overflow[] = {0x2001, 0x0740, 0x6000, 0x4770};
	/* ldr r0, handler; movs r1, #1; lsls r1, #29; subs r1, #32; mov sp, r1; bx r0: a stack that
	 * is gone. */
	static const uint16_t gone[] = {0x4802, 0x2101, 0x0749, 0x3920, 0x468d, 0x4700};
	struct mn_msg_fault f;
	(void)state;

	fault_of(enter, 8, &f);
	assert_int_equal(f.lr, 0x55);
	assert_int_equal(f.pc, 0x66);
	assert_int_equal(f.psr, 0x77);
	fault_of(overflow, 4, &f);
	assert_int_equal(f.address, 0x20000000);
	assert_int_equal(f.cfsr, 0);
	fault_of(gone, 6, &f);
	assert_int_equal(f.pc, 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hello),         cmocka_unit_test(outputs),
		cmocka_unit_test(hsi_fall_back), cmocka_unit_test(bad_counters),
		cmocka_unit_test(faults),
	};

	if (argc > 1 && !strcmp(argv[1], "none")) {
		printf("skipped: no images are built (MNCHAR_FIRMWARE, gcc-arm-none-eabi)\n");
		return 77;
	}
	return cmocka_run_group_tests_name("firmware_vboard", tests, NULL, NULL);
}
