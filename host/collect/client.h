/* SPDX-License-Identifier: MIT */
/*
 * The host's side of probes/wire: one board, one request at a time, one batch at a time.
 *
 * Pure: bytes and time go in, bytes and events come out; no I/O, no clock, no allocation after
 * mn_client_new(). Time is microseconds from any fixed point and never goes back.
 *
 *     for (;;) {
 *         write mn_client_output() to the link, tell how much with mn_client_sent();
 *         wait for bytes, or for mn_client_deadline();
 *         feed bytes to mn_client_input() until all are used, handling the event of each call;
 *         call mn_client_tick(), handling its event;
 *     }
 *
 * Requests are repeated with growing time-outs and the same sequence number, which is safe because
 * every request of the protocol has the same effect once or often: a late first answer serves, the
 * second is a duplicate and is dropped. Results are known by batch, index and tag, so a duplicate
 * is dropped and a lost one fetched. When the board stays silent the client says hello again: a
 * board that was reset has lost the batch, which is an event and not a failure.
 */
#ifndef MN_CLIENT_H
#define MN_CLIENT_H

#include <stdint.h>

#include "err.h"
#include "wire.h"

struct mn_client;

struct mn_client_config {
	uint32_t baud;        /* rate of the link at the start; 0: the link has no rate */
	uint32_t baud_raise;  /* rate to agree on after hello; 0: stay */
	uint32_t answer_us;   /* first time-out of a request; doubles with each attempt */
	uint32_t attempts;    /* of a request, at least 1 */
	uint32_t hello_us;    /* how long to try to get a first hello */
	uint32_t recoveries;  /* hellos in a row without a new result between them, before giving up
			       */
	uint32_t batch_first; /* first batch number; must differ from what an earlier host used
				 (random) */
};

enum mn_client_event_type {
	MN_CLIENT_NONE,
	MN_CLIENT_READY, /* hello and baud are agreed: submit or ping */
	MN_CLIENT_BAUD,  /* set the link to .baud before writing or reading anything more */
	MN_CLIENT_PONG,  /* .pong, .sent_us, .received_us: the board's clocks were read between them
			  */
	MN_CLIENT_RESULT, /* .result: each probe of the batch at most once, in any order */
	MN_CLIENT_DONE,   /* the batch is over; probes without a result were not run (.n_done were),
			     or their result is lost.   Ready again */
	MN_CLIENT_LOST, /* the board was reset and has lost the batch. Ready again. The probe after
			   the last result was running */
	MN_CLIENT_REFUSED, /* the board does not take the batch: .err. Ready again */
	MN_CLIENT_FAULT,   /* the processor faulted: .fault. Nothing more will come on this link */
	MN_CLIENT_FAILED, /* .err: MN_E_TIMEOUT, MN_E_VERSION, MN_E_PROTOCOL. Nothing more will come
			   */
};

/* Pointers are valid until the next call with this client. */
struct mn_client_event {
	enum mn_client_event_type type;
	uint32_t baud;
	struct mn_msg_pong pong;
	int64_t sent_us, received_us;
	struct mn_msg_result result;
	uint16_t n_done;
	int ran; /* LOST: a probe of the batch may have been running; FAULT: .fault is about this
		    batch */
	struct mn_msg_fault fault;
	struct mn_err err;
};

/* One probe of a batch, for submit. */
struct mn_client_probe {
	uint64_t tag;      /* as in its PROBE record */
	uint32_t limit_us; /* time within which its result must come after the one before; saturates
			    */
};

#define MN_CLIENT_BATCH_PROBES 256

/* MN_E_NOMEM. The client says nothing until mn_client_start(). */
int mn_client_new(const struct mn_client_config *config, struct mn_client **ret_client);
void mn_client_free(struct mn_client *client);

void mn_client_start(struct mn_client *client, int64_t now_us);

/* Use bytes up to the first that makes an event. Returns how many were used: at least 1 if n > 0.
 */
size_t mn_client_input(struct mn_client *client, const uint8_t *bytes, size_t n, int64_t now_us,
		       struct mn_client_event *ret_event);
/* When to call mn_client_tick() at the latest; INT64_MAX: not needed. May be in the past. */
int64_t mn_client_deadline(const struct mn_client *client);
void mn_client_tick(struct mn_client *client, int64_t now_us, struct mn_client_event *ret_event);

/* Bytes to write now; *ret_n may be 0. mn_client_sent() drops the first n of them. */
const uint8_t *mn_client_output(const struct mn_client *client, size_t *ret_n);
void mn_client_sent(struct mn_client *client, size_t n);

/* 1 between MN_CLIENT_READY and the next request. */
int mn_client_is_ready(const struct mn_client *client);
/* Valid after MN_CLIENT_READY. */
const struct mn_msg_hello *mn_client_hello(const struct mn_client *client);

/*
 * Load and run a batch: records as msg.def has them, borrowed until MN_CLIENT_DONE, _LOST,
 * _REFUSED, _FAULT or _FAILED. The client numbers it. MN_E_BUSY if it is not ready; MN_E_INVALID
 * without probes, or more than MN_CLIENT_BATCH_PROBES.
 */
int mn_client_submit(struct mn_client *client, const uint8_t *batch, uint32_t batch_bytes,
		     const struct mn_client_probe *probes, uint16_t n_probes, int64_t now_us);
/* The energy window of every probe of the batches to come; us 0 (as at first): none. */
struct mn_client_energy {
	uint32_t us;      /* length at least */
	uint32_t reps;    /* repetitions at least */
	uint32_t idle_us; /* asleep before and after */
};
void mn_client_set_energy(struct mn_client *client, const struct mn_client_energy *energy);
/* Ask for the board's clocks, one attempt after the other with a number of its own. MN_E_BUSY. */
int mn_client_ping(struct mn_client *client, int64_t now_us);

/* Counts of what went wrong and was healed. */
struct mn_client_stats {
	uint32_t bad_frames; /* CRC, COBS or too long */
	uint32_t stray;      /* duplicates and late answers that were dropped */
	uint32_t retries;    /* requests sent again */
	uint32_t fetched;    /* results that had to be asked for */
	uint32_t recoveries; /* hellos after the first */
};
const struct mn_client_stats *mn_client_stats(const struct mn_client *client);

#endif
