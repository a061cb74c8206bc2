/* SPDX-License-Identifier: MIT */
/* Fits into and out of the database. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "store_read.h"

static int by_id(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* The ids as runs. */
static int add_ranges(struct mn_store *store, sqlite3_stmt *stmt, int64_t fit_id,
		      const int64_t *ids, uint32_t n, struct mn_err *err)
{
	int64_t *sorted = NULL;
	uint32_t first = 0, i = 1;
	int rc = 0;

	while (i < n && ids[i - 1] < ids[i])
		i++;
	if (i < n) {
		sorted = malloc(n * sizeof(*sorted));
		if (!sorted)
			return mn_err_set(err, MN_E_NOMEM, "%s: out of memory", store->path);
		memcpy(sorted, ids, n * sizeof(*sorted));
		qsort(sorted, n, sizeof(*sorted), by_id);
		ids = sorted;
	}
	sqlite3_bind_int64(stmt, 1, fit_id);
	for (i = 0; i < n && rc == 0; i++) {
		if (i + 1 < n && ids[i + 1] <= ids[i] + 1)
			continue;
		sqlite3_bind_int64(stmt, 2, ids[first]);
		sqlite3_bind_int64(stmt, 3, ids[i]);
		rc = mn_store_run(store, stmt, "store a fit", err);
		first = i + 1;
	}
	free(sorted);
	return rc;
}

static int add_fit(struct mn_store *store, const struct mn_fit *fit, const int64_t *measurement_ids,
		   uint32_t n_ids, int64_t *ret_id, struct mn_err *err)
{
	const char *const key[] = {mn_kind_name(fit->kind), fit->board, fit->kernels, fit->op,
				   fit->backbone,           fit->model, fit->target};
	static const char what[] = "store a fit";
	sqlite3_stmt *drop, *add, *term, *range;
	int64_t id;
	int rc;

	if ((rc = mn_store_stmt(store, MN_STMT_FIT_DROP, &drop, err)) < 0 ||
	    (rc = mn_store_stmt(store, MN_STMT_FIT_ADD, &add, err)) < 0 ||
	    (rc = mn_store_stmt(store, MN_STMT_FIT_TERM_ADD, &term, err)) < 0 ||
	    (rc = mn_store_stmt(store, MN_STMT_FIT_RANGE_ADD, &range, err)) < 0)
		return rc;
	for (int i = 0; i < 7; i++) {
		mn_bind_text(drop, i + 1, key[i]);
		mn_bind_text(add, i + 1, key[i]);
	}
	sqlite3_bind_int64(drop, 8, fit->cold ? 1 : 0);
	sqlite3_bind_int64(add, 8, fit->cold ? 1 : 0);
	rc = mn_store_run(store, drop, what, err);
	if (rc < 0)
		return rc;
	mn_bind_text(add, 9, fit->unit);
	mn_bind_text(add, 10, fit->status);
	mn_bind_text(add, 11, fit->detail);
	sqlite3_bind_int64(add, 12, fit->n);
	sqlite3_bind_int64(add, 13, fit->n_excluded);
	mn_bind_real(add, 14, fit->r2);
	mn_bind_real(add, 15, fit->mape_pct);
	mn_bind_real(add, 16, fit->within5_pct);
	mn_bind_real(add, 17, fit->within10_pct);
	mn_bind_real(add, 18, fit->worst_pct);
	mn_bind_real(add, 19, fit->std_pct);
	mn_bind_text(add, 20, fit->worst_layer);
	mn_bind_text(add, 21, fit->validation);
	mn_bind_text(add, 22, fit->rig_model);
	mn_bind_text(add, 23, fit->weighting);
	mn_bind_text(add, 24, fit->version);
	sqlite3_bind_int64(add, 25, mn_store_now_ms(store));
	mn_bind_real(add, 26, fit->range_min);
	mn_bind_real(add, 27, fit->range_max);
	mn_bind_text(add, 28, fit->paths);
	mn_bind_real(add, 29, fit->condition > 0 ? fit->condition : NAN);
	rc = mn_store_run(store, add, what, err);
	if (rc < 0)
		return rc;
	*ret_id = id = sqlite3_last_insert_rowid(store->db);
	for (uint32_t i = 0; i < fit->n_terms && rc == 0; i++) {
		sqlite3_bind_int64(term, 1, id);
		sqlite3_bind_int64(term, 2, i);
		mn_bind_text(term, 3, fit->terms[i].name);
		mn_bind_real(term, 4, fit->terms[i].value);
		mn_bind_real(term, 5, fit->terms[i].ci95_lo);
		mn_bind_real(term, 6, fit->terms[i].ci95_hi);
		mn_bind_real(term, 7, fit->terms[i].std_err);
		mn_bind_text(term, 8, fit->terms[i].path ? fit->terms[i].path : "any");
		mn_bind_real(term, 9, fit->terms[i].vif > 0 ? fit->terms[i].vif : NAN);
		rc = mn_store_run(store, term, what, err);
	}
	return rc < 0 ? rc : add_ranges(store, range, id, measurement_ids, n_ids, err);
}

