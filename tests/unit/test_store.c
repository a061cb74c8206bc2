/* SPDX-License-Identifier: MIT */
/* Writing and reading back: what was put is what later stages see. */
#include <math.h>

#include "store_util.h"

static void equal_rigs_are_one(void **state)
{
	struct mn_store *store = open_or_die(in_scratch("a.db"), MN_STORE_CREATE);
	struct mn_rig rig = test_rig();
	int64_t a, b, c;

	(void)state;
	assert_int_equal(mn_store_put_rig(store, &rig, &a, NULL), 0);
	assert_int_equal(mn_store_put_rig(store, &rig, &b, NULL), 0);
	assert_int_equal(a, b);
	/* Each field counts, also where one of two is not known. */
	rig.clock_measured_hz = 179999000;
	assert_int_equal(mn_store_put_rig(store, &rig, &c, NULL), 0);
	assert_int_not_equal(a, c);
	assert_int_equal(mn_store_put_rig(store, &rig, &b, NULL), 0);
	assert_int_equal(b, c);
	rig.wait_states = -1;
	assert_int_equal(mn_store_put_rig(store, &rig, &b, NULL), 0);
	assert_int_not_equal(b, c);
	rig.kind = MN_KIND_MEASURED;
	assert_int_equal(mn_store_put_rig(store, &rig, &a, NULL), 0);
	assert_int_not_equal(a, b);
	mn_store_close(store);
}

static void equal_probes_are_one(void **state)
{
	struct mn_store *store = open_or_die(in_scratch("a.db"), MN_STORE_CREATE);
	struct mn_layer layer = test_layer(TEST_LAYER);
	struct mn_probe probe = {.layer = &layer, .kernels = "k1", .reps = 4};
	struct mn_probe model = {.model = "DSCNN-S", .ops = 7100000, .kernels = "k1", .reps = 1};
	int64_t a, b;

	(void)state;
	assert_int_equal(mn_store_put_probe(store, &probe, &a, NULL), 0);
	layer = test_layer("conv_2d kernel=3x3 out_c=8 in=1x8x8x4 padding=same"); /* other order */
	assert_int_equal(mn_store_put_probe(store, &probe, &b, NULL), 0);
	assert_int_equal(a, b);
	probe.cold = 1;
	assert_int_equal(mn_store_put_probe(store, &probe, &b, NULL), 0);
	assert_int_not_equal(a, b);
	assert_int_equal(mn_store_put_probe(store, &model, &a, NULL), 0);
	assert_int_equal(mn_store_put_probe(store, &model, &b, NULL), 0);
	assert_int_equal(a, b);
	model.ops = -1;
	assert_int_equal(mn_store_put_probe(store, &model, &b, NULL), 0);
	assert_int_not_equal(a, b);
	mn_store_close(store);
}

struct seen {
	int n;
	struct mn_row row; /* the last one, without its texts */
	char text[MN_LAYER_TEXT_MAX], model[64], source[64];
	double latency[16], energy[16], power[16];
};

static int see(const struct mn_row *row, void *arg)
{
	struct seen *seen = arg;

	seen->row = *row;
	snprintf(seen->text, sizeof(seen->text), "%s", row->layer_text);
	snprintf(seen->model, sizeof(seen->model), "%s", row->model);
	snprintf(seen->source, sizeof(seen->source), "%s", row->source);
	if (seen->n < 16) {
		seen->latency[seen->n] = row->latency_ms;
		seen->energy[seen->n] = row->energy_mJ;
		seen->power[seen->n] = row->power_mW;
	}
	seen->n++;
	return 0;
}

static struct seen read_rows(struct mn_store *store, const struct mn_row_filter *filter)
{
	struct seen seen = {0};
	struct mn_err err = {0};

	if (mn_store_each_row(store, filter, see, &seen, &err) != 0)
		fail_msg("%s", err.msg);
	return seen;
}

