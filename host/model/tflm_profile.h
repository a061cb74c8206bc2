/* SPDX-License-Identifier: MIT */
/*
 * What TensorFlow Lite Micro's MicroProfiler prints, joined with the model that ran: rows for
 * `mnchar import`. The formats are those of tensorflow/lite/micro/micro_profiler.cc:
 *
 *   Log()                CONV_2D took 140233 ticks (0 ms).
 *   LogCsv()             "Event","Tag","Ticks"  then  0,CONV_2D,140233
 *   LogTicksPerTagCsv()  "Unique Tag","Total ticks across all events with that tag."
 *                        then  CONV_2D, 140233  and at last  "total number of ticks", 140233
 *
 * The interpreter makes one event of each operator, in order of execution, tagged with the
 * builtin's name or the custom operator's; that is how an event finds its layer. An application and
 * decompression code may add events of their own, whose tags are other names. Sums over equal tags
 * can be told apart only where the model has one operator of that name.
 *
 * Lines end in LF or CR LF; empty ones are skipped. Sections may follow each other, one of events a
 * run for example, but events and sums are not mixed. Pure: no files.
 */
#ifndef MN_TFLM_PROFILE_H
#define MN_TFLM_PROFILE_H

#include "model.h"

struct mn_profile_event {
	const char *tag; /* into the text, tag_len bytes */
	size_t tag_len;
	uint32_t ticks;
	uint32_t line, tag_column, ticks_column; /* 1-based, in bytes */
};

struct mn_profile {
	struct mn_profile_event *events; /* or the sums, one for each tag */
	size_t n_events;
	bool sums; /* LogTicksPerTagCsv() */
};

/* Where the figures come from. Strings borrowed, NULL or "": not known. */
struct mn_profile_source {
	const char *name;            /* of the text, for messages and as source */
	const char *model_name;      /* of the model, in rows */
	const char *board, *kernels; /* required */
	const char *chip, *cpu, *compiler, *flags, *source;
	int64_t clock_hz; /* of the CPU; required */
	int64_t tick_hz; /* of the ticks; 0: they are CPU cycles, as TFLM's Cortex-M timer counts */
};

/*
 * Read a text, which must outlive *ret. tick_hz: what the milliseconds that Log() prints are held
 * against, where the platform's ticks_per_second() is known to TFLM; 0: not at all. MN_E_SYNTAX,
 * MN_E_INVALID: "NAME:LINE:COLUMN: sentence"; MN_E_NOMEM.
 */
int mn_profile_parse(const char *name, const char *text, size_t len, int64_t tick_hz,
		     struct mn_profile *ret, struct mn_err *err);
void mn_profile_free(struct mn_profile *profile);

/*
 * The rows as CSV in the columns of host/store/import.h: one for each run of each operator, and one
 * of the whole model for each run (the sum of its operators). *ret_csv is malloc'd, *ret_len bytes
 * and a NUL. left_out is told of each event that gives no row: its tag, or the operator's name and
 * why. MN_E_INVALID: events that are not this model's, each run whole, at "NAME:LINE:COLUMN: ";
 * MN_E_UNSUPPORTED: a model with control flow; MN_E_NOMEM.
 */
int mn_profile_rows(const struct mn_profile *profile, const struct mn_model *model,
		    const struct mn_profile_source *source,
		    void (*left_out)(void *arg, const char *why), void *arg, char **ret_csv,
		    size_t *ret_len, struct mn_err *err);

#endif
