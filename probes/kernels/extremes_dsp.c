/* SPDX-License-Identifier: MIT */
/* maximum and minimum, four bytes at a time. */
#include "broadcast.h"
#include "simd.h"
#include "variants.h"

MN_INLINE void run(uint32_t (*pick)(uint32_t, uint32_t), const int8_t *x1, uint32_t step1,
		   const int8_t *x2, uint32_t step2, int8_t *out, uint32_t n)
{
	if (step1 && step2) {
		for (; n >= 4; n -= 4, x1 += 4, x2 += 4, out += 4)
			mn_store4(out, pick(mn_load4(x1), mn_load4(x2)));
		for (; n; n--)
			*out++ = (int8_t)pick((uint8_t)*x1++, (uint8_t)*x2++);
	} else {
		const int8_t *x = step1 ? x1 : x2;
		uint32_t b = (uint8_t)(step1 ? *x2 : *x1) * 0x01010101u;

		for (; n >= 4; n -= 4, x += 4, out += 4)
			mn_store4(out, pick(mn_load4(x), b));
		for (; n; n--)
			*out++ = (int8_t)pick((uint8_t)*x++, b);
	}
}

static void run_maximum(const void *ctx, const int8_t *x1, uint32_t step1, const int8_t *x2,
			uint32_t step2, int8_t *out, uint32_t n)
{
	(void)ctx;
	run(mn_max4, x1, step1, x2, step2, out, n);
}

static void run_minimum(const void *ctx, const int8_t *x1, uint32_t step1, const int8_t *x2,
			uint32_t step2, int8_t *out, uint32_t n)
{
	(void)ctx;
	run(mn_min4, x1, step1, x2, step2, out, n);
}

int mn_maximum_dsp(const struct mn_kernel_args *a)
{
	mn_broadcast_each(a, run_maximum, NULL);
	return 0;
}

int mn_minimum_dsp(const struct mn_kernel_args *a)
{
	mn_broadcast_each(a, run_minimum, NULL);
	return 0;
}
