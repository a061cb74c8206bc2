/* SPDX-License-Identifier: MIT */
/*
 * What a board has for a model: data/boards/<board>.yaml. A virtual board is asked for by its own
 * name and has the memory of the board whose image it runs.
 */
#ifndef MN_BOARD_MEMORY_H
#define MN_BOARD_MEMORY_H

#include <stdint.h>

#include "err.h"

struct mn_board_memory {
	char board[32]; /* as asked for: "nucleo-f446re", "virtual-f446re" */
	char chip[32];
	char cpu[32];         /* "cortex-m4", "cortex-m7" */
	uint32_t sram_bytes;  /* all of it, contiguous */
	uint32_t flash_bytes; /* all of it */
	char source[128];
};

/* MN_E_NOTFOUND: no such board, the message names those that there are; MN_E_SYNTAX: a broken
 * file. */
int mn_board_memory_load(const char *board, struct mn_board_memory *ret, struct mn_err *err);

#endif
