/* SPDX-License-Identifier: MIT */
/* `mnchar collect --adaptive`: rounds of measuring and fitting, until a model holds. */
#ifndef MN_LEARN_H
#define MN_LEARN_H

#include "campaign.h"

struct mn_learn_request {
	double target_p90_pct;
	size_t budget; /* probes on each board; 0: the whole sweep */
	uint64_t seed;
};

/*
 * One board after the other, each with rounds of its own over config's sweep, as fits/adaptive.h
 * chooses them; layers that the sweep lists one by one (those of networks) count four times. Probes
 * that the store has already are not measured again, so that a run goes on where it was. Each round
 * is recorded in the store. *ret adds up over all rounds and boards. config's limit, begun and arg
 * are not looked at. As mn_campaign_run(); MN_E_INVALID: several kernel sets at once.
 */
int mn_learn_collect(const struct mn_campaign_config *config,
		     const struct mn_learn_request *request, const struct mn_target *targets,
		     size_t n_targets, struct mn_campaign_outcome *ret, struct mn_err *err);

#endif