int mn_store_put_fit(struct mn_store *store, const struct mn_fit *fit,
		     const int64_t *measurement_ids, uint32_t n_ids, int64_t *ret_id,
		     struct mn_err *err)
{
	int64_t id = 0;
	int rc = mn_store_put_begin(store, err);

	if (rc < 0)
		return rc;
	rc = add_fit(store, fit, measurement_ids, n_ids, &id, err);
	rc = mn_store_put_end(store, rc, err);
	if (rc == 0 && ret_id)
		*ret_id = id;
	return rc;
}

/* Terms of one fit; names are copies. */
static int read_terms(struct mn_store *store, int64_t fit_id, struct mn_fit_term **ret_terms,
		      uint32_t *ret_n, struct mn_err *err)
{
	struct mn_fit_term *terms = NULL;
	sqlite3_stmt *stmt;
	uint32_t n = 0;
	int step, rc = mn_store_stmt(store, MN_STMT_FIT_TERM_GET, &stmt, err);

	if (rc < 0)
		return rc;
	sqlite3_bind_int64(stmt, 1, fit_id);
	while ((step = sqlite3_step(stmt)) == SQLITE_ROW) {
		struct mn_fit_term *more = realloc(terms, (n + 1) * sizeof(*terms));
		char *name = strdup(mn_column_text(stmt, 0));
		char *path = strdup(mn_column_text(stmt, 5));

		terms = more ? more : terms;
		if (!more || !name || !path) {
			free(name);
			free(path);
			rc = mn_err_set(err, MN_E_NOMEM, "%s: out of memory", store->path);
			break;
		}
		terms[n].name = name;
		terms[n].value = mn_column_real(stmt, 1);
		terms[n].ci95_lo = mn_column_real(stmt, 2);
		terms[n].ci95_hi = mn_column_real(stmt, 3);
		terms[n].std_err = mn_column_real(stmt, 4);
		terms[n].path = path;
		terms[n].vif = mn_column_real(stmt, 6);
		n++;
	}
	if (rc == 0 && step != SQLITE_DONE)
		rc = mn_store_fail(store, step, "read the fits", err);
	if (rc == 0)
		rc = mn_store_check_read(store, err);
	sqlite3_reset(stmt);
	*ret_terms = terms;
	*ret_n = n;
	return rc;
}

static void free_terms(struct mn_fit_term *terms, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		free((char *)(uintptr_t)terms[i].name);
		free((char *)(uintptr_t)terms[i].path);
	}
	free(terms);
}

static int fill_fit(struct mn_store *store, sqlite3_stmt *stmt, struct mn_fit *fit,
		    struct mn_err *err)
{
	int kind = mn_kind_parse(mn_column_text(stmt, 1));

