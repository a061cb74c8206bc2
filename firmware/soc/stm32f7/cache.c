/* SPDX-License-Identifier: MIT */
/*
 * L1 caches of the Cortex-M7 (DDI 0403E B2.2.7 [R]) and the flash accelerator (RM0385 3.3.3, 3.7.1
 * [R]). Code runs from the AXIM address of the flash, which the accelerator does not serve; it is
 * on because it is what ST's own examples do, and its state is reported.
 */
#include "board.h"
#include "soc.h"
#include "wire.h"

static void accelerator_restart(uint32_t latency)
{
	MN_FLASH_ACR = latency;
	MN_FLASH_ACR = latency | MN_FLASH_ACR_ARTRST;
	MN_FLASH_ACR = latency;
	MN_FLASH_ACR = latency | MN_FLASH_ACR_PRFTEN | MN_FLASH_ACR_ARTEN;
}

void mn_soc_flash_init(uint32_t latency)
{
	accelerator_restart(latency);
}

/* Write every set and way of the data cache to a maintenance register. */
static void data_cache_each(volatile uint32_t *reg)
{
	uint32_t ccsidr, sets, ways, set_shift, way_shift;

	MN_SCB_CSSELR = 0;
	mn_dsb();
	ccsidr = MN_SCB_CCSIDR;
	sets = (ccsidr >> 13 & 0x7fffu) + 1u;
	ways = (ccsidr >> 3 & 0x3ffu) + 1u;
	set_shift = (ccsidr & 7u) + 4u;
	way_shift = ways > 1 ? (uint32_t)__builtin_clz(ways - 1u) : 0;
	for (uint32_t set = 0; set < sets; set++) {
		for (uint32_t way = 0; way < ways; way++)
			*reg = way << way_shift | set << set_shift;
	}
	mn_dsb();
	mn_isb();
}

void mn_soc_cache_init(void)
{
	mn_dsb();
	mn_isb();
	MN_SCB_ICIALLU = 0;
	mn_dsb();
	mn_isb();
	MN_SCB_CCR |= MN_SCB_CCR_IC;
	mn_dsb();
	mn_isb();
	data_cache_each(&MN_SCB_DCISW);
	MN_SCB_CCR |= MN_SCB_CCR_DC;
	mn_dsb();
	mn_isb();
}

void mn_board_caches_invalidate(void)
{
	data_cache_each(&MN_SCB_DCCISW);
	accelerator_restart(MN_FLASH_ACR & MN_FLASH_ACR_LATENCY);
	MN_SCB_ICIALLU = 0;
	MN_SCB_BPIALL = 0;
	mn_dsb();
	mn_isb();
}

uint8_t mn_board_caches(void)
{
	uint32_t acr = MN_FLASH_ACR, ccr = MN_SCB_CCR;

	return (uint8_t)((acr & MN_FLASH_ACR_ARTEN ? MN_CACHE_ART_I : 0) |
			 (acr & MN_FLASH_ACR_PRFTEN ? MN_CACHE_PREFETCH : 0) |
			 (ccr & MN_SCB_CCR_IC ? MN_CACHE_L1_I : 0) |
			 (ccr & MN_SCB_CCR_DC ? MN_CACHE_L1_D : 0));
}
