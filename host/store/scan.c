/* SPDX-License-Identifier: MIT */
/*
 * All measurements as numbers. The tables are read one after the other in the order of their ids
 * and joined here: a join by SQLite looks up four rows and moves a dozen texts for each
 * measurement, which takes ten times as long.
 */
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "row.h"
#include "store_read.h"

/* Ids, ascending, to 0, 1, 2 ... No array while they have no holes. */
struct ids {
	int64_t first;
	int64_t *all;
	uint32_t n, size;
};

static int add_id(struct ids *ids, int64_t id)
{
	if (ids->n == 0)
		ids->first = id;
	if (ids->n == UINT32_MAX)
		return MN_E_TOO_BIG;
	if (ids->all || id != ids->first + ids->n) {
		if (ids->n >= ids->size) {
			uint32_t size = ids->n < 512 ? 1024 : ids->n * 2;
			int64_t *all = realloc(ids->all, size * sizeof(*all));

			if (!all)
				return MN_E_NOMEM;
			for (uint32_t i = 0; !ids->all && i < ids->n; i++)
				all[i] = ids->first + i;
			ids->all = all;
			ids->size = size;
		}
		ids->all[ids->n] = id;
	}
	ids->n++;
	return 0;
}

static uint32_t index_of(const struct ids *ids, int64_t id)
{
	uint32_t lo = 0, hi = ids->n;

	if (!ids->all)
		return id >= ids->first && id - ids->first < ids->n ? (uint32_t)(id - ids->first)
								    : MN_SCAN_NONE;
	while (lo < hi) {
		uint32_t middle = lo + (hi - lo) / 2;

		if (ids->all[middle] < id)
			lo = middle + 1;
		else
			hi = middle;
	}
	return lo < ids->n && ids->all[lo] == id ? lo : MN_SCAN_NONE;
}

struct context {
	enum mn_kind kind;
	int64_t clock_set_hz, clock_measured_hz;
};

struct scanning {
	struct mn_store *store;
	const struct mn_scan *scan;
	struct ids sessions, layers, probes;
	struct context *contexts; /* of sessions */
	uint32_t *reps;           /* of probes; bit 31: the null probe */
	uint32_t contexts_size, reps_size;
	uint32_t *unreadable; /* numbers of layers, ascending */
	size_t n_unreadable;
	struct mn_err *err;
};

/* Flags of reps. */
static const uint32_t null_probe = 1u << 31, unreadable_probe = 1u << 30;
static const uint32_t reps_mask = (1u << 30) - 1;

static int no_memory(struct scanning *s)
{
	return mn_err_set(s->err, MN_E_NOMEM, "%s: out of memory", s->store->path);
}

/* Calls row for each row of the query. */
static int each(struct scanning *s, const char *sql, int (*row)(struct scanning *, sqlite3_stmt *))
{
	sqlite3_stmt *stmt = NULL;
	int step, rc = sqlite3_prepare_v2(s->store->db, sql, -1, &stmt, NULL);

	if (rc != SQLITE_OK)
		return mn_store_fail(s->store, rc, "read the measurements", s->err);
	rc = 0;
	while (rc == 0 && (step = sqlite3_step(stmt)) == SQLITE_ROW)
		rc = row(s, stmt);
	if (rc == 0 && step != SQLITE_DONE)
		rc = mn_store_fail(s->store, step, "read the measurements", s->err);
	sqlite3_finalize(stmt);
	return rc;
}

static int take_kernels(struct scanning *s, sqlite3_stmt *stmt)
{
	const char *kernels = mn_column_text(stmt, 0);
	int rc = mn_store_check_read(s->store, s->err);

	return rc ? rc : s->scan->kernels(kernels, s->scan->arg);
}

static int take_session(struct scanning *s, sqlite3_stmt *stmt)
{
	uint32_t i = s->sessions.n;
	struct mn_scan_session session = {
		.board = mn_column_text(stmt, 2),
		.image = mn_column_text(stmt, 3),
		.rig_model = mn_column_text(stmt, 4),
		.source = mn_column_text(stmt, 5),
		.clock_set_hz = mn_column_int(stmt, 6, 0),
	};
	int64_t measured = mn_column_int(stmt, 7, 0);
	int kind = mn_kind_parse(mn_column_text(stmt, 1)), rc;

	if (kind < 0)
		return mn_err_set(s->err, MN_E_SCHEMA, "%s: a row has the unknown kind '%s'",
				  s->store->path, mn_column_text(stmt, 1));
	session.kind = (enum mn_kind)kind;
	session.clock_hz = mn_row_clock_hz(session.kind, session.clock_set_hz, measured);
	if (i == s->contexts_size) {
		uint32_t size = i ? 2 * i : 64;
		struct context *contexts = realloc(s->contexts, size * sizeof(*contexts));

		if (!contexts)
			return no_memory(s);
		s->contexts = contexts;
		s->contexts_size = size;
	}
	s->contexts[i] = (struct context){session.kind, session.clock_set_hz, measured};
	if (add_id(&s->sessions, sqlite3_column_int64(stmt, 0)))
		return no_memory(s);
	rc = mn_store_check_read(s->store, s->err);
	return rc ? rc : s->scan->session(&session, i, s->scan->arg);
}

