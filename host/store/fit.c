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

static const char *path_of(const struct mn_fit_term *term)
{
	return term->path ? term->path : "any";
}

/* The covariance of one path between the positions of its terms. */
static int add_covariance(struct mn_store *store, int64_t fit_id, const struct mn_fit *fit,
			  const struct mn_fit_path *path, struct mn_err *err)
{
	const double *value = path->covariance;
	sqlite3_stmt *stmt;
	int rc = mn_store_stmt(store, MN_STMT_FIT_COVARIANCE_ADD, &stmt, err);

	if (rc < 0)
		return rc;
	sqlite3_bind_int64(stmt, 1, fit_id);
	for (uint32_t a = 0; a < fit->n_terms && rc == 0; a++) {
		if (strcmp(path_of(&fit->terms[a]), path->path) != 0)
			continue;
		for (uint32_t b = 0; b <= a && rc == 0; b++) {
			if (strcmp(path_of(&fit->terms[b]), path->path) != 0)
				continue;
			sqlite3_bind_int64(stmt, 2, a);
			sqlite3_bind_int64(stmt, 3, b);
			mn_bind_real(stmt, 4, *value++);
			rc = mn_store_run(store, stmt, "store a fit", err);
		}
	}
	return rc;
}

static int add_paths(struct mn_store *store, int64_t fit_id, const struct mn_fit *fit,
		     struct mn_err *err)
{
	sqlite3_stmt *stmt;
	int rc = mn_store_stmt(store, MN_STMT_FIT_PATH_ADD, &stmt, err);

	for (uint32_t i = 0; i < fit->n_path_stats && rc == 0; i++) {
		const struct mn_fit_path *p = &fit->path_stats[i];

		sqlite3_bind_int64(stmt, 1, fit_id);
		mn_bind_text(stmt, 2, p->path);
		sqlite3_bind_int64(stmt, 3, p->n);
		mn_bind_real(stmt, 4, p->sigma);
		mn_bind_real(stmt, 5, p->t95);
		mn_bind_real(stmt, 6, p->condition);
		mn_bind_real(stmt, 7, p->mape_pct);
		mn_bind_real(stmt, 8, p->within10_pct);
		rc = mn_store_run(store, stmt, "store a fit", err);
		if (rc == 0)
			rc = add_covariance(store, fit_id, fit, p, err);
	}
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
	mn_bind_real(add, 30, fit->coverage_pct);
	mn_bind_real(add, 31, fit->by_size_pct);
	mn_bind_real(add, 32, fit->by_channels_pct);
	sqlite3_bind_int64(add, 33, fit->bootstrap);
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
		mn_bind_text(term, 8, path_of(&fit->terms[i]));
		mn_bind_real(term, 9, fit->terms[i].vif > 0 ? fit->terms[i].vif : NAN);
		mn_bind_real(term, 10, fit->bootstrap ? fit->terms[i].boot_lo : NAN);
		mn_bind_real(term, 11, fit->bootstrap ? fit->terms[i].boot_hi : NAN);
		rc = mn_store_run(store, term, what, err);
	}
	if (rc == 0)
		rc = add_paths(store, id, fit, err);
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
		terms[n].boot_lo = mn_column_real(stmt, 7);
		terms[n].boot_hi = mn_column_real(stmt, 8);
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

static void free_paths(struct mn_fit_path *paths, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		free((char *)(uintptr_t)paths[i].path);
		free((double *)(uintptr_t)paths[i].covariance);
	}
	free(paths);
}

/* The path's term that stands at a position of the fit: its number among them, or the number of
 * them. */
static uint32_t number_in_path(const struct mn_fit_term *terms, uint32_t n_terms,
			       const struct mn_fit_path *path, uint32_t position)
{
	uint32_t number = 0;

	if (position >= n_terms || strcmp(path_of(&terms[position]), path->path) != 0)
		return path->n_terms;
	for (uint32_t i = 0; i < position; i++)
		number += !strcmp(path_of(&terms[i]), path->path);
	return number;
}

static int read_covariance(struct mn_store *store, int64_t fit_id, const struct mn_fit_term *terms,
			   uint32_t n_terms, struct mn_fit_path *paths, uint32_t n_paths,
			   struct mn_err *err)
{
	sqlite3_stmt *stmt;
	int step, rc = mn_store_stmt(store, MN_STMT_FIT_COVARIANCE_GET, &stmt, err);

