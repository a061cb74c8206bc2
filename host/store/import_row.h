/* SPDX-License-Identifier: MIT */
/* One row of an import, between the formats that it may come from (import.c, calibration.c) and the
 * store. Nobody outside host/store includes this. */
#ifndef MN_IMPORT_ROW_H
#define MN_IMPORT_ROW_H

#include "csv.h"
#include "store.h"

/* What a column says. The texts come first. */
enum mn_import_what {
	KIND,
	BOARD,
	CHIP,
	CPU,
	KERNELS,
	COMPILER,
	FLAGS,
	LAYER,
	MODEL,
	BACKBONE,
	EXCLUDED_LATENCY,
	EXCLUDED_ENERGY,
	NOTE,
	SOURCE,
	N_TEXTS,
	CLOCK = N_TEXTS,
	OPS,
	COLD,
	CYCLES,
	LATENCY,
	ENERGY,
	POWER,
	SRAM,
	FLASH,
	N_WHAT
};

/* In stored units. */
struct mn_import_row {
	const char *text[N_TEXTS];
	int64_t number[N_WHAT]; /* from N_TEXTS; -1: empty */
	struct mn_layer layer;
	char layer_text[MN_LAYER_TEXT_MAX]; /* canonical; "" for a model */
	char made[2][256];                  /* texts that the format had to put together */
};

void mn_import_row_init(struct mn_import_row *row);

/*
 * Decimal text times 10^exponent as an integer, rounded to the nearest (half away from zero);
 * whole: a fraction is an error instead. NULL or why not.
 */
const char *mn_import_number(const char *text, int exponent, int whole, int64_t *ret_value);

enum { MN_CALIBRATION_COLUMNS = 28 };

/* The format whose header this is, exactly; 0: none. */
int mn_calibration_find(const struct mn_csv_field *header, size_t n);

/*
 * One record of a format; n fields, as many as its header has. 1: *row is filled. 0: nothing to
 * store, *ret_why says why in a word or two. MN_E_*: *ret_why, and *ret_field is the field to
 * blame.
 */
int mn_calibration_row(int format, const struct mn_csv_field *field, struct mn_import_row *row,
		       size_t *ret_field, const char **ret_why);

#endif
