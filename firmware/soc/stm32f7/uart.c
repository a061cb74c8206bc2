/* SPDX-License-Identifier: MIT */
#include "board.h"
#include "err.h"
#include "session.h"
#include "soc.h"
#include "uart_rate.h"

static uint32_t uart_clock_hz;

void mn_soc_uart_init(uint32_t clock_hz)
{
	uart_clock_hz = clock_hz;
	MN_RCC_APB1ENR |= MN_RCC_APB1ENR_USART3;
	(void)MN_RCC_APB1ENR;
	MN_RCC_DCKCFGR2 &= ~MN_RCC_DCKCFGR2_USART3SEL;
	MN_USART_CR1 = MN_USART_CR1_TE | MN_USART_CR1_RE;
	mn_board_uart_set(MN_SESSION_BAUD);
}

int mn_board_uart_check(uint32_t baud)
{
	return mn_uart_divider(uart_clock_hz, baud) ? 0 : MN_E_INVALID;
}

int mn_board_uart_set(uint32_t baud)
{
	uint32_t divider = mn_uart_divider(uart_clock_hz, baud);

	if (!divider)
		return MN_E_INVALID;
	MN_USART_CR1 &= ~MN_USART_CR1_UE;
	MN_USART_BRR = divider;
	MN_USART_CR1 |= MN_USART_CR1_UE;
	return 0;
}

int mn_board_uart_read(void)
{
	uint32_t status = MN_USART_ISR, errors, data;

	errors = status & (MN_USART_ISR_FE | MN_USART_ISR_NE | MN_USART_ISR_ORE);
	if (!errors && !(status & MN_USART_ISR_RXNE))
		return MN_UART_NONE;
	if (errors)
		MN_USART_ICR = errors;
	if (!(status & MN_USART_ISR_RXNE))
		return MN_UART_NONE;
	data = MN_USART_RDR;
	return errors & MN_USART_ISR_FE ? MN_UART_FRAMING : (int)(data & 0xffu);
}

void mn_board_uart_write(const uint8_t *data, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++) {
		while (!(MN_USART_ISR & MN_USART_ISR_TXE))
			;
		MN_USART_TDR = data[i];
	}
	while (!(MN_USART_ISR & MN_USART_ISR_TC))
		;
}
