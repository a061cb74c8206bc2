/* SPDX-License-Identifier: MIT */
#ifndef MN_CYCLES_H
#define MN_CYCLES_H

#include "cortexm.h"

/*
 * DWT CYCCNT. The compiler keeps volatile accesses and calls in order, and the core is in order; a
 * load from the private peripheral bus waits for nothing before it but its own issue.
 */
static inline uint32_t mn_cycles(void)
{
	return MN_DWT_CYCCNT;
}

#endif
