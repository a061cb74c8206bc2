/* SPDX-License-Identifier: MIT */
/*
 * Power monitors: one interface, one folder a device (api.c answers it, protocol.c speaks to the
 * box).
 *
 * A meter is opened from a text, "ppk2" (the only one attached) or "ppk2:SERIAL", configured,
 * started and then delivers samples to a sink until it is stopped. The reader thread is here, not
 * in the drivers: it calls the driver's pump() again and again, and pump() hands over what came. A
 * driver that queues transfers (libusb: at least 4 in flight) therefore loses nothing while collect
 * is busy.
 *
 * Time is the device's: a tick is the device's own count, never host time. Nothing is invented: a
 * sample that was lost is a gap in the ticks, a sample without a valid value carries a flag.
 */
#ifndef MN_METER_H
#define MN_METER_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"

/*
 * One sample. It stands for the time since the sample before, (tick - period_ticks, tick]: gaps
 * larger than 1.5 periods are lost samples.
 */
struct mn_meter_sample {
	uint64_t tick;       /* device time at the end of the sample; rises strictly; unwrapped */
	int64_t current_pA;  /* may be negative: zero offsets are not cut off */
	int64_t filtered_pA; /* after the spike filter that the maker's own software applies; where
				there is none: current_pA */
	int32_t voltage_uV;  /* measured, or the set / stated supply (caps.measures_voltage) */
	uint8_t bits;    /* logic lines at the end of the sample, bit 0 = first marker channel */
	uint8_t edge_q8; /* if bits differ from the sample before: when in this sample they changed,
			    in 1/256 of it. 128 when the device doesn't know: half a sample each
			    side */
	uint16_t flags;  /* MN_SAMPLE_* */
};

#define MN_SAMPLE_SATURATED 1u /* at or above the end of the range: the value is a lower bound */
#define MN_SAMPLE_RANGE     2u /* first sample after a change of range */
#define MN_SAMPLE_HELD      4u /* no valid value (range switching): current_pA repeats the last one */

#define MN_SAMPLE_FALL 8u /* the window line fell as this sample began (caps.marks_falls) */

#define MN_METER_TEXT 64

/* What is attached: found by list(), nothing opened for longer than to read its names. */
struct mn_meter_found {
	const char *driver;
	char model[MN_METER_TEXT];
	char serial[MN_METER_TEXT];
	char firmware[MN_METER_TEXT]; /* "" if only an open device tells it */
	int status;                   /* 0, MN_E_PERM, MN_E_BUSY, MN_E_UNSUPPORTED (bootloader) */
	char remedy[256];             /* one sentence if status is not 0 */
};

struct mn_meter_info {
	char model[MN_METER_TEXT];
	char serial[MN_METER_TEXT];
	char firmware[MN_METER_TEXT];
	char calibration[1024]; /* as the device tells it: what is needed to redo the conversion */
};

struct mn_meter_caps {
	uint32_t tick_hz;      /* nominal */
	uint32_t period_ticks; /* ticks a sample; sample rate = tick_hz / period_ticks */
	uint8_t n_markers;     /* logic lines in bits; 0: windows are cut by time */
	uint8_t marks_falls;   /* no level of a line, but MN_SAMPLE_FALL: a window is the time that
				  the   board says before it */
	uint8_t measures_voltage;          /* else voltage_uV repeats config.volt_mV */
	uint8_t is_virtual;                /* the figures are a model's */
	uint32_t max_current_uA;           /* in the configured mode and range */
	uint32_t min_volt_mV, max_volt_mV; /* what it can supply; 0, 0: it can only measure */
};

enum mn_meter_mode {
	MN_METER_AMMETER, /* in series with a supply of its own */
	MN_METER_SOURCE,  /* supplies the board: configure() switches it on */
};

struct mn_meter_config {
	enum mn_meter_mode mode;
	uint32_t volt_mV; /* to supply, or that the board is supplied with; 0 only if it is measured
			   */
	uint32_t sample_hz; /* 0: the driver's default */
	int range;          /* driver's numbering; -1: automatic */
	uint32_t board_uA;  /* what the board draws at most; more than the device can take is
			       refused.  0: not known */
	int board_fd; /* "virtual": the side channel of mnchar-vboard, owned by the caller; else -1
		       */
};

