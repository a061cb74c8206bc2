/* SPDX-License-Identifier: MIT */
/* The ELF reader: whatever it accepts lies inside the file and inside the board's memory. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "board.h"
#include "elf_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct mn_board *the_board(void)
{
	static struct mn_board *board;
	const char *root = getenv("MNCHAR_SOURCE_DIR");
	char path[4096];
	struct mn_err err;

	if (board)
		return board;
	snprintf(path, sizeof(path), "%s/data/boards/virtual-f446re.yaml", root ? root : ".");
	if (mn_board_load(path, &board, &err)) {
		fprintf(stderr, "%s\n", err.msg);
		abort();
	}
	return board;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct mn_board *board = the_board();
	struct mn_elf elf;
	struct mn_err err = {0, ""};
	uint32_t offset;

	if (mn_elf_read(data, size, board, &elf, &err)) {
		if (!err.msg[0])
			abort();
		return 0;
	}
	for (uint32_t i = 0; i < elf.n_load; i++) {
		const struct mn_elf_range *r = &elf.load[i];

		if (r->offset > size || r->bytes > size - r->offset ||
		    !mn_board_region(board, r->addr, r->bytes))
			abort();
		if (i && r->addr - elf.load[i - 1].addr < elf.load[i - 1].bytes)
			abort();
	}
	for (uint32_t i = 0; i < elf.n_code; i++)
		if (elf.code[i].offset > size || elf.code[i].bytes > size - elf.code[i].offset)
			abort();
	for (uint32_t i = 0; i < elf.n_symbols; i++) {
		if (strlen(elf.symbols[i].name) > size)
			abort();
		mn_elf_symbol(&elf, elf.symbols[i].addr, &offset);
	}
	mn_elf_free(&elf);
	return 0;
}
