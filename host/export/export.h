/* SPDX-License-Identifier: MIT */
/*
 * Store -> cost tables. The schema of both forms is in README.md, "Cost tables"; the JSON form is
 * written and read by host/cost.
 */
#ifndef MN_EXPORT_H
#define MN_EXPORT_H

#include <stdio.h>

#include "cost.h"
#include "store_read.h"

struct mn_export_filter {
	const char *board, *kernels; /* NULL: any */
	int kind;                    /* -1: any */
	int models_only;             /* 1: no measurements, and so no clock and image either */
};

/*
 * Everything that is stored for the filter: fits with status "ok", and the newest measurement of
 * each probe. MN_E_NOTFOUND if there is neither: err says what to run first. The caller frees the
 * table.
 */
int mn_export_table(struct mn_store *store, const struct mn_export_filter *filter,
		    struct mn_cost_table **ret_table, struct mn_err *err);

/* RFC 4180 with \n; an empty cell is "not known" or "does not apply". MN_E_IO. */
int mn_export_csv(const struct mn_cost_table *table, FILE *f, struct mn_err *err);

/*
 * Layers of one rig with warm caches as nn-Meter's builder keeps them (JSON). Layers for which it
 * has no kernel are left out. MN_E_INVALID: several rigs; MN_E_NOTFOUND: no layer is left;
 * MN_E_IO, MN_E_NOMEM.
 */
int mn_export_nn_meter(struct mn_store *store, const struct mn_cost_table *table, FILE *f,
		       struct mn_err *err);

#endif