struct mn_meter;

/*
 * Samples in order, at most a few thousand a call, valid during the call. Runs on the reader
 * thread. host_ns: CLOCK_MONOTONIC when the last one of them arrived.
 */
typedef void mn_meter_sink(void *arg, const struct mn_meter_sample *samples, size_t n,
			   uint64_t host_ns);

/* A driver. All but list, configure and stop are mandatory; called in the order they stand here. */
struct mn_meter_ops {
	const char *name; /* [a-z0-9-]+, what stands before the ':' */
	const char *what; /* a few words for `mnchar meters` and the help */
	/* Append what is attached to *found (realloc'd array of *n). Never an error if none is. */
	int (*list)(struct mn_meter_found **found, size_t *n, struct mn_err *err);
	/*
	 * Sets m->impl, m->info and m->caps. serial "" means the only one there is: two are
	 * MN_E_INVALID. MN_E_NOTFOUND, MN_E_PERM (names the udev rule file), MN_E_BUSY,
	 * MN_E_VERSION (firmware), MN_E_PROTOCOL.
	 */
	int (*open)(struct mn_meter *m, const char *serial, struct mn_err *err);
	/* Updates m->caps. MN_E_INVALID with the reason for what the device cannot do. */
	int (*configure)(struct mn_meter *m, const struct mn_meter_config *config,
			 struct mn_err *err);
	int (*start)(struct mn_meter *m, struct mn_err *err);
	/*
	 * Wait at most timeout_ms for the device, then hand over what came with mn_meter_push().
	 * 0, also when nothing came; MN_E_CLOSED (unplugged), MN_E_IO, MN_E_PROTOCOL end the
	 * stream. Runs on the reader thread, and nothing else of the driver runs meanwhile.
	 */
	int (*pump)(struct mn_meter *m, int timeout_ms, struct mn_err *err);
	/* After the last pump(). The board stays supplied. */
	void (*stop)(struct mn_meter *m);
	/* Frees m->impl; switches the supply off if it was on. Also after a failed configure(). */
	void (*close)(struct mn_meter *m);
};

/* What a driver sees. Everybody else uses the functions below. */
struct mn_meter {
	const struct mn_meter_ops *ops;
	void *impl; /* the driver's */
	struct mn_meter_info info;
	struct mn_meter_caps caps;
	struct mn_meter_config config;  /* as configured; valid from configure() on */
	struct mn_meter_reader *reader; /* meter.c's */
};

/* The drivers there are, NULL at the end. An explicit table: meter.c. */
extern const struct mn_meter_ops *const mn_meter_drivers[];

/* For drivers, from pump(). Ticks must rise; samples that do not are MN_E_PROTOCOL. */
int mn_meter_push(struct mn_meter *m, const struct mn_meter_sample *samples, size_t n);

/* Everything attached that any driver knows. *ret_found is malloc'd. */
int mn_meter_list(struct mn_meter_found **ret_found, size_t *ret_n, struct mn_err *err);

/* spec: "driver" or "driver:serial". MN_E_NOTFOUND names the drivers there are. */
int mn_meter_open(const char *spec, struct mn_meter **ret_meter, struct mn_err *err);
/* Stops first if need be. NULL is fine. */
void mn_meter_close(struct mn_meter *m);

/*
 * MN_E_INVALID: voltage 0 where it is not measured or outside what the device can supply, a board
 * that draws more than it can take, and what the driver refuses.
 */
int mn_meter_configure(struct mn_meter *m, const struct mn_meter_config *config,
		       struct mn_err *err);

/* Start the device and the reader thread. sink is called on that thread until mn_meter_stop(). */
int mn_meter_start(struct mn_meter *m, mn_meter_sink *sink, void *arg, struct mn_err *err);
/* The thread has ended when it returns. 0, or what ended the stream before (mn_meter_status()). */
int mn_meter_stop(struct mn_meter *m, struct mn_err *err);
/* 0 while samples flow; else what ended the stream. Any thread. */
int mn_meter_status(struct mn_meter *m, struct mn_err *err);

#endif
