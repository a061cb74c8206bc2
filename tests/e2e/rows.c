/* SPDX-License-Identifier: MIT */
/*
 * For the end-to-end tests: the measurements of a database as lines "board kernels cold cycles crc
 * layer", sorted.
 *
 *   rows FILE                  prints them
 *   rows --raw FILE            prints them, and the cycles of each repetition behind
 *   rows --count FILE          prints how many there are; 0 if there is no file yet
 *   rows --failures FILE       prints "layer: reason" of each failure
 *   rows --verify SEED FILE    runs each layer natively with the kernels of its row and compares
 *                              the CRC of the output; SEED is the stimulus seed of the sweep
 *   rows --programs SEED FILE  the same for programs, pieces of them and their single steps
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exec.h"
#include "store_read.h"

#define POOL_BYTES  (2u << 20)
#define ARENA_BYTES (4u << 20)

struct lines {
	char **line;
	size_t n, room;
	int wrong;
	uint32_t seed;
	int programs, raw;
	struct mn_store *store;
	struct mn_exec_mem mem;
};

static int native_crc(const struct mn_row *row, const struct lines *lines, uint32_t *ret_crc)
{
	const struct mn_kernel_set *set = mn_kernel_set_find(row->kernels);
	const struct mn_kernel *kernel = set ? mn_kernel_find(set, row->layer->op) : NULL;
	struct mn_program program;
	struct mn_step step;
	struct mn_exec exec;

	if (!kernel ||
	    mn_program_single(row->layer, kernel->scratch_bytes(row->layer), &step, &program) ||
	    mn_exec_bind(&exec, &program, &lines->mem, set, lines->seed, NULL))
		return -1;
	mn_exec_fill(&exec);
	if (mn_exec_run(&exec))
		return -1;
	*ret_crc = mn_exec_output_crc(&exec);
	return 0;
}

static int on_step(const struct mn_program_step_row *row, void *arg)
{
	struct mn_step *steps = arg;

	if (row->position >= MN_PROGRAM_STEPS_MAX)
		return -1;
	steps[row->position] = row->step;
	return 0;
}

/* A program as the board had it, from the store. */
static int program_crc(const struct mn_row *row, const struct lines *lines, uint32_t *ret_crc)
{
	static struct mn_step steps[MN_PROGRAM_STEPS_MAX];
	const struct mn_program program = {(uint32_t)row->n_steps,
					   (uint32_t)row->program_arena_bytes,
					   steps + row->first_step};
	struct mn_exec exec;
	struct mn_err err;

	if (mn_store_each_program_step(lines->store, row->program_id, on_step, steps, &err) ||
	    mn_exec_bind(&exec, &program, &lines->mem, mn_kernel_set_find(row->kernels),
			 lines->seed, NULL))
		return -1;
	mn_exec_fill(&exec);
	if (mn_exec_run(&exec))
		return -1;
	*ret_crc = mn_exec_output_crc(&exec);
	return 0;
}

static int on_row(const struct mn_row *row, void *arg)
{
	struct lines *l = arg;
	struct mn_err err;
	uint32_t crc = 0;
	char *text;

	if (asprintf(&text, "%s %s %d %.0f %08" PRIx64 " %s%s", row->board, row->kernels, row->cold,
		     row->cycles, (uint64_t)row->output_crc, row->layer_text, row->model) < 0)
		return -1;
	if (l->mem.arena &&
	    ((l->programs ? program_crc : native_crc)(row, l, &crc) || crc != row->output_crc)) {
		fprintf(stderr, "natively %08" PRIx32 ": %s\n", crc, text);
		l->wrong++;
	}
	if (l->raw) {
		uint32_t reps[256];
		int n = mn_store_get_reps(l->store, row->measurement_id, reps, 256, &err);

		if (n < 1 || n > 256)
			return -1;
		for (int i = 0; i < n; i++) {
			char *longer;

			if (asprintf(&longer, "%s %" PRIu32, text, reps[i]) < 0)
				return -1;
			free(text);
			text = longer;
		}
	}
	if (l->n == l->room) {
		l->room = 2 * l->room + 64;
		l->line = realloc(l->line, l->room * sizeof(char *));
		if (!l->line)
			abort();
	}
	l->line[l->n++] = text;
	return 0;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int on_failure(const struct mn_failure_row *row, void *arg)
{
	(void)arg;
	printf("%s: %s\n", row->layer_text, row->reason);
	return 0;
}

int main(int argc, char **argv)
{
	struct mn_row_filter all = {.kind = -1, .with_excluded = 1};
	const char *file = argc > 1 ? argv[argc - 1] : "", *source = getenv("MNCHAR_SOURCE_DIR");
	int counting = argc == 3 && !strcmp(argv[1], "--count");
	int failures = argc == 3 && !strcmp(argv[1], "--failures");
	int raw = argc == 3 && !strcmp(argv[1], "--raw");
	int programs = argc == 4 && !strcmp(argv[1], "--programs");
	int verify = programs || (argc == 4 && !strcmp(argv[1], "--verify"));
	struct mn_store *store;
	struct lines l = {0};
	struct mn_err err;
	char schema[4096];
	int ret;

	if ((argc != 2 && !counting && !failures && !raw && !verify) || !source)
		return 64;
	snprintf(schema, sizeof(schema), "%s/data/schema", source);
	ret = mn_store_open(file, MN_STORE_READ, schema, &store, &err);
	if (ret == MN_E_NOTFOUND && counting) {
		puts("0");
		return 0;
	}
	if (ret) {
		fprintf(stderr, "%s\n", err.msg);
		return 1;
	}
	if (failures) {
		ret = mn_store_each_failure(store, NULL, on_failure, NULL, &err);
		mn_store_close(store);
		return ret ? 1 : 0;
	}
	if (verify) {
		int32_t *bias = malloc(4 * MN_BIAS_WORDS);
		int8_t *pool = aligned_alloc(MN_ALIGN, POOL_BYTES);
		uint8_t *arena = aligned_alloc(MN_ALIGN, ARENA_BYTES);

		if (!bias || !pool || !arena)
			abort();
		mn_stimulus_pools(bias, MN_BIAS_WORDS, pool, POOL_BYTES);
		l.seed = (uint32_t)strtoul(argv[2], NULL, 0);
		l.mem = (struct mn_exec_mem){arena,      ARENA_BYTES, pool,
					     POOL_BYTES, bias,        4 * MN_BIAS_WORDS};
	}
	all.programs = l.programs = programs;
	l.store = store;
	l.raw = raw;
	if (mn_store_each_row(store, &all, on_row, &l, &err)) {
		fprintf(stderr, "%s\n", err.msg);
		return 1;
	}
	mn_store_close(store);
	if (l.n)
		qsort(l.line, l.n, sizeof(char *), compare);
	if (counting || verify)
		printf("%zu\n", l.n);
	for (size_t i = 0; i < l.n; i++) {
		if (!counting && !verify)
			puts(l.line[i]);
		free(l.line[i]);
	}
	free(l.line);
	free((void *)l.mem.arena);
	free((void *)l.mem.pool);
	free((void *)l.mem.bias_pool);
	return l.wrong ? 1 : 0;
}
