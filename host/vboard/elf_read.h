/* SPDX-License-Identifier: MIT */
/*
 * The part of an ELF file that a board needs: what goes where in memory, which addresses hold code,
 * and names for addresses. Bytes in, tables out; every offset and size of the file is checked.
 */
#ifndef MN_ELF_READ_H
#define MN_ELF_READ_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"

struct mn_board;

struct mn_elf_range {
	uint32_t addr, bytes;
	uint32_t offset; /* in the file */
};

struct mn_elf_symbol {
	uint32_t addr, bytes;
	const char *name; /* borrowed from the file's bytes */
};

struct mn_elf {
	struct mn_elf_range *load; /* where the bytes are stored (LMA), ascending */
	uint32_t n_load;
	struct mn_elf_range
		*code; /* executable sections, or executable segments if there are none */
	uint32_t n_code;
	struct mn_elf_symbol *symbols; /* functions, ascending */
	uint32_t n_symbols;
};

/*
 * MN_E_SYNTAX: not an ELF file, truncated, sections or segments that overlap. MN_E_UNSUPPORTED: not
 * a 32-bit little-endian Arm executable. MN_E_TOO_BIG: a segment outside the board's memory.
 * MN_E_NOMEM. `bytes` must outlive *ret_elf.
 */
int mn_elf_read(const uint8_t *bytes, size_t len, const struct mn_board *board,
		struct mn_elf *ret_elf, struct mn_err *err);
void mn_elf_free(struct mn_elf *elf);

/* The function that covers addr, or NULL; *ret_offset is what lies between. */
const struct mn_elf_symbol *mn_elf_symbol(const struct mn_elf *elf, uint32_t addr,
					  uint32_t *ret_offset);

#endif
