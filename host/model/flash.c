/* SPDX-License-Identifier: MIT */
#include "flash.h"

#include <stdlib.h>
#include <string.h>

enum certainty { ALONE, GROUP, GUESS };
enum part { BASE, MANY, ANY_CONV, ANY_MATMUL, ANY_FLOAT, PARTS };

struct row {
	int32_t builtin;
	enum certainty certainty;
	uint16_t bytes[MN_FLASH_BUILDS];
};

static const struct row ops[] = {
#define PART(...)
#define OP(name, certainty, ...) {MN_BUILTIN_##name, certainty, {__VA_ARGS__}},
#include "flash.def"
#undef PART
#undef OP
};

static const uint16_t parts[PARTS][MN_FLASH_BUILDS] = {
#define PART(name, ...) [name] = {__VA_ARGS__},
#define OP(...)
#include "flash.def"
#undef PART
#undef OP
};

static int is_generic(enum mn_flash_build build)
{
	return build == MN_FLASH_M4_RELEASE_GENERIC || build == MN_FLASH_M4_DEFAULT_GENERIC ||
	       build == MN_FLASH_M7_RELEASE_GENERIC;
}

static int is_default(enum mn_flash_build build)
{
	return build == MN_FLASH_M4_DEFAULT_INT8 || build == MN_FLASH_M4_DEFAULT_GENERIC;
}

/* Which shared parts an operator pulls in. */
static unsigned parts_of(int32_t builtin, enum mn_flash_build build)
{
	switch (builtin) {
	case MN_BUILTIN_CONV_2D:
	case MN_BUILTIN_DEPTHWISE_CONV_2D:
	case MN_BUILTIN_TRANSPOSE_CONV:
		return 1u << ANY_CONV | 1u << ANY_MATMUL;
	case MN_BUILTIN_FULLY_CONNECTED:
		return 1u << ANY_MATMUL;
	case MN_BUILTIN_SOFTMAX:
		return is_generic(build) ? 1u << ANY_FLOAT : 0;
	case MN_BUILTIN_MEAN:
	case MN_BUILTIN_QUANTIZE:
	case MN_BUILTIN_DEQUANTIZE:
	case MN_BUILTIN_LOGISTIC:
	case MN_BUILTIN_TANH:
		return 1u << ANY_FLOAT;
	default:
		return 0;
	}
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
	unsigned shared = 1u << BASE | (n > 1 ? 1u << MANY : 0);
	uint64_t unsure = 0;
	int with_errno = 0;

	for (size_t i = 0; i < n; i++) {
		const struct row *row = NULL;

		for (size_t k = 0; k < sizeof(ops) / sizeof(ops[0]) && !row; k++)
			if (ops[k].builtin == builtins[i])
				row = &ops[k];
		if (!row) {
			f.n_missing++;
			continue;
		}
		f.runtime_bytes += row->bytes[build];
		f.n_group += row->certainty == GROUP;
		f.n_guess += row->certainty == GUESS;
		if (row->certainty != ALONE)
			unsure += row->bytes[build] * (row->certainty == GROUP ? 30u : 50u) / 100;
		shared |= parts_of(builtins[i], build);
		with_errno |= needs_errno(builtins[i]);
	}
	for (int p = 0; p < PARTS; p++)
		if (shared & 1u << p)
			f.runtime_bytes += parts[p][build];
	f.runtime_bytes += MN_FLASH_FIRMWARE_BYTES;
	unsure += f.runtime_bytes / 50;
	f.runtime_low_bytes = f.runtime_bytes - unsure;
	f.runtime_high_bytes = f.runtime_bytes + unsure;
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
