/* SPDX-License-Identifier: MIT */
/* How a campaign ended, for the verbs that run one. */
#ifndef MN_OUTCOME_H
#define MN_OUTCOME_H

#include "campaign.h"

/* One line on stderr; returns the exit code (enum mn_exit) that it means. */
int mn_cmd_outcome(const struct mn_campaign_outcome *outcome, const char *db);

#endif
