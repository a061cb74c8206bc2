/* SPDX-License-Identifier: MIT */
/* A PowerShield as its host sees it: lines in, bytes out, with a simulated clock. */
#ifndef MN_LPM01A_MODEL_H
#define MN_LPM01A_MODEL_H

#include <stddef.h>
#include <stdint.h>

#include "lpm01a/protocol.h"

/* Current in A and level of D7 at time t of the acquisition. */
typedef void lpm01a_source(void *arg, double t_s, double *ret_A, int *ret_d7);

/* By sample number of the acquisition, 0: never; the others are counts or switches. */
struct lpm01a_faults {
	int stale; /* so many samples of an earlier run before the first reply */
	int first_htc_refused;
	int nuls, glued_prompt; /* around replies and time stamps */
	int service_line;       /* before the value of "volt get" */
	int old_firmware;       /* no eventsrc */
	uint64_t torn_at;       /* that line lacks its first three characters (binary: a byte) */
	uint64_t missing_at, missing; /* samples that are not sent */
	uint64_t event_skip_at;       /* events before it are numbered one less than they should */
	uint64_t overcurrent_at, error_at, target_off_at;
	unsigned fill_pct;
	int silent; /* answers nothing */
};

struct lpm01a_model {
	enum mn_lpm01a_kind kind;
	lpm01a_source *source;
	void *source_arg;
	struct lpm01a_faults faults;
	int control, power, running, binary, events;
	uint32_t hz, volt_mV;
	uint64_t n; /* samples of the acquisition */
	int d7, event;
	double charge_C; /* as the numbers that were sent say it */
	char line[128];
	size_t n_line;
	size_t n_out;
	char out[1 << 20];
};

void lpm01a_model_init(struct lpm01a_model *box, enum mn_lpm01a_kind kind, lpm01a_source *source,
		       void *arg);
void lpm01a_model_write(struct lpm01a_model *box, const void *bytes, size_t n);
/* Let time pass: that many samples, if it acquires. */
void lpm01a_model_run(struct lpm01a_model *box, uint64_t samples);
size_t lpm01a_model_read(struct lpm01a_model *box, void *buf, size_t size);
/* The nearest current that a format can say. */
double lpm01a_model_quantize(double current_A, int binary);

#endif
