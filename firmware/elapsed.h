/* SPDX-License-Identifier: MIT */
/*
 * 64-bit cycle counts out of a 32-bit counter and a slow clock.
 *
 * DWT CYCCNT wraps every 19.9 s (216 MHz) or 23.9 s (180 MHz); the 1 MHz timer every 71 minutes.
 * The low 32 bits come from the counter, the multiple of 2^32 from the timer, so that the result is
 * exact as long as the two agree within 2^31 cycles (about 10 s).
 */
#ifndef MN_ELAPSED_H
#define MN_ELAPSED_H

#include <stdint.h>

static inline uint64_t mn_elapsed_cycles(uint32_t low, uint32_t micros, uint32_t clock_hz)
{
	uint64_t estimate = (uint64_t)micros * (clock_hz / 1000000u);
	uint64_t cycles = (estimate & ~(uint64_t)UINT32_MAX) | low;

	if (cycles > estimate && cycles - estimate > 1ull << 31 && cycles >> 32)
		cycles -= 1ull << 32;
	else if (cycles < estimate && estimate - cycles > 1ull << 31)
		cycles += 1ull << 32;
	return cycles;
}

#endif
