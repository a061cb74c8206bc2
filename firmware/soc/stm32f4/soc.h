/* SPDX-License-Identifier: MIT */
/* STM32F446: RM0390. Addresses and bits [H], see stm32.h. */
#ifndef MN_SOC_H
#define MN_SOC_H

#include "stm32.h"

#define MN_SOC_UID 0x1fff7a10u /* 96 bits; RM0390 33.1 [R] */

/* USART2, version 1 of the block: RM0390 25.6 */
#define MN_USART_SR      MN_REG(0x40004400)
#define MN_USART_DR      MN_REG(0x40004404)
#define MN_USART_BRR     MN_REG(0x40004408)
#define MN_USART_CR1     MN_REG(0x4000440c)
#define MN_USART_SR_FE   (1u << 1)
#define MN_USART_SR_NE   (1u << 2)
#define MN_USART_SR_ORE  (1u << 3)
#define MN_USART_SR_RXNE (1u << 5)
#define MN_USART_SR_TC   (1u << 6)
#define MN_USART_SR_TXE  (1u << 7)
#define MN_USART_CR1_RE  (1u << 2)
#define MN_USART_CR1_TE  (1u << 3)
#define MN_USART_CR1_UE  (1u << 13)

#endif
