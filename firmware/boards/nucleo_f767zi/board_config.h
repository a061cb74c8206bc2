/* SPDX-License-Identifier: MIT */
#ifndef MN_BOARD_CONFIG_H
#define MN_BOARD_CONFIG_H

/* 79 steps or 64 single layers a batch, 50 results of 5 repetitions. */
#define MN_BOARD_BATCH_BYTES  8192u
#define MN_BOARD_RESULT_BYTES 8192u

#endif
