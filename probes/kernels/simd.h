/* SPDX-License-Identifier: MIT */
/*
 * The Armv7E-M SIMD instructions that the dsp kernels are made of, one inline function each, and
 * the same arithmetic in portable C everywhere else: the dsp kernels run natively in the tests.
 *
 * A word of four int8 x3 x2 x1 x0 widens to two words of int16: its even lanes (x2, x0) and its odd
 * lanes (x3, x1). Products of two words widened alike need no reordering.
 */
#ifndef MN_SIMD_H
#define MN_SIMD_H

#include <stdint.h>

#include "fixed.h"

#if defined(__ARM_FEATURE_DSP) && __ARM_FEATURE_DSP && defined(__thumb2__)
#define MN_SIMD_ARM 1
#else
#define MN_SIMD_ARM 0
#endif

#define MN_INLINE   static inline __attribute__((always_inline))
#define MN_NOINLINE static __attribute__((noinline))

/* Four bytes as a word, at any address: the cores load unaligned words. The builtin, because a
 * freestanding compiler would call the function. */
MN_INLINE uint32_t mn_load4(const void *p)
{
	uint32_t w;

	__builtin_memcpy(&w, p, sizeof(w));
	return w;
}

MN_INLINE void mn_store4(void *p, uint32_t w)
{
	__builtin_memcpy(p, &w, sizeof(w));
}

/* Two bytes, the low ones of w. */
MN_INLINE void mn_store2(void *p, uint32_t w)
{
	uint16_t h = (uint16_t)w;

	__builtin_memcpy(p, &h, sizeof(h));
}

/* Two int16 as a word: lo in the low half. Upper halves of the arguments do not matter. */
MN_INLINE uint32_t mn_pair16(int32_t lo, int32_t hi)
{
#if MN_SIMD_ARM
	uint32_t r;

	__asm__("pkhbt %0, %1, %2, lsl #16" : "=r"(r) : "r"(lo), "r"(hi));
	return r;
#else
	return ((uint32_t)lo & 0xffff) | (uint32_t)hi << 16;
#endif
}

/* The same int16 twice. */
MN_INLINE uint32_t mn_twice16(int32_t x)
{
	return mn_pair16(x, x);
}

MN_INLINE int32_t mn_lo16(uint32_t x)
{
	return (int16_t)x;
}

MN_INLINE int32_t mn_hi16(uint32_t x)
{
	return (int32_t)x >> 16;
}

#if MN_SIMD_ARM

#define MN_SIMD_1(name, instruction)                                                               \
	MN_INLINE uint32_t name(uint32_t x)                                                        \
	{                                                                                          \
		uint32_t r;                                                                        \
		__asm__(instruction : "=r"(r) : "r"(x));                                           \
		return r;                                                                          \
	}
#define MN_SIMD_2(name, instruction)                                                               \
	MN_INLINE uint32_t name(uint32_t a, uint32_t x)                                            \
	{                                                                                          \
		uint32_t r;                                                                        \
		__asm__(instruction : "=r"(r) : "r"(a), "r"(x));                                   \
		return r;                                                                          \
	}
#define MN_SIMD_MAC(name, instruction)                                                             \
	MN_INLINE int32_t name(uint32_t a, uint32_t b, int32_t acc)                                \
	{                                                                                          \
		int32_t r;                                                                         \
		__asm__(instruction " %0, %1, %2, %3" : "=r"(r) : "r"(a), "r"(b), "r"(acc));       \
		return r;                                                                          \
	}

MN_SIMD_1(mn_even, "sxtb16 %0, %1")
MN_SIMD_1(mn_odd, "sxtb16 %0, %1, ror #8")
MN_SIMD_2(mn_add_even, "sxtab16 %0, %1, %2")
MN_SIMD_2(mn_add_odd, "sxtab16 %0, %1, %2, ror #8")
MN_SIMD_MAC(mn_smlad, "smlad")
MN_SIMD_MAC(mn_smlabb, "smlabb")
MN_SIMD_MAC(mn_smlabt, "smlabt")
MN_SIMD_MAC(mn_smlatb, "smlatb")
MN_SIMD_MAC(mn_smlatt, "smlatt")

