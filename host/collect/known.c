/* SPDX-License-Identifier: MIT */
#include "known.h"

#include <string.h>

const struct mn_known_board mn_known_boards[] = {
	{"nucleo-f446re", "virtual-f446re", "stm32f446", "cortex-m4", "512 KiB", 0x08000000, 54000,
	 0x421},
	{"nucleo-f746zg", "virtual-f746zg", "stm32f746", "cortex-m7", "1 MiB", 0x08000000, 148000,
	 0x449},
	{"nucleo-f767zi", "virtual-f767zi", "stm32f767", "cortex-m7", "2 MiB", 0x08000000, 144000,
	 0x451},
	{0},
};

const struct mn_known_board *mn_known_find(const char *name)
{
	for (const struct mn_known_board *k = mn_known_boards; k->board; k++)
		if (!strcmp(name, k->board) || !strcmp(name, k->virt))
			return k;
	return NULL;
}