/* A reader takes its -wal and -shm away again, unless a writer is there, and changes nothing. */
static void readers_leave_nothing(void **state)
{
	struct mn_store *writer, *reader;
	struct mn_rig rig = test_rig();
	struct mn_measurement m;
	int64_t session, probe;

	(void)state;
	writer = open_or_die(in_scratch("a.db"), MN_STORE_CREATE);
	session = put_test_session(writer, &rig, NULL);
	probe = put_test_probe(writer, TEST_LAYER);
	mn_store_close(writer);
	for (int i = 0; i < 2; i++) {
		reader = open_or_die(in_scratch("a.db"), MN_STORE_READ);
		read_rows(reader, NULL);
		m = test_measurement(session, probe, 800);
		assert_true(mn_store_put_measurement(reader, &m, NULL, NULL) < 0);
		mn_store_close(reader);
		assert_int_equal(access(in_scratch("a.db-wal"), F_OK), -1);
		assert_int_equal(access(in_scratch("a.db-shm"), F_OK), -1);
	}
	writer = open_or_die(in_scratch("a.db"), MN_STORE_WRITE);
	m = test_measurement(session, probe, 800);
	assert_int_equal(mn_store_put_measurement(writer, &m, NULL, NULL), 0);
	reader = open_or_die(in_scratch("a.db"), MN_STORE_READ);
	assert_int_equal(read_rows(reader, NULL).n, 1);
	mn_store_close(reader);
	assert_int_equal(access(in_scratch("a.db-wal"), F_OK), 0);
	m = test_measurement(session, probe, 900);
	assert_int_equal(mn_store_put_measurement(writer, &m, NULL, NULL), 0);
	mn_store_close(writer);
	assert_int_equal(access(in_scratch("a.db-wal"), F_OK), -1);
}

static void figures_are_derived(void **state)
{
	struct mn_store *store = open_or_die(in_scratch("a.db"), MN_STORE_CREATE);
	struct mn_rig rig = test_rig();
	struct mn_measurement m;
	struct seen seen;
	int64_t session, id;

	(void)state;
	/* A virtual board's clock is what it is set to, whatever the host measures. */
	rig.clock_measured_hz = 90000000;
	session = put_test_session(store, &rig, NULL);
	m = test_measurement(session, put_test_probe(store, TEST_LAYER), 800);
	m.overhead_cycles = 18;
	m.output_crc = 0xffffffff;
	assert_int_equal(mn_store_put_measurement(store, &m, &id, NULL), 0);
	seen = read_rows(store, NULL);
	assert_int_equal(seen.n, 1);
	assert_int_equal(seen.row.measurement_id, id);
	assert_int_equal(seen.row.kind, MN_KIND_VIRTUAL);
	/* 1800 a run, 18 of them the loop's and the call's. */
	assert_near(seen.row.cycles, 1782.0, 0);
	assert_near(seen.row.clock_hz, 180e6, 0);
	assert_near(seen.row.latency_ms, 0.0099, 1e-15);
	assert_near(seen.row.overhead_ms, 1e-4, 1e-15);
	assert_int_equal(seen.row.ops, 2 * 8 * 8 * 8 * 3 * 3 * 4);
	assert_int_equal(seen.row.info.out_elements, 8 * 8 * 8);
	assert_int_equal(seen.row.output_crc, 0xffffffff);
	assert_true(seen.row.energy_mJ < 0 && seen.row.power_mW < 0);
	assert_true(strstr(seen.text, "conv_2d in=1x8x8x4") == seen.text);
	/* A real one's is what was measured. */
	rig.kind = MN_KIND_MEASURED;
	rig.board = "nucleo-f446re";
	m.session_id = put_test_session(store, &rig, NULL);
	m.overhead_cycles = 0;
	m.energy_nJ = 3000000;
	assert_int_equal(mn_store_put_measurement(store, &m, &id, NULL), 0);
	seen = read_rows(store, &(struct mn_row_filter){.board = "nucleo-f446re", .kind = -1});
	assert_int_equal(seen.n, 1);
	assert_near(seen.row.clock_hz, 90e6, 0);
	assert_near(seen.row.latency_ms, 0.02, 1e-15);
	assert_near(seen.row.energy_mJ, 3.0, 1e-12);
	assert_near(seen.row.power_mW, 150000.0, 1e-6);
	/* Power and latency give energy. */
	m.energy_nJ = -1;
	m.power_uW = 150000;
	assert_int_equal(mn_store_put_measurement(store, &m, &id, NULL), 0);
	seen = read_rows(store, &(struct mn_row_filter){.board = "nucleo-f446re", .kind = -1});
	assert_int_equal(seen.n, 2);
	assert_near(seen.row.energy_mJ, 0.003, 1e-12);
	mn_store_close(store);
}

