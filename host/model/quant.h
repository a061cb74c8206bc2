/* SPDX-License-Identifier: MIT */
/*
 * From the real-valued scales of a model to the integers that a kernel works with, in the exact
 * steps of TFLite's reference kernels: which product is taken in float and which in double decides
 * the last bit of a multiplier. tests/golden/README.md lists the steps op by op.
 */
#ifndef MN_QUANT_H
#define MN_QUANT_H

#include <stdint.h>

/*
 * real = multiplier * 2^(shift - 31), multiplier in 2^30..2^31 - 1 or 0, rounded half away from
 * zero; below 2^-32 it is 0 with shift 0. Returns 0, or MN_E_INVALID for a value that is negative,
 * not finite or 2^30 and more (a kernel takes shifts from -31 to 30).
 */
int mn_quant_multiplier(double real, int32_t *ret_multiplier, int32_t *ret_shift);

/*
 * Softmax over differences in Q5.26: the multiplier of min(beta * scale * 2^26, 2^31 - 1) and the
 * least difference that is not taken for -infinity. MN_E_INVALID where the reference refuses (that
 * product is not above 1) and where the shift is beyond a kernel's (2^30 and more).
 */
int mn_quant_softmax(float beta, float scale, int32_t *ret_multiplier, int32_t *ret_shift,
		     int32_t *ret_diff_min);

/*
 * Logistic and tanh over inputs in Q4.27: the multiplier of scale * 2^27 and the input, without its
 * zero point, from which on downward the output is the least: minus the radius of 15 in reals.
 * MN_E_INVALID where the shift is not in 0..30.
 */
int mn_quant_sigmoid(float scale, int32_t *ret_multiplier, int32_t *ret_shift,
		     int32_t *ret_diff_min);

/* A multiplier of 32 bits in 16, to the nearest: hard_swish. */
int32_t mn_quant_narrow(int32_t multiplier);

/* real / scale in output quanta around zero_point, in float, half away from zero, inside -128..127:
 * a bound of a fused activation. */
int32_t mn_quant_bound(float real, float scale, int32_t zero_point);

#endif
