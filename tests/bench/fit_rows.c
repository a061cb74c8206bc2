/* SPDX-License-Identifier: MIT */
/*
 * fit.rows: rows fitted in a CPU second (read, three models, errors out of fold and out of group,
 * stored with their inputs), against only stepping through the same tables with bare SQLite. Each
 * row is another layer: the worst case, as layers are parsed once however often they were measured.
 *
 *     bin/bench_fit_rows [ROWS]    default 1000000; the database is made in TMPDIR and removed
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <sqlite3.h>

#include "fit.h"
#include "paths.h"
#include "store.h"

static double seconds(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Convolutions, all different: sizes and channels count up like an odometer. */
static struct mn_layer layer_of(uint32_t i)
{
	static const uint16_t kernels[] = {1, 3, 5, 7};
	struct mn_layer layer;

	mn_layer_init(&layer, MN_OP_CONV_2D);
	layer.kernel_h = layer.kernel_w = kernels[i % 4];
	layer.padding = MN_PADDING_SAME;
	layer.out_c = 1 + i / 132 % 32;
	layer.in = (struct mn_shape){1, 1 + i / 4224 % 20, 1 + i / 84480, 1 + i / 4 % 33};
	return layer;
}

static int fill(struct mn_store *store, uint32_t rows, struct mn_err *err)
{
	struct mn_rig rig = {.kind = MN_KIND_VIRTUAL, .board = "bench", .clock_set_hz = 180000000};
	struct mn_session session = {.sweep = "bench", .version = MNCHAR_VERSION};
	int64_t session_id;
	int rc = mn_store_put_rig(store, &rig, &session.rig_id, err);

	if (!rc)
		rc = mn_store_begin_session(store, &session, &session_id, err);
	if (!rc)
		rc = mn_store_begin(store, err);
	for (uint32_t i = 0; i < rows && !rc; i++) {
		struct mn_layer layer = layer_of(i);
		struct mn_probe probe = {.layer = &layer, .kernels = "bench", .reps = 1};
		struct mn_layer_info info;
		struct mn_measurement m;

		mn_measurement_init(&m);
		m.session_id = session_id;
		rc = mn_layer_check(&layer, &info, NULL);
		if (!rc)
			rc = mn_store_put_probe(store, &probe, &m.probe_id, err);
		/* A few per cent off a plane, without a random number. */
		m.n_cycles = 100;
		m.n2_cycles = 1100 + (int64_t)(3 * info.macs + 40 * info.out_elements) +
			      (int64_t)(info.macs * (i * 2654435761u >> 20) / 65536);
		if (!rc)
			rc = mn_store_put_measurement(store, &m, NULL, err);
	}
	return rc ? rc : mn_store_commit(store, err);
}

static int step(const char *path, const char *const *tables, struct mn_err *err)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_open(path, &db);

	for (; rc == SQLITE_OK && *tables; tables++) {
		rc = sqlite3_prepare_v2(db, *tables, -1, &stmt, NULL);
		while (rc == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW)
			for (int i = 0; i < sqlite3_column_count(stmt); i++)
				(void)sqlite3_column_value(stmt, i);
		sqlite3_finalize(stmt);
	}
	sqlite3_close(db);
	return rc == SQLITE_OK ? 0 : mn_err_set(err, MN_E_IO, "bare SQLite: %d", rc);
}

static int bench(const char *path, const char *schema, uint32_t rows, struct mn_err *err)
{
	static const char *const tables[] = {"SELECT * FROM layer", "SELECT * FROM probe",
					     "SELECT * FROM measurement", NULL};
	const struct mn_fit_options options = {.seed = 1};
	struct mn_store *store = NULL;
	struct mn_fit_stats stats;
	struct rusage usage;
	double start, wall_start, read_s, fit_s, wall_s;
	int rc = mn_store_open(path, MN_STORE_CREATE, schema, &store, err);

	if (!rc)
		rc = fill(store, rows, err);
	/* Once for the page cache, then for the clock. */
	if (!rc)
		rc = step(path, tables, err);
	start = seconds(CLOCK_PROCESS_CPUTIME_ID);
	if (!rc)
		rc = step(path, tables, err);
	read_s = seconds(CLOCK_PROCESS_CPUTIME_ID) - start;
	start = seconds(CLOCK_PROCESS_CPUTIME_ID);
	wall_start = seconds(CLOCK_MONOTONIC);
	if (!rc)
		rc = mn_fit_run(store, &options, NULL, NULL, &stats, err);
	fit_s = seconds(CLOCK_PROCESS_CPUTIME_ID) - start;
	wall_s = seconds(CLOCK_MONOTONIC) - wall_start;
	mn_store_close(store);
	if (rc)
		return rc;
	if (stats.rows != rows || stats.fitted != 3)
		return mn_err_set(err, MN_E_INTERNAL, "%lld rows gave %lld fits",
				  (long long)stats.rows, (long long)stats.fitted);
	getrusage(RUSAGE_SELF, &usage);
	printf("{\"name\": \"fit.rows\", \"value\": %.0f, \"unit\": \"rows/s\", \"reference\": "
	       "%.0f, \"ratio\": %.3f, \"reference_is\": \"bare SQLite stepping through them\", "
	       "\"rows\": %u, \"cpu_s\": %.2f, \"wall_s\": %.2f, \"peak_rss_kB\": %ld}\n",
	       rows / fit_s, rows / read_s, read_s / fit_s, (unsigned)rows, fit_s, wall_s,
	       usage.ru_maxrss);
	return 0;
}

int main(int argc, char **argv)
{
	long rows = argc > 1 ? strtol(argv[1], NULL, 10) : 1000000;
	const char *tmp = getenv("TMPDIR");
	char schema[PATH_MAX], folder[PATH_MAX], path[PATH_MAX + 16];
	struct mn_err err = {0};
	int rc;

	if (rows < 10000 || rows > 10000000) {
		fprintf(stderr, "usage: bench_fit_rows [ROWS from 10000 to 10000000]\n");
		return 64;
	}
	snprintf(folder, sizeof(folder), "%s/mnchar-bench-XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(folder)) {
		perror(folder);
		return 1;
	}
	snprintf(path, sizeof(path), "%s/fit.db", folder);
	rc = mn_path(MN_DIR_SCHEMA, NULL, schema, sizeof(schema), &err);
	if (!rc)
		rc = bench(path, schema, (uint32_t)rows, &err);
	if (rc)
		fprintf(stderr, "bench_fit_rows: %s\n", err.msg);
	unlink(path);
	rmdir(folder);
	return rc ? 1 : 0;
}