static void filters_and_latest(void **state)
{
	struct mn_store *store = open_or_die(in_scratch("a.db"), MN_STORE_CREATE);
	struct mn_rig rig = test_rig();
	int64_t session = put_test_session(store, &rig, NULL), id;
	int64_t conv = put_test_probe(store, TEST_LAYER);
	int64_t add = put_test_probe(store, "add in=1x8x8x16 in2=1x8x8x16");
	struct mn_measurement m;
	struct seen seen;

	(void)state;
	for (int i = 0; i < 3; i++) {
		m = test_measurement(session, conv, i);
		assert_int_equal(mn_store_put_measurement(store, &m, &id, NULL), 0);
	}
	m = test_measurement(session, add, 10);
	assert_int_equal(mn_store_put_measurement(store, &m, &id, NULL), 0);
	assert_int_equal(read_rows(store, NULL).n, 4);
	seen = read_rows(store, &(struct mn_row_filter){.kind = -1, .op = "conv_2d"});
	assert_int_equal(seen.n, 3);
	seen = read_rows(store,
			 &(struct mn_row_filter){.kind = -1, .op = "conv_2d", .latest_only = 1});
	assert_int_equal(seen.n, 1);
	assert_near(seen.row.cycles, 1002.0, 0);
	assert_int_equal(read_rows(store, &(struct mn_row_filter){.kind = -1, .latest_only = 1}).n,
			 2);
	/* Another board, or another image of the same board: the first is apart, the second
	 * replaces. */
	rig.board = "virtual-f746zg";
	m = test_measurement(put_test_session(store, &rig, NULL), conv, 20);
	assert_int_equal(mn_store_put_measurement(store, &m, &id, NULL), 0);
	rig = test_rig();
	rig.image = "b2";
	m = test_measurement(put_test_session(store, &rig, NULL), conv, 30);
	assert_int_equal(mn_store_put_measurement(store, &m, &id, NULL), 0);
	seen = read_rows(store,
			 &(struct mn_row_filter){.kind = -1, .op = "conv_2d", .latest_only = 1});
	assert_int_equal(seen.n, 2);
	seen = read_rows(store, &(struct mn_row_filter){.kind = -1,
							.board = "virtual-f446re",
							.op = "conv_2d",
							.latest_only = 1});
	assert_int_equal(seen.n, 1);
	assert_near(seen.row.cycles, 1030.0, 0);
	assert_int_equal(read_rows(store, &(struct mn_row_filter){.kind = MN_KIND_MEASURED}).n, 0);
	assert_int_equal(read_rows(store, &(struct mn_row_filter){.kind = MN_KIND_VIRTUAL}).n, 6);
	assert_int_equal(read_rows(store, &(struct mn_row_filter){.kind = -1, .kernels = "k2"}).n,
			 0);
	mn_store_close(store);
}

/* What a scan said. */
struct scanned {
	struct mn_scan_session sessions[4];
	char layers[4][MN_LAYER_TEXT_MAX];
	struct mn_scan_probe probes[4];
	struct mn_scan_row rows[8];
	uint32_t n_sessions, n_layers, n_probes, n_rows;
};

static int scan_session(const struct mn_scan_session *session, uint32_t number, void *arg)
{
	struct scanned *s = arg;

	assert_int_equal(number, s->n_sessions);
	s->sessions[s->n_sessions++] = *session;
	return 0;
}

static int scan_layer(const struct mn_layer *layer, const struct mn_layer_info *info,
		      const char *text, uint32_t number, void *arg)
{
	struct scanned *s = arg;

	assert_int_equal(number, s->n_layers);
	assert_int_equal(!layer, !info);
	snprintf(s->layers[s->n_layers++], MN_LAYER_TEXT_MAX, "%s%s", layer ? "" : "!", text);
	return 0;
}

static int scan_probe(const struct mn_scan_probe *probe, uint32_t number, void *arg)
{
	struct scanned *s = arg;

	assert_int_equal(number, s->n_probes);
	s->probes[s->n_probes++] = *probe;
	return 0;
}

static int scan_row(const struct mn_scan_row *row, void *arg)
{
	struct scanned *s = arg;

	s->rows[s->n_rows++] = *row;
	return 0;
}

