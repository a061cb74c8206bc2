/* SPDX-License-Identifier: MIT */
/* System V ABI, Tool Interface Standard ELF 1.2; ELF for the Arm Architecture (EM_ARM = 40). */
#include "elf_read.h"

#include <stdlib.h>
#include <string.h>

#include "board.h"

#define EHDR_BYTES 52u
#define PHDR_BYTES 32u
#define SHDR_BYTES 40u
#define SYM_BYTES  16u
#define MAX_RANGES 64u

#define PT_LOAD       1u
#define PF_X          1u
#define SHT_PROGBITS  1u
#define SHT_SYMTAB    2u
#define SHF_EXECINSTR 4u
#define STT_FUNC      2u

struct file {
	const uint8_t *p;
	size_t len;
};

static uint32_t u16(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

static uint32_t u32(const uint8_t *p)
{
	return u16(p) | u16(p + 2) << 16;
}

static int inside(const struct file *f, uint64_t offset, uint64_t bytes)
{
	return offset <= f->len && bytes <= f->len - offset;
}

static int by_addr(const void *a, const void *b)
{
	const struct mn_elf_range *x = a, *y = b;

	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

static int symbol_by_addr(const void *a, const void *b)
{
	const struct mn_elf_symbol *x = a, *y = b;

	if (x->addr != y->addr)
		return x->addr < y->addr ? -1 : 1;
	return strcmp(x->name, y->name);
}

static int read_segments(const struct file *f, const struct mn_board *board, struct mn_elf *elf,
			 struct mn_err *err)
{
	uint32_t phoff = u32(f->p + 28), phentsize = u16(f->p + 42), phnum = u16(f->p + 44);

	if (phnum == 0 || phnum > MAX_RANGES || phentsize < PHDR_BYTES ||
	    !inside(f, phoff, (uint64_t)phentsize * phnum))
		return mn_err_set(err, MN_E_SYNTAX,
				  "the image's program headers are missing or cut off");
	elf->load = calloc(phnum, sizeof(*elf->load));
	elf->code = calloc(MAX_RANGES, sizeof(*elf->code));
	if (!elf->load || !elf->code)
		return mn_err_set(err, MN_E_NOMEM, "out of memory");
	for (uint32_t i = 0; i < phnum; i++) {
		const uint8_t *ph = f->p + phoff + (size_t)i * phentsize;
		uint32_t offset = u32(ph + 4), vaddr = u32(ph + 8), paddr = u32(ph + 12);
		uint32_t filesz = u32(ph + 16), memsz = u32(ph + 20), flags = u32(ph + 24);

		if (u32(ph) != PT_LOAD || memsz == 0)
			continue;
		if (filesz > memsz || !inside(f, offset, filesz))
			return mn_err_set(err, MN_E_SYNTAX,
					  "segment %u of the image is cut off or inconsistent", i);
		if (!mn_board_region(board, vaddr, memsz))
			return mn_err_set(err, MN_E_TOO_BIG,
					  "segment %u of the image (0x%08x, %u bytes) is outside "
					  "the memory of %s",
					  i, vaddr, memsz, board->board);
		if (filesz == 0)
			continue;
		if (!mn_board_region(board, paddr, filesz))
			return mn_err_set(err, MN_E_TOO_BIG,
					  "segment %u of the image (loaded at 0x%08x, %u bytes) is "
					  "outside the memory of %s",
					  i, paddr, filesz, board->board);
		elf->load[elf->n_load++] = (struct mn_elf_range){paddr, filesz, offset};
		if (flags & PF_X)
			elf->code[elf->n_code++] = (struct mn_elf_range){vaddr, filesz, offset};
	}
	if (elf->n_load == 0)
		return mn_err_set(err, MN_E_SYNTAX, "the image has nothing to load");
	qsort(elf->load, elf->n_load, sizeof(*elf->load), by_addr);
	for (uint32_t i = 1; i < elf->n_load; i++)
		if (elf->load[i].addr - elf->load[i - 1].addr < elf->load[i - 1].bytes)
			return mn_err_set(err, MN_E_SYNTAX,
					  "two segments of the image overlap at 0x%08x",
					  elf->load[i].addr);
	return 0;
}

static int read_symbols(const struct file *f, const uint8_t *sh, const uint8_t *str_sh,
			struct mn_elf *elf)
{
	uint32_t off = u32(sh + 16), size = u32(sh + 20), n = size / SYM_BYTES;
	uint32_t str_off = u32(str_sh + 16), str_size = u32(str_sh + 20);

	if (!inside(f, off, size) || !inside(f, str_off, str_size) || n == 0 || str_size == 0 ||
	    f->p[str_off + str_size - 1] != '\0')
		return 0; /* names are a convenience: without them addresses stay bare */
	free(elf->symbols);
	elf->n_symbols = 0;
	elf->symbols = calloc(n, sizeof(*elf->symbols));
	if (!elf->symbols)
		return MN_E_NOMEM;
	for (uint32_t i = 0; i < n; i++) {
		const uint8_t *s = f->p + off + (size_t)i * SYM_BYTES;

		if ((s[12] & 15) != STT_FUNC || u32(s) >= str_size)
			continue;
		elf->symbols[elf->n_symbols++] = (struct mn_elf_symbol){
			u32(s + 4) & ~1u, u32(s + 8), (const char *)f->p + str_off + u32(s)};
	}
	qsort(elf->symbols, elf->n_symbols, sizeof(*elf->symbols), symbol_by_addr);
	return 0;
}

static int read_sections(const struct file *f, struct mn_elf *elf, struct mn_err *err)
{
	uint32_t shoff = u32(f->p + 32), shentsize = u16(f->p + 46), shnum = u16(f->p + 48);
	uint32_t code = 0;

	if (shoff == 0 || shnum == 0)
		return 0;
	if (shentsize < SHDR_BYTES || !inside(f, shoff, (uint64_t)shentsize * shnum))
		return mn_err_set(err, MN_E_SYNTAX, "the image's section headers are cut off");
	for (uint32_t i = 0; i < shnum; i++) {
		const uint8_t *sh = f->p + shoff + (size_t)i * shentsize;
		uint32_t type = u32(sh + 4), link = u32(sh + 24);

		if (type == SHT_PROGBITS && (u32(sh + 8) & SHF_EXECINSTR) && u32(sh + 20)) {
			if (!inside(f, u32(sh + 16), u32(sh + 20)))
				return mn_err_set(err, MN_E_SYNTAX,
						  "section %u of the image is cut off", i);
			if (code < MAX_RANGES)
				elf->code[code++] = (struct mn_elf_range){
					u32(sh + 12), u32(sh + 20), u32(sh + 16)};
		} else if (type == SHT_SYMTAB && link < shnum) {
			if (read_symbols(f, sh, f->p + shoff + (size_t)link * shentsize, elf))
				return mn_err_set(err, MN_E_NOMEM, "out of memory");
		}
	}
	if (code)
		elf->n_code = code;
	return 0;
}

int mn_elf_read(const uint8_t *bytes, size_t len, const struct mn_board *board,
		struct mn_elf *ret_elf, struct mn_err *err)
{
	struct file f = {bytes, len};
	struct mn_elf elf;
	int rc;

	memset(&elf, 0, sizeof(elf));
	if (len < 4 || memcmp(bytes, "\177ELF", 4) != 0)
		return mn_err_set(err, MN_E_SYNTAX, "the image is not an ELF file");
	if (len < EHDR_BYTES)
		return mn_err_set(err, MN_E_SYNTAX, "the image is cut off after %zu bytes", len);
	if (bytes[4] != 1 || bytes[5] != 1 || u16(bytes + 18) != 40)
		return mn_err_set(err, MN_E_UNSUPPORTED,
				  "the image is not for a 32-bit little-endian Arm (machine %u)",
				  u16(bytes + 18));
	if (u16(bytes + 16) != 2)
		return mn_err_set(err, MN_E_UNSUPPORTED, "the image is not an executable");
	rc = read_segments(&f, board, &elf, err);
	if (!rc)
		rc = read_sections(&f, &elf, err);
	if (rc) {
		mn_elf_free(&elf);
		return rc;
	}
	*ret_elf = elf;
	return 0;
}

void mn_elf_free(struct mn_elf *elf)
{
	if (!elf)
		return;
	free(elf->load);
	free(elf->code);
	free(elf->symbols);
	memset(elf, 0, sizeof(*elf));
}

const struct mn_elf_symbol *mn_elf_symbol(const struct mn_elf *elf, uint32_t addr,
					  uint32_t *ret_offset)
{
	uint32_t lo = 0, hi = elf->n_symbols;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (elf->symbols[mid].addr <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == 0)
		return NULL;
	const struct mn_elf_symbol *s = &elf->symbols[lo - 1];
	if (s->bytes && addr - s->addr >= s->bytes)
		return NULL;
	*ret_offset = addr - s->addr;
	return s;
}
