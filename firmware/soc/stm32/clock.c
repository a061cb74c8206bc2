/* SPDX-License-Identifier: MIT */
/*
 * The clock tree: HSE (or HSI) -> PLL -> HCLK, with the order of RM0390 5.1.4 and 6.2, RM0385 4.1.4
 * and 5.2 [R]; and HSE measured by TIM11, whose input can be HSE / RTCPRE.
 */
#include "board.h"
#include "err.h"
#include "soc.h"
#include "wire.h"

/* Some 30 ms or more at 16 MHz; the crystal-less bypass and the PLL need well below 1 ms. */
#define WAIT_TRIES 50000u

#define RTCPRE        31u
#define CAPTURE_EDGES 8u
#define CAPTURES      16u
#define CAPTURE_TRIES 20000u

int mn_soc_wait(volatile uint32_t *reg, uint32_t mask, uint32_t value)
{
	for (uint32_t i = 0; i < WAIT_TRIES; i++) {
		if ((*reg & mask) == value)
			return 0;
	}
	return MN_E_TIMEOUT;
}

/* Next captured time, or MN_E_TIMEOUT. */
static int capture(uint16_t *ret_time)
{
	for (uint32_t i = 0; i < CAPTURE_TRIES; i++) {
		if (MN_TIM_SR(MN_TIM11) & MN_TIM_SR_CC1IF) {
			*ret_time = (uint16_t)MN_TIM_CCR1(MN_TIM11);
			return 0;
		}
	}
	return MN_E_TIMEOUT;
}

/* TIM11 counts while CAPTURES * CAPTURE_EDGES * RTCPRE periods of HSE pass; 0 if they do not come.
 */
static uint32_t count_hse(void)
{
	uint32_t counts = 0;
	uint16_t last, now;

	MN_RCC_APB2ENR |= MN_RCC_APB2ENR_TIM11;
	(void)MN_RCC_APB2ENR;
	MN_RCC_CFGR = (MN_RCC_CFGR & ~MN_RCC_CFGR_RTCPRE_MASK) | RTCPRE << MN_RCC_CFGR_RTCPRE_SHIFT;
	MN_TIM11_OR = MN_TIM11_OR_HSE_RTC;
	MN_TIM_PSC(MN_TIM11) = 0;
	MN_TIM_ARR(MN_TIM11) = 0xffff;
	MN_TIM_EGR(MN_TIM11) = MN_TIM_EGR_UG;
	MN_TIM_CCMR1(MN_TIM11) = MN_TIM_CCMR1_IC1_8;
	MN_TIM_CCER(MN_TIM11) = MN_TIM_CCER_CC1E;
	MN_TIM_SR(MN_TIM11) = 0;
	MN_TIM_CR1(MN_TIM11) = MN_TIM_CR1_CEN;
	if (capture(&last))
		goto out;
	for (uint32_t i = 0; i < CAPTURES; i++) {
		if (capture(&now)) {
			counts = 0;
			goto out;
		}
		counts += (uint16_t)(now - last);
		last = now;
	}
out:
	MN_TIM_CR1(MN_TIM11) = 0;
	MN_TIM_CCER(MN_TIM11) = 0;
	MN_RCC_CFGR &= ~MN_RCC_CFGR_RTCPRE_MASK;
	return counts;
}

uint32_t mn_soc_clock_measure(void)
{
	return (uint32_t)((uint64_t)count_hse() * MN_HSE_HZ / (RTCPRE * CAPTURE_EDGES * CAPTURES));
}

static int start_hse(void)
{
	MN_RCC_CR |= MN_RCC_CR_HSEBYP;
	MN_RCC_CR |= MN_RCC_CR_HSEON;
	if (!mn_soc_wait(&MN_RCC_CR, MN_RCC_CR_HSERDY, MN_RCC_CR_HSERDY))
		return 0;
	MN_RCC_CR &= ~MN_RCC_CR_HSEON;
	MN_RCC_CR &= ~MN_RCC_CR_HSEBYP;
	return MN_E_TIMEOUT;
}

static int start_pll(const struct mn_board_config *config, uint32_t pllcfgr)
{
	uint32_t cfgr;

	MN_RCC_APB1ENR |= MN_RCC_APB1ENR_PWR;
	(void)MN_RCC_APB1ENR;
	MN_PWR_CR |= MN_PWR_CR_VOS_SCALE1;
	MN_RCC_PLLCFGR = pllcfgr;
	MN_RCC_CR |= MN_RCC_CR_PLLON;
	MN_PWR_CR |= MN_PWR_CR_ODEN;
	if (mn_soc_wait(&MN_PWR_CSR, MN_PWR_CSR_ODRDY, MN_PWR_CSR_ODRDY))
		return MN_E_CLOCK;
	MN_PWR_CR |= MN_PWR_CR_ODSWEN;
	if (mn_soc_wait(&MN_PWR_CSR, MN_PWR_CSR_ODSWRDY, MN_PWR_CSR_ODSWRDY))
		return MN_E_CLOCK;
	if (mn_soc_wait(&MN_RCC_CR, MN_RCC_CR_PLLRDY, MN_RCC_CR_PLLRDY))
		return MN_E_CLOCK;
	mn_soc_flash_init(config->latency);
	if (mn_soc_wait(&MN_FLASH_ACR, MN_FLASH_ACR_LATENCY, config->latency))
		return MN_E_CLOCK;
	/* The buses are slowed before the switch, so that they never run too fast. */
	cfgr = MN_RCC_CFGR & ~(MN_RCC_CFGR_HPRE_MASK | MN_RCC_CFGR_PPRE1_MASK |
			       MN_RCC_CFGR_PPRE2_MASK | MN_RCC_CFGR_SW_MASK);
	cfgr |= MN_RCC_CFGR_PPRE1_DIV4 | MN_RCC_CFGR_PPRE2_DIV2;
	MN_RCC_CFGR = cfgr;
	MN_RCC_CFGR = cfgr | MN_RCC_CFGR_SW_PLL;
	if (mn_soc_wait(&MN_RCC_CFGR, MN_RCC_CFGR_SWS_MASK, MN_RCC_CFGR_SWS_PLL)) {
		MN_RCC_CFGR = cfgr & ~(MN_RCC_CFGR_PPRE1_MASK | MN_RCC_CFGR_PPRE2_MASK);
		return MN_E_CLOCK;
	}
	return 0;
}

int mn_soc_clock_init(const struct mn_board_config *config, struct mn_board_facts *facts)
{
	int hse = !start_hse();
	int r;

	facts->clock_source = hse ? MN_CLOCK_HSE_BYPASS : MN_CLOCK_HSI;
	if (hse) {
		/* The core runs on HSI now: what TIM11 counts is HSI's time. */
		uint32_t hsi_per_8mhz = mn_soc_clock_measure();

		if (hsi_per_8mhz)
			facts->hse_measured_hz =
				(uint32_t)((uint64_t)MN_HSI_HZ * MN_HSE_HZ / hsi_per_8mhz);
	}
	r = start_pll(config, hse ? config->pllcfgr_hse : config->pllcfgr_hsi);
	if (r) {
		facts->clock_source = MN_CLOCK_HSI;
		facts->clock_set_hz = MN_HSI_HZ;
		return r;
	}
	facts->clock_set_hz = config->hclk_hz;
	return 0;
}
