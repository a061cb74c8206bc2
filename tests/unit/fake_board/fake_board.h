/* SPDX-License-Identifier: MIT */
/*
 * board.h for tests: time advances only when somebody reads it, the UART is two byte queues, and
 * everything that a test may like to go wrong is a field.
 */
#ifndef MN_FAKE_BOARD_H
#define MN_FAKE_BOARD_H

#include <stddef.h>

#include "board.h"

struct fake_board {
	struct mn_board_facts facts;
	struct mn_exec_mem memory;
	uint64_t cycles;          /* since boot */
	uint64_t cycles_per_read; /* between two mn_cycles(); the one after mn_board_micros() is
				     free */
	int fresh;
	int counter_dead; /* mn_cycles() is 0 */
	uint32_t baud, baud_sets;
	uint32_t baud_refused; /* the one rate that the divider misses */
	uint64_t missed;       /* of those, not counted by mn_cycles(): asleep */
	int counts_asleep;
	unsigned idles, idle_us, idles_marked, layer_toggles, layer_high;
	unsigned marker_rises, marker_high, invalidations, invalidations_marked;
	int irq_masked;
	uint8_t corrupt_output; /* flips this bit mask in the arena at the second falling marker */
	int rx_framing;         /* the next reads are bad stop bits, so many of them */
	uint8_t rx[1 << 16], tx[1 << 18];
	size_t rx_at, rx_len, tx_len;
};
extern struct fake_board fake;

/* 180 MHz, arena and pools of the given sizes; the pools are filled as an image's. */
void fake_board_init(uint32_t arena_bytes, uint32_t pool_bytes);
void fake_board_free(void);

#endif
