/* SPDX-License-Identifier: MIT */
/* A sweep file of any bytes: an error has a sentence with a place, a sweep is sound. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sweep.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mn_sweep *sweep = NULL;
	struct mn_err err = {0};
	int rc = mn_sweep_parse((const char *)data, size, "f", &sweep, &err);

	if (rc < 0) {
		unsigned line, column;

		if (sweep || err.code != rc || strncmp(err.msg, "f:", 2))
			abort();
		if (rc != MN_E_NOMEM &&
		    (sscanf(err.msg, "f:%u:%u: ", &line, &column) != 2 || !line || !column))
			abort();
		return 0;
	}
	if (!sweep->name || sweep->n_layers > sweep->n_probes ||
	    sweep->n_probes > MN_SWEEP_PROBES_MAX)
		abort();
	for (uint32_t i = 0; i < sweep->n_probes; i++) {
		const struct mn_sweep_probe *p = &sweep->probes[i];

		if (mn_layer_check(&p->layer, NULL, NULL) < 0 || !p->reps || p->cold > 1 ||
		    p->group >= sweep->n_groups || !p->kernels)
			abort();
	}
	mn_sweep_free(sweep);
	return 0;
}
