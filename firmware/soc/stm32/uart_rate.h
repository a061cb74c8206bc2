/* SPDX-License-Identifier: MIT */
/* The UART's divider with oversampling by 16: RM0390 25.4.4, RM0385 31.5.4 [R]. */
#ifndef MN_UART_RATE_H
#define MN_UART_RATE_H

#include <stdint.h>

/* Value of BRR for a rate, or 0 if no divider comes within 2 % of it. */
static inline uint32_t mn_uart_divider(uint32_t clock_hz, uint32_t baud)
{
	uint32_t divider, actual, off;

	if (baud < 1200u || baud > clock_hz / 16u)
		return 0;
	divider = (clock_hz + baud / 2u) / baud;
	actual = clock_hz / divider;
	off = actual > baud ? actual - baud : baud - actual;
	return divider <= 0xffffu && off < baud / 50u ? divider : 0;
}

#endif
