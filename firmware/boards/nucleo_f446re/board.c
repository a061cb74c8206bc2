/* SPDX-License-Identifier: MIT */
/* NUCLEO-F446RE (MB1136): UM1724. */
#include "soc.h"

const struct mn_board_config mn_board_config = {
	.name = "nucleo-f446re",
	/* Free on the Arduino header; also MCO1, which is not used. */
	.marker_pin = "PA8 (D7)",
	.marker = {'A', 8},
	.layer_pin = "PA9 (D8)",
	.layer = {'A', 9},
	/* Virtual COM port of the ST-LINK: USART2, SB13 and SB14. */
	.tx = {'A', 2},
	.rx = {'A', 3},
	.uart_function = 7,
	.hclk_hz = 180000000,
	.pllcfgr_hse = 0x28402d04, /* M 4, N 180, P 2, HSE, Q 8, R 2 */
	.pllcfgr_hsi = 0x28002d08, /* M 8 */
	.latency = 5,
};
