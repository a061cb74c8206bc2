/* SPDX-License-Identifier: MIT */
#include "quant.h"

#include <math.h>

#include "err.h"

int mn_quant_multiplier(double real, int32_t *ret_multiplier, int32_t *ret_shift)
{
	int64_t fixed;
	int shift;

	if (!(real >= 0) || !isfinite(real))
		return MN_E_INVALID;
	fixed = llround(frexp(real, &shift) * 0x1p31);
	if (fixed == INT64_C(1) << 31) {
		fixed /= 2;
		shift++;
	}
	if (shift > 30)
		return MN_E_INVALID;
	if (shift < -31 || !fixed) {
		fixed = 0;
		shift = 0;
	}
	*ret_multiplier = (int32_t)fixed;
	*ret_shift = shift;
	return 0;
}

int mn_quant_softmax(float beta, float scale, int32_t *ret_multiplier, int32_t *ret_shift,
		     int32_t *ret_diff_min)
{
	double real = (double)beta * (double)scale * 0x1p26;
	int32_t multiplier, shift;
	int rc;

	if (!(real > 1))
		return MN_E_INVALID;
	if (real > 0x1p31 - 1)
		real = 0x1p31 - 1;
	/* From 2^30 on the shift is 31, which mn_quant_multiplier() refuses: a scale of 16, where
	 * every difference but 0 gives -128 anyway. */
	rc = mn_quant_multiplier(real, &multiplier, &shift);
	if (rc < 0)
		return rc;
	*ret_multiplier = multiplier;
	*ret_shift = shift;
	*ret_diff_min = -(int32_t)floor(31.0 * 0x1p26 / ldexp(1.0, shift));
	return 0;
}

int32_t mn_quant_bound(float real, float scale, int32_t zero_point)
{
	float quanta = roundf(real / scale);

	/* In float as long as the sum may not fit an int32. */
	if (quanta > 127.0f - (float)zero_point)
		return 127;
	if (quanta < -128.0f - (float)zero_point)
		return -128;
	return zero_point + (int32_t)quanta;
}

int mn_quant_sigmoid(float scale, int32_t *ret_multiplier, int32_t *ret_shift,
		     int32_t *ret_diff_min)
{
	int32_t multiplier, shift;
	int rc = mn_quant_multiplier((double)scale * (1 << 27), &multiplier, &shift);

	if (rc < 0)
		return rc;
	if (shift < 0)
		return MN_E_INVALID;
	*ret_multiplier = multiplier;
	*ret_shift = shift;
	*ret_diff_min = -(int32_t)((INT64_C(15) << 27) >> shift);
	return 0;
}

int32_t mn_quant_narrow(int32_t multiplier)
{
	return multiplier >= INT32_MAX - (1 << 15) ? INT16_MAX : (multiplier + (1 << 15)) >> 16;
}