	if (rc < 0)
		return rc;
	for (uint32_t i = 0; i < n_paths; i++) {
		double *covariance;

		for (uint32_t j = 0; j < n_terms; j++)
			paths[i].n_terms += !strcmp(path_of(&terms[j]), paths[i].path);
		covariance = calloc((size_t)paths[i].n_terms * (paths[i].n_terms + 1) / 2 + 1,
				    sizeof(*covariance));
		if (!covariance)
			return mn_err_set(err, MN_E_NOMEM, "%s: out of memory", store->path);
		paths[i].covariance = covariance;
	}
	sqlite3_bind_int64(stmt, 1, fit_id);
	while ((step = sqlite3_step(stmt)) == SQLITE_ROW)
		for (uint32_t i = 0; i < n_paths; i++) {
			int64_t a = sqlite3_column_int64(stmt, 0),
				b = sqlite3_column_int64(stmt, 1);
			uint32_t row, column;

			if (a < 0 || a >= n_terms || b < 0 || b > a)
				continue;
			row = number_in_path(terms, n_terms, &paths[i], (uint32_t)a);
			column = number_in_path(terms, n_terms, &paths[i], (uint32_t)b);
			if (row < paths[i].n_terms && column < paths[i].n_terms)
				((double *)(uintptr_t)paths[i]
					 .covariance)[row * (row + 1) / 2 + column] =
					mn_column_real(stmt, 2);
		}
	rc = step == SQLITE_DONE ? 0 : mn_store_fail(store, step, "read the fits", err);
	sqlite3_reset(stmt);
	return rc;
}

/* Paths of one fit, in the order of their names; path and covariance are copies. */
static int read_paths(struct mn_store *store, int64_t fit_id, const struct mn_fit_term *terms,
		      uint32_t n_terms, struct mn_fit_path **ret_paths, uint32_t *ret_n,
		      struct mn_err *err)
{
	struct mn_fit_path *paths = NULL;
	sqlite3_stmt *stmt;
	uint32_t n = 0;
	int step, rc = mn_store_stmt(store, MN_STMT_FIT_PATH_GET, &stmt, err);

	if (rc < 0)
		return rc;
	sqlite3_bind_int64(stmt, 1, fit_id);
	while ((step = sqlite3_step(stmt)) == SQLITE_ROW) {
		struct mn_fit_path *more = realloc(paths, (n + 1) * sizeof(*paths));
		char *path = strdup(mn_column_text(stmt, 0));

		paths = more ? more : paths;
		if (!more || !path) {
			free(path);
			rc = mn_err_set(err, MN_E_NOMEM, "%s: out of memory", store->path);
			break;
		}
		paths[n++] = (struct mn_fit_path){
			.path = path,
			.n = sqlite3_column_int64(stmt, 1),
			.sigma = mn_column_real(stmt, 2),
			.t95 = mn_column_real(stmt, 3),
			.condition = mn_column_real(stmt, 4),
			.mape_pct = mn_column_real(stmt, 5),
			.within10_pct = mn_column_real(stmt, 6),
		};
	}
	if (rc == 0 && step != SQLITE_DONE)
		rc = mn_store_fail(store, step, "read the fits", err);
	if (rc == 0)
		rc = mn_store_check_read(store, err);
	sqlite3_reset(stmt);
	if (rc == 0 && n)
		rc = read_covariance(store, fit_id, terms, n_terms, paths, n, err);
	*ret_paths = paths;
	*ret_n = n;
	return rc;
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
		.coverage_pct = mn_column_real(stmt, 30),
		.by_size_pct = mn_column_real(stmt, 31),
		.by_channels_pct = mn_column_real(stmt, 32),
		.bootstrap = (uint32_t)sqlite3_column_int64(stmt, 33),
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
		" range_max, cold, paths, condition, coverage_pct, by_size_pct, "
		"by_channels_pct, bootstrap FROM fit WHERE (?1 IS NULL OR kind = ?1) AND "
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
		struct mn_fit_path *paths = NULL;
		uint32_t n_terms = 0, n_paths = 0;
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
		if (rc == 0)
			rc = read_paths(store, fit.id, terms, n_terms, &paths, &n_paths, err);
		if (rc == 0) {
			fit.terms = terms;
			fit.n_terms = n_terms;
			fit.path_stats = paths;
			fit.n_path_stats = n_paths;
			rc = cb(&fit, arg);
		}
		free_paths(paths, n_paths);
		free_terms(terms, n_terms);
		if (rc != 0)
			break;
	}
	sqlite3_finalize(stmt);
	return rc;
}

int mn_fit_interval(const struct mn_fit *fit, const char *path, const double *x, double *ret_value,
		    double *ret_lo, double *ret_hi)
{
	const struct mn_fit_path *stats = NULL;
	double value = 0, variance = 0, half = NAN;
	uint32_t n = 0;

	for (uint32_t j = 0; j < fit->n_terms; j++)
		if (!strcmp(path_of(&fit->terms[j]), path))
			value += fit->terms[j].value * x[n++];
	if (!n)
		return MN_E_NOTFOUND;
	for (uint32_t i = 0; i < fit->n_path_stats; i++)
		if (!strcmp(fit->path_stats[i].path, path) && fit->path_stats[i].n_terms == n)
			stats = &fit->path_stats[i];
	if (stats) {
		const double *c = stats->covariance;
		double scatter = stats->sigma * (strcmp(fit->weighting, "relative") ? 1 : value);

		for (uint32_t a = 0; a < n; a++)
			for (uint32_t b = 0; b <= a; b++)
				variance += (a == b ? 1 : 2) * *c++ * x[a] * x[b];
		half = stats->t95 * sqrt(fmax(0, variance) + scatter * scatter);
	}
	*ret_value = value;
	*ret_lo = value - half;
	*ret_hi = value + half;
	return 0;
}
