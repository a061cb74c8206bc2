/* SPDX-License-Identifier: MIT */
/*
 * One board, spoken to directly: open, ask, run a few probes, close. Blocking, without a store and
 * without a second try; campaigns use runner.h.
 */
#ifndef MN_DIRECT_H
#define MN_DIRECT_H

#include "client.h"
#include "rig.h"
#include "task.h"

struct mn_direct;

/*
 * Hello over a link within timeout_ms. MN_E_TIMEOUT, MN_E_VERSION, MN_E_FAULT, or as
 * mn_link_open().
 */
int mn_direct_open(const char *link_spec, int timeout_ms, struct mn_direct **ret_direct,
		   struct mn_err *err);
/* NULL is fine. */
void mn_direct_close(struct mn_direct *direct);
/* Valid until close. */
const struct mn_msg_hello *mn_direct_hello(const struct mn_direct *direct);

/* The board's clocks, with the host's around them. */
int mn_direct_ping(struct mn_direct *direct, struct mn_clock_sample *ret_sample,
		   struct mn_err *err);

/* Its texts and bytes are valid during the call. */
typedef void mn_direct_result(void *arg, const struct mn_msg_result *result);

/*
 * The task n times in one batch, each with an energy window if energy is not NULL. A result with a
 * status is handed over like any other. MN_E_CLOSED: the board was reset; MN_E_FAULT; as
 * mn_task_pack().
 */
int mn_direct_run(struct mn_direct *direct, const struct mn_task *task, uint16_t n,
		  const struct mn_client_energy *energy, mn_direct_result *on_result, void *arg,
		  struct mn_err *err);

#endif
