/* SPDX-License-Identifier: MIT */
/*
 * Nordic Power Profiler Kit II: its bytes. Pure functions: no USB, no clock, no allocation.
 *
 * Facts: Nordic's own application (its source read for facts), the community's re-implementations
 * where that is silent; facts/ppk2.md has both with their tags. What was never seen on a kit of
 * ours: everything. The conversion is checked against published vectors.
 */
#ifndef MN_PPK2_PROTOCOL_H
#define MN_PPK2_PROTOCOL_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "meter.h"

/* One opcode byte, then that many bytes of arguments. Only GET_METADATA is answered. */
enum mn_ppk2_opcode {
	MN_PPK2_START = 0x06,        /* 0 */
	MN_PPK2_STOP = 0x07,         /* 0 */
	MN_PPK2_POWER = 0x0c,        /* 1: 1 on, 0 off */
	MN_PPK2_VOLTAGE = 0x0d,      /* 2: mV, big endian */
	MN_PPK2_MODE = 0x11,         /* 1: 1 ampere meter, 2 source meter */
	MN_PPK2_GET_METADATA = 0x19, /* 0 */
	MN_PPK2_USER_GAIN = 0x25,    /* 5: range, IEEE 754 single, little endian */
};

enum {
	MN_PPK2_RANGES = 5, /* 0: up to 50 uA, 1: 500 uA, 2: 5 mA, 3: 50 mA, 4: 1 A */
	MN_PPK2_SAMPLE_HZ = 100000,
	MN_PPK2_FIELD_MAX = 2047, /* [I] 13-bit ADC, scaled by 4: the end of every range */
	MN_PPK2_MIN_MV = 800,
	MN_PPK2_MAX_MV = 5000,
	MN_PPK2_MAX_UA = 1000000,
	MN_PPK2_METADATA_MAX = 4096,
	MN_PPK2_BLOCK =
		512, /* samples in a transfer of the device: what is lost when it overruns */
};

/* What turns a field into a current; one value a range. */
struct mn_ppk2_calibration {
	double r[MN_PPK2_RANGES];  /* shunt, ohm */
	double gs[MN_PPK2_RANGES]; /* gain slope, 1/A */
	double gi[MN_PPK2_RANGES]; /* gain */
	double o[MN_PPK2_RANGES];  /* offset of the ADC, counts */
	double s[MN_PPK2_RANGES];  /* offset by supply, A/V */
	double i[MN_PPK2_RANGES];  /* offset, A */
	double ug[MN_PPK2_RANGES]; /* the user's gain */
	int calibrated;            /* as told; healthy kits say 0 */
	int vdd_mV, mode, hw;      /* as told; -1: not told */
};

/* Nordic's defaults, for what a kit does not tell. */
void mn_ppk2_calibration_init(struct mn_ppk2_calibration *cal);

/*
 * The answer to GET_METADATA, from everything that arrived since: other bytes may stand before it.
 * 0: *ret_cal is whole and *ret_used bytes belong to it and to what was before. MN_E_AGAIN: not yet
 * whole. MN_E_PROTOCOL: its end is there but a shunt is missing or not a number, or METADATA_MAX
 * bytes have no end; ask again.
 */
int mn_ppk2_metadata_parse(const void *bytes, size_t n, struct mn_ppk2_calibration *ret_cal,
			   size_t *ret_used, struct mn_err *err);

/* Current in A of a 14-bit field; range < MN_PPK2_RANGES. */
double mn_ppk2_current_A(const struct mn_ppk2_calibration *cal, uint32_t volt_mV, unsigned range,
			 unsigned field);

/*
 * The spike filter of Nordic's application: the first three samples after a change of range are
 * replaced by a running mean. It hides real transients, so it is an extra figure, never the only
 * one.
 */
struct mn_ppk2_filter {
	double avg_A, avg4_A;
	int started, range, after_spike, consecutive;
};

double mn_ppk2_filter(struct mn_ppk2_filter *filter, double current_A, int range);

/*
 * The sample stream: words of four bytes without any framing, so that a lost byte shifts all that
 * follow. A word is handed out once the next one continues its six-bit counter; where it does not,
 * the next bytes decide between lost samples and lost bytes.
 */
struct mn_ppk2_stats {
	uint64_t samples;   /* handed out */
	uint64_t lost;      /* counted by the device, never arrived (modulo 64 each time) */
	uint64_t overrun;   /* lost in whole blocks, found by the host's clock */
	uint64_t realigned; /* times that the stream had slipped by 1 to 3 bytes */
	uint64_t garbage;   /* words that fit in no way; they are counted in lost too */
	uint64_t no_value;  /* words in no range: the kit was switching */
	uint64_t saturated;
};

struct mn_ppk2_decoder {
	struct mn_ppk2_calibration cal;
	uint32_t volt_mV;
	struct mn_ppk2_filter filter;
	struct mn_ppk2_stats stats;
	uint64_t tick;      /* of the next sample */
	int counter, range; /* of the last sample handed out; -1: none */
	int aligned;
	double last_A, last_filtered_A;
	/* When the device overran: the smallest delay between its time and the host's. */
	int64_t floor_ns, slice_min_ns;
	uint64_t slice_start_ns;
	int has_floor, in_slice;
	size_t n_pending;
	uint8_t pending[64 + 4096];
};

void mn_ppk2_decoder_init(struct mn_ppk2_decoder *decoder, const struct mn_ppk2_calibration *cal,
			  uint32_t volt_mV);

/* Samples that n bytes can give, with those that waited. */
#define MN_PPK2_OUT(n) ((n) / 4 + 17)

/* The samples that are certain now go to out, MN_PPK2_OUT(n) of them fit; returns their number. */
size_t mn_ppk2_decode(struct mn_ppk2_decoder *decoder, const void *bytes, size_t n,
		      struct mn_meter_sample *out);
/* After the last byte: what still waits for its successor. out has room for MN_PPK2_OUT(0). */
size_t mn_ppk2_decode_end(struct mn_ppk2_decoder *decoder, struct mn_meter_sample *out);

/*
 * Say when the bytes given so far had arrived. A kit whose host is too slow drops whole blocks, and
 * 512 samples are a multiple of 64: the counter does not show it. The smallest delay in each second
 * does: it rises by 5.12 ms for good. Returns the samples found missing, 0 almost always; the next
 * tick skips them.
 */
uint64_t mn_ppk2_arrived(struct mn_ppk2_decoder *decoder, uint64_t host_ns);

#endif
