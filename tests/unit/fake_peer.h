/* SPDX-License-Identifier: MIT */
/*
 * The board's side of the protocol for tests of the host: answers as firmware/session.c does, but
 * "runs" a probe by letting injected time pass. It shares no code with the firmware, so that a
 * mistake in one is not repeated in the other.
 */
#ifndef FAKE_PEER_H
#define FAKE_PEER_H

#include <stdint.h>

#include "wire.h"

#define FAKE_PROBES_MAX 256

struct fake_peer {
	/* How it behaves; set before use. */
	struct mn_msg_hello hello;
	int64_t probe_us;    /* time a probe takes */
	int answers_version; /* HELLO_REQ gets ERROR(VERSION) */
	int dead;            /* never says anything */
	uint32_t baud_max;   /* a higher rate is agreed to, but then does not work */
	int reset_at;        /* the board resets while it runs its nth probe (from 1), once */
	int fault_at;        /* … or faults, and then only says FAULT */
	int hang_at;         /* … or is silent for hang_us and then goes on */
	int64_t hang_us;
	uint32_t results_max; /* results that fit into a batch; 0: all */
	int fault_tag;        /* it faults whenever it runs the probe with this tag */
	int reset_tag;        /* … or resets */
	int refuse_at;        /* the nth probe is refused: MN_E_TOO_BIG, need 1000, have 500 */
	double clock_factor;  /* of PONG.cycles against the time that passes; 0: 1 */

	/* What it has done. */
	uint32_t runs; /* probes that have run to their end */
	uint32_t resets;
	uint32_t twice; /* probes of one batch that ran a second time: must stay 0 */

	/* Inside. */
	uint32_t baud, old_baud;
	int64_t baud_since;
	int baud_open, framing;
	int faulted;
	uint32_t batch, total, received;
	int done;
	uint16_t n_probes, n_done, running; /* running: index + 1, 0 idle */
	uint16_t run_seq;
	int64_t busy_until;
	uint64_t tags[FAKE_PROBES_MAX];
	uint16_t reps[FAKE_PROBES_MAX], steps[FAKE_PROBES_MAX];
	uint8_t kernels[FAKE_PROBES_MAX], modes[FAKE_PROBES_MAX];
	uint32_t started; /* probes begun since power-on */
	uint8_t data[65536];
	struct mn_frame_decoder decoder;
	uint8_t out[1 << 17];
	uint32_t out_len;
};

/* A nucleo-f446re that is virtual and does everything right. */
void fake_peer_init(struct fake_peer *fake);
/* A byte from the host, sent at the rate `baud` (0: a link without a rate). */
void fake_peer_input(struct fake_peer *fake, uint8_t byte, uint32_t baud, int64_t now_us);
/* Let time pass. */
void fake_peer_tick(struct fake_peer *fake, int64_t now_us);
/* When something happens by itself; INT64_MAX: never. */
int64_t fake_peer_deadline(const struct fake_peer *fake);
/* The output CRC and the cycles of one repetition that it gives for a tag. */
uint32_t fake_peer_crc(uint64_t tag);
uint32_t fake_peer_cycles(uint64_t tag);

#endif
