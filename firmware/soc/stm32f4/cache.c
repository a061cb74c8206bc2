/* SPDX-License-Identifier: MIT */
/* The flash accelerator of the F4 is its only cache: RM0390 3.4.2, 3.8.1 [R]. */
#include "board.h"
#include "soc.h"
#include "wire.h"

/* The caches can only be reset while they are off. */
static void accelerator_restart(uint32_t latency)
{
	MN_FLASH_ACR = latency;
	MN_FLASH_ACR = latency | MN_FLASH_ACR_ICRST | MN_FLASH_ACR_DCRST;
	MN_FLASH_ACR = latency;
	MN_FLASH_ACR = latency | MN_FLASH_ACR_PRFTEN | MN_FLASH_ACR_ICEN | MN_FLASH_ACR_DCEN;
}

void mn_soc_flash_init(uint32_t latency)
{
	accelerator_restart(latency);
}

void mn_soc_cache_init(void)
{
}

void mn_board_caches_invalidate(void)
{
	accelerator_restart(MN_FLASH_ACR & MN_FLASH_ACR_LATENCY);
	mn_dsb();
	mn_isb();
}

uint8_t mn_board_caches(void)
{
	uint32_t acr = MN_FLASH_ACR;

	return (uint8_t)((acr & MN_FLASH_ACR_ICEN ? MN_CACHE_ART_I : 0) |
			 (acr & MN_FLASH_ACR_DCEN ? MN_CACHE_ART_D : 0) |
			 (acr & MN_FLASH_ACR_PRFTEN ? MN_CACHE_PREFETCH : 0));
}
