/* SPDX-License-Identifier: MIT */
/*
 * The validated error of a virtual rig, as it is recorded with the rig: a JSON object, see
 * data/boards/validation.json. "" means that this cycle model was never compared with measured
 * figures.
 */
#ifndef MN_VALIDATED_H
#define MN_VALIDATED_H

#include <stddef.h>
#include <stdint.h>

/* Of one op, or of whole models (op "model"). ratio is virtual / measured, errors are |ratio - 1|.
 */
struct mn_validated {
	int64_t n;
	double ratio;             /* median */
	double mape_pct, p95_pct; /* NAN: not known */
	double ratio_lo, ratio_hi, mape_lo_pct,
		mape_hi_pct; /* over several compilers; NAN: one only */
};

/* 1 and *ret, or 0: that op was not validated. */
int mn_validated_get(const char *validation, const char *op, struct mn_validated *ret);

/*
 * A line for people: "conv_2d 0.98 (MAPE 3.3 %, p95 10 %, n 223), add …; not validated: …", or "not
 * validated". Cut to size.
 */
void mn_validated_text(const char *validation, char *buf, size_t size);
/* The same of one op: "0.98 of what was measured, MAPE 3.3 %, p95 10 % (n 223)", "not validated".
 */
void mn_validated_op_text(const char *validation, const char *op, char *buf, size_t size);

#endif
