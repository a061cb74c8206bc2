/* SPDX-License-Identifier: MIT */
/*
 * Figures from elsewhere, as CSV (csv.h says which dialect): one row a layer or a whole model.
 *
 * The first line names the columns, in any order; each name at most once, each quantity in at most
 * one unit; unknown names are errors. A field may be empty where nothing is known.
 *
 *   kind              measured, virtual or published. Required
 *   board             nucleo-f446re. Required
 *   chip cpu          stm32f446, cortex-m4
 *   clock_hz          of the CPU
 *   kernels           library, version and variant of the layers' code. Required
 *   compiler flags    that it was built with
 *   layer             text of a layer as in probes/layer.h, or
 *   model             name of a whole model. Exactly one of the two in each row
 *   backbone          family of the model
 *   ops               2 per MAC; of a layer it is computed, and must agree if it is given
 *   cold              1: caches were invalidated before each run; 0 or empty: not
 *   latency_ns latency_us latency_ms latency_s      of one run
 *   cycles            of one run; with clock_hz it gives the latency
 *   energy_nJ energy_uJ energy_mJ                   of one run
 *   power_uW power_mW                               mean while running
 *   sram_bytes flash_bytes
 *   excluded_latency  why the latency (or its absence) stays out of fits; empty: it is fine
 *   excluded_energy   why energy and power stay out of fits; empty: they are fine
 *   note
 *   source            where the figure stands. Required in published rows
 *
 * Numbers are decimal, 1250, 0.426 or 1.2e-3, not negative; those with a unit are kept to the ns,
 * nJ and uW, the nearest. A row without cycles, latency, energy and power must say why in
 * excluded_latency.
 *
 * The whole file goes in, or nothing of it. A row that was imported before (equal in every value,
 * however it is written) is not imported again. A corrected row is a new one; of rows with the same
 * board, layer or model, kernels and source, later stages use the newest.
 *
 * Three tables of measured layers that others published are taken as they are, recognised by their
 * whole header (host/store/calibration.c): one-op benchmarks in DWT cycles, layer sweeps in us, and
 * layers with energy. Their rows are `published`, keep their source and the board's name as
 * published; a layer that our own count disagrees with, a flagged row and a figure of 0 go in as
 * excluded with that reason; a row that is no layer of ours (QUANTIZE) is counted in left_out.
 */
#ifndef MN_IMPORT_H
#define MN_IMPORT_H

#include "store.h"

enum { MN_IMPORT_REASONS = 8 };

struct mn_import_result {
	uint64_t rows;     /* in the file */
	uint64_t added;    /* the others were there already, or left out */
	uint64_t excluded; /* of those added: in the store, but some figure stays out of fits */
	uint64_t left_out; /* not stored: no layer that can be expressed */
	struct {
		char why[32]; /* "QUANTIZE" */
		uint64_t rows;
	} reasons[MN_IMPORT_REASONS]; /* of left_out */
	size_t n_reasons;
};

/* MN_E_SYNTAX, MN_E_INVALID, MN_E_OVERFLOW: "FILE:LINE:COLUMN: sentence"; MN_E_NOTFOUND, MN_E_PERM,
 * MN_E_IO; or an error of the store. */
int mn_import_file(struct mn_store *store, const char *path, struct mn_import_result *ret_result,
		   struct mn_err *err);

/* The same from memory; name stands for the path. text is changed and has one more byte than len.
 */
int mn_import_text(struct mn_store *store, const char *name, char *text, size_t len,
		   struct mn_import_result *ret_result, struct mn_err *err);

/* A file's bytes, malloc'd, one more than *ret_len; a pipe is fine. MN_E_NOTFOUND, MN_E_PERM,
 * MN_E_IO, MN_E_NOMEM. */
int mn_import_read(const char *path, char **ret_text, size_t *ret_len, struct mn_err *err);

/* Count one more row that gave nothing to store, by reason (also of formats that are turned into
 * CSV first). */
void mn_import_leave_out(struct mn_import_result *result, const char *why);

#endif
