/* SPDX-License-Identifier: MIT */
/*
 * What the STM32F446 and the STM32F746/F767 have in common: RCC, PWR, GPIO and timers are the same
 * blocks at the same addresses. Section numbers: RM0390 (F446) / RM0385 (F746, alike RM0410) [R].
 * Addresses and bits [H] as in ST's device headers unless tagged.
 */
#ifndef MN_STM32_H
#define MN_STM32_H

#include "cortexm.h"

/* RCC: RM0390 6.3, RM0385 5.3 */
#define MN_RCC_CR                 MN_REG(0x40023800)
#define MN_RCC_CR_HSEON           (1u << 16)
#define MN_RCC_CR_HSERDY          (1u << 17)
#define MN_RCC_CR_HSEBYP          (1u << 18)
#define MN_RCC_CR_PLLON           (1u << 24)
#define MN_RCC_CR_PLLRDY          (1u << 25)
#define MN_RCC_PLLCFGR            MN_REG(0x40023804)
#define MN_RCC_CFGR               MN_REG(0x40023808)
#define MN_RCC_CFGR_SW_MASK       (3u << 0)
#define MN_RCC_CFGR_SW_PLL        (2u << 0)
#define MN_RCC_CFGR_SWS_MASK      (3u << 2)
#define MN_RCC_CFGR_SWS_PLL       (2u << 2)
#define MN_RCC_CFGR_HPRE_MASK     (15u << 4)
#define MN_RCC_CFGR_PPRE1_MASK    (7u << 10)
#define MN_RCC_CFGR_PPRE1_DIV4    (5u << 10)
#define MN_RCC_CFGR_PPRE2_MASK    (7u << 13)
#define MN_RCC_CFGR_PPRE2_DIV2    (4u << 13)
#define MN_RCC_CFGR_RTCPRE_MASK   (31u << 16)
#define MN_RCC_CFGR_RTCPRE_SHIFT  16
#define MN_RCC_AHB1ENR            MN_REG(0x40023830)
#define MN_RCC_APB1ENR            MN_REG(0x40023840)
#define MN_RCC_APB1ENR_TIM2       (1u << 0)
#define MN_RCC_APB1ENR_USART2     (1u << 17)
#define MN_RCC_APB1ENR_USART3     (1u << 18)
#define MN_RCC_APB1ENR_PWR        (1u << 28)
#define MN_RCC_APB2ENR            MN_REG(0x40023844)
#define MN_RCC_APB2ENR_TIM11      (1u << 18)
#define MN_RCC_DCKCFGR2           MN_REG(0x40023890)
#define MN_RCC_DCKCFGR2_USART3SEL (3u << 4)

/* PWR: RM0390 5.4, RM0385 4.4 (there CR1, CSR1: the same bits at the same place) */
#define MN_PWR_CR            MN_REG(0x40007000)
#define MN_PWR_CR_VOS_SCALE1 (3u << 14)
#define MN_PWR_CR_ODEN       (1u << 16)
#define MN_PWR_CR_ODSWEN     (1u << 17)
#define MN_PWR_CSR           MN_REG(0x40007004)
#define MN_PWR_CSR_ODRDY     (1u << 16)
#define MN_PWR_CSR_ODSWRDY   (1u << 17)

/* FLASH_ACR: RM0390 3.8.1, RM0385 3.7.1. ICEN and DCEN are the F4's, ARTEN and ARTRST the F7's. */
#define MN_FLASH_ACR         MN_REG(0x40023c00)
#define MN_FLASH_ACR_LATENCY (15u << 0)
#define MN_FLASH_ACR_PRFTEN  (1u << 8)
#define MN_FLASH_ACR_ICEN    (1u << 9)
#define MN_FLASH_ACR_ARTEN   (1u << 9)
#define MN_FLASH_ACR_DCEN    (1u << 10)
#define MN_FLASH_ACR_ICRST   (1u << 11)
#define MN_FLASH_ACR_ARTRST  (1u << 11)
#define MN_FLASH_ACR_DCRST   (1u << 12)

