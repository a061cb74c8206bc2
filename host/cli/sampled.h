/* SPDX-License-Identifier: MIT */
/* `mnchar collect --backbone`: models drawn from a family, run whole. */
#ifndef MN_SAMPLED_H
#define MN_SAMPLED_H

#include "campaign.h"

struct mn_backbone_request {
	const char *backbone; /* a file, or the name of one that comes with mnchar */
	size_t models;        /* to draw, distinct ones, beside the members */
	uint64_t seed;
};

/*
 * Run the backbone's members and models on the boards as config says, but for its sweep, models and
 * run. Ends with lines on stderr that count what did not run by reason, for each board. As
 * mn_campaign_run(), mn_backbone_load().
 */
int mn_backbone_collect(struct mn_campaign_config *config,
			const struct mn_backbone_request *request, const struct mn_target *targets,
			size_t n_targets, struct mn_campaign_outcome *ret, struct mn_err *err);

#endif
