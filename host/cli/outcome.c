/* SPDX-License-Identifier: MIT */
#include "outcome.h"

#include <stdio.h>

#include "cmd.h"

int mn_cmd_outcome(const struct mn_campaign_outcome *o, const char *db)
{
	fprintf(stderr, "mnchar: %zu measured", o->measured);
	if (o->known)
		fprintf(stderr, ", %zu were there already", o->known);
	if (o->refused)
		fprintf(stderr, ", %zu do not fit their board or its kernels", o->refused);
	if (o->failed)
		fprintf(stderr, ", %zu failed", o->failed);
	if (o->open)
		fprintf(stderr, ", %zu left open", o->open);
	fprintf(stderr, " (%s)\n", db);
	if (o->interrupted)
		return MN_EXIT_INTERRUPTED;
	if (o->boards_failed)
		return MN_EXIT_FAILED;
	if (o->open || o->again || o->boards_lost)
		return MN_EXIT_INCOMPLETE;
	return o->failed ? MN_EXIT_FAILED : MN_EXIT_OK;
}