/* GPIO: RM0390 7.4, RM0385 6.4 */
#define MN_GPIO(port)      (0x40020000u + 0x400u * (uint32_t)((port) - 'A'))
#define MN_GPIO_MODER(p)   MN_REG(MN_GPIO(p) + 0x00)
#define MN_GPIO_OTYPER(p)  MN_REG(MN_GPIO(p) + 0x04)
#define MN_GPIO_OSPEEDR(p) MN_REG(MN_GPIO(p) + 0x08)
#define MN_GPIO_PUPDR(p)   MN_REG(MN_GPIO(p) + 0x0c)
#define MN_GPIO_BSRR(p)    MN_REG(MN_GPIO(p) + 0x18)
#define MN_GPIO_AFR(p, n)  MN_REG(MN_GPIO(p) + 0x20 + 4u * ((n) / 8u))

/* Timers: TIM2 RM0390 17.4, RM0385 23.4; TIM11 RM0390 18.5, RM0385 24.4 */
#define MN_TIM2             0x40000000u
#define MN_TIM11            0x40014800u
#define MN_TIM_CR1(t)       MN_REG((t) + 0x00)
#define MN_TIM_CR1_CEN      (1u << 0)
#define MN_TIM_SR(t)        MN_REG((t) + 0x10)
#define MN_TIM_SR_CC1IF     (1u << 1)
#define MN_TIM_EGR(t)       MN_REG((t) + 0x14)
#define MN_TIM_EGR_UG       (1u << 0)
#define MN_TIM_CCMR1(t)     MN_REG((t) + 0x18)
#define MN_TIM_CCMR1_IC1_8  0x0du /* CC1S = 01: TI1; IC1PSC = 11: every 8th edge [R] */
#define MN_TIM_CCER(t)      MN_REG((t) + 0x20)
#define MN_TIM_CCER_CC1E    (1u << 0)
#define MN_TIM_CNT(t)       MN_REG((t) + 0x24)
#define MN_TIM_PSC(t)       MN_REG((t) + 0x28)
#define MN_TIM_ARR(t)       MN_REG((t) + 0x2c)
#define MN_TIM_CCR1(t)      MN_REG((t) + 0x34)
#define MN_TIM11_OR         MN_REG(MN_TIM11 + 0x50)
#define MN_TIM11_OR_HSE_RTC 2u /* TI1_RMP = 10: HSE divided by RTCPRE [R] */

#define MN_DBGMCU_IDCODE MN_REG(0xe0042000)

#define MN_HSI_HZ 16000000u
#define MN_HSE_HZ 8000000u /* MCO of the ST-LINK */

struct mn_pin {
	char port; /* 'A' ... */
	uint8_t number;
};

/* A board, as data: boards/NAME/board.c. */
struct mn_board_config {
	const char *name;
	const char *marker_pin, *layer_pin;
	struct mn_pin tx, rx, marker, layer; /* marker and layer: one port */
	uint8_t uart_function;               /* alternate function number of tx and rx */
	uint32_t hclk_hz;
	uint32_t pllcfgr_hse, pllcfgr_hsi; /* both give hclk_hz */
	uint32_t latency;                  /* flash wait states at hclk_hz, 2.7 to 3.6 V */
};
extern const struct mn_board_config mn_board_config;

/* Clock tree. Fills the clock fields of facts. MN_E_CLOCK: it stays on HSI, everything still works.
 */
struct mn_board_facts;
int mn_soc_clock_init(const struct mn_board_config *config, struct mn_board_facts *facts);
/* HCLK counted against HSE edges, 0 if none come. HSE must be on. */
uint32_t mn_soc_clock_measure(void);

void mn_soc_gpio_output(struct mn_pin pin);
void mn_soc_gpio_function(struct mn_pin pin, uint8_t function, int pull_up);

/* Each family has its own: flash latency and accelerator, core caches, UART. */
void mn_soc_flash_init(uint32_t latency);
void mn_soc_cache_init(void);
void mn_soc_uart_init(uint32_t clock_hz);

/* Everything before main(). */
void mn_soc_init(void);

/* Poll with an end: 0, or MN_E_TIMEOUT. */
int mn_soc_wait(volatile uint32_t *reg, uint32_t mask, uint32_t value);

#endif