static int take_layer(struct scanning *s, sqlite3_stmt *stmt)
{
	uint32_t i = s->layers.n;
	const char *text = mn_column_text(stmt, 1), *why = "";
	size_t len = (size_t)sqlite3_column_bytes(stmt, 1);
	struct mn_layer_info info;
	struct mn_layer layer;
	int rc = mn_store_check_read(s->store, s->err);

	if (!rc && add_id(&s->layers, sqlite3_column_int64(stmt, 0)))
		return no_memory(s);
	if (rc)
		return rc;
	rc = mn_layer_parse(text, len, &layer, NULL, &why);
	if (rc == 0)
		rc = mn_layer_check(&layer, &info, &why);
	if (rc < 0) {
		uint32_t *more = realloc(s->unreadable, (s->n_unreadable + 1) * sizeof(*more));

		if (!more)
			return no_memory(s);
		s->unreadable = more;
		more[s->n_unreadable++] = i;
		return s->scan->layer(NULL, NULL, text, i, s->scan->arg);
	}
	return s->scan->layer(&layer, &info, text, i, s->scan->arg);
}

static int is_unreadable(const struct scanning *s, uint32_t layer)
{
	for (size_t i = 0; i < s->n_unreadable; i++)
		if (s->unreadable[i] == layer)
			return 1;
	return 0;
}

static int take_probe(struct scanning *s, sqlite3_stmt *stmt)
{
	uint32_t i = s->probes.n, reps = (uint32_t)sqlite3_column_int64(stmt, 6);
	struct mn_scan_probe probe = {
		.layer = MN_SCAN_NONE,
		.model = mn_column_text(stmt, 2),
		.backbone = mn_column_text(stmt, 3),
		.ops = mn_column_int(stmt, 4, -1),
		.kernels = mn_column_text(stmt, 5),
		.cold = sqlite3_column_int(stmt, 7) != 0,
	};
	int rc = mn_store_check_read(s->store, s->err);

	if (rc)
		return rc;
	if (sqlite3_column_type(stmt, 1) != SQLITE_NULL) {
		probe.layer = index_of(&s->layers, sqlite3_column_int64(stmt, 1));
		if (probe.layer == MN_SCAN_NONE)
			return mn_err_set(s->err, MN_E_SCHEMA, "%s: a probe has no layer",
					  s->store->path);
	}
	if (i == s->reps_size) {
		uint32_t size = i ? 2 * i : 1024;
		uint32_t *all = realloc(s->reps, size * sizeof(*all));

		if (!all)
			return no_memory(s);
		s->reps = all;
		s->reps_size = size;
	}
	s->reps[i] = reps & reps_mask;
	if (s->n_unreadable && is_unreadable(s, probe.layer))
		s->reps[i] |= unreadable_probe;
	if (add_id(&s->probes, sqlite3_column_int64(stmt, 0)))
		return no_memory(s);
	rc = s->scan->probe(&probe, i, s->scan->arg);
	if (rc == MN_SCAN_NULL_PROBE) {
		s->reps[i] |= null_probe;
		rc = 0;
	}
	return rc;
}

/* Say which layer, and why. */
static int refuse_layer(struct scanning *s, int64_t measurement)
{
	const char *why = "";
	struct mn_layer layer;
	char *text = NULL;
	int rc = mn_store_name(s->store, measurement, &text, s->err);

	if (rc)
		return rc;
	mn_layer_parse(text, strlen(text), &layer, NULL, &why);
	rc = mn_err_set(s->err, MN_E_SCHEMA,
			"%s: measurement %lld has a layer that this mnchar cannot read (%s: %s)",
			s->store->path, (long long)measurement, text, why);
	free(text);
	return rc;
}

