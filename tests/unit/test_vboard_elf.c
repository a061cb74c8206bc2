/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "elf_read.h"
#include "vboard_elf.h"
#include "vboard_sim.h"

static struct sim board;
static const uint16_t code[] = {0xbf00, 0xe7fe};

static int setup(void **state)
{
	(void)state;
	sim_board(&board, "virtual-f446re");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	mn_board_free(board.board);
	return 0;
}

static int read_it(const struct elf_image *e, size_t len, struct mn_err *err)
{
	struct mn_elf elf;
	uint8_t *exact = malloc(len ? len : 1); /* so that a sanitizer sees the end */
	int rc;

	assert_non_null(exact);
	memcpy(exact, e->bytes, len);
	err->msg[0] = '\0';
	rc = mn_elf_read(exact, len, board.board, &elf, err);
	if (!rc)
		mn_elf_free(&elf);
	free(exact);
	return rc;
}

static void test_good(void **state)
{
	struct elf_image e;
	struct mn_elf elf;
	struct mn_err err;

	(void)state;
	elf_program(&e, code, 2);
	elf_segment(&e, 0x20000000u, 0x08000400u, "abcd", 4, 4);
	elf_segment(&e, 0x20000004u, 0x20000004u, NULL, 0, 64); /* .bss */
	assert_int_equal(mn_elf_read(e.bytes, e.len, board.board, &elf, &err), 0);
	assert_int_equal(elf.n_load, 2);
	assert_int_equal(elf.load[0].addr, 0x08000000u);
	assert_int_equal(elf.load[0].bytes, 12);
	assert_int_equal(elf.load[1].addr, 0x08000400u);
	assert_int_equal(elf.n_code, 2); /* no sections: executable segments */
	assert_int_equal(elf.n_symbols, 0);
	mn_elf_free(&elf);
}

static void test_every_truncation(void **state)
{
	struct elf_image e;
	struct mn_err err;

	(void)state;
	elf_program(&e, code, 2);
	for (size_t len = 0; len < e.len; len++) {
		assert_int_equal(read_it(&e, len, &err), MN_E_SYNTAX);
		assert_true(err.msg[0] != '\0');
	}
	assert_int_equal(read_it(&e, e.len, &err), 0);
}

static void test_wrong_machine(void **state)
{
	struct elf_image e;
	struct mn_err err;

	(void)state;
	elf_program(&e, code, 2);
	elf_put16(e.bytes + 18, 62); /* x86-64 */
	assert_int_equal(read_it(&e, e.len, &err), MN_E_UNSUPPORTED);
	assert_non_null(strstr(err.msg, "Arm"));
	elf_put16(e.bytes + 18, 40);
	e.bytes[4] = 2; /* 64 bit */
	assert_int_equal(read_it(&e, e.len, &err), MN_E_UNSUPPORTED);
	e.bytes[4] = 1;
	elf_put16(e.bytes + 16, 1); /* relocatable */
	assert_int_equal(read_it(&e, e.len, &err), MN_E_UNSUPPORTED);
	e.bytes[1] = 'e';
	assert_int_equal(read_it(&e, e.len, &err), MN_E_SYNTAX);
}

/* An image of the F767 does not fit the F446. */
static void test_outside_the_map(void **state)
{
	struct elf_image e;
	struct mn_err err;

	(void)state;
	elf_program(&e, code, 2);
	elf_segment(&e, 0x08100000u, 0x08100000u, "abcd", 4, 4);
	assert_int_equal(read_it(&e, e.len, &err), MN_E_TOO_BIG);
	assert_non_null(strstr(err.msg, "0x08100000"));
	elf_program(&e, code, 2);
	elf_segment(&e, 0x20000000u, 0x20000000u, NULL, 0, 0x80000);
	assert_int_equal(read_it(&e, e.len, &err), MN_E_TOO_BIG);
	elf_program(&e, code, 2);
	elf_segment(&e, 0xfffffff0u, 0xfffffff0u, "abcd", 4, 0x20);
	assert_int_equal(read_it(&e, e.len, &err), MN_E_TOO_BIG);
}

/* SRAM1 and SRAM2 are one memory to a program. */
static void test_adjacent_regions(void **state)
{
	struct elf_image e;
	struct mn_err err;

	(void)state;
	elf_program(&e, code, 2);
	elf_segment(&e, 0x20000000u, 0x20000000u, NULL, 0, 0x20000);
	assert_int_equal(read_it(&e, e.len, &err), 0);
}

static void test_overlap(void **state)
{
	struct elf_image e;
	struct mn_err err;

	(void)state;
	elf_program(&e, code, 2);
	elf_segment(&e, 0x20000000u, 0x08000008u, "abcd", 4, 4);
	assert_int_equal(read_it(&e, e.len, &err), MN_E_SYNTAX);
	assert_non_null(strstr(err.msg, "overlap"));
}

static void test_inconsistent_segment(void **state)
{
	struct elf_image e;
	struct mn_err err;

	(void)state;
	elf_program(&e, code, 2);
	elf_put32(e.bytes + 52 + 20, 4); /* memsz < filesz */
	assert_int_equal(read_it(&e, e.len, &err), MN_E_SYNTAX);
	elf_program(&e, code, 2);
	elf_put32(e.bytes + 52 + 4, 0xffffff00u); /* offset */
	assert_int_equal(read_it(&e, e.len, &err), MN_E_SYNTAX);
	elf_program(&e, code, 2);
	elf_put16(e.bytes + 44, 0);
	assert_int_equal(read_it(&e, e.len, &err), MN_E_SYNTAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_every_truncation),
		cmocka_unit_test(test_wrong_machine),
		cmocka_unit_test(test_outside_the_map),
		cmocka_unit_test(test_adjacent_regions),
		cmocka_unit_test(test_overlap),
		cmocka_unit_test(test_inconsistent_segment),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
