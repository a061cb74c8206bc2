/* SPDX-License-Identifier: MIT */
/*
 * The inner loops of the matrix products: int8 weights by int16 inputs (x - zero point), four
 * inputs (a group) at a time. Written out for Arm because they need every register that the core
 * has, and a compiler that spills one pays for it in each group; the C beside it is the meaning.
 *
 * Columns. One column: per group a word of its even lanes, then one of its odd lanes. Two columns:
 * even lanes of column 0, of column 1, odd lanes of column 0, of column 1. Behind the groups, the 1
 * to 3 inputs left over as int16: one each, or a pair each.
 */
#ifndef MN_DOT_H
#define MN_DOT_H

#include "simd.h"

/* Words of a group. */
#define MN_GROUP_1 2
#define MN_GROUP_2 4

/* Words of a column, or of two, of `taps` inputs. */
MN_INLINE uint32_t mn_column_bytes(uint32_t taps, uint32_t group)
{
	return taps / 4 * 4 * group + taps % 4 * group;
}

/*
 * Widen whole groups: even lanes to dst[0], odd lanes to dst[group / 2], dst moves on by `group`.
 * Returns where the next group goes. offset is -zero point, twice.
 */
MN_INLINE uint32_t *mn_widen(uint32_t *dst, uint32_t group, const int8_t *src, uint32_t groups,
			     uint32_t offset)
{
	for (; groups >= 2; groups -= 2, src += 8, dst += 2 * group) {
		uint32_t x = mn_load4(src), y = mn_load4(src + 4);

		dst[0] = mn_add_even(offset, x);
		dst[group / 2] = mn_add_odd(offset, x);
		dst[group] = mn_add_even(offset, y);
		dst[group + group / 2] = mn_add_odd(offset, y);
	}
	if (groups) {
		uint32_t x = mn_load4(src);

		dst[0] = mn_add_even(offset, x);
		dst[group / 2] = mn_add_odd(offset, x);
		dst += group;
	}
	return dst;
}

/* Widen `taps` contiguous bytes, with those left over, into column j (0, or 1 of two). */
MN_INLINE void mn_widen_all(uint32_t *columns, uint32_t group, uint32_t j, const int8_t *src,
			    uint32_t taps, uint32_t offset)
{
	uint32_t left = taps % 4;
	int16_t *rest = (int16_t *)(void *)(columns + taps / 4 * group) + j;

	mn_widen(columns + j, group, src, taps / 4, offset);
	src += taps - left;
	for (uint32_t i = 0; i < left; i++, rest += group / 2)
		*rest = (int16_t)(src[i] + mn_lo16(offset));
}

#if MN_SIMD_ARM && defined(__OPTIMIZE__)

/*
 * 16 MACs. Loads stand together, as the M4 pipelines them; a widening stands before a multiply, as
 * the M7 pairs them. All encodings are wide, so that an aligned loop stays aligned.
 */
#define MN_DOT_2X2                                                                                 \
	"ldr.w %[wa], [%[w0]], #4\n\t"                                                             \
	"ldr.w %[x0], [%[x], #4]\n\t"                                                              \
	"ldr.w %[wb], [%[w1]], #4\n\t"                                                             \
	"ldr.w %[x1], [%[x], #8]\n\t"                                                              \
	"sxtb16 %[ea], %[wa]\n\t"                                                                  \
	"sxtb16 %[eb], %[wb]\n\t"                                                                  \
	"smlad %[a00], %[ea], %[x0], %[a00]\n\t"                                                   \
	"sxtb16 %[wa], %[wa], ror #8\n\t"                                                          \
	"smlad %[a01], %[ea], %[x1], %[a01]\n\t"                                                   \
	"sxtb16 %[wb], %[wb], ror #8\n\t"                                                          \
	"smlad %[a10], %[eb], %[x0], %[a10]\n\t"                                                   \
	"smlad %[a11], %[eb], %[x1], %[a11]\n\t"                                                   \
	"ldr.w %[x0], [%[x], #12]\n\t"                                                             \
	"ldr.w %[x1], [%[x], #16]!\n\t"                                                            \
	"smlad %[a00], %[wa], %[x0], %[a00]\n\t"                                                   \
	"smlad %[a10], %[wb], %[x0], %[a10]\n\t"                                                   \
	"smlad %[a01], %[wa], %[x1], %[a01]\n\t"                                                   \
	"smlad %[a11], %[wb], %[x1], %[a11]\n\t"

/* Gives a variable a register of its own: two that begin with one value would share it. */
#define MN_OWN(variable) __asm__("" : "+r"(variable))

/*
 * Rounds of four groups until x is at the end, from an aligned instruction. The end is in memory: a
 * register more and a compiler may find none for it.
 */
