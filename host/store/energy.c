/* SPDX-License-Identifier: MIT */
/* Power monitors and energy windows into the database. */
#include "internal.h"

int mn_store_put_meter(struct mn_store *store, const struct mn_stored_meter *meter, int64_t *ret_id,
		       struct mn_err *err)
{
	sqlite3_stmt *stmt[2];
	int64_t id = 0;
	int rc = mn_store_put_begin(store, err);

	if (rc < 0)
		return rc;
	if ((rc = mn_store_stmt(store, MN_STMT_METER_FIND, &stmt[0], err)) == 0 &&
	    (rc = mn_store_stmt(store, MN_STMT_METER_ADD, &stmt[1], err)) == 0) {
		for (int i = 0; i < 2; i++) {
			mn_bind_text(stmt[i], 1, meter->driver);
			mn_bind_text(stmt[i], 2, meter->model);
			mn_bind_text(stmt[i], 3, meter->serial);
			mn_bind_text(stmt[i], 4, meter->firmware);
			mn_bind_text(stmt[i], 5, meter->calibration);
		}
		sqlite3_bind_int64(stmt[1], 6, meter->is_virtual ? 1 : 0);
		rc = mn_store_find_or_add(store, stmt[0], stmt[1], "store a power monitor", &id,
					  err);
	}
	rc = mn_store_put_end(store, rc, err);
	if (rc == 0)
		*ret_id = id;
	return rc;
}

static int add_window(struct mn_store *store, sqlite3_stmt *stmt, int64_t id, uint32_t position,
		      const struct mn_stored_window *w, struct mn_err *err)
{
	const int64_t from_5[] = {w->reps,        w->board_cycles, w->board_us,
				  w->duration_ns, w->covered_ns,   w->gross_nJ};
	const int64_t from_14[] = {w->mean_nA, w->voltage_uV, w->expected, w->received,
				   w->dropped, w->saturated,  w->held,     w->range_changes};

	sqlite3_bind_int64(stmt, 1, id);
	sqlite3_bind_int64(stmt, 2, position);
	sqlite3_bind_int64(stmt, 3, w->meter_id);
	sqlite3_bind_int64(stmt, 4, w->source ? 1 : 0);
	for (int i = 0; i < 6; i++)
		sqlite3_bind_int64(stmt, 5 + i, from_5[i]);
	for (int i = 11; i <= 13; i++)
		sqlite3_bind_null(stmt, i);
	if (w->idle_ns > 0) {
		sqlite3_bind_int64(stmt, 11, w->net_nJ);
		sqlite3_bind_int64(stmt, 12, w->idle_nJ);
		sqlite3_bind_int64(stmt, 13, w->idle_ns);
	}
	for (int i = 0; i < 8; i++)
		sqlite3_bind_int64(stmt, 14 + i, from_14[i]);
	sqlite3_bind_null(stmt, 22);
	sqlite3_bind_null(stmt, 23);
	if (w->trace) {
		sqlite3_bind_int64(stmt, 22, w->trace_samples);
		sqlite3_bind_blob64(stmt, 23, w->trace, w->trace_bytes, SQLITE_STATIC);
	}
	return mn_store_run(store, stmt, "store an energy window", err);
}

int mn_store_add_energy(struct mn_store *store, const struct mn_measurement *row, int64_t id,
			struct mn_err *err)
{
	sqlite3_stmt *stmt;
	int rc = 0;

	if (!row->n_windows)
		return 0;
	rc = mn_store_stmt(store, MN_STMT_WINDOW_ADD, &stmt, err);
	for (uint32_t i = 0; i < row->n_windows && rc == 0; i++)
		rc = add_window(store, stmt, id, i, &row->windows[i], err);
	if (rc == 0 && row->n_step_energy)
		rc = mn_store_stmt(store, MN_STMT_STEP_ENERGY_ADD, &stmt, err);
	for (uint32_t i = 0; i < row->n_step_energy && rc == 0; i++) {
		const struct mn_stored_step_energy *s = &row->step_energy[i];

		sqlite3_bind_int64(stmt, 1, id);
		sqlite3_bind_int64(stmt, 2, i);
		sqlite3_bind_int64(stmt, 3, s->reps);
		sqlite3_bind_int64(stmt, 4, s->duration_ns);
		sqlite3_bind_int64(stmt, 5, s->gross_nJ);
		rc = mn_store_run(store, stmt, "store the energy of a step", err);
	}
	return rc;
}

int mn_store_probe_has_energy(struct mn_store *store, int64_t rig_id, int64_t probe_id,
			      struct mn_err *err)
{
	sqlite3_stmt *stmt;
	int64_t done = 0;
	int rc = mn_store_stmt(store, MN_STMT_PROBE_ENERGY, &stmt, err);

	if (rc < 0)
		return rc;
	sqlite3_bind_int64(stmt, 1, rig_id);
	sqlite3_bind_int64(stmt, 2, probe_id);
	rc = mn_store_one(store, stmt, "look for an energy window", &done, err);
	return rc < 0 ? rc : done != 0;
}
