/* SPDX-License-Identifier: MIT */
/*
 * Is HCLK what it was set to? Two measurements through one path (HSE / 31 into TIM11) judge it: HSE
 * against HSI before the PLL, and HCLK against HSE after it. A path that does not work (an input
 * that is not connected as we believe) gives two wrong figures, and then nothing is said. If either
 * figure is right, the path works and the other is believed: HSE is not the 8 MHz that the PLL was
 * computed from, or the PLL does not multiply as it was told.
 */
#ifndef MN_CLOCK_CHECK_H
#define MN_CLOCK_CHECK_H

#include <stdint.h>

#include "err.h"

/* 0 in a measurement: it could not be made. Returns 0 or MN_E_CLOCK. */
static inline int mn_clock_check(uint32_t hse_hz, uint32_t hse_measured_hz, uint32_t set_hz,
				 uint32_t clock_measured_hz)
{
	/* HSI is good for 1 % when trimmed, some percent over its temperature range [R]. */
	uint32_t hse_off =
		hse_measured_hz > hse_hz ? hse_measured_hz - hse_hz : hse_hz - hse_measured_hz;
	uint32_t clock_off = clock_measured_hz > set_hz ? clock_measured_hz - set_hz
							: set_hz - clock_measured_hz;
	int hse_right = hse_off <= hse_hz / 10u, clock_right = clock_off <= set_hz / 1000u;

	if (!hse_measured_hz || !clock_measured_hz)
		return 0;
	return hse_right != clock_right ? MN_E_CLOCK : 0;
}

#endif