#define MN_LOOP(body, temp)                                                                        \
	".p2align 3\n1:\n\t" body body body body "ldr.w %[" temp "], %[end]\n\t"                   \
	"cmp %[x], %[" temp "]\n\tbne 1b"

/*
 * a[2 * channel + column] += weights of two channels, `taps` bytes apart, by two columns. Returns
 * the weights behind them.
 */
MN_INLINE const int8_t *mn_dot_2x2(int32_t a[4], const int8_t *w, uint32_t taps,
				   const uint32_t *columns)
{
	const int8_t *w0 = w, *w1 = w + taps;
	const uint32_t *x = columns - 1, *end = x + taps / 16 * 4 * MN_GROUP_2;
	int32_t a00 = a[0], a01 = a[1], a10 = a[2], a11 = a[3];
	uint32_t wa, wb, x0, x1, ea, eb;

	MN_OWN(a00);
	MN_OWN(a01);
	MN_OWN(a10);
	MN_OWN(a11);
	MN_OWN(w0);
	MN_OWN(w1);
	MN_OWN(x);
	if (x != end)
		__asm__ volatile(
			MN_LOOP(MN_DOT_2X2, "ea")
			: [a00] "+r"(a00), [a01] "+r"(a01), [a10] "+r"(a10), [a11] "+r"(a11),
			  [w0] "+r"(w0), [w1] "+r"(w1), [x] "+r"(x), [wa] "=&r"(wa), [wb] "=&r"(wb),
			  [x0] "=&r"(x0), [x1] "=&r"(x1), [ea] "=&r"(ea), [eb] "=&r"(eb)
			: [end] "m"(end)
			: "cc", "memory");
	if (taps & 8)
		__asm__ volatile(
			MN_DOT_2X2 MN_DOT_2X2
			: [a00] "+r"(a00), [a01] "+r"(a01), [a10] "+r"(a10), [a11] "+r"(a11),
			  [w0] "+r"(w0), [w1] "+r"(w1), [x] "+r"(x), [wa] "=&r"(wa), [wb] "=&r"(wb),
			  [x0] "=&r"(x0), [x1] "=&r"(x1), [ea] "=&r"(ea), [eb] "=&r"(eb)
			:
			: "memory");
	if (taps & 4)
		__asm__ volatile(
			MN_DOT_2X2
			: [a00] "+r"(a00), [a01] "+r"(a01), [a10] "+r"(a10), [a11] "+r"(a11),
			  [w0] "+r"(w0), [w1] "+r"(w1), [x] "+r"(x), [wa] "=&r"(wa), [wb] "=&r"(wb),
			  [x0] "=&r"(x0), [x1] "=&r"(x1), [ea] "=&r"(ea), [eb] "=&r"(eb)
			:
			: "memory");
	for (uint32_t left = taps % 4; left; left--) {
		uint32_t pair = *++x, v0 = (uint32_t)*w0++, v1 = (uint32_t)*w1++;

		a00 = mn_smlabb(v0, pair, a00);
		a01 = mn_smlabt(v0, pair, a01);
		a10 = mn_smlabb(v1, pair, a10);
		a11 = mn_smlabt(v1, pair, a11);
	}
	a[0] = a00;
	a[1] = a01;
	a[2] = a10;
	a[3] = a11;
	return w1;
}

#define MN_DOT_4X1                                                                                 \
	"ldr.w %[xe], [%[x], #4]\n\t"                                                              \
	"ldr.w %[wa], [%[w], %[k]]\n\t"                                                            \
	"ldr.w %[wb], [%[w], %[k], lsl #1]\n\t"                                                    \
	"ldr.w %[xo], [%[x], #8]!\n\t"                                                             \
	"sxtb16 %[e], %[wa]\n\t"                                                                   \
	"sxtb16 %[wa], %[wa], ror #8\n\t"                                                          \
	"smlad %[a1], %[e], %[xe], %[a1]\n\t"                                                      \
	"sxtb16 %[e], %[wb]\n\t"                                                                   \
	"smlad %[a1], %[wa], %[xo], %[a1]\n\t"                                                     \
	"sxtb16 %[wb], %[wb], ror #8\n\t"                                                          \
	"smlad %[a2], %[e], %[xe], %[a2]\n\t"                                                      \
	"smlad %[a2], %[wb], %[xo], %[a2]\n\t"                                                     \
	"ldr.w %[wa], [%[w], %[k3]]\n\t"                                                           \
	"ldr.w %[wb], [%[w]], #4\n\t"                                                              \
	"sxtb16 %[e], %[wa]\n\t"                                                                   \
	"sxtb16 %[wa], %[wa], ror #8\n\t"                                                          \
	"smlad %[a3], %[e], %[xe], %[a3]\n\t"                                                      \
	"sxtb16 %[e], %[wb]\n\t"                                                                   \
	"smlad %[a3], %[wa], %[xo], %[a3]\n\t"                                                     \
	"sxtb16 %[wb], %[wb], ror #8\n\t"                                                          \
	"smlad %[a0], %[e], %[xe], %[a0]\n\t"                                                      \
	"smlad %[a0], %[wb], %[xo], %[a0]\n\t"