static void a_scan_gives_the_same_figures(void **state)
{
	struct mn_store *store = open_or_die(in_scratch("a.db"), MN_STORE_CREATE);
	struct mn_rig rig = test_rig();
	int64_t session = put_test_session(store, &rig, NULL), ids[3];
	int64_t conv = put_test_probe(store, TEST_LAYER);
	int64_t add = put_test_probe(store, "add in=1x8x8x16 in2=1x8x8x16");
	struct scanned s = {0};
	const struct mn_scan scan = {NULL, scan_session, scan_layer, scan_probe, scan_row, &s};
	struct mn_measurement m;
	struct mn_err err = {0};
	char *name = NULL;

	(void)state;
	/* A hole in the ids. */
	sql_run(in_scratch("a.db"), "UPDATE probe SET id = 17 WHERE id = 2");
	add = 17;
	for (int i = 0; i < 3; i++) {
		m = test_measurement(session, i == 1 ? add : conv, i);
		assert_int_equal(mn_store_put_measurement(store, &m, &ids[i], NULL), 0);
	}
	assert_int_equal(mn_store_scan(store, &scan, NULL), 0);
	assert_int_equal(s.n_sessions, 1);
	assert_int_equal(s.n_layers, 2);
	assert_int_equal(s.n_probes, 2);
	assert_int_equal(s.n_rows, 3);
	assert_int_equal(strncmp(s.layers[0], TEST_LAYER, 30), 0);
	/* The newest first. */
	for (uint32_t i = 0; i < 3; i++) {
		const struct seen seen =
			read_rows(store, &(struct mn_row_filter){.kind = -1,
								 .op = i == 1 ? "add" : "conv_2d"});

		assert_int_equal(s.rows[i].id, ids[2 - i]);
		assert_int_equal(s.probes[s.rows[i].probe].layer, i == 1);
		if (i > 0)
			continue;
		assert_near(s.rows[i].figures.cycles, seen.row.cycles, 0);
		assert_near(s.rows[i].figures.latency_ms, seen.row.latency_ms, 0);
	}
	assert_int_equal(mn_store_name(store, ids[1], &name, NULL), 0);
	assert_string_equal(name, s.layers[1]);
	free(name);
	assert_int_equal(mn_store_name(store, 999, &name, &err), MN_E_NOTFOUND);
	/* A layer that this program cannot read is an error if it was measured, and only then. */
	sql_run(in_scratch("a.db"),
		"INSERT INTO layer VALUES (9, 'warp in=1x1x1x1', '0', 'warp', 0, 0)");
	memset(&s, 0, sizeof(s));
	assert_int_equal(mn_store_scan(store, &scan, NULL), 0);
	assert_string_equal(s.layers[2], "!warp in=1x1x1x1");
	sql_run(in_scratch("a.db"), "UPDATE probe SET layer_id = 9 WHERE id = 17");
	memset(&s, 0, sizeof(s));
	assert_int_equal(mn_store_scan(store, &scan, &err), MN_E_SCHEMA);
	assert_non_null(strstr(err.msg, "measurement 2 has a layer"));
	mn_store_close(store);
}

static void excluded_figures_are_withheld(void **state)
{
	struct mn_store *store = open_or_die(in_scratch("a.db"), MN_STORE_CREATE);
	struct mn_rig rig = {
		.kind = MN_KIND_PUBLISHED, .board = "nucleo-f446re", .wait_states = -1};
	struct mn_probe model = {.kernels = "k", .reps = 1, .ops = 1000000};
	struct mn_measurement m;
	int64_t session = put_test_session(store, &rig, NULL);
	struct mn_row_filter with = {.kind = -1, .with_excluded = 1};
	struct seen seen;

	(void)state;
	mn_measurement_init(&m);
	m.session_id = session;
	m.latency_ns = 100000000;
	m.energy_nJ = 16000000;
	model.model = "both";
	assert_int_equal(mn_store_put_probe(store, &model, &m.probe_id, NULL), 0);
	assert_int_equal(mn_store_put_measurement(store, &m, NULL, NULL), 0);
	model.model = "estimated";
	m.excluded_latency = "estimated";
	assert_int_equal(mn_store_put_probe(store, &model, &m.probe_id, NULL), 0);
	assert_int_equal(mn_store_put_measurement(store, &m, NULL, NULL), 0);
	model.model = "misplaced";
	m.excluded_latency = "";
	m.excluded_energy = "in the wrong column";
	assert_int_equal(mn_store_put_probe(store, &model, &m.probe_id, NULL), 0);
	assert_int_equal(mn_store_put_measurement(store, &m, NULL, NULL), 0);
	model.model = "neither";
	m.excluded_latency = "not deployable";
	m.latency_ns = m.energy_nJ = -1;
	assert_int_equal(mn_store_put_probe(store, &model, &m.probe_id, NULL), 0);
	assert_int_equal(mn_store_put_measurement(store, &m, NULL, NULL), 0);

	seen = read_rows(store, &with);
	assert_int_equal(seen.n, 4);
	assert_near(seen.latency[1], 100.0, 1e-9);
	assert_string_equal(seen.model, "neither");
	seen = read_rows(store, NULL);
	assert_int_equal(seen.n, 3);
	assert_near(seen.latency[0], 100.0, 1e-9);
	assert_near(seen.power[0], 160.0, 1e-9);
	assert_true(seen.latency[1] < 0);
	assert_near(seen.energy[1], 16.0, 1e-9);
	assert_near(seen.power[1], 160.0, 1e-9);
	assert_near(seen.latency[2], 100.0, 1e-9);
	assert_true(seen.energy[2] < 0 && seen.power[2] < 0);
	mn_store_close(store);
}

static int stop_at_second(const struct mn_row *row, void *arg)
{
	(void)row;
	return ++*(int *)arg == 2 ? 42 : 0;
}

