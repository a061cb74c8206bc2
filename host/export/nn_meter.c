/* SPDX-License-Identifier: MIT */
/*
 * Measured layers as nn-Meter's builder keeps profiled kernels:
 * {kernel: {id: {"config": {"HW": ..}, "latency": "avg +- std"}}}, ms. Its kernels are square, and
 * its names say "bn" where int8 has folded the batch normalisation away. The deviation is that of
 * the stored repetitions.
 */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "export.h"
#include "layer.h"

enum { REPS_MAX = 4096 };

static int is_square(const struct mn_layer *l)
{
	return l->in.n == 1 && l->in.h == l->in.w && l->kernel_h == l->kernel_w &&
	       l->stride_h == l->stride_w && l->dilation_h <= 1 && l->dilation_w <= 1;
}

static const char *conv_name(const struct mn_layer *l, int depthwise)
{
	static const char *const names[2][3] = {
		{"conv-bn", "conv-bn-relu", "conv-bn-relu6"},
		{"dwconv-bn", "dwconv-bn-relu", "dwconv-bn-relu6"},
	};

	return names[depthwise][l->act <= MN_ACT_RELU6 ? l->act : 0];
}

/* nn-Meter's kernel and configuration of a layer; NULL if it has none for it. */
static json_t *config_of(const struct mn_layer *l, const char **name)
{
	int hw = (int)l->in.h, c = (int)l->in.c, k = l->kernel_h, s = l->stride_h;

	if (l->op == MN_OP_FULLY_CONNECTED) {
		*name = "fc";
		return l->in.n * l->in.h * l->in.w == 1
			       ? json_pack("{s:i, s:i}", "CIN", c, "COUT", (int)l->out_c)
			       : NULL;
	}
	if (!is_square(l))
		return NULL;
	switch (l->op) {
	case MN_OP_CONV_2D:
		*name = conv_name(l, 0);
		return l->padding != MN_PADDING_SAME
			       ? NULL
			       : json_pack("{s:i, s:i, s:i, s:i, s:i}", "HW", hw, "CIN", c, "COUT",
					   (int)l->out_c, "KERNEL_SIZE", k, "STRIDES", s);
	case MN_OP_DEPTHWISE_CONV_2D:
		*name = conv_name(l, 1);
		return l->padding != MN_PADDING_SAME || l->multiplier != 1
			       ? NULL
			       : json_pack("{s:i, s:i, s:i, s:i, s:i}", "HW", hw, "CIN", c, "COUT",
					   c, "KERNEL_SIZE", k, "STRIDES", s);
	case MN_OP_AVERAGE_POOL_2D:
	case MN_OP_MAX_POOL_2D:
		*name = l->op == MN_OP_MAX_POOL_2D ? "maxpool" : "avgpool";
		return l->padding != MN_PADDING_SAME
			       ? NULL
			       : json_pack("{s:i, s:i, s:i, s:i, s:i}", "HW", hw, "CIN", c, "COUT",
					   c, "KERNEL_SIZE", k, "POOL_STRIDES", s);
	case MN_OP_MEAN:
		*name = "global-avgpool";
		return l->axes != (MN_AXIS_H | MN_AXIS_W)
			       ? NULL
			       : json_pack("{s:i, s:i}", "HW", hw, "CIN", c);
	case MN_OP_ADD:
		*name = l->act ? "addrelu" : "add";
		return memcmp(&l->in, &l->in2, sizeof(l->in)) != 0
			       ? NULL
			       : json_pack("{s:i, s:i}", "HW", hw, "CIN", c);
	case MN_OP_RELU:
	case MN_OP_HARD_SWISH:
		*name = l->op == MN_OP_RELU ? "relu" : "hswish";
		return json_pack("{s:i, s:i}", "HW", hw, "CIN", c);
	default:
		return NULL;
	}
}

/* Standard deviation of the repetitions, in ms; 0 for fewer than two. */
static int deviation(struct mn_store *store, int64_t measurement, double clock_hz, double *ret,
		     struct mn_err *err)
{
	uint32_t *cycles = malloc(REPS_MAX * sizeof(*cycles));
	double mean = 0, sum = 0;
	int n;

	if (!cycles)
		return mn_err_set(err, MN_E_NOMEM, "out of memory");
	n = mn_store_get_reps(store, measurement, cycles, REPS_MAX, err);
	if (n > REPS_MAX)
		n = REPS_MAX;
	for (int i = 0; i < n; i++)
		mean += cycles[i] / (double)n;
	for (int i = 0; i < n; i++)
		sum += (cycles[i] - mean) * (cycles[i] - mean);
	free(cycles);
	*ret = n > 1 && clock_hz > 0 ? sqrt(sum / (n - 1)) / clock_hz * 1e3 : 0;
	return n < 0 ? n : 0;
}

static int take(struct mn_store *store, const struct mn_cost_rig *r,
		const struct mn_cost_measured *m, json_t *root, struct mn_err *err)
{
	const char *name = NULL;
	struct mn_layer layer;
	json_t *config, *kernels;
	char latency[64], id[24];
	double std;
	int rc;

	if (!m->layer[0] || m->excluded_latency[0] || !isfinite(m->latency_ms) ||
	    mn_layer_parse(m->layer, strlen(m->layer), &layer, NULL, NULL))
		return 0;
	config = config_of(&layer, &name);
	if (!config)
		return 0;
	rc = deviation(store, m->measurement, r->clock_hz, &std, err);
	if (rc < 0) {
		json_decref(config);
		return rc;
	}
	if (!json_object_get(root, name))
		json_object_set_new(root, name, json_object());
	kernels = json_object_get(root, name);
	snprintf(id, sizeof(id), "%" PRId64, m->measurement);
	snprintf(latency, sizeof(latency), "%.9g +- %.9g", m->latency_ms, std);
	json_object_set_new(kernels, id,
			    json_pack("{s:o, s:s, s:s, s:s, s:s, s:s}", "config", config, "latency",
				      latency, "layer", m->layer, "kind", r->kind, "board",
				      r->board, "kernels", r->kernels));
	return 0;
}

int mn_export_nn_meter(struct mn_store *store, const struct mn_cost_table *table, FILE *f,
		       struct mn_err *err)
{
	const struct mn_cost_rig *only = NULL;
	json_t *root = json_object();
	int rc = 0;

	for (size_t i = 0; i < table->n_rigs && rc == 0; i++) {
		const struct mn_cost_rig *r = &table->rigs[i];

		if (r->cold || !r->n_measured)
			continue;
		if (only)
			rc = mn_err_set(
				err, MN_E_INVALID,
				"nn-Meter's file is of one device; there are %s with %s and "
				"%s with %s: say which with --board, --kernels and --kind",
				only->board, only->kernels, r->board, r->kernels);
		only = r;
	}
	for (size_t i = 0; only && i < only->n_measured && rc == 0; i++)
		rc = take(store, only, &only->measured[i], root, err);
	if (rc == 0 && !json_object_size(root))
		rc = mn_err_set(err, MN_E_NOTFOUND,
				"no measured layer is a kernel that nn-Meter knows");
	if (rc == 0 && (json_dumpf(root, f, JSON_INDENT(1)) || fputc('\n', f) == EOF))
		rc = mn_err_set(err, MN_E_IO, "cannot write the table: %s", strerror(errno));
	json_decref(root);
	return rc;
}
