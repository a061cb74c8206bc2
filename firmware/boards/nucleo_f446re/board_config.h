/* SPDX-License-Identifier: MIT */
#ifndef MN_BOARD_CONFIG_H
#define MN_BOARD_CONFIG_H

/* The arena is precious: 59 steps or 48 single layers a batch, 25 results of 5 repetitions. */
#define MN_BOARD_BATCH_BYTES  6144u
#define MN_BOARD_RESULT_BYTES 4096u

#endif
