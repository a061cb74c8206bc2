/* SPDX-License-Identifier: MIT */
/* NUCLEO-F746ZG (MB1137): UM1974. */
#include "soc.h"

const struct mn_board_config mn_board_config = {
	.name = "nucleo-f746zg",
	.marker_pin = "PF13 (D7)",
	.marker = {'F', 13},
	.layer_pin = "PF12 (D8)",
	.layer = {'F', 12},
	/* Virtual COM port of the ST-LINK: USART3, SB5 and SB6. */
	.tx = {'D', 8},
	.rx = {'D', 9},
	.uart_function = 7,
	.hclk_hz = 216000000,
	.pllcfgr_hse = 0x29403604, /* M 4, N 216, P 2, HSE, Q 9, R 2 */
	.pllcfgr_hsi = 0x29003608, /* M 8 */
	.latency = 7,
};