static void callback_ends_the_loop(void **state)
{
	struct mn_store *store = open_or_die(in_scratch("a.db"), MN_STORE_CREATE);
	struct mn_rig rig = test_rig();
	int64_t session = put_test_session(store, &rig, NULL);
	int64_t probe = put_test_probe(store, TEST_LAYER);
	int n = 0;

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct mn_measurement m = test_measurement(session, probe, i);

		assert_int_equal(mn_store_put_measurement(store, &m, NULL, NULL), 0);
	}
	assert_int_equal(mn_store_each_row(store, NULL, stop_at_second, &n, NULL), 42);
	assert_int_equal(n, 2);
	mn_store_close(store);
}

static int see_failure(const struct mn_failure_row *row, void *arg)
{
	int *n = arg;

	assert_string_equal(row->reason, "needs 300000 bytes, 128000 are there");
	assert_int_equal(row->code, MN_E_TOO_BIG);
	assert_string_equal(row->board, "virtual-f446re");
	assert_string_equal(row->at, "1970-01-01T00:00:00Z");
	assert_int_equal(row->retry, 0);
	++*n;
	return 0;
}

static void done_means_measured_or_refused(void **state)
{
	int64_t ticks = 0;
	struct mn_store_options options = {.now_ms = count_ms, .now_arg = &ticks};
	struct mn_store *store;
	struct mn_rig rig = test_rig();
	int64_t session, rig_id, other, conv, add, pool;
	struct mn_measurement m;
	int n = 0;

	(void)state;
	assert_int_equal(mn_store_open_with(in_scratch("a.db"), MN_STORE_CREATE, schema_dir(),
					    &options, &store, NULL),
			 0);
	session = put_test_session(store, &rig, &rig_id);
	conv = put_test_probe(store, TEST_LAYER);
	add = put_test_probe(store, "add in=1x8x8x16 in2=1x8x8x16");
	pool = put_test_probe(store, "max_pool_2d in=1x8x8x16 kernel=2x2 stride=2x2");
	assert_int_equal(mn_store_probe_done(store, rig_id, conv, NULL), 0);
	m = test_measurement(session, conv, 0);
	assert_int_equal(mn_store_put_measurement(store, &m, NULL, NULL), 0);
	assert_int_equal(mn_store_put_failure(store, session, add, MN_E_TOO_BIG,
					      "needs 300000 bytes, 128000 are there", 0, NULL),
			 0);
	assert_int_equal(mn_store_each_failure(store, NULL, see_failure, &n, NULL), 0);
	assert_int_equal(mn_store_each_failure(store, "virtual-f446re", see_failure, &n, NULL), 0);
	assert_int_equal(mn_store_each_failure(store, "other", see_failure, &n, NULL), 0);
	assert_int_equal(n, 2);
	assert_int_equal(
		mn_store_put_failure(store, session, pool, MN_E_TIMEOUT, "no answer", 1, NULL), 0);
	assert_int_equal(mn_store_probe_done(store, rig_id, conv, NULL), 1);
	assert_int_equal(mn_store_probe_done(store, rig_id, add, NULL), 1);
	assert_int_equal(mn_store_probe_done(store, rig_id, pool, NULL), 0);
	/* The same board and image by another cable is the same; another image is not. */
	rig.uid = "0123";
	assert_int_equal(mn_store_put_rig(store, &rig, &other, NULL), 0);
	assert_int_not_equal(other, rig_id);
	assert_int_equal(mn_store_probe_done(store, other, conv, NULL), 1);
	rig.image = "b2";
	assert_int_equal(mn_store_put_rig(store, &rig, &other, NULL), 0);
	assert_int_equal(mn_store_probe_done(store, other, conv, NULL), 0);
	assert_int_equal(mn_store_end_session(store, session, "done", NULL), 0);
	assert_int_equal(mn_store_end_session(store, 77, "done", NULL), MN_E_INVALID);
	mn_store_close(store);
	assert_int_equal(
		sql_file(in_scratch("a.db"),
			 "SELECT count(*) FROM session WHERE status = 'done' AND ended_ms > "
			 "started_ms"),
		1);
}

static void repetitions_come_back(void **state)
{
	struct mn_store *store = open_or_die(in_scratch("a.db"), MN_STORE_CREATE);
	struct mn_rig rig = test_rig();
	int64_t session = put_test_session(store, &rig, NULL), id;
	struct mn_measurement m = test_measurement(session, put_test_probe(store, TEST_LAYER), 0);
	uint32_t buf[8] = {0};

	(void)state;
	assert_int_equal(mn_store_put_measurement(store, &m, &id, NULL), 0);
	assert_int_equal(mn_store_get_reps(store, id, buf, 8, NULL), 4);
	assert_memory_equal(buf, test_reps, sizeof(test_reps));
	memset(buf, 0, sizeof(buf));
	assert_int_equal(mn_store_get_reps(store, id, buf, 2, NULL), 4);
	assert_int_equal(buf[1], 1001);
	assert_int_equal(buf[2], 0);
	assert_int_equal(mn_store_get_reps(store, id + 1, buf, 8, NULL), 0);
	mn_store_close(store);
}

