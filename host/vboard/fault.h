/* SPDX-License-Identifier: MIT */
/*
 * Faults that a virtual board can be told to have, so that the host's handling of them is tested.
 *
 *   drop-byte:N      the N-th byte sent is lost
 *   flip-bit:N       bit 0 of the N-th byte sent is inverted
 *   stall:N          nothing is sent after N bytes
 *   reset-mid-run:N  the chip resets at the N-th rising edge of the marker
 *   old-protocol     HELLO says the protocol before the oldest one known
 *   dead-counter     CYCCNT stands still
 *   wrong-clock      the 8 MHz from the ST-LINK are 25 % fast, unknown to the program
 *   no-hse           the 8 MHz do not come: the ST-LINK is not powered
 *   late-answer:N    each answer starts N real milliseconds late
 *
 * N counts from 1, over the life of the process (a reset does not start it again), and is 1 if left
 * out.
 */
#ifndef MN_FAULT_H
#define MN_FAULT_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "wire.h"

#define MN_FAULT_TABLE(X)                                                                          \
	X(DROP_BYTE, "drop-byte")                                                                  \
	X(FLIP_BIT, "flip-bit")                                                                    \
	X(STALL, "stall")                                                                          \
	X(RESET_MID_RUN, "reset-mid-run")                                                          \
	X(OLD_PROTOCOL, "old-protocol")                                                            \
	X(DEAD_COUNTER, "dead-counter")                                                            \
	X(WRONG_CLOCK, "wrong-clock")                                                              \
	X(NO_HSE, "no-hse")                                                                        \
	X(LATE_ANSWER, "late-answer")

enum mn_fault {
#define X(name, text) MN_FAULT_##name,
	MN_FAULT_TABLE(X)
#undef X
		MN_FAULTS
};

struct mn_faults {
	uint32_t n[MN_FAULTS]; /* 0: off */
	uint64_t sent;         /* bytes so far */
	uint32_t markers;      /* rising edges so far */
	uint32_t fill;         /* old-protocol: bytes of the frame so far */
	uint8_t frame[MN_WIRE_FRAME_MAX];
	/* What the program says: the first FAULT frame that it sends. */
	struct mn_frame_decoder decoder;
	struct mn_msg_fault report;
	int has_report;
};

/* Most bytes that one byte of the program can become. */
#define MN_FAULT_TX_MAX MN_WIRE_FRAME_MAX

void mn_fault_init(struct mn_faults *faults);
/* "name" or "name:N". MN_E_SYNTAX with the list of names. */
int mn_fault_add(struct mn_faults *faults, const char *text, struct mn_err *err);
static inline int mn_fault_on(const struct mn_faults *faults, enum mn_fault fault)
{
	return faults->n[fault] != 0;
}

/* What is really sent when the program sends one byte: 0 … MN_FAULT_TX_MAX bytes into out. */
size_t mn_fault_tx(struct mn_faults *faults, uint8_t byte, uint8_t *out);
/* The marker went high; 1 if the chip must reset now. */
int mn_fault_marker(struct mn_faults *faults);

#endif
