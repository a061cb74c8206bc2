/* SPDX-License-Identifier: MIT */
#include "cortexm.h"
#include "cycles.h"
#include "soc.h"
#include "err.h"

/* 1.2 to 1.5 ms: the handful of cycles between the two reads is then below 0.01 %. */
#define TEST_CYCLES 262144u
#define TEST_TRIES  400000u

void mn_counter_start(void)
{
	MN_DEMCR |= MN_DEMCR_TRCENA;
#ifdef MN_SOC_DWT_LOCKED
	MN_DWT_LAR = MN_DWT_LAR_KEY;
#endif
	MN_DWT_CYCCNT = 0;
	MN_DWT_CTRL |= MN_DWT_CTRL_CYCCNTENA;
	mn_dsb();
	mn_isb();
}

int mn_counter_test(uint32_t *ret_cycles, uint32_t *ret_reference)
{
	uint32_t start_tick, start_cycles, ticks = 0, cycles = 0, off;

	MN_SYST_RVR = MN_SYST_MASK;
	MN_SYST_CVR = 0;
	MN_SYST_CSR = MN_SYST_CSR_RUN;
	/* The first clock after the start loads the counter. */
	for (uint32_t i = 0; i < 1000 && !MN_SYST_CVR; i++)
		;
	start_tick = MN_SYST_CVR;
	start_cycles = mn_cycles();
	for (uint32_t i = 0; i < TEST_TRIES && ticks < TEST_CYCLES; i++) {
		ticks = (start_tick - MN_SYST_CVR) & MN_SYST_MASK;
		cycles = mn_cycles() - start_cycles;
	}
	MN_SYST_CSR = 0;
	*ret_cycles = cycles;
	*ret_reference = ticks;
	if (MN_DWT_CTRL & MN_DWT_CTRL_NOCYCCNT || cycles == 0)
		return MN_E_NO_COUNTER;
	off = cycles > ticks ? cycles - ticks : ticks - cycles;
	if (ticks < TEST_CYCLES || off > ticks / 1000u)
		return MN_E_CLOCK;
	return 0;
}