static void values_out_of_range_are_refused(void **state)
{
	struct mn_store *store = open_or_die(in_scratch("a.db"), MN_STORE_CREATE);
	struct mn_rig rig = test_rig();
	int64_t session = put_test_session(store, &rig, NULL), id = -5;
	int64_t probe = put_test_probe(store, TEST_LAYER);
	struct mn_measurement m;
	struct mn_err err = {0};

	(void)state;
	m = test_measurement(session, probe, 0);
	m.n2_cycles = m.n_cycles; /* a counter that stands still */
	assert_int_equal(mn_store_put_measurement(store, &m, &id, &err), MN_E_INVALID);
	assert_says(&err, "a.db", "n2_cycles > n_cycles");
	m = test_measurement(session, probe, 0);
	m.n_cycles = -1;
	assert_int_equal(mn_store_put_measurement(store, &m, &id, &err), MN_E_INVALID);
	m = test_measurement(session, probe, 0);
	m.latency_ns = 0;
	assert_int_equal(mn_store_put_measurement(store, &m, &id, &err), MN_E_INVALID);
	m = test_measurement(session, probe + 1, 0);
	assert_int_equal(mn_store_put_measurement(store, &m, &id, &err), MN_E_INVALID);
	m = test_measurement(session + 1, probe, 0);
	assert_int_equal(mn_store_put_measurement(store, &m, &id, &err), MN_E_INVALID);
	assert_int_equal(id, -5);
	assert_int_equal(read_rows(store, NULL).n, 0);
	mn_store_close(store);
	assert_sound(in_scratch("a.db"));
}

static void a_group_is_all_or_nothing(void **state)
{
	struct mn_store *store = open_or_die(in_scratch("a.db"), MN_STORE_CREATE);
	struct mn_rig rig = test_rig();
	int64_t session = put_test_session(store, &rig, NULL);
	int64_t probe = put_test_probe(store, TEST_LAYER);
	struct mn_measurement m = test_measurement(session, probe, 0);
	struct mn_err err = {0};

	(void)state;
	assert_int_equal(mn_store_begin(store, NULL), 0);
	assert_int_equal(mn_store_begin(store, &err), MN_E_BUSY);
	assert_int_equal(mn_store_put_measurement(store, &m, NULL, NULL), 0);
	mn_store_rollback(store);
	assert_int_equal(read_rows(store, NULL).n, 0);
	assert_int_equal(mn_store_commit(store, &err), MN_E_INVALID);

	/* A put that failed spoils the group, and the commit says so. */
	assert_int_equal(mn_store_begin(store, NULL), 0);
	assert_int_equal(mn_store_put_measurement(store, &m, NULL, NULL), 0);
	m.probe_id = probe + 1;
	assert_int_equal(mn_store_put_measurement(store, &m, NULL, NULL), MN_E_INVALID);
	m.probe_id = probe;
	assert_int_equal(mn_store_put_measurement(store, &m, NULL, &err), MN_E_INVALID);
	assert_int_equal(mn_store_commit(store, &err), MN_E_INVALID);
	assert_int_equal(read_rows(store, NULL).n, 0);

	/* A row that is there already does not. */
	m.import_hash = "cafe";
	assert_int_equal(mn_store_begin(store, NULL), 0);
	assert_int_equal(mn_store_put_measurement(store, &m, NULL, NULL), 0);
	assert_int_equal(mn_store_put_measurement(store, &m, NULL, &err), MN_E_EXISTS);
	assert_int_equal(mn_store_has_import(store, "cafe", NULL), 1);
	assert_int_equal(mn_store_has_import(store, "caff", NULL), 0);
	assert_int_equal(mn_store_commit(store, NULL), 0);
	assert_int_equal(read_rows(store, NULL).n, 1);

	/* Closing rolls back. */
	m.import_hash = "";
	assert_int_equal(mn_store_begin(store, NULL), 0);
	assert_int_equal(mn_store_put_measurement(store, &m, NULL, NULL), 0);
	mn_store_close(store);
	assert_int_equal(sql_file(in_scratch("a.db"), "SELECT count(*) FROM measurement"), 1);
}

struct fits {
	int n;
	double value, mape, hi;
	uint32_t n_terms;
	int cold;
	char names[64], created[32];
};

