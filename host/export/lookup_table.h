/* SPDX-License-Identifier: MIT */
/*
 * Lookup tables: files in which a search finds the cost of a block by its key. A search fails on a
 * key that is not there, so the keys come from it: a file of any form with a key at the start of a
 * line (its own table of another device, for example), each of which is written with the predicted
 * cost.
 */
#ifndef MN_LOOKUP_TABLE_H
#define MN_LOOKUP_TABLE_H

#include <stdio.h>

#include "blocks.h"
#include "cost.h"

struct mn_lookup_entry {
	char *key;
	double latency_ms, latency_std_ms; /* std: NAN if the table does not say */
	double energy_mJ;                  /* NAN: no model */
	uint32_t flags;                    /* enum mnchar_flag, of the latency */
};

struct mn_lookup {
	struct mnchar_rig rig; /* strings belong to the cost table */
	struct mn_lookup_entry *entries;
	size_t n;
};

/*
 * Price the keys of a text on the only rig of the table that has models of layers and warm caches.
 * MN_E_NOTFOUND: there is no key, or a layer of one is not covered; MN_E_INVALID: several rigs; err
 * names the line or the rigs. A key that stands there twice is priced once.
 */
int mn_lookup_make(const struct mn_cost_table *table, const char *text, size_t len,
		   const struct mn_block_options *options, struct mn_lookup **ret_lookup,
		   struct mn_err *err);
void mn_lookup_free(struct mn_lookup *lookup);

/* YAML: key: {count: 1, mean: ms, std: ms}. The head of the file says where the figures come from.
 * MN_E_IO. */
int mn_lookup_write_ofa(const struct mn_lookup *lookup, FILE *f, struct mn_err *err);

/* JSON: {"fbnet": {"<board>_latency": {key: ms}, "<board>_energy": {key: mJ}}, "mnchar": {...}};
 * the energies only if all keys have one. MN_E_IO. */
int mn_lookup_write_hw_nas_bench(const struct mn_lookup *lookup, FILE *f, struct mn_err *err);

#endif
