/* SPDX-License-Identifier: MIT */
/* The lookup tables of ProxylessNAS and Once-for-All: readers take `mean`, in ms. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "lookup_table.h"

int mn_lookup_write_ofa(const struct mn_lookup *lookup, FILE *f, struct mn_err *err)
{
	const struct mnchar_rig *r = &lookup->rig;

	fprintf(f,
		"# %s figures, predicted: %s, kernels %s%s%s\n"
		"# mean and std in ms; mnchar " MNCHAR_VERSION "\n",
		r->kind, r->board, r->kernels, r->cycle_model[0] ? ", " : "", r->cycle_model);
	for (size_t i = 0; i < lookup->n; i++) {
		const struct mn_lookup_entry *e = &lookup->entries[i];

		fprintf(f, "%s: {count: 1, mean: %.9f", e->key, e->latency_ms);
		if (isfinite(e->latency_std_ms))
			fprintf(f, ", std: %.9f", e->latency_std_ms);
		fprintf(f, "}%s\n", e->flags & MNCHAR_EXTRAPOLATED ? "  # extrapolated" : "");
	}
	if (ferror(f))
		return mn_err_set(err, MN_E_IO, "cannot write the table: %s", strerror(errno));
	return 0;
}
