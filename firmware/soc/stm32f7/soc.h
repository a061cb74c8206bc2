/* SPDX-License-Identifier: MIT */
/* STM32F746, STM32F767: RM0385, RM0410. Addresses and bits [H], see stm32.h. */
#ifndef MN_SOC_H
#define MN_SOC_H

#include "stm32.h"

#define MN_SOC_UID 0x1ff0f420u /* 96 bits; RM0385 41.1 [R] */

/* The DWT of the Cortex-M7 does not take writes before its lock is opened [S]. */
#define MN_SOC_DWT_LOCKED 1

/* USART3, version 2 of the block: RM0385 31.8 */
#define MN_USART_CR1      MN_REG(0x40004800)
#define MN_USART_BRR      MN_REG(0x4000480c)
#define MN_USART_ISR      MN_REG(0x4000481c)
#define MN_USART_ICR      MN_REG(0x40004820)
#define MN_USART_RDR      MN_REG(0x40004824)
#define MN_USART_TDR      MN_REG(0x40004828)
#define MN_USART_CR1_UE   (1u << 0)
#define MN_USART_CR1_RE   (1u << 2)
#define MN_USART_CR1_TE   (1u << 3)
#define MN_USART_ISR_FE   (1u << 1) /* cleared in ICR by the bits of the same numbers [R] */
#define MN_USART_ISR_NE   (1u << 2)
#define MN_USART_ISR_ORE  (1u << 3)
#define MN_USART_ISR_RXNE (1u << 5)
#define MN_USART_ISR_TC   (1u << 6)
#define MN_USART_ISR_TXE  (1u << 7)

#endif
