/* SPDX-License-Identifier: MIT */
/* Vector table and what runs before main(). */
#include "cortexm.h"
#include "soc.h"

extern uint32_t mn_data_start[], mn_data_end[], mn_data_load[];
extern uint32_t mn_bss_start[], mn_bss_end[];

int main(void);

/* 16 of the core and room for the 110 interrupts of the F767 [H]; no interrupt is ever enabled. */
#define VECTORS 128

struct vectors {
	uint32_t *stack;
	void (*handler[VECTORS - 1])(void);
};

extern const struct vectors mn_vectors;
const struct vectors mn_vectors __attribute__((section(".vectors"), used)) = {
	.stack = mn_stack_top,
	.handler = {[0] = mn_reset, [1 ... VECTORS - 2] = mn_fault_entry},
};

void mn_reset(void)
{
	const uint32_t *from = mn_data_load;

	/* The F7 boots from the ITCM alias 0x0020_0000 of the same flash [R]: from here on all is
	 * 0x08... */
	MN_SCB_VTOR = (uint32_t)(uintptr_t)&mn_vectors;
	MN_SCB_CPACR |= MN_SCB_CPACR_FPU;
	mn_dsb();
	mn_isb();
	MN_SCB_SHCSR |=
		MN_SCB_SHCSR_MEMFAULTENA | MN_SCB_SHCSR_BUSFAULTENA | MN_SCB_SHCSR_USGFAULTENA;
	MN_SCB_CCR |= MN_SCB_CCR_DIV_0_TRP;
	for (uint32_t i = 0; i < MN_STACK_CANARY_WORDS; i++)
		mn_stack_bottom[i] = MN_STACK_CANARY;
	for (uint32_t *to = mn_data_start; to < mn_data_end; to++)
		*to = *from++;
	for (uint32_t *to = mn_bss_start; to < mn_bss_end; to++)
		*to = 0;
	mn_soc_init();
	main();
	for (;;)
		;
}
