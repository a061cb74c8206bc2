/* SPDX-License-Identifier: MIT */
/*
 * ST's PowerShield dialect: X-NUCLEO-LPM01A and STLINK-V3PWR. Text commands and replies in lines,
 * samples as text or binary on the same line. Pure functions.
 *
 * Facts, with who says so: facts/lpm01a.md. ST's manuals could not be read; what only one
 * third-party parser says is marked there, and [I] here means inferred.
 */
#ifndef MN_LPM01A_PROTOCOL_H
#define MN_LPM01A_PROTOCOL_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "meter.h"

enum mn_lpm01a_kind { MN_LPM01A_SHIELD, MN_LPM01A_V3PWR };

enum {
	MN_LPM01A_LINE_MAX = 512,
	MN_LPM01A_TEXT_HZ = 5000, /* as text without an end; faster fills its buffer */
	MN_LPM01A_BINARY_HZ = 100000,
};

/* 1 if the device has that rate. */
int mn_lpm01a_has_rate(uint32_t hz);

/*
 * The reply to a command, from all that came since it was sent. Prompts, NULs, samples of an
 * earlier run and service lines are skipped. 0 and what stands behind the echo in value (size
 * bytes, "" if nothing does); MN_E_AGAIN; MN_E_PROTOCOL and the device's own words in err.
 */
int mn_lpm01a_reply(const void *bytes, size_t n, const char *command, char *value, size_t size,
		    struct mn_err *err);

/* "3292-03" anywhere in bytes -> 3292 (mV). MN_E_AGAIN: none; MN_E_PROTOCOL: no voltage. */
int mn_lpm01a_volt(const void *bytes, size_t n, uint32_t *ret_mV);

/* Both stream formats. */
struct mn_lpm01a_stats {
	uint64_t samples, lost; /* lost: by the device's own time stamps */
	uint64_t torn;          /* lines, or blocks between two time stamps, that made no sense */
	uint64_t events, events_lost;
	uint64_t buffer_full; /* time stamps that said 90 % and more, or overflow */
};

enum mn_lpm01a_end {
	MN_LPM01A_RUNS,
	MN_LPM01A_COMPLETED,   /* as asked */
	MN_LPM01A_OVERCURRENT, /* it has switched the board off */
	MN_LPM01A_TARGET_OFF,
	MN_LPM01A_ERROR, /* its words are in message */
};

typedef int mn_lpm01a_emit(void *arg, const struct mn_meter_sample *samples, size_t n);

struct mn_lpm01a_decoder {
	enum mn_lpm01a_kind kind;
	int binary;
	uint32_t hz, volt_mV;
	struct mn_lpm01a_stats stats;
	enum mn_lpm01a_end end;
	char message[160];
	uint64_t tick; /* of the next sample */
	int fell;      /* the next sample carries MN_SAMPLE_FALL */
	int event;     /* number of the last one; -1: none */
	int summary;   /* inside of the block that follows the end */
	/* Device time: the first stamp stands at tick base. */
	int has_base;
	uint64_t base, base_ms, last_ms;
	mn_lpm01a_emit *emit;
	void *arg;
	int status; /* of emit */
	struct mn_meter_sample batch[256];
	size_t n_batch;
	size_t n_held;
	uint8_t held[65536]; /* a line; in binary all that came since a record */
};

/* emit is called from decode; what it returns other than 0 comes back from there. */
void mn_lpm01a_decoder_init(struct mn_lpm01a_decoder *decoder, enum mn_lpm01a_kind kind, int binary,
			    uint32_t hz, uint32_t volt_mV, mn_lpm01a_emit *emit, void *arg);
/* 0, also after the end (decoder->end), or what emit returned. */
int mn_lpm01a_decode(struct mn_lpm01a_decoder *decoder, const void *bytes, size_t n);

#endif
