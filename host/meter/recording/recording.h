/* SPDX-License-Identifier: MIT */
/*
 * Recordings of instruments that mnchar does not drive (RocketLogger, Otii Arc, JS110, Monsoon, an
 * oscilloscope), as CSV: rows of numbers, read in pieces, so that a recording of hours needs no
 * memory. Which column is what comes from the caller; nothing is guessed from an instrument's name.
 *
 * A column mapping is a text:
 *
 *   time=Timestamp:ms,current=I1:uA,voltage=V1:mV,marker=DI1
 *
 * NAME is that of the header line, or #3 for the third column of a file without one. Units: s ms us
 * ns; A mA uA nA pA; V mV uV; or a factor to s, A, V ("1e-11"). A marker is high from its threshold
 * up, 0.5 if none is given ("marker=D0:1.6"); "marker=!D0" is low-active. Lines before the header
 * are skipped, and so is each line that starts with '#' or is empty. The separator is the comma,
 * the semicolon or the tab, whichever the header (or the first row) has most of. "NaN" is a lost
 * sample.
 */
#ifndef MN_RECORDING_H
#define MN_RECORDING_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "meter.h"

enum { MN_RECORDING_TICK_HZ = 1000000000, MN_RECORDING_COLUMNS = 64 };

struct mn_recording_config {
	const char *columns; /* the mapping; current is needed, time or rate_hz too */
	double rate_hz;      /* of a file without a time column; else 0 */
	uint32_t volt_mV;    /* of a file without a voltage column; else 0 */
};

/* samples: ticks in ns, the first row's time is one period. The period comes from the first rows.
 */
typedef int mn_recording_emit(void *arg, const struct mn_meter_sample *samples, size_t n,
			      uint32_t period_ticks, struct mn_err *err);

struct mn_recording;

/* MN_E_SYNTAX: the mapping; MN_E_INVALID: current, time or voltage is missing. */
int mn_recording_new(const struct mn_recording_config *config, mn_recording_emit *emit, void *arg,
		     struct mn_recording **ret_recording, struct mn_err *err);
void mn_recording_free(struct mn_recording *recording);
/*
 * More of the file. MN_E_SYNTAX: "line 12: ..." (no number, too few columns, time that does not
 * rise); what emit returned.
 */
int mn_recording_feed(struct mn_recording *recording, const void *bytes, size_t n,
		      struct mn_err *err);
/* The file has ended. MN_E_SYNTAX: no header, or fewer than two rows. */
int mn_recording_end(struct mn_recording *recording, struct mn_err *err);
/* Rows so far. */
uint64_t mn_recording_rows(const struct mn_recording *recording);
/* 1 if a marker column is mapped. */
int mn_recording_has_marker(const struct mn_recording *recording);

#endif
