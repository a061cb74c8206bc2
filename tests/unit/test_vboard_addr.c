/* SPDX-License-Identifier: MIT */
/* Recipes of addresses: one instruction at a time, and what must not have one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "addr.h"

#define AT     0x08000102u /* not a multiple of 4: literals are relative to one */
#define REG(n) (0x10000u * ((n) + 1))

static int literal(void *user, uint32_t addr, uint32_t *ret_word)
{
	(void)user;
	*ret_word = addr + 0x20;
	return addr >= 0x08000000 && addr < 0x08080000;
}

static struct mn_addr_recipe *analyse(const uint16_t *code, uint32_t n_halfwords, uint8_t cond)
{
	struct mn_insn insn[8];
	uint32_t at[8], n = 0, addr = AT;
	uint16_t hw[16];

	for (uint32_t k = 0; k < n_halfwords; k += insn[n++].size / 2) {
		hw[2 * n] = code[k];
		hw[2 * n + 1] = k + 1 < n_halfwords ? code[k + 1] : 0;
		mn_insn_decode(hw[2 * n], hw[2 * n + 1], &insn[n]);
		insn[n].cond = cond;
		at[n] = addr;
		addr += insn[n].size;
	}
	return mn_addr_analyse(insn, at, hw, n, literal, NULL);
}

/* The address of access k with register r holding REG(r); only additions of one operation. */
static uint32_t address(const struct mn_addr_recipe *r, uint32_t k)
{
	uint32_t value[MN_ADDR_FIRST + MN_ADDR_OPS] = {0};

	for (unsigned n = 0; n < 15; n++)
		value[n] = r->reads >> n & 1 ? REG(n) : 0xdead0000u;
	for (uint32_t n = 0; n < r->n_ops; n++) {
		const struct mn_addr_op *op = &r->op[n];
		uint32_t a = value[op->a] + op->a_offset, b = value[op->b] + op->b_offset;
		uint32_t v = 0;

		switch (op->kind) {
		case MN_ADDR_ADD:
			v = a + (b << op->shift);
			break;
		case MN_ADDR_SUB:
			v = a - (b << op->shift);
			break;
		case MN_ADDR_MUL:
			v = a * b;
			break;
		case MN_ADDR_LSR:
			v = a >> op->shift;
			break;
		default:
			fail_msg("operation %d", op->kind);
		}
		value[MN_ADDR_FIRST + n] = v;
	}
	return value[r->access[k].base] + r->access[k].offset;
}

struct expected {
	uint16_t code[6];
	uint8_t n, n_access, what;
	uint32_t first, last;
};

