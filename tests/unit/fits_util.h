/* SPDX-License-Identifier: MIT */
/* Databases with planted costs, for the tests of fits, export and the verbs on them. */
#ifndef FITS_UTIL_H
#define FITS_UTIL_H

#include "feature.h"
#include "store_util.h"

/* Planted, in cycles: exact multiples, so that what comes back is what was put in. */
#define CYCLES_PER_MAC 3.0
#define CYCLES_PER_OUT 50.0
#define CYCLES_PER_COL 8.0
#define CYCLES_FIXED   1000.0
#define CLOCK_HZ       180e6
#define MS(cycles)     ((cycles) / CLOCK_HZ * 1e3)

struct planted {
	const char *board, *kernels, *image, *model, *sweep;
	enum mn_kind kind;
	int64_t clock_hz;
	int cold;
	double scale;      /* of all costs */
	int64_t energy_nJ; /* a cycle; 0: no energy */
};

static inline struct planted planted_default(void)
{
	return (struct planted){.board = "virtual-f446re",
				.kernels = "mnchar-ref 1",
				.image = "image-a",
				.model = "m4-1",
				.sweep = "quick",
				.kind = MN_KIND_VIRTUAL,
				.clock_hz = 180000000,
				.scale = 1};
}

static inline int64_t planted_session(struct mn_store *store, const struct planted *p)
{
	struct mn_rig rig = test_rig();
	struct mn_session session = {.sweep = p->sweep, .version = "test", .link = "exec:test"};
	int64_t id;

	rig.kind = p->kind;
	rig.board = p->board;
	rig.image = p->image;
	rig.model = p->model;
	rig.clock_set_hz = p->clock_hz;
	assert_int_equal(mn_store_put_rig(store, &rig, &session.rig_id, NULL), 0);
	assert_int_equal(mn_store_begin_session(store, &session, &id, NULL), 0);
	return id;
}

static inline int64_t put_cycles(struct mn_store *store, const struct planted *p, int64_t session,
				 const char *text, double cycles)
{
	struct mn_layer layer = test_layer(text);
	struct mn_probe probe = {
		.layer = &layer, .kernels = p->kernels, .cold = p->cold, .warmup = 1, .reps = 4};
	struct mn_measurement m;
	int64_t id;

	mn_measurement_init(&m);
	m.session_id = session;
	assert_int_equal(mn_store_put_probe(store, &probe, &m.probe_id, NULL), 0);
	m.n_cycles = (int64_t)(4 * cycles) + 60;
	m.n2_cycles = (int64_t)(8 * cycles) + 60;
	m.energy_nJ = p->energy_nJ ? (int64_t)(cycles * (double)p->energy_nJ) : -1;
	assert_int_equal(mn_store_put_measurement(store, &m, &id, NULL), 0);
	return id;
}

static inline double planted_cycles(const struct planted *p, const char *text)
{
	struct mn_layer layer = test_layer(text);
	struct mn_layer_info info;

	assert_int_equal(mn_layer_check(&layer, &info, NULL), 0);
	return p->scale *
	       (CYCLES_PER_MAC * (double)info.macs + CYCLES_PER_OUT * (double)info.out_elements +
		CYCLES_PER_COL * (double)info.im2col_elements + CYCLES_FIXED);
}

/* n convolutions, all different; every third has a 1x1 window. */
static inline void put_convolutions(struct mn_store *store, const struct planted *p, int n)
{
	int64_t session = planted_session(store, p);

	for (int i = 0; i < n; i++) {
		char text[MN_LAYER_TEXT_MAX];

		snprintf(text, sizeof(text),
			 "conv_2d in=1x%dx%dx%d out_c=%d kernel=%dx%d padding=same", 3 + i % 7,
			 4 + i % 5, 1 + i, 2 + (i * 5) % 11, i % 3 ? 3 : 1, i % 3 ? 3 : 1);
		put_cycles(store, p, session, text, planted_cycles(p, text));
	}
}

static inline int64_t put_model(struct mn_store *store, const struct planted *p, int64_t session,
				const char *name, const char *backbone, int64_t ops, double ms,
				double mJ)
{
	struct mn_probe probe = {.model = name,
				 .backbone = backbone,
				 .ops = ops,
				 .kernels = p->kernels,
				 .warmup = 1,
				 .reps = 1};
	struct mn_measurement m;
	int64_t id;

	mn_measurement_init(&m);
	m.session_id = session;
	assert_int_equal(mn_store_put_probe(store, &probe, &m.probe_id, NULL), 0);
	m.latency_ns = (int64_t)(ms * 1e6);
	m.energy_nJ = mJ > 0 ? (int64_t)(mJ * 1e6) : -1;
	assert_int_equal(mn_store_put_measurement(store, &m, &id, NULL), 0);
	return id;
}

#endif
