/* SPDX-License-Identifier: MIT */
#include "flash.h"

#include <stdlib.h>
#include <string.h>

enum certainty { ALONE, GROUP };

/* The operators by their bare names, for the rows of flash.def. */
enum op {
	NO_OP,
#define OP(name, certainty) name,
#define BASE(...)
#define PART(...)
#include "flash.def"
#undef OP
#undef BASE
#undef PART
	OPS
};

static const struct {
	int32_t builtin;
	enum certainty certainty;
} op_rows[OPS] = {
#define OP(name, certainty) [name] = {MN_BUILTIN_##name, certainty},
#define BASE(...)
#define PART(...)
#include "flash.def"
#undef OP
#undef BASE
#undef PART
};

static const uint16_t base[MN_FLASH_BUILDS] = {
#define OP(...)
#define BASE(...) __VA_ARGS__
#define PART(...)
#include "flash.def"
#undef OP
#undef BASE
#undef PART
};

/* Counted once for any of its operators; ends with NO_OP. A correction may be negative. */
static const struct part {
	int16_t bytes[MN_FLASH_BUILDS];
	uint8_t ops[OPS];
} parts[] = {
#define OP(...)
#define BASE(...)
#define PART(a, b, c, d, e, f, ...) {{a, b, c, d, e, f}, {__VA_ARGS__}},
#include "flash.def"
#undef OP
#undef BASE
#undef PART
};

/*
 * What an application adds: its registrations, and the resolver's search once there is more than
 * one. Median over the measured links, all within 45 bytes of it.
 */
static unsigned registration_bytes(size_t n)
{
	return n == 0 ? 0 : n == 1 ? 377 : 455 + 22 * (unsigned)n;
}

static int is_default(enum mn_flash_build build)
{
	return build == MN_FLASH_M4_DEFAULT_INT8 || build == MN_FLASH_M4_DEFAULT_GENERIC;
}

/* libm's exponential brings newlib's reentrancy structure. */
static int needs_errno(int32_t builtin)
{
	return builtin == MN_BUILTIN_SOFTMAX || builtin == MN_BUILTIN_LOGISTIC ||
	       builtin == MN_BUILTIN_TANH;
}

void mn_flash_runtime(const int32_t *builtins, size_t n, enum mn_flash_build build,
		      struct mn_flash *ret)
{
	struct mn_flash f = {.n_ops = (unsigned)n};
	uint8_t has[OPS] = {0};
	int64_t bytes = base[build] + registration_bytes(n), unsure = 0;
	int with_errno = 0, built = build <= MN_FLASH_M4_RELEASE_GENERIC;

	for (size_t i = 0; i < n; i++) {
		int op = 1;

		while (op < OPS && op_rows[op].builtin != builtins[i])
			op++;
		with_errno |= needs_errno(builtins[i]);
		if (op == OPS) {
			f.n_missing++;
			continue;
		}
		has[op] = 1;
		f.n_group += !built && op_rows[op].certainty == GROUP;
	}
	for (size_t p = 0; p < sizeof(parts) / sizeof(parts[0]); p++) {
		const struct part *part = &parts[p];
		int k = 0;

		while (part->ops[k] && !has[part->ops[k]])
			k++;
		if (!part->ops[k])
			continue;
		bytes += part->bytes[build];
		/* A correction of one operator alone. */
		if (!part->bytes[0] && !part->bytes[1] && !part->ops[1] &&
		    op_rows[part->ops[0]].certainty == GROUP)
			unsure += llabs((long long)part->bytes[build]) / 2;
	}
	f.runtime_bytes = (uint64_t)bytes;
	unsure += bytes / 50;
	f.runtime_low_bytes = (uint64_t)(bytes - unsure);
	f.runtime_high_bytes = (uint64_t)(bytes + unsure);
	/* Fits the measured links within 8 bytes. */
	f.static_ram_bytes = 252 + 36 * (uint64_t)n;
	f.static_ram_bytes += is_default(build) ? (with_errno ? 120 : 112) : with_errno ? 104 : 0;
	f.static_ram_bytes = (f.static_ram_bytes + 7) / 8 * 8;
	f.total_bytes = f.runtime_bytes;
	*ret = f;
}

int mn_flash_of(const struct mn_model *model, enum mn_flash_build build, struct mn_flash *ret,
		struct mn_err *err)
{
	uint32_t n_buffers = 0;
	uint8_t *seen = NULL;
	int32_t *builtins = NULL;
	size_t n = 0, n_operators = 0;
	uint64_t weights = 0, quantisation = 0;
	struct mn_flash f;
	int rc = 0;

	for (uint32_t s = 0; s < model->n_subgraphs; s++) {
		n_operators += model->subgraphs[s].n_operators;
		for (uint32_t t = 0; t < model->subgraphs[s].n_tensors; t++)
			if (model->subgraphs[s].tensors[t].buffer >= n_buffers)
				n_buffers = model->subgraphs[s].tensors[t].buffer + 1;
	}
	seen = calloc((size_t)n_buffers + 1, 1);
	builtins = calloc(n_operators + 1, sizeof(*builtins));
	if (!seen || !builtins) {
		rc = mn_err_set(err, MN_E_NOMEM, "out of memory");
		goto out;
	}
	for (uint32_t s = 0; s < model->n_subgraphs; s++) {
		const struct mn_subgraph *graph = &model->subgraphs[s];

		for (uint32_t t = 0; t < graph->n_tensors; t++) {
			const struct mn_tensor *tensor = &graph->tensors[t];

			/* Tensors may share a buffer, never their scales. */
			if (tensor->data && !seen[tensor->buffer])
				weights += tensor->data_bytes;
			if (tensor->data)
				seen[tensor->buffer] = 1;
			quantisation += 4 * (uint64_t)tensor->n_scales +
					8 * (uint64_t)tensor->n_zero_points;
		}
		for (uint32_t i = 0; i < graph->n_operators; i++) {
			int32_t builtin = graph->operators[i].builtin;
			size_t k = 0;

			/* There are some 200 builtins, and custom ones count as one. */
			while (k < n && builtins[k] != builtin)
				k++;
			if (k == n)
				builtins[n++] = builtin;
		}
	}
	mn_flash_runtime(builtins, n, build, &f);
	/* A hostile file's vectors may lie over each other. */
	if (weights > model->size)
		weights = model->size;
	if (quantisation > model->size - weights)
		quantisation = model->size - weights;
	f.weights_bytes = weights;
	f.quantisation_bytes = quantisation;
	f.graph_bytes = model->size - weights - quantisation;
	f.total_bytes = f.runtime_bytes + model->size;
	*ret = f;
out:
	free(seen);
	free(builtins);
	return rc;
}