/* clang-format off */
static const struct expected table[] = {
	/* addressing; the last access shows the base afterwards */
	{{0x6881}, 1, 1, 4, REG(0) + 8, REG(0) + 8},                            /* ldr r1, [r0, #8] */
	{{0x7881}, 1, 1, 1, REG(0) + 2, REG(0) + 2},                            /* ldrb r1, [r0, #2] */
	{{0x8881}, 1, 1, 2, REG(0) + 4, REG(0) + 4},                            /* ldrh r1, [r0, #4] */
	{{0x8081}, 1, 1, 0x82, REG(0) + 4, REG(0) + 4},                         /* strh r1, [r0, #4] */
	{{0x9902}, 1, 1, 4, REG(13) + 8, REG(13) + 8},                          /* ldr r1, [sp, #8] */
	{{0x5881}, 1, 1, 4, REG(0) + REG(2), REG(0) + REG(2)},                  /* ldr r1, [r0, r2] */
	{{0xf850, 0x1022}, 2, 1, 4, REG(0) + 4 * REG(2), REG(0) + 4 * REG(2)},  /* ..., lsl #2 */
	{{0x4902, 0x680a}, 2, 2, 4, 0x0800010c, 0x0800012c},                    /* ldr r1, [pc, #8] */
	{{0xf85f, 0x1008}, 2, 1, 4, 0x080000fc, 0x080000fc},                    /* ldr r1, [pc, #-8] */
	{{0xf8d0, 0x1800}, 2, 1, 4, REG(0) + 0x800, REG(0) + 0x800},            /* imm12 */
	{{0xf850, 0x1c08}, 2, 1, 4, REG(0) - 8, REG(0) - 8},                    /* ldr r1, [r0, #-8] */
	{{0xf850, 0x1b08, 0x6802}, 3, 2, 4, REG(0), REG(0) + 8},                /* ldr r1, [r0], #8 */
	{{0xf850, 0x1d08, 0x6802}, 3, 2, 4, REG(0) - 8, REG(0) - 8},            /* ldr r1, [r0, #-8]! */
	{{0xf800, 0x1b01, 0x6802}, 3, 2, 0x81, REG(0), REG(0) + 1},             /* strb r1, [r0], #1 */
	{{0xe9d0, 0x1202}, 2, 2, 4, REG(0) + 8, REG(0) + 12},                   /* ldrd r1, r2, [r0, #8] */
	{{0xe8e0, 0x1202, 0x6801}, 3, 3, 0x84, REG(0), REG(0) + 8},             /* strd ..., [r0], #8 */
	{{0xc806, 0x6803}, 2, 3, 4, REG(0), REG(0) + 8},                        /* ldm r0!, {r1, r2} */
	{{0xe910, 0x000e}, 2, 3, 4, REG(0) - 12, REG(0) - 4},                   /* ldmdb r0, {r1-r3} */
	{{0xe920, 0x000e, 0x6801}, 3, 4, 0x84, REG(0) - 12, REG(0) - 12},       /* stmdb r0!, {r1-r3} */
	{{0xb430, 0x9900}, 2, 3, 0x84, REG(13) - 8, REG(13) - 8},               /* push {r4, r5} */
	{{0xbc30, 0x9900}, 2, 3, 4, REG(13), REG(13) + 8},                      /* pop {r4, r5} */
	{{0xed90, 0x0b02}, 2, 2, 4, REG(0) + 8, REG(0) + 12},                   /* vldr d0, [r0, #8] */
	{{0xecb0, 0x0a03, 0x6801}, 3, 4, 4, REG(0), REG(0) + 12},               /* vldmia r0!, {s0-s2} */
	{{0xed2d, 0x8b02, 0x9900}, 3, 3, 0x84, REG(13) - 8, REG(13) - 8},       /* vpush {d8} */
	{{0xe8d0, 0xf002}, 2, 1, 1, REG(0) + REG(2), REG(0) + REG(2)},          /* tbb [r0, r2] */
	{{0xe8d0, 0xf012}, 2, 1, 2, REG(0) + 2 * REG(2), REG(0) + 2 * REG(2)},  /* tbh */
	/* arithmetic before ldr r1, [r0] */
	{{0x3004, 0x6801}, 2, 1, 4, REG(0) + 4, 0},                             /* adds r0, #4 */
	{{0x3804, 0x6801}, 2, 1, 4, REG(0) - 4, 0},                             /* subs r0, #4 */
	{{0x1d10, 0x6801}, 2, 1, 4, REG(2) + 4, 0},                             /* adds r0, r2, #4 */
	{{0x1f10, 0x6801}, 2, 1, 4, REG(2) - 4, 0},                             /* subs r0, r2, #4 */
	{{0x1898, 0x6801}, 2, 1, 4, REG(3) + REG(2), 0},                        /* adds r0, r3, r2 */
	{{0x1a98, 0x6801}, 2, 1, 4, REG(3) - REG(2), 0},                        /* subs r0, r3, r2 */
	{{0x4440, 0x6801}, 2, 1, 4, REG(0) + REG(8), 0},                        /* add r0, r8 */
	{{0x4640, 0x6801}, 2, 1, 4, REG(8), 0},                                 /* mov r0, r8 */
	{{0x0010, 0x6801}, 2, 1, 4, REG(2), 0},                                 /* movs r0, r2 */
	{{0x0110, 0x6801}, 2, 1, 4, REG(2) << 4, 0},                            /* lsls r0, r2, #4 */
	{{0x0910, 0x6801}, 2, 1, 4, REG(2) >> 4, 0},                            /* lsrs r0, r2, #4 */
	{{0x2042, 0x6801}, 2, 1, 4, 0x42, 0},                                   /* movs r0, #0x42 */
	{{0xa002, 0x6801}, 2, 1, 4, 0x0800010c, 0},                             /* adr r0, . + 12 */
	{{0xa802, 0x6801}, 2, 1, 4, REG(13) + 8, 0},                            /* add r0, sp, #8 */
	{{0xb082, 0x9900}, 2, 1, 4, REG(13) - 8, 0},                            /* sub sp, #8 */
	{{0xf502, 0x7080, 0x6801}, 3, 1, 4, REG(2) + 256, 0},                   /* add.w r0, r2, #256 */
	{{0xf1a2, 0x10ff, 0x6801}, 3, 1, 4, REG(2) - 0x00ff00ff, 0},            /* sub.w, twice a byte */
	{{0xf2a2, 0x1023, 0x6801}, 3, 1, 4, REG(2) - 0x123, 0},                 /* subw */
	{{0xf241, 0x2034, 0xf2c2, 0x0000, 0x6801}, 5, 1, 4, 0x20001234, 0},     /* movw, movt */
	{{0xeb03, 0x00c2, 0x6801}, 3, 1, 4, REG(3) + 8 * REG(2), 0},            /* add r0, r3, r2, lsl #3 */
	{{0xeb03, 0x00d2, 0x6801}, 3, 1, 4, REG(3) + REG(2) / 8, 0},            /* ..., lsr #3 */
	{{0xfb03, 0x1002, 0x6801}, 3, 1, 4, REG(3) * REG(2) + REG(1), 0},       /* mla r0, r3, r2, r1 */
	{{0xfb03, 0x1012, 0x6801}, 3, 1, 4, REG(1) - REG(3) * REG(2), 0},       /* mls */
};
/* clang-format on */