/* The lane-wise difference leaves its signs in the GE flags, SEL picks by them. */
MN_INLINE uint32_t mn_max4(uint32_t a, uint32_t b)
{
	uint32_t r;

	__asm__("ssub8 %0, %1, %2\n\tsel %0, %1, %2" : "=&r"(r) : "r"(a), "r"(b));
	return r;
}

MN_INLINE uint32_t mn_min4(uint32_t a, uint32_t b)
{
	uint32_t r;

	__asm__("ssub8 %0, %2, %1\n\tsel %0, %1, %2" : "=&r"(r) : "r"(a), "r"(b));
	return r;
}

#else

static inline int32_t mn_lane8(uint32_t x, int lane)
{
	return (int8_t)(x >> 8 * lane);
}

static inline uint32_t mn_add_even(uint32_t a, uint32_t x)
{
	return mn_pair16(mn_lo16(a) + mn_lane8(x, 0), mn_hi16(a) + mn_lane8(x, 2));
}

static inline uint32_t mn_add_odd(uint32_t a, uint32_t x)
{
	return mn_pair16(mn_lo16(a) + mn_lane8(x, 1), mn_hi16(a) + mn_lane8(x, 3));
}

static inline uint32_t mn_even(uint32_t x)
{
	return mn_add_even(0, x);
}

static inline uint32_t mn_odd(uint32_t x)
{
	return mn_add_odd(0, x);
}

static inline int32_t mn_smlabb(uint32_t a, uint32_t b, int32_t acc)
{
	return mn_add32(acc, mn_lo16(a) * mn_lo16(b));
}

static inline int32_t mn_smlabt(uint32_t a, uint32_t b, int32_t acc)
{
	return mn_add32(acc, mn_lo16(a) * mn_hi16(b));
}

static inline int32_t mn_smlatb(uint32_t a, uint32_t b, int32_t acc)
{
	return mn_add32(acc, mn_hi16(a) * mn_lo16(b));
}

static inline int32_t mn_smlatt(uint32_t a, uint32_t b, int32_t acc)
{
	return mn_add32(acc, mn_hi16(a) * mn_hi16(b));
}

static inline int32_t mn_smlad(uint32_t a, uint32_t b, int32_t acc)
{
	return mn_smlatt(a, b, mn_smlabb(a, b, acc));
}

static inline uint32_t mn_max4(uint32_t a, uint32_t b)
{
	uint32_t r = 0;

	for (int i = 0; i < 4; i++)
		r |= ((mn_lane8(a, i) >= mn_lane8(b, i) ? a : b) & 0xffu << 8 * i);
	return r;
}

static inline uint32_t mn_min4(uint32_t a, uint32_t b)
{
	uint32_t r = 0;

	for (int i = 0; i < 4; i++)
		r |= ((mn_lane8(b, i) >= mn_lane8(a, i) ? a : b) & 0xffu << 8 * i);
	return r;
}

#endif

/* mn_high_mul() for a pair that is not -2^31 twice: four instructions. */
MN_INLINE int32_t mn_high_mul_dsp(int32_t a, int32_t b)
{
#if MN_SIMD_ARM
	int32_t lo, hi;

	/* The product doubled, its high word, and bit 30 as the rounding. */
	__asm__("smull %0, %1, %2, %3\n\t"
		"adds %0, %0, %0\n\t"
		"adc %1, %1, %1\n\t"
		"add %1, %1, %0, lsr #31"
		: "=&r"(lo), "=&r"(hi)
		: "r"(a), "r"(b)
		: "cc");
	return hi;
#else
	return mn_high_mul(a, b);
#endif
}

/* mn_high_mul(a / 2, b) for an even a, in one instruction. */
MN_INLINE int32_t mn_high_mul_doubled(int32_t a, int32_t b)
{
#if MN_SIMD_ARM
	int32_t r;

	__asm__("smmulr %0, %1, %2" : "=r"(r) : "r"(a), "r"(b));
	return r;
#else
	return mn_high_mul(a / 2, b);
#endif
}