static int see_fit(const struct mn_fit *fit, void *arg)
{
	struct fits *fits = arg;

	fits->n++;
	fits->mape = fit->mape_pct;
	fits->n_terms = fit->n_terms;
	fits->cold = fit->cold;
	snprintf(fits->created, sizeof(fits->created), "%s", fit->created_at);
	fits->names[0] = '\0';
	for (uint32_t i = 0; i < fit->n_terms; i++) {
		strncat(fits->names, fit->terms[i].name, 20);
		fits->value = fit->terms[i].value;
		fits->hi = fit->terms[i].ci95_hi;
	}
	return 0;
}

static int see_interval(const struct mn_fit *fit, void *arg)
{
	const double x[] = {10, 1};
	double value, lo, hi;

	(*(int *)arg)++;
	assert_int_equal(fit->n_path_stats, 2);
	assert_string_equal(fit->path_stats[0].path, "1x1");
	assert_int_equal(fit->path_stats[0].n, 20);
	assert_int_equal(fit->path_stats[0].n_terms, 2);
	assert_near(fit->path_stats[0].covariance[1], -0.01, 0);
	assert_near(fit->path_stats[1].covariance[0], 1, 0);
	assert_near(fit->coverage_pct, 94, 0);
	assert_true(isnan(fit->by_size_pct));
	assert_int_equal(fit->bootstrap, 100);
	assert_near(fit->terms[1].boot_hi, 5.5, 0);
	/* 2 * 10 + 5; variance 0.04 * 100 - 2 * 0.01 * 10 + 0.25, scatter 0.1 * 25. */
	assert_int_equal(mn_fit_interval(fit, "1x1", x, &value, &lo, &hi), 0);
	assert_near(value, 25, 0);
	assert_near(hi, 25 + 2 * sqrt(4 - 0.2 + 0.25 + 6.25), 1e-12);
	assert_near(lo, 50 - hi, 1e-12);
	assert_int_equal(mn_fit_interval(fit, "3x3", x, &value, &lo, &hi), MN_E_NOTFOUND);
	return 0;
}

static void a_fit_keeps_what_its_intervals_need(void **state)
{
	struct mn_store *store = open_or_die(in_scratch("a.db"), MN_STORE_CREATE);
	const struct mn_fit_term terms[] = {
		{.name = "macs", .value = 2, .path = "1x1"},
		{.name = "const", .value = 5, .path = "1x1", .boot_hi = 5.5},
		{.name = "const", .value = 7, .path = "any"}};
	const double covariance[] = {0.04, -0.01, 0.25}, other[] = {1};
	const struct mn_fit_path paths[] = {
		{.path = "1x1", .n = 20, .sigma = 0.1, .t95 = 2, .covariance = covariance},
		{.path = "any", .n = 3, .sigma = 0.2, .t95 = 3, .covariance = other}};
	const struct mn_fit fit = {
		.kind = MN_KIND_VIRTUAL,
		.board = "b",
		.kernels = "k",
		.op = "conv_2d",
		.model = "features",
		.target = "latency",
		.unit = "ms",
		.status = "ok",
		.weighting = "relative",
		.paths = "1x1,any",
		.terms = terms,
		.n_terms = 3,
		.path_stats = paths,
		.n_path_stats = 2,
		.coverage_pct = 94,
		.by_size_pct = NAN,
		.bootstrap = 100,
	};
	int64_t id;
	int n = 0;

	(void)state;
	assert_int_equal(mn_store_put_fit(store, &fit, NULL, 0, &id, NULL), 0);
	assert_int_equal(mn_store_put_fit(store, &fit, NULL, 0, &id, NULL), 0);
	assert_int_equal(mn_store_each_fit(store, NULL, see_interval, &n, NULL), 0);
	assert_int_equal(n, 1);
	mn_store_close(store);
	assert_int_equal(sql_file(in_scratch("a.db"), "SELECT count(*) FROM fit_covariance"), 4);
	assert_sound(in_scratch("a.db"));
}