/* a[channel] += weights of four channels, `taps` bytes apart, by one column. */
MN_INLINE void mn_dot_4x1(int32_t a[4], const int8_t *w, uint32_t taps, const uint32_t *column)
{
	const uint32_t *x = column - 1, *end = x + taps / 16 * 4 * MN_GROUP_1;
	const uint32_t taps3 = 3 * taps;
	int32_t a0 = a[0], a1 = a[1], a2 = a[2], a3 = a[3];
	uint32_t wa, wb, xe, xo, e;
	const int16_t *rest;

	MN_OWN(a0);
	MN_OWN(a1);
	MN_OWN(a2);
	MN_OWN(a3);
	MN_OWN(w);
	MN_OWN(x);
	if (x != end)
		__asm__ volatile(MN_LOOP(MN_DOT_4X1, "e")
				 : [a0] "+r"(a0), [a1] "+r"(a1), [a2] "+r"(a2), [a3] "+r"(a3),
				   [w] "+r"(w), [x] "+r"(x), [wa] "=&r"(wa), [wb] "=&r"(wb),
				   [xe] "=&r"(xe), [xo] "=&r"(xo), [e] "=&r"(e)
				 : [k] "r"(taps), [k3] "r"(taps3), [end] "m"(end)
				 : "cc", "memory");
	if (taps & 8)
		__asm__ volatile(MN_DOT_4X1 MN_DOT_4X1
				 : [a0] "+r"(a0), [a1] "+r"(a1), [a2] "+r"(a2), [a3] "+r"(a3),
				   [w] "+r"(w), [x] "+r"(x), [wa] "=&r"(wa), [wb] "=&r"(wb),
				   [xe] "=&r"(xe), [xo] "=&r"(xo), [e] "=&r"(e)
				 : [k] "r"(taps), [k3] "r"(taps3)
				 : "memory");
	if (taps & 4)
		__asm__ volatile(MN_DOT_4X1
				 : [a0] "+r"(a0), [a1] "+r"(a1), [a2] "+r"(a2), [a3] "+r"(a3),
				   [w] "+r"(w), [x] "+r"(x), [wa] "=&r"(wa), [wb] "=&r"(wb),
				   [xe] "=&r"(xe), [xo] "=&r"(xo), [e] "=&r"(e)
				 : [k] "r"(taps), [k3] "r"(taps3)
				 : "memory");
	rest = (const int16_t *)(const void *)(x + 1);
	for (uint32_t left = taps % 4; left; left--, w++) {
		uint32_t v = (uint32_t)*rest++;

		a0 = mn_smlabb((uint32_t)w[0], v, a0);
		a1 = mn_smlabb((uint32_t)w[taps], v, a1);
		a2 = mn_smlabb((uint32_t)w[2 * taps], v, a2);
		a3 = mn_smlabb((uint32_t)w[taps3], v, a3);
	}
	a[0] = a0;
	a[1] = a1;
	a[2] = a2;
	a[3] = a3;
}

#else

static inline const int8_t *mn_dot_2x2(int32_t a[4], const int8_t *w, uint32_t taps,
				       const uint32_t *columns)
{
	const uint32_t *x = columns;

	for (uint32_t i = 0; i < taps / 4; i++, w += 4, x += MN_GROUP_2) {
		uint32_t w0 = mn_load4(w), w1 = mn_load4(w + taps);

		for (int j = 0; j < 2; j++) {
			a[j] = mn_smlad(mn_even(w0), x[j], a[j]);
			a[j] = mn_smlad(mn_odd(w0), x[2 + j], a[j]);
			a[2 + j] = mn_smlad(mn_even(w1), x[j], a[2 + j]);
			a[2 + j] = mn_smlad(mn_odd(w1), x[2 + j], a[2 + j]);
		}
	}
	for (uint32_t left = taps % 4; left; left--, w++, x++) {
		a[0] = mn_smlabb((uint32_t)w[0], *x, a[0]);
		a[1] = mn_smlabt((uint32_t)w[0], *x, a[1]);
		a[2] = mn_smlabb((uint32_t)w[taps], *x, a[2]);
		a[3] = mn_smlabt((uint32_t)w[taps], *x, a[3]);
	}
	return w + taps;
}