static void test_table(void **state)
{
	(void)state;
	for (size_t k = 0; k < sizeof(table) / sizeof(table[0]); k++) {
		const struct expected *e = &table[k];
		struct mn_addr_recipe *r = analyse(e->code, e->n, 0);

		if (!r)
			fail_msg("row %zu: no recipe", k);
		if (r->n_access != e->n_access || r->access[0].bytes != (e->what & 0x7f) ||
		    r->access[0].store != e->what >> 7)
			fail_msg("row %zu: %u accesses", k, r->n_access);
		if (address(r, 0) != e->first)
			fail_msg("row %zu: first at 0x%08x", k, address(r, 0));
		if (e->last && address(r, r->n_access - 1u) != e->last)
			fail_msg("row %zu: last at 0x%08x", k, address(r, r->n_access - 1u));
		mn_addr_free(r);
	}
}

/* A pointer loaded before and after a store: the recipe says which stores came first. */
static void test_pointer(void **state)
{
	/* ldr r1, [r0]; str r2, [r1, #4]; ldrsb r3, [r0, r4]; ldr r5, [r3] */
	static const uint16_t code[] = {0x6801, 0x604a, 0x5703, 0x681d};
	struct mn_addr_recipe *r = analyse(code, 4, 0);

	(void)state;
	assert_non_null(r);
	assert_int_equal(r->n_access, 4);
	assert_int_equal(r->reads, 1u << 0 | 1u << 4);
	assert_int_equal(r->n_ops, 3);
	assert_int_equal(r->op[0].kind, MN_ADDR_LOAD);
	assert_int_equal(r->op[0].bytes, 4);
	assert_int_equal(r->op[0].after, 0);
	assert_int_equal(r->op[2].kind, MN_ADDR_LOAD);
	assert_int_equal(r->op[2].bytes, 1);
	assert_int_equal(r->op[2].is_signed, 1);
	assert_int_equal(r->op[2].after, 2);
	mn_addr_free(r);
}

static void test_refused(void **state)
{
	static const struct {
		uint16_t code[4];
		uint8_t n, cond;
	} refused[] = {
		{{0x6801}, 1, 1},                 /* may be skipped */
		{{0xe850, 0x1f00}, 2, 0},         /* ldrex */
		{{0xfb91, 0xf0f2}, 2, 0},         /* sdiv */
		{{0x4050, 0x6801}, 2, 0},         /* eors r0, r2; ldr r1, [r0] */
		{{0x1840, 0x4048, 0x5881}, 3, 0}, /* eors r0, r1 after an addition */
		{{0xea4f, 0x2034, 0x6801}, 3, 0}, /* mov r0, r4, ror #8 */
		{{0xdf00}, 1, 0},                 /* svc */
		{{0xb662}, 1, 0},                 /* cpsie i */
	};

	(void)state;
	for (size_t k = 0; k < sizeof(refused) / sizeof(refused[0]); k++)
		if (analyse(refused[k].code, refused[k].n, refused[k].cond))
			fail_msg("row %zu has a recipe", k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_pointer),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
