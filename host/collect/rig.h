/* SPDX-License-Identifier: MIT */
/* From what a board says of itself to a rig of the store, with the checks that keep numbers honest.
 */
#ifndef MN_RIG_H
#define MN_RIG_H

#include "err.h"
#include "store.h"
#include "wire.h"

/* Off by more than this and a clock is not what it says, in 1/1000. */
#define MN_CLOCK_TOLERANCE_PERMILLE 5

int mn_hello_is_virtual(const struct mn_msg_hello *hello);

/*
 * May numbers of this board be used? MN_E_NO_COUNTER: its cycle counter is dead or its self-test
 * failed; MN_E_CLOCK: the clock that it measured is more than 0.5 % off the one it set;
 * MN_E_PROTOCOL: no image id, no kernels. err is the sentence.
 */
int mn_hello_check(const struct mn_msg_hello *hello, struct mn_err *err);

/* Two PONGs of the board, by the host's clock. */
struct mn_clock_sample {
	int64_t sent_us, received_us;
	uint64_t cycles;
};

/*
 * The clock by the host: cycles between two samples over the time between them. *ret_hz is the
 * estimate and *ret_uncertainty_permille what the delays of the link allow for. MN_E_NO_COUNTER
 * when the counter stood still; MN_E_CLOCK when it is off hello's clock_set_hz by more than the
 * tolerance and that uncertainty together (HSI: 1 % of its own on top); MN_E_INVALID when the
 * samples are less than 1 s apart.
 */
int mn_clock_check(const struct mn_msg_hello *hello, const struct mn_clock_sample *first,
		   const struct mn_clock_sample *second, double *ret_hz,
		   double *ret_uncertainty_permille, struct mn_err *err);

/* A rig and the texts it points to. */
struct mn_rig_text {
	struct mn_rig rig;
	char board[40], uid[25], caches[64];
	struct mn_msg_hello hello;
	char model[256];
};

/*
 * Fill *ret from a hello. A board whose unique id begins with "VIRT" is virtual on whatever link:
 * its name is "virtual-…" and model is what mnchar-vboard --describe says ("" becomes "not
 * reported"). ret must stay where it is: rig points into it.
 */
void mn_rig_from_hello(const struct mn_msg_hello *hello, const char *model,
		       struct mn_rig_text *ret);

/* Text of MN_CACHE_* bits: "art-i art-d prefetch". */
void mn_caches_format(uint8_t caches, char *buf, size_t size);

#endif
