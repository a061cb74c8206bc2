/* SPDX-License-Identifier: MIT */
/* Rounds of sweeps that learn. */
#include "internal.h"
#include "store_read.h"

int mn_store_put_round(struct mn_store *store, const struct mn_round *round, struct mn_err *err)
{
	sqlite3_stmt *stmt;
	int rc = mn_store_put_begin(store, err);

	if (rc < 0)
		return rc;
	rc = mn_store_stmt(store, MN_STMT_ROUND_ADD, &stmt, err);
	if (rc == 0) {
		sqlite3_bind_int64(stmt, 1, round->session_id);
		sqlite3_bind_int64(stmt, 2, round->number);
		sqlite3_bind_int64(stmt, 3, round->seed);
		mn_bind_text(stmt, 4, round->model);
		mn_bind_real(stmt, 5, round->target_p90_pct);
		sqlite3_bind_int64(stmt, 6, round->pool);
		sqlite3_bind_int64(stmt, 7, round->asked);
		sqlite3_bind_int64(stmt, 8, round->measured);
		sqlite3_bind_int64(stmt, 9, round->failed);
		mn_bind_real(stmt, 10, round->mape_pct);
		mn_bind_real(stmt, 11, round->p90_pct);
		sqlite3_bind_int64(stmt, 12, round->groups);
		sqlite3_bind_int64(stmt, 13, round->reached);
		sqlite3_bind_int64(stmt, 14, round->limited);
		sqlite3_bind_int64(stmt, 15, round->exhausted);
		mn_bind_text(stmt, 16, round->worst);
		mn_bind_real(stmt, 17, round->worst_p90_pct);
		mn_bind_text(stmt, 18, round->ended);
		rc = mn_store_run(store, stmt, "store a round", err);
	}
	return mn_store_put_end(store, rc, err);
}

int mn_store_each_round(struct mn_store *store, const char *board,
			int (*cb)(const char *board, enum mn_kind kind,
				  const struct mn_round *round, void *arg),
			void *arg, struct mn_err *err)
{
	static const char sql[] =
		"SELECT r.board, r.kind, n.session_id, n.number, n.seed, n.model, n.target_p90_pct,"
		" n.pool, n.asked, n.measured, n.failed, n.mape_pct, n.p90_pct, n.groups, "
		"n.reached,"
		" n.limited, n.exhausted, n.worst, n.worst_p90_pct, n.ended"
		" FROM round n JOIN session s ON s.id = n.session_id JOIN rig r ON r.id = s.rig_id"
		" WHERE (?1 IS NULL OR r.board = ?1) ORDER BY n.id";
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(store->db, sql, -1, &stmt, NULL), step;

	if (rc != SQLITE_OK)
		return mn_store_fail(store, rc, "read the rounds", err);
	if (board)
		mn_bind_text(stmt, 1, board);
	while (rc == 0 && (step = sqlite3_step(stmt)) != SQLITE_DONE) {
		struct mn_round round;
		int kind;

		if (step != SQLITE_ROW) {
			rc = mn_store_fail(store, step, "read the rounds", err);
			break;
		}
		kind = mn_kind_parse(mn_column_text(stmt, 1));
		round = (struct mn_round){
			.session_id = sqlite3_column_int64(stmt, 2),
			.number = sqlite3_column_int64(stmt, 3),
			.seed = sqlite3_column_int64(stmt, 4),
			.model = mn_column_text(stmt, 5),
			.target_p90_pct = mn_column_real(stmt, 6),
			.pool = sqlite3_column_int64(stmt, 7),
			.asked = sqlite3_column_int64(stmt, 8),
			.measured = sqlite3_column_int64(stmt, 9),
			.failed = sqlite3_column_int64(stmt, 10),
			.mape_pct = mn_column_real(stmt, 11),
			.p90_pct = mn_column_real(stmt, 12),
			.groups = sqlite3_column_int64(stmt, 13),
			.reached = sqlite3_column_int64(stmt, 14),
			.limited = sqlite3_column_int64(stmt, 15),
			.exhausted = sqlite3_column_int64(stmt, 16),
			.worst = mn_column_text(stmt, 17),
			.worst_p90_pct = mn_column_real(stmt, 18),
			.ended = mn_column_text(stmt, 19),
		};
		rc = mn_store_check_read(store, err);
		if (rc == 0 && kind < 0)
			rc = mn_err_set(err, MN_E_INVALID, "%s: a rig of an unknown kind",
					store->path);
		if (rc == 0)
			rc = cb(mn_column_text(stmt, 0), (enum mn_kind)kind, &round, arg);
	}
	sqlite3_finalize(stmt);
	return rc;
}
