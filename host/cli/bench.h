/* SPDX-License-Identifier: MIT */
/* What `mnchar bench` prints of models that boards have run: from the store, not from the run. */
#ifndef MN_BENCH_H
#define MN_BENCH_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "store_read.h"

enum mn_bench_format { MN_BENCH_TABLE, MN_BENCH_JSON, MN_BENCH_CSV };

struct mn_bench_report {
	const char *const *models; /* names, in the order of printing */
	size_t n_models;
	const char *const *left_out; /* of each model: "0 QUANTIZE, 62 DEQUANTIZE", or "" */
	const char (*boards)[40];    /* as the boards call themselves; "": none */
	size_t n_boards;
	const char *const *kernels; /* ids of the sets that were asked for */
	size_t n_kernels;
	int cold;
	enum mn_bench_format format;
};

/*
 * Print the newest figures of each model, board and kernel set to stdout. *ret_shown is how many
 * of them there were. MN_E_* of the store, MN_E_NOMEM.
 */
int mn_bench_print(struct mn_store *store, const struct mn_bench_report *report, size_t *ret_shown,
		   struct mn_err *err);

#endif