static int take_row(struct scanning *s, sqlite3_stmt *stmt)
{
	struct mn_scan_row row = {
		.id = sqlite3_column_int64(stmt, 0),
		.session = index_of(&s->sessions, sqlite3_column_int64(stmt, 1)),
		.probe = index_of(&s->probes, sqlite3_column_int64(stmt, 2)),
		.excluded_latency = sqlite3_column_bytes(stmt, 10) != 0,
		.excluded_energy = sqlite3_column_bytes(stmt, 11) != 0,
	};
	const struct context *c;
	struct mn_row_raw raw;

	if (row.session == MN_SCAN_NONE || row.probe == MN_SCAN_NONE)
		return mn_err_set(s->err, MN_E_SCHEMA, "%s: measurement %lld has no probe",
				  s->store->path, (long long)row.id);
	if (s->reps[row.probe] & unreadable_probe)
		return refuse_layer(s, row.id);
	c = &s->contexts[row.session];
	raw = (struct mn_row_raw){
		.kind = c->kind,
		.clock_set_hz = c->clock_set_hz,
		.clock_measured_hz = c->clock_measured_hz,
		.reps = s->reps[row.probe] & reps_mask,
		.is_null = (s->reps[row.probe] & null_probe) != 0,
		.n_cycles = mn_column_int(stmt, 3, -1),
		.n2_cycles = mn_column_int(stmt, 4, -1),
		.overhead_cycles = mn_column_int(stmt, 5, -1),
		.cycles = mn_column_int(stmt, 6, -1),
		.latency_ns = mn_column_int(stmt, 7, -1),
		.energy_nJ = mn_column_int(stmt, 8, -1),
		.power_uW = mn_column_int(stmt, 9, -1),
	};
	mn_row_derive(&raw, &row.figures);
	return s->scan->row(&row, s->scan->arg);
}

static int scan_tables(struct scanning *s)
{
	int rc = 0;

	if (s->scan->kernels)
		rc = each(s, "SELECT DISTINCT kernels FROM probe", take_kernels);
	if (rc == 0)
		rc = each(
			s,
			"SELECT s.id, r.kind, r.board, r.image, r.model, s.source, r.clock_set_hz,"
			" r.clock_measured_hz FROM session s JOIN rig r ON r.id = s.rig_id"
			" ORDER BY s.id",
			take_session);

	if (rc == 0)
		rc = each(s, "SELECT id, text FROM layer ORDER BY id", take_layer);
	if (rc == 0)
		rc = each(s,
			  "SELECT id, layer_id, model, backbone, ops, kernels, reps, cold"
			  " FROM probe ORDER BY id",
			  take_probe);
	if (rc == 0)
		rc = each(s,
			  "SELECT id, session_id, probe_id, n_cycles, n2_cycles, overhead_cycles,"
			  " cycles, latency_ns, energy_nJ, power_uW, excluded_latency,"
			  " excluded_energy FROM measurement ORDER BY id DESC",
			  take_row);
	return rc;
}

int mn_store_scan(struct mn_store *store, const struct mn_scan *scan, struct mn_err *err)
{
	struct scanning s = {.store = store, .scan = scan, .err = err};
	int own = sqlite3_get_autocommit(store->db), rc = 0;

	/* One state of the database, whatever others write meanwhile. */
	if (own)
		rc = mn_store_exec(store, "BEGIN", "read the measurements", err);
	if (rc == 0)
		rc = scan_tables(&s);
	if (own && !sqlite3_get_autocommit(store->db))
		sqlite3_exec(store->db, "COMMIT", NULL, NULL, NULL);
	free(s.sessions.all);
	free(s.layers.all);
	free(s.probes.all);
	free(s.contexts);
	free(s.reps);
	free(s.unreadable);
	return rc;
}

int mn_store_name(struct mn_store *store, int64_t measurement_id, char **ret_name,
		  struct mn_err *err)
{
	sqlite3_stmt *stmt;
	int rc = mn_store_stmt(store, MN_STMT_MEASUREMENT_NAME, &stmt, err);
	char *name;

	if (rc < 0)
		return rc;
	sqlite3_bind_int64(stmt, 1, measurement_id);
	rc = sqlite3_step(stmt);
	if (rc != SQLITE_ROW) {
		rc = rc == SQLITE_DONE ? mn_err_set(err, MN_E_NOTFOUND, "%s: no measurement %lld",
						    store->path, (long long)measurement_id)
				       : mn_store_fail(store, rc, "read a measurement", err);
		sqlite3_reset(stmt);
		return rc;
	}
	name = strdup(mn_column_text(stmt, 0));
	rc = mn_store_check_read(store, err);
	sqlite3_reset(stmt);
	if (rc == 0 && !name)
		rc = mn_err_set(err, MN_E_NOMEM, "%s: out of memory", store->path);
	if (rc) {
		free(name);
		return rc;
	}
	*ret_name = name;
	return 0;
}