/* mn_round_shift(x, -shift) + zp for a shift of -31 … 0. */
MN_INLINE int32_t mn_round_shift_add(int32_t x, int32_t shift, int32_t zp)
{
#if MN_SIMD_ARM
	int32_t t, n = -shift;

	/* Half away from zero is half up after a step down for negative numbers. The last bit
	 * shifted out is the carry: the rounding. A shift by 0 leaves the carry of ANDS, which is
	 * bit 30 of 0, and takes no step down. */
	__asm__("ands %1, %0, %2, asr #31\n\t"
		"add %0, %0, %1, asr #31\n\t"
		"asrs %0, %0, %3\n\t"
		"adc %0, %0, %4"
		: "+&r"(x), "=&r"(t)
		: "r"(shift), "r"(n), "r"(zp)
		: "cc");
	return x;
#else
	return mn_add32(mn_round_shift(x, -shift), zp);
#endif
}

/* mn_round_shift(x, n) + zp for n in 1 … 31: three instructions. */
MN_INLINE int32_t mn_shift_right_add(int32_t x, int32_t n, int32_t zp)
{
#if MN_SIMD_ARM
	/* As above, without the case of 0. */
	__asm__("add %0, %0, %0, asr #31\n\t"
		"asrs %0, %0, %1\n\t"
		"adc %0, %0, %2"
		: "+&r"(x)
		: "r"(n), "r"(zp)
		: "cc");
	return x;
#else
	return mn_add32(mn_round_shift(x, n), zp);
#endif
}

/* Rescale and zero point; the activation follows in mn_pack4(). Few layers ever shift left. */
MN_INLINE int32_t mn_rescale_dsp(int32_t acc, int32_t mult, int32_t shift, int32_t zp)
{
	if (__builtin_expect(shift >= 0, 0))
		return mn_add32(mn_high_mul_dsp(mn_shl32(acc, shift), mult), zp);
	return mn_shift_right_add(mn_high_mul_dsp(acc, mult), -shift, zp);
}

/* The same for two accumulators of one channel. */
MN_INLINE void mn_rescale_two(int32_t *a, int32_t *b, int32_t mult, int32_t shift, int32_t zp)
{
	if (__builtin_expect(shift >= 0, 0)) {
		*a = mn_add32(mn_high_mul_dsp(mn_shl32(*a, shift), mult), zp);
		*b = mn_add32(mn_high_mul_dsp(mn_shl32(*b, shift), mult), zp);
	} else {
		*a = mn_shift_right_add(mn_high_mul_dsp(*a, mult), -shift, zp);
		*b = mn_shift_right_add(mn_high_mul_dsp(*b, mult), -shift, zp);
	}
}

/* mn_requantise() of one output. */
MN_INLINE int8_t mn_requantise_dsp(int32_t acc, int32_t mult, int32_t shift,
				   const struct mn_quant *q)
{
	return (int8_t)mn_clamp(mn_rescale_dsp(acc, mult, shift, q->out_zp), q->act_min,
				q->act_max);
}

MN_INLINE int32_t mn_sat8(int32_t x)
{
#if MN_SIMD_ARM
	int32_t r;

	__asm__("ssat %0, #8, %1" : "=r"(r) : "r"(x));
	return r;
#else
	return mn_clamp(x, INT8_MIN, INT8_MAX);
#endif
}

/* The activation of four outputs at once: its limits in every byte. */
struct mn_limits {
	uint32_t lo, hi;
};

MN_INLINE struct mn_limits mn_limits_of(const struct mn_quant *q)
{
	return (struct mn_limits){(uint32_t)(uint8_t)q->act_min * 0x01010101u,
				  (uint32_t)(uint8_t)q->act_max * 0x01010101u};
}

/* Four outputs saturated, packed (y0 in the low byte) and clamped. */
MN_INLINE uint32_t mn_pack4(int32_t y0, int32_t y1, int32_t y2, int32_t y3, struct mn_limits limits)
{
	uint32_t even = mn_pair16(mn_sat8(y0), mn_sat8(y2)) & 0x00ff00ffu;
	uint32_t odd = mn_pair16(mn_sat8(y1), mn_sat8(y3)) & 0x00ff00ffu;

	return mn_min4(mn_max4(even | odd << 8, limits.lo), limits.hi);
}

#endif
