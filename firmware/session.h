/* SPDX-License-Identifier: MIT */
/*
 * The board's side of probes/wire: one host, one request at a time, one batch held.
 *
 * Never twice, never lost: a batch is known by its number. The one held is loaded, then run once,
 * and its results stay until another batch is begun. A RUN of a batch that has run is answered by
 * DONE; a LOAD of it changes nothing; LOAD and RUN of one of the last MN_SESSION_PAST batches that
 * were replaced (a late duplicate) are refused with MN_E_NO_BATCH, so that they cannot wipe the
 * present one. A new HELLO_REQ, that is a new host, forgets those past numbers, not the batch held.
 *
 * While a batch runs the board does not listen; what came meanwhile is dropped when it ends.
 */
#ifndef MN_SESSION_H
#define MN_SESSION_H

#include "board.h"
#include "measure.h"
#include "wire.h"

#define MN_SESSION_BAUD        115200u
#define MN_SESSION_CONFIRM_US  1000000u /* a new rate without a PING falls back after this */
#define MN_SESSION_FRAMING_MAX 8u       /* bad stop bits without a frame: back to MN_SESSION_BAUD */
#define MN_SESSION_PAST        8u

/* Bytes of a PROBE and of a STEP record on the wire. */
#define MN_SESSION_PROBE_BYTES 24u
#define MN_SESSION_STEP_BYTES  103u

/*
 * The steps of a probe are unpacked in place, over the records of the probes that have run, so the
 * batch lies behind this much room: a program of n steps grows by n times the difference of the two
 * sizes.
 */
#define MN_SESSION_SLACK(batch_bytes)                                                              \
	(((batch_bytes) / MN_SESSION_STEP_BYTES *                                                  \
		  (sizeof(struct mn_step) - MN_SESSION_STEP_BYTES) +                               \
	  15u) /                                                                                   \
	 8u * 8u)

/* Static memory of a session, 8-byte aligned. */
struct mn_session_buffers {
	uint8_t *batch; /* MN_SESSION_SLACK(batch_bytes) + batch_bytes */
	uint32_t batch_bytes;
	uint8_t *results;
	uint32_t result_bytes;
};

struct mn_session {
	struct mn_session_buffers buffers;
	const char *firmware, *compiler, *flags; /* for HELLO */

	uint8_t proto;
	uint32_t baud, old_baud;
	uint32_t baud_since; /* micros */
	uint8_t baud_open;   /* not confirmed yet */
	uint8_t framing_errors;

	/* Batch */
	uint32_t batch; /* 0: none */
	uint32_t total, received;
	uint8_t done;
	uint16_t n_done;
	uint32_t results_used;
	uint32_t past[MN_SESSION_PAST];
	uint8_t past_next;

	struct mn_measure_energy energy; /* of the batch that runs */

	/* Cycles since boot */
	uint64_t cycles;
	uint32_t last_cycles, last_micros;

	/* A frame that is being received, or one that is being sent: never both. */
	struct mn_frame_decoder decoder;
};

/* The probe that is running, for the fault report; batch 0: none. */
struct mn_session_running {
	uint32_t batch;
	uint16_t index;
	uint8_t proto;
	uint16_t seq;
};
extern volatile struct mn_session_running mn_session_running;

void mn_session_init(struct mn_session *s, const struct mn_session_buffers *buffers);

/* Take what has come, at most one byte, and do what it asks. Call it for ever. */
void mn_session_poll(struct mn_session *s);

#endif
