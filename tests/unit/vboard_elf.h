/* SPDX-License-Identifier: MIT */
/* Builds the smallest Arm ELF images that a test needs. */
#ifndef VBOARD_ELF_H
#define VBOARD_ELF_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ELF_HEADERS 256u /* room for the file and program headers */

struct elf_image {
	uint8_t bytes[8192];
	uint32_t len, n_segments;
};

static inline void elf_put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

static inline void elf_put32(uint8_t *p, uint32_t v)
{
	elf_put16(p, v);
	elf_put16(p + 2, v >> 16);
}

static inline void elf_begin(struct elf_image *e)
{
	memset(e, 0, sizeof(*e));
	memcpy(e->bytes, "\177ELF\1\1\1", 7);
	elf_put16(e->bytes + 16, 2);  /* executable */
	elf_put16(e->bytes + 18, 40); /* Arm */
	elf_put32(e->bytes + 20, 1);
	elf_put32(e->bytes + 28, 52); /* program headers follow */
	elf_put16(e->bytes + 40, 52);
	elf_put16(e->bytes + 42, 32);
	elf_put16(e->bytes + 46, 40);
	e->len = ELF_HEADERS;
}

static inline void elf_segment(struct elf_image *e, uint32_t vaddr, uint32_t paddr,
			       const void *data, uint32_t filesz, uint32_t memsz)
{
	uint8_t *ph = e->bytes + 52 + 32 * e->n_segments++;

	elf_put16(e->bytes + 44, e->n_segments);
	elf_put32(ph, 1);
	elf_put32(ph + 4, e->len);
	elf_put32(ph + 8, vaddr);
	elf_put32(ph + 12, paddr);
	elf_put32(ph + 16, filesz);
	elf_put32(ph + 20, memsz);
	elf_put32(ph + 24, 5); /* read, execute */
	if (filesz)
		memcpy(e->bytes + e->len, data, filesz);
	e->len += (filesz + 3) & ~3u;
}

/* Vector table and code at 0x08000000: stack 0x20001000, entry behind the table. */
static inline void elf_program(struct elf_image *e, const uint16_t *code, uint32_t n)
{
	uint8_t text[4096] = {0};

	elf_put32(text, 0x20001000u);
	elf_put32(text + 4, 0x08000009u);
	for (uint32_t i = 0; i < n; i++)
		elf_put16(text + 8 + 2 * i, code[i]);
	elf_begin(e);
	elf_segment(e, 0x08000000u, 0x08000000u, text, 8 + 2 * n, 8 + 2 * n);
}

#endif
