/* SPDX-License-Identifier: MIT */
/*
 * The registers of the Armv7-M core that the image uses. Section numbers are those of the Armv7-M
 * Architecture Reference Manual, DDI 0403E; all of this file is recollected [R] unless tagged
 * otherwise.
 */
#ifndef MN_CORTEXM_H
#define MN_CORTEXM_H

#include <stdint.h>

#define MN_REG(address) (*(volatile uint32_t *)(uintptr_t)(address))

/* B3.2 System control block */
#define MN_SCB_CPUID             MN_REG(0xe000ed00)
#define MN_SCB_VTOR              MN_REG(0xe000ed08)
#define MN_SCB_CCR               MN_REG(0xe000ed14)
#define MN_SCB_CCR_DIV_0_TRP     (1u << 4)
#define MN_SCB_CCR_DC            (1u << 16)
#define MN_SCB_CCR_IC            (1u << 17)
#define MN_SCB_SHCSR             MN_REG(0xe000ed24)
#define MN_SCB_SHCSR_MEMFAULTENA (1u << 16)
#define MN_SCB_SHCSR_BUSFAULTENA (1u << 17)
#define MN_SCB_SHCSR_USGFAULTENA (1u << 18)
#define MN_SCB_CFSR              MN_REG(0xe000ed28)
#define MN_SCB_CFSR_MMARVALID    (1u << 7)
#define MN_SCB_CFSR_BFARVALID    (1u << 15)
#define MN_SCB_HFSR              MN_REG(0xe000ed2c)
#define MN_SCB_MMFAR             MN_REG(0xe000ed34)
#define MN_SCB_BFAR              MN_REG(0xe000ed38)
#define MN_SCB_CCSIDR            MN_REG(0xe000ed80)
#define MN_SCB_CSSELR            MN_REG(0xe000ed84)
#define MN_SCB_CPACR             MN_REG(0xe000ed88)
#define MN_SCB_CPACR_FPU         (0xfu << 20) /* CP10 and CP11, full access [S] */

/* B2.2.7 Cache maintenance, Cortex-M7 [S] */
#define MN_SCB_ICIALLU MN_REG(0xe000ef50)
#define MN_SCB_DCISW   MN_REG(0xe000ef60)
#define MN_SCB_DCCISW  MN_REG(0xe000ef74)
#define MN_SCB_BPIALL  MN_REG(0xe000ef78)

/* B3.3 SysTick */
#define MN_SYST_CSR           MN_REG(0xe000e010)
#define MN_SYST_RVR           MN_REG(0xe000e014)
#define MN_SYST_CVR           MN_REG(0xe000e018)
#define MN_SYST_CSR_RUN       0x5u /* processor clock, enabled, no interrupt */
#define MN_SYST_CSR_TICKINT   (1u << 1)
#define MN_SCB_ICSR           MN_REG(0xe000ed04)
#define MN_SCB_ICSR_PENDSTCLR (1u << 25)
#define MN_SYST_MASK          0xffffffu

/* C1.6 Debug, C1.8 DWT [S] */
#define MN_DEMCR              MN_REG(0xe000edfc)
#define MN_DEMCR_TRCENA       (1u << 24)
#define MN_DWT_CTRL           MN_REG(0xe0001000)
#define MN_DWT_CTRL_CYCCNTENA (1u << 0)
#define MN_DWT_CTRL_NOCYCCNT  (1u << 25)
#define MN_DWT_CYCCNT         MN_REG(0xe0001004)
#define MN_DWT_LAR            MN_REG(0xe0001fb0) /* Cortex-M7 only */
#define MN_DWT_LAR_KEY        0xc5acce55u

static inline void mn_dsb(void)
{
	__asm__ volatile("dsb" ::: "memory");
}

static inline void mn_isb(void)
{
	__asm__ volatile("isb" ::: "memory");
}

/* From the linker script. */
extern uint32_t mn_stack_bottom[], mn_stack_top[];

/* Lowest words of the stack hold this; see mn_board_stack_check(). */
#define MN_STACK_CANARY       0x6d6e2153u
#define MN_STACK_CANARY_WORDS 4u

void mn_reset(void) __attribute__((noreturn));
void mn_fault_entry(void);

/* Turn DWT on, before the clocks are known. */
void mn_counter_start(void);
/* Check it against SysTick. Returns 0, MN_E_NO_COUNTER or MN_E_CLOCK; figures even then. */
int mn_counter_test(uint32_t *ret_cycles, uint32_t *ret_reference);

#endif
