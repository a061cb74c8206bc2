/* SPDX-License-Identifier: MIT */
/*
 * bench_store_insert [ROWS]: rows a second of mn_store_put_measurement() in one group, and of a
 * bare prepared INSERT of the same columns into the same tables (foreign keys and indices
 * included), in turn, the best of three each. One JSON line. The databases are made in the current
 * folder and removed.
 */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <sqlite3.h>

#include "paths.h"
#include "store.h"

static const char path[] = "bench-store.db";

static void die(const char *why)
{
	fprintf(stderr, "bench_store_insert: %s\n", why);
	exit(1);
}

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void drop(void)
{
	unlink("bench-store.db");
	unlink("bench-store.db-wal");
	unlink("bench-store.db-shm");
}

/* An empty database with the session and the probe that the rows refer to. */
static struct mn_store *make(struct mn_measurement *row)
{
	struct mn_rig rig = {.kind = MN_KIND_VIRTUAL, .board = "virtual-f446re", .wait_states = 5};
	struct mn_probe probe = {.model = "bench", .kernels = "bench", .ops = 1000, .reps = 8};
	struct mn_session session = {.sweep = "bench"};
	struct mn_store *store;
	struct mn_err err = {0};
	char schema[PATH_MAX];

	drop();
	mn_measurement_init(row);
	if (mn_path(MN_DIR_SCHEMA, NULL, schema, sizeof(schema), &err) < 0 ||
	    mn_store_open(path, MN_STORE_CREATE, schema, &store, &err) < 0 ||
	    mn_store_put_rig(store, &rig, &session.rig_id, &err) < 0 ||
	    mn_store_begin_session(store, &session, &row->session_id, &err) < 0 ||
	    mn_store_put_probe(store, &probe, &row->probe_id, &err) < 0)
		die(err.msg);
	return store;
}

static void fill(struct mn_measurement *row, int64_t i)
{
	row->n_cycles = 8000 + i;
	row->n2_cycles = 16000 + 2 * i;
	row->n_micros = 44;
	row->n2_micros = 88;
	row->overhead_cycles = 18;
	row->output_crc = i & 0xffffffff;
}

static double ours(int64_t rows)
{
	struct mn_measurement row;
	struct mn_store *store = make(&row);
	struct mn_err err = {0};
	double start = now_s();

	if (mn_store_begin(store, &err) < 0)
		die(err.msg);
	for (int64_t i = 0; i < rows; i++) {
		fill(&row, i);
		if (mn_store_put_measurement(store, &row, NULL, &err) < 0)
			die(err.msg);
	}
	if (mn_store_commit(store, &err) < 0)
		die(err.msg);
	start = now_s() - start;
	mn_store_close(store);
	return (double)rows / start;
}

static double bare(int64_t rows)
{
	static const char sql[] =
		"INSERT INTO measurement (session_id, probe_id, at_ms, n_cycles, n2_cycles, n_us, "
		"n2_us,"
		" overhead_cycles, cycles, latency_ns, energy_nJ, power_uW, output_crc, sram_bytes,"
		" flash_bytes, excluded_latency, excluded_energy, note, import_hash)"
		" VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL, NULL, NULL, ?, NULL, NULL, ?, ?, ?, "
		"NULL)";
	struct mn_measurement row;
	sqlite3_stmt *stmt;
	sqlite3 *db;
	double start;

	mn_store_close(make(&row));
	if (sqlite3_open(path, &db) != SQLITE_OK ||
	    sqlite3_exec(db, "PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON", NULL, NULL,
			 NULL) != SQLITE_OK)
		die(sqlite3_errmsg(db));
	start = now_s();
	if (sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK ||
	    sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
		die(sqlite3_errmsg(db));
	for (int64_t i = 0; i < rows; i++) {
		struct timespec t;

		fill(&row, i);
		clock_gettime(CLOCK_REALTIME, &t);
		sqlite3_bind_int64(stmt, 1, row.session_id);
		sqlite3_bind_int64(stmt, 2, row.probe_id);
		sqlite3_bind_int64(stmt, 3, (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000);
		sqlite3_bind_int64(stmt, 4, row.n_cycles);
		sqlite3_bind_int64(stmt, 5, row.n2_cycles);
		sqlite3_bind_int64(stmt, 6, row.n_micros);
		sqlite3_bind_int64(stmt, 7, row.n2_micros);
		sqlite3_bind_int64(stmt, 8, row.overhead_cycles);
		sqlite3_bind_int64(stmt, 9, row.output_crc);
		sqlite3_bind_text(stmt, 10, "", 0, SQLITE_STATIC);
		sqlite3_bind_text(stmt, 11, "", 0, SQLITE_STATIC);
		sqlite3_bind_text(stmt, 12, "", 0, SQLITE_STATIC);
		if (sqlite3_step(stmt) != SQLITE_DONE || sqlite3_reset(stmt) != SQLITE_OK)
			die(sqlite3_errmsg(db));
	}
	sqlite3_finalize(stmt);
	if (sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
		die(sqlite3_errmsg(db));
	start = now_s() - start;
	sqlite3_close(db);
	return (double)rows / start;
}

int main(int argc, char **argv)
{
	int64_t rows = argc > 1 ? strtoll(argv[1], NULL, 10) : 200000;
	double best_ours = 0, best_bare = 0;

	if (rows <= 0)
		die("ROWS must be a number above 0");
	for (int i = 0; i < 3; i++) {
		double a = ours(rows), b = bare(rows);

		best_ours = a > best_ours ? a : best_ours;
		best_bare = b > best_bare ? b : best_bare;
	}
	drop();
	printf("{\"name\": \"store.insert\", \"value\": %.0f, \"unit\": \"rows/s\", \"reference\": "
	       "%.0f, "
	       "\"ratio\": %.3f, \"reference_is\": \"bare SQLite, same columns\", \"rows\": "
	       "%" PRId64 "}\n",
	       best_ours, best_bare, best_ours / best_bare, rows);
	return 0;
}