static void a_fit_replaces_its_like(void **state)
{
	struct mn_store *store = open_or_die(in_scratch("a.db"), MN_STORE_CREATE);
	struct mn_rig rig = test_rig();
	int64_t session = put_test_session(store, &rig, NULL), ids[2], bad, id;
	int64_t probe = put_test_probe(store, TEST_LAYER);
	struct mn_fit_term terms[] = {{"ops", 1e-6, 9e-7, NAN, 5e-8, "any", 2, NAN, NAN},
				      {"const", 0.5, 0.4, 0.6, 0.05, "any", 0, NAN, NAN}};
	struct mn_fit fit = {
		.kind = MN_KIND_VIRTUAL,
		.board = "virtual-f446re",
		.kernels = "k1",
		.op = "conv_2d",
		.model = "ops",
		.target = "latency",
		.unit = "ms",
		.status = "ok",
		.terms = terms,
		.n_terms = 2,
		.n = 2,
		.r2 = 0.99,
		.mape_pct = NAN,
		.std_pct = NAN,
	};
	struct mn_fit_filter cold_ops = {.kind = -1, .model = "ops"};
	struct fits fits = {0};
	struct mn_err err = {0};

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct mn_measurement m = test_measurement(session, probe, i);

		assert_int_equal(mn_store_put_measurement(store, &m, &ids[i], NULL), 0);
	}
	assert_int_equal(mn_store_put_fit(store, &fit, ids, 2, &id, NULL), 0);
	terms[0].value = 2e-6;
	fit.n_terms = 1;
	assert_int_equal(mn_store_put_fit(store, &fit, ids, 2, &id, NULL), 0);
	assert_int_equal(mn_store_each_fit(store, NULL, see_fit, &fits, NULL), 0);
	assert_int_equal(fits.n, 1);
	assert_int_equal(fits.n_terms, 1);
	assert_near(fits.value, 2e-6, 0);
	assert_true(isnan(fits.hi) && isnan(fits.mape));
	assert_string_equal(fits.names, "ops");
	assert_int_equal(strlen(fits.created), strlen("2021-04-01T12:00:00Z"));
	/* One that cannot be stored whole leaves the old one. */
	bad = 12345;
	terms[0].value = 3e-6;
	assert_int_equal(mn_store_put_fit(store, &fit, &bad, 1, &id, &err), MN_E_INVALID);
	/* Cold rows are another group. */
	fit.cold = 1;
	assert_int_equal(mn_store_put_fit(store, &fit, ids, 1, &id, NULL), 0);
	fits.n = 0;
	assert_int_equal(mn_store_each_fit(store, &cold_ops, see_fit, &fits, NULL), 0);
	assert_int_equal(fits.n, 2);
	assert_int_equal(fits.cold, 1);
	fits.n = 0;
	cold_ops.board = "other";
	assert_int_equal(mn_store_each_fit(store, &cold_ops, see_fit, &fits, NULL), 0);
	assert_int_equal(fits.n, 0);
	mn_store_close(store);
	assert_int_equal(sql_file(in_scratch("a.db"), "SELECT count(*) FROM fit_input"), 3);
	assert_int_equal(
		sql_file(in_scratch("a.db"), "SELECT count(*) FROM fit_term WHERE value = 2e-6"),
		1);
	assert_sound(in_scratch("a.db"));
}

static void kinds_have_names(void **state)
{
	(void)state;
	for (int kind = 0; kind < 3; kind++)
		assert_int_equal(mn_kind_parse(mn_kind_name((enum mn_kind)kind)), kind);
	assert_int_equal(mn_kind_parse("guessed"), MN_E_NOTFOUND);
	mn_store_close(NULL);
}

/* What was validated makes no other rig; the last one that is put stands. */
static void validation_is_kept_up_to_date(void **state)
{
	struct mn_store *store = open_or_die(in_scratch("a.db"), MN_STORE_CREATE);
	struct mn_rig rig = test_rig();
	int64_t id, again;
	char *text;

	(void)state;
	assert_int_equal(mn_store_put_rig(store, &rig, &id, NULL), 0);
	assert_int_equal(mn_store_validation(store, "m4-1", &text, NULL), 0);
	assert_string_equal(text, "");
	free(text);
	rig.validation = "{\"ops\":[]}";
	assert_int_equal(mn_store_put_rig(store, &rig, &again, NULL), 0);
	assert_int_equal(again, id);
	assert_int_equal(mn_store_validation(store, "m4-1", &text, NULL), 0);
	assert_string_equal(text, "{\"ops\":[]}");
	free(text);
	assert_int_equal(mn_store_validation(store, "m4-2", &text, NULL), 0);
	assert_string_equal(text, "");
	free(text);
	mn_store_close(store);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, make_scratch, remove_scratch)
	const struct CMUnitTest tests[] = {
		T(equal_rigs_are_one),
		T(validation_is_kept_up_to_date),
		T(equal_probes_are_one),
		T(figures_are_derived),
		T(filters_and_latest),
		T(excluded_figures_are_withheld),
		T(callback_ends_the_loop),
		T(done_means_measured_or_refused),
		T(repetitions_come_back),
		T(values_out_of_range_are_refused),
		T(a_group_is_all_or_nothing),
		T(a_fit_replaces_its_like),
		T(a_scan_gives_the_same_figures),
		T(a_fit_keeps_what_its_intervals_need),
		cmocka_unit_test(kinds_have_names),
		T(readers_leave_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