	if (kind < 0)
		return mn_err_set(err, MN_E_SCHEMA, "%s: a fit has the unknown kind '%s'",
				  store->path, mn_column_text(stmt, 1));
	*fit = (struct mn_fit){
		.id = sqlite3_column_int64(stmt, 0),
		.kind = (enum mn_kind)kind,
		.board = mn_column_text(stmt, 2),
		.kernels = mn_column_text(stmt, 3),
		.op = mn_column_text(stmt, 4),
		.backbone = mn_column_text(stmt, 5),
		.model = mn_column_text(stmt, 6),
		.target = mn_column_text(stmt, 7),
		.unit = mn_column_text(stmt, 8),
		.status = mn_column_text(stmt, 9),
		.detail = mn_column_text(stmt, 10),
		.n = sqlite3_column_int64(stmt, 11),
		.n_excluded = sqlite3_column_int64(stmt, 12),
		.r2 = mn_column_real(stmt, 13),
		.mape_pct = mn_column_real(stmt, 14),
		.within5_pct = mn_column_real(stmt, 15),
		.within10_pct = mn_column_real(stmt, 16),
		.worst_pct = mn_column_real(stmt, 17),
		.std_pct = mn_column_real(stmt, 18),
		.worst_layer = mn_column_text(stmt, 19),
		.validation = mn_column_text(stmt, 20),
		.rig_model = mn_column_text(stmt, 21),
		.weighting = mn_column_text(stmt, 22),
		.version = mn_column_text(stmt, 23),
		.created_at = mn_column_text(stmt, 24),
		.range_min = mn_column_real(stmt, 25),
		.range_max = mn_column_real(stmt, 26),
		.cold = sqlite3_column_int(stmt, 27),
		.paths = mn_column_text(stmt, 28),
		.condition = mn_column_real(stmt, 29),
	};
	return 0;
}

int mn_store_each_fit(struct mn_store *store, const struct mn_fit_filter *filter,
		      int (*cb)(const struct mn_fit *fit, void *arg), void *arg, struct mn_err *err)
{
	static const char sql[] =
		"SELECT id, kind, board, kernels, op, backbone, model, target, unit, status, "
		"detail, n,"
		" n_excluded, r2, mape_pct, within5_pct, within10_pct, worst_pct, std_pct,"
		" worst_layer, validation, rig_model, weighting, version,"
		" strftime('%Y-%m-%dT%H:%M:%SZ', created_ms / 1000, 'unixepoch'), range_min,"
		" range_max, cold, paths, condition FROM fit WHERE (?1 IS NULL OR kind = ?1) AND "
		"(?2 IS NULL OR "
		"board = ?2)"
		" AND (?3 IS NULL OR kernels = ?3) AND (?4 IS NULL OR op = ?4)"
		" AND (?5 IS NULL OR backbone = ?5) AND (?6 IS NULL OR model = ?6)"
		" AND (?7 IS NULL OR target = ?7)"
		" ORDER BY kind, board, kernels, op, backbone, cold, target, model";
	static const struct mn_fit_filter any = {.kind = -1};
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(store->db, sql, -1, &stmt, NULL);

	if (rc != SQLITE_OK)
		return mn_store_fail(store, rc, "read the fits", err);
	if (!filter)
		filter = &any;
	{
		const char *const key[] = {
			filter->kind < 0 ? NULL : mn_kind_name((enum mn_kind)filter->kind),
			filter->board,
			filter->kernels,
			filter->op,
			filter->backbone,
			filter->model,
			filter->target,
		};

		for (int i = 0; i < 7; i++)
			if (key[i])
				mn_bind_text(stmt, i + 1, key[i]);
	}
	for (;;) {
		struct mn_fit_term *terms = NULL;
		uint32_t n_terms = 0;
		struct mn_fit fit;
		int step = sqlite3_step(stmt);

		if (step != SQLITE_ROW) {
			rc = step == SQLITE_DONE ? 0
						 : mn_store_fail(store, step, "read the fits", err);
			break;
		}
		rc = fill_fit(store, stmt, &fit, err);
		if (rc == 0)
			rc = mn_store_check_read(store, err);
		if (rc == 0)
			rc = read_terms(store, fit.id, &terms, &n_terms, err);
		if (rc == 0) {
			fit.terms = terms;
			fit.n_terms = n_terms;
			rc = cb(&fit, arg);
		}
		free_terms(terms, n_terms);
		if (rc != 0)
			break;
	}
	sqlite3_finalize(stmt);
	return rc;
}
