/* SPDX-License-Identifier: MIT */
/* The boards that mnchar has images for, under their two names. */
#ifndef MN_KNOWN_H
#define MN_KNOWN_H

#include <stdint.h>

struct mn_known_board {
	const char *board;      /* "nucleo-f446re": what HELLO says, on hardware and virtual */
	const char *virt;       /* "virtual-f446re": its virtual twin, another board */
	const char *chip;       /* "stm32f446" */
	const char *cpu;        /* "cortex-m4" */
	const char *flash_size; /* for people */
	uint32_t flash_base;    /* where an image is written */
	/*
	 * What the chip draws at most while layers run, at 3.3 V: published means of whole models
	 * (161, 444 and 431 mW; MicroNets 2021 and Heim et al.) and a tenth for what is above the
	 * mean [I].
	 */
	uint32_t max_uA;
	uint32_t dev_id; /* low 12 bits of DBGMCU_IDCODE [H] */
};

/* board is NULL at the end. */
extern const struct mn_known_board mn_known_boards[];

/* By either name; NULL if there is none. */
const struct mn_known_board *mn_known_find(const char *name);

/* First word of the unique id of a virtual board: "VIRT" in memory. */
#define MN_UID0_VIRTUAL 0x54524956u

#endif
