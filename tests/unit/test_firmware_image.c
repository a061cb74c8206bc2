/* SPDX-License-Identifier: MIT */
/* The images as they were linked: vectors, build id, pools, what is left for the arena, and no
 * trace of this machine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exec.h"

#define FLASH   0x08000000u
#define RAM     0x20000000u
#define VECTORS 128u

struct board {
	const char *name;
	uint32_t flash_bytes, ram_bytes, arena_least;
};

static const struct board boards[] = {
	{"nucleo-f446re", 512 << 10, 128 << 10, 100 << 10},
	{"nucleo-f746zg", 1 << 20, 320 << 10, 256 << 10},
	{"nucleo-f767zi", 2 << 20, 512 << 10, 440 << 10},
};

struct image {
	const struct board *board;
	uint8_t *bytes;
	size_t size;
	const Elf32_Ehdr *header;
	const Elf32_Phdr *segments;
	const Elf32_Shdr *sections;
};

static int image_read(const struct board *board, struct image *image)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/firmware/mnchar-%s.elf", getenv("MNCHAR_BUILD_DIR"),
		 board->name);
	f = fopen(path, "rb");
	if (!f)
		return -1;
	fseek(f, 0, SEEK_END);
	image->size = (size_t)ftell(f);
	rewind(f);
	image->bytes = malloc(image->size);
	assert_int_equal(fread(image->bytes, 1, image->size, f), image->size);
	fclose(f);
	image->board = board;
	image->header = (const Elf32_Ehdr *)(void *)image->bytes;
	image->segments = (const Elf32_Phdr *)(void *)(image->bytes + image->header->e_phoff);
	image->sections = (const Elf32_Shdr *)(void *)(image->bytes + image->header->e_shoff);
	return 0;
}

/* The bytes that are programmed at an address. */
static const uint8_t *at(const struct image *image, uint32_t address, uint32_t len)
{
	for (int i = 0; i < image->header->e_phnum; i++) {
		const Elf32_Phdr *p = &image->segments[i];

		if (p->p_type == PT_LOAD && address >= p->p_paddr &&
		    (uint64_t)address + len <= (uint64_t)p->p_paddr + p->p_filesz)
			return image->bytes + p->p_offset + (address - p->p_paddr);
	}
	fail_msg("%s: nothing is programmed at %08x", image->board->name, address);
	return NULL;
}

static uint32_t word(const struct image *image, uint32_t address)
{
	uint32_t value;

	memcpy(&value, at(image, address, 4), 4);
	return value;
}

static uint32_t symbol(const struct image *image, const char *name)
{
	for (int i = 0; i < image->header->e_shnum; i++) {
		const Elf32_Shdr *s = &image->sections[i];
		const char *names;
		const Elf32_Sym *symbols;

		if (s->sh_type != SHT_SYMTAB)
			continue;
		names = (const char *)image->bytes + image->sections[s->sh_link].sh_offset;
		symbols = (const Elf32_Sym *)(void *)(image->bytes + s->sh_offset);
		for (uint32_t k = 0; k < s->sh_size / sizeof(*symbols); k++)
			if (!strcmp(names + symbols[k].st_name, name))
				return symbols[k].st_value;
	}
	fail_msg("%s: no symbol %s", image->board->name, name);
	return 0;
}

static void vectors(const struct image *image)
{
	const Elf32_Ehdr *h = image->header;
	uint32_t flash_end = FLASH + image->board->flash_bytes;

	assert_memory_equal(h->e_ident, ELFMAG, SELFMAG);
	assert_int_equal(h->e_ident[EI_CLASS], ELFCLASS32);
	assert_int_equal(h->e_machine, EM_ARM);
	assert_int_equal(h->e_type, ET_EXEC);
	assert_int_equal(word(image, FLASH), symbol(image, "mn_stack_top"));
	assert_int_equal(word(image, FLASH) % 8, 0);
	assert_int_equal(word(image, FLASH + 4), h->e_entry);
	for (uint32_t i = 1; i < VECTORS; i++) {
		uint32_t handler = word(image, FLASH + 4 * i);

		assert_int_equal(handler & 1, 1);
		assert_in_range(handler, FLASH + 4 * VECTORS, flash_end);
		if (i > 1)
			assert_int_equal(handler | 1, symbol(image, "mn_fault_entry") | 1);
	}
	for (int i = 0; i < h->e_phnum; i++) {
		const Elf32_Phdr *p = &image->segments[i];

		if (p->p_type == PT_LOAD && p->p_filesz) {
			assert_in_range(p->p_paddr, FLASH, flash_end);
			assert_true(p->p_paddr + p->p_filesz <= flash_end);
		}
	}
}

