/* SPDX-License-Identifier: MIT */
/* What the store's tests share: a scratch folder each, the shipped schema, rows to put. */
#ifndef STORE_UTIL_H
#define STORE_UTIL_H

#include <dirent.h>
#include <limits.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "store.h"
#include "store_read.h"

#define TEST_LAYER "conv_2d in=1x8x8x4 out_c=8 kernel=3x3 padding=same"

/* Folder for files of this test; remove_scratch() empties and removes it. */
static char scratch[PATH_MAX];

static inline int make_scratch(void **state)
{
	(void)state;
	snprintf(scratch, sizeof(scratch), "store-XXXXXX");
	return mkdtemp(scratch) ? 0 : -1;
}

static inline void empty_folder(const char *folder)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		char *path;

		assert_true(asprintf(&path, "%s/%s", folder, entry->d_name) > 0);
		if (entry->d_name[0] != '.' && unlink(path) < 0 && rmdir(path) < 0) {
			empty_folder(path);
			rmdir(path);
		}
		free(path);
	}
	if (dir)
		closedir(dir);
}

static inline int remove_scratch(void **state)
{
	(void)state;
	chmod(scratch, 0700);
	empty_folder(scratch);
	return rmdir(scratch);
}

/* One of two buffers, so that two paths can be used at once. */
static inline const char *in_scratch(const char *name)
{
	static char path[2][2 * PATH_MAX];
	static int which;

	which = !which;
	snprintf(path[which], sizeof(path[which]), "%s/%s", scratch, name);
	return path[which];
}

static inline const char *schema_dir(void)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/data/schema", getenv("MNCHAR_SOURCE_DIR"));
	return path;
}

/* A clock that tells the number of its calls. */
static inline int64_t count_ms(void *arg)
{
	return ++*(int64_t *)arg;
}

/* Short, so that a test of a lock need not wait. */
static const struct mn_store_options quick = {.busy_ms = 1};

static inline struct mn_store *open_or_die(const char *path, enum mn_store_mode mode)
{
	struct mn_err err = {0};
	struct mn_store *store = NULL;

	if (mn_store_open_with(path, mode, schema_dir(), &quick, &store, &err) != 0)
		fail_msg("%s", err.msg);
	return store;
}

static inline struct mn_rig test_rig(void)
{
	return (struct mn_rig){
		.kind = MN_KIND_VIRTUAL,
		.board = "virtual-f446re",
		.chip = "stm32f446",
		.cpu = "cortex-m4",
		.clock_set_hz = 180000000,
		.wait_states = 5,
		.caches = "art-i art-d prefetch",
		.image = "b1",
		.model = "m4-1",
	};
}

static inline struct mn_layer test_layer(const char *text)
{
	struct mn_layer layer;
	const char *why = "";

	if (mn_layer_parse(text, strlen(text), &layer, NULL, &why) != 0)
		fail_msg("%s: %s", text, why);
	return layer;
}

static inline int64_t put_test_session(struct mn_store *store, const struct mn_rig *rig,
				       int64_t *ret_rig)
{
	struct mn_session session = {.sweep = "quick", .version = "test", .link = "exec:test"};
	int64_t id, rig_id;

	assert_int_equal(mn_store_put_rig(store, rig, &rig_id, NULL), 0);
	session.rig_id = rig_id;
	assert_int_equal(mn_store_begin_session(store, &session, &id, NULL), 0);
	if (ret_rig)
		*ret_rig = rig_id;
	return id;
}

static inline int64_t put_test_probe(struct mn_store *store, const char *text)
{
	struct mn_layer layer = test_layer(text);
	struct mn_probe probe = {.layer = &layer, .kernels = "k1", .warmup = 1, .reps = 4};
	int64_t id;

	assert_int_equal(mn_store_put_probe(store, &probe, &id, NULL), 0);
	return id;
}

/* 1000 + i cycles a run, with repetitions. */
static const uint32_t test_reps[] = {1000, 1001, 1002, 1003};

static inline struct mn_measurement test_measurement(int64_t session_id, int64_t probe_id,
						     int64_t i)
{
	struct mn_measurement m;

	mn_measurement_init(&m);
	m.session_id = session_id;
	m.probe_id = probe_id;
	m.n_cycles = 4 * (1000 + i) + 60;
	m.n2_cycles = 8 * (1000 + i) + 60;
	m.rep_cycles = test_reps;
	m.n_reps = 4;
	return m;
}

static inline int64_t sql_int(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *stmt = NULL;
	int64_t value;

	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	value = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return value;
}

/* The same on a file, without mnchar. */
static inline int64_t sql_file(const char *path, const char *sql)
{
	sqlite3 *db;
	int64_t value;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	value = sql_int(db, sql);
	sqlite3_close(db);
	return value;
}

static inline void sql_run(const char *path, const char *sql)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	sqlite3_close(db);
}

/* What must hold of a database whatever happened to it. */
static inline void assert_sound(const char *path)
{
	sqlite3 *db;
	sqlite3_stmt *stmt = NULL;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &stmt, NULL),
			 SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	assert_string_equal((const char *)sqlite3_column_text(stmt, 0), "ok");
	sqlite3_finalize(stmt);
	assert_int_equal(sql_int(db, "SELECT count(*) FROM pragma_foreign_key_check"), 0);
	/* A measurement is there with all of its repetitions or not at all. */
	if (sql_int(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'repetition'"))
		assert_int_equal(sql_int(db,
					 "SELECT count(*) FROM measurement m WHERE n_cycles NOT "
					 "NULL AND (SELECT count(*) FROM repetition "
					 "WHERE measurement_id = m.id) <> 4"),
				 0);
	sqlite3_close(db);
}

/* cmocka's own compares as float. */
static inline void assert_near(double a, double b, double eps)
{
	if (!(a - b <= eps && b - a <= eps))
		fail_msg("%.17g is not within %g of %.17g", a, eps, b);
}

/* The sentence names the file and has some of these words. */
static inline void assert_says(const struct mn_err *err, const char *path, const char *words)
{
	if (!strstr(err->msg, path) || !strstr(err->msg, words))
		fail_msg("expected '%s' and '%s' in: %s", path, words, err->msg);
}

#endif