static inline void mn_dot_4x1(int32_t a[4], const int8_t *w, uint32_t taps, const uint32_t *column)
{
	const int16_t *rest = (const int16_t *)(const void *)(column + taps / 4 * MN_GROUP_1);

	for (int oc = 0; oc < 4; oc++, w += taps) {
		for (uint32_t i = 0; i < taps / 4; i++) {
			uint32_t v = mn_load4(w + 4 * i);

			a[oc] = mn_smlad(mn_even(v), column[2 * i], a[oc]);
			a[oc] = mn_smlad(mn_odd(v), column[2 * i + 1], a[oc]);
		}
		for (uint32_t i = taps / 4 * 4, j = 0; i < taps; i++, j++)
			a[oc] = mn_smlabb((uint32_t)w[i], (uint32_t)rest[j], a[oc]);
	}
}

#endif

/* The last channel of an odd number, by two columns. */
MN_INLINE void mn_dot_1x2(int32_t a[2], const int8_t *w, uint32_t taps, const uint32_t *columns)
{
	int32_t a0 = a[0], a1 = a[1];

	for (uint32_t i = taps / 4; i; i--, w += 4, columns += MN_GROUP_2) {
		uint32_t v = mn_load4(w), even = mn_even(v), odd = mn_odd(v);

		a0 = mn_smlad(even, columns[0], a0);
		a1 = mn_smlad(even, columns[1], a1);
		a0 = mn_smlad(odd, columns[2], a0);
		a1 = mn_smlad(odd, columns[3], a1);
	}
	for (uint32_t left = taps % 4; left; left--) {
		uint32_t pair = *columns++, v = (uint32_t)*w++;

		a0 = mn_smlabb(v, pair, a0);
		a1 = mn_smlabt(v, pair, a1);
	}
	a[0] = a0;
	a[1] = a1;
}

MN_INLINE int32_t mn_dot_1x1(int32_t acc, const int8_t *w, uint32_t taps, const uint32_t *column)
{
	const int16_t *rest;

	for (uint32_t i = taps / 4; i; i--, w += 4, column += MN_GROUP_1) {
		uint32_t v = mn_load4(w);

		acc = mn_smlad(mn_odd(v), column[1], mn_smlad(mn_even(v), column[0], acc));
	}
	rest = (const int16_t *)(const void *)column;
	for (uint32_t left = taps % 4; left; left--)
		acc = mn_smlabb((uint32_t)*w++, (uint32_t)*rest++, acc);
	return acc;
}

/*
 * Straight from bytes: inputs widen on the way, which pays for one or two channels. a[channel] +=
 * weights of two channels, `taps` bytes apart, by `taps` inputs. offset is -zero point, twice.
 */
MN_INLINE void mn_dot_2_bytes(int32_t a[2], const int8_t *w, const int8_t *x, uint32_t taps,
			      uint32_t offset)
{
	int32_t a0 = a[0], a1 = a[1];

#pragma GCC unroll 2
	for (uint32_t i = taps / 4; i; i--, w += 4, x += 4) {
		uint32_t v0 = mn_load4(w), v1 = mn_load4(w + taps), u = mn_load4(x);
		uint32_t even = mn_add_even(offset, u), odd = mn_add_odd(offset, u);

		a0 = mn_smlad(mn_even(v0), even, a0);
		a1 = mn_smlad(mn_even(v1), even, a1);
		a0 = mn_smlad(mn_odd(v0), odd, a0);
		a1 = mn_smlad(mn_odd(v1), odd, a1);
	}
	for (uint32_t left = taps % 4; left; left--, w++, x++) {
		uint32_t v = (uint32_t)(*x + mn_lo16(offset));

		a0 = mn_smlabb((uint32_t)w[0], v, a0);
		a1 = mn_smlabb((uint32_t)w[taps], v, a1);
	}
	a[0] = a0;
	a[1] = a1;
}

MN_INLINE int32_t mn_dot_1_bytes(int32_t acc, const int8_t *w, const int8_t *x, uint32_t taps,
				 uint32_t offset)
{
#pragma GCC unroll 2
	for (uint32_t i = taps / 4; i; i--, w += 4, x += 4) {
		uint32_t v = mn_load4(w), u = mn_load4(x);

		acc = mn_smlad(mn_even(v), mn_add_even(offset, u), acc);
		acc = mn_smlad(mn_odd(v), mn_add_odd(offset, u), acc);
	}
	for (uint32_t left = taps % 4; left; left--)
		acc = mn_smlabb((uint32_t)*w++, (uint32_t)(*x++ + mn_lo16(offset)), acc);
	return acc;
}

#endif