static void build_id(const struct image *image)
{
	uint32_t note = symbol(image, "mn_build_id_note");
	uint32_t len = symbol(image, "mn_build_id_note_end") - note;
	uint8_t any = 0;

	assert_int_equal(len, 16 + 20);
	assert_int_equal(word(image, note), 4);
	assert_int_equal(word(image, note + 4), 20);
	assert_int_equal(word(image, note + 8), 3); /* NT_GNU_BUILD_ID */
	assert_memory_equal(at(image, note + 12, 4), "GNU", 4);
	for (uint32_t i = 0; i < 20; i++)
		any |= at(image, note + 16, 20)[i];
	assert_int_not_equal(any, 0);
}

static void memory(const struct image *image)
{
	uint32_t start = symbol(image, "mn_arena_start"), end = symbol(image, "mn_arena_end");

	assert_int_equal(start % MN_ALIGN, 0);
	assert_int_equal(end, RAM + image->board->ram_bytes);
	assert_true(end - start >= image->board->arena_least);
	assert_true(symbol(image, "mn_bss_end") <= start);
	assert_int_equal(symbol(image, "mn_stack_bottom"), RAM);
	assert_true(symbol(image, "mn_data_start") >= symbol(image, "mn_stack_top"));
	printf("%s: arena %u bytes, pool %u bytes\n", image->board->name, end - start,
	       symbol(image, "mn_pool_end") - symbol(image, "mn_pool"));
}

static void pools(const struct image *image)
{
	uint32_t bias_at = symbol(image, "mn_bias_pool"), pool_at = symbol(image, "mn_pool");
	uint32_t pool_bytes = symbol(image, "mn_pool_end") - pool_at;
	int32_t *bias = malloc(4 * MN_BIAS_WORDS);
	uint8_t *pool = malloc(pool_bytes);

	assert_int_equal(pool_at % MN_ALIGN, 0);
	assert_int_equal(symbol(image, "mn_bias_pool_end") - bias_at, 4 * MN_BIAS_WORDS);
	/* It fills the flash. */
	assert_int_equal(pool_at + pool_bytes, FLASH + image->board->flash_bytes);
	assert_true(pool_bytes >= image->board->flash_bytes - (132u << 10));
	mn_stimulus_pools(bias, MN_BIAS_WORDS, pool, pool_bytes);
	assert_memory_equal(at(image, bias_at, 4 * MN_BIAS_WORDS), bias, 4 * MN_BIAS_WORDS);
	assert_memory_equal(at(image, pool_at, pool_bytes), pool, pool_bytes);
	free(bias);
	free(pool);
}

static void no_paths(const struct image *image)
{
	const char *places[] = {getenv("MNCHAR_SOURCE_DIR"), getenv("MNCHAR_BUILD_DIR")};

	for (size_t i = 0; i < 2; i++)
		assert_null(memmem(image->bytes, image->size, places[i], strlen(places[i])));
	assert_null(memmem(image->bytes, image->size, "-fsanitize", 10));
}

static void each(void **state)
{
	void (*check)(const struct image *) = (void (*)(const struct image *))(uintptr_t)*state;

	for (size_t i = 0; i < sizeof(boards) / sizeof(boards[0]); i++) {
		struct image image;

		assert_int_equal(image_read(&boards[i], &image), 0);
		check(&image);
		free(image.bytes);
	}
}

int main(int argc, char **argv)
{
#define EACH(name) cmocka_unit_test_prestate(each, (void *)(uintptr_t)name)
	struct CMUnitTest tests[] = {
		EACH(vectors), EACH(build_id), EACH(memory), EACH(pools), EACH(no_paths),
	};
	const char *names[] = {"vectors", "build_id", "memory", "pools", "no_paths"};

	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tests[i].name = names[i];
	if (argc > 1 && !strcmp(argv[1], "none")) {
		printf("skipped: no images are built (MNCHAR_FIRMWARE, gcc-arm-none-eabi)\n");
		return 77;
	}
	return cmocka_run_group_tests_name("firmware_image", tests, NULL, NULL);
}
