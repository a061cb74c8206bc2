/* SPDX-License-Identifier: MIT */
/*
 * HW-NAS-Bench's nested dictionary of its FBNet space, as JSON: it is a pickle there, which
 * `pickle.dump(json.load(open("a.json")), open("a.pickle", "wb"))` makes of it. The member "mnchar"
 * beside it says where the figures come from.
 */
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "lookup_table.h"

int mn_lookup_write_hw_nas_bench(const struct mn_lookup *lookup, FILE *f, struct mn_err *err)
{
	const struct mnchar_rig *r = &lookup->rig;
	json_t *latency = json_object(), *energy = json_object(), *fbnet = json_object(), *root;
	json_t *extrapolated = json_array();
	int whole = 1, rc = 0;
	char name[64];

	for (size_t i = 0; i < lookup->n; i++) {
		const struct mn_lookup_entry *e = &lookup->entries[i];

		json_object_set_new(latency, e->key, json_real(e->latency_ms));
		if (e->flags & MNCHAR_EXTRAPOLATED)
			json_array_append_new(extrapolated, json_string(e->key));
		whole &= isfinite(e->energy_mJ) != 0;
		if (whole)
			json_object_set_new(energy, e->key, json_real(e->energy_mJ));
	}
	snprintf(name, sizeof(name), "%s_latency", r->board);
	json_object_set_new(fbnet, name, latency);
	snprintf(name, sizeof(name), "%s_energy", r->board);
	if (whole)
		json_object_set(fbnet, name, energy);
	json_decref(energy);
	root = json_pack("{s:o, s:{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:o}}", "fbnet", fbnet,
			 "mnchar", "kind", r->kind, "board", r->board, "kernels", r->kernels,
			 "cycle_model", r->cycle_model, "version", MNCHAR_VERSION, "latency_unit",
			 "ms", "energy_unit", "mJ", "extrapolated", extrapolated);
	if (!root)
		return mn_err_set(err, MN_E_NOMEM, "out of memory");
	if (json_dumpf(root, f, JSON_INDENT(1) | JSON_REAL_PRECISION(17)) || fputc('\n', f) == EOF)
		rc = mn_err_set(err, MN_E_IO, "cannot write the table: %s", strerror(errno));
	json_decref(root);
	return rc;
}
