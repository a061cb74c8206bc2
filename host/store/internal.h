/* SPDX-License-Identifier: MIT */
/* What the files of the store share. Nobody outside host/store includes this. */
#ifndef MN_STORE_INTERNAL_H
#define MN_STORE_INTERNAL_H

#include <sqlite3.h>

#include "store.h"

#define MN_APPLICATION_ID 0x6d6e6368 /* "mnch", as data/schema/001-init.sql sets it */

/* The statements of the hot paths, prepared at their first use and kept. */
#define MN_STMT_TABLE(X)                                                                           \
	X(BEGIN, "BEGIN IMMEDIATE")                                                                \
	X(COMMIT, "COMMIT")                                                                        \
	X(ROLLBACK, "ROLLBACK")                                                                    \
	X(RIG_FIND, "SELECT id FROM rig WHERE kind = ?1 AND board = ?2 AND chip = ?3 AND uid = ?4" \
		    " AND cpu = ?5 AND ifnull(clock_set_hz, 0) = ifnull(?6, 0)"                    \
		    " AND ifnull(clock_measured_hz, 0) = ifnull(?7, 0) AND clock_source = ?8"      \
		    " AND ifnull(wait_states, -1) = ifnull(?9, -1) AND caches = ?10"               \
		    " AND image = ?11 AND firmware = ?12 AND protocol = ?13 AND compiler = ?14"    \
		    " AND flags = ?15 AND model = ?16")                                            \
	X(RIG_ADD, "INSERT INTO rig (kind, board, chip, uid, cpu, clock_set_hz,"                   \
		   " clock_measured_hz, clock_source, wait_states, caches, image, firmware,"       \
		   " protocol, compiler, flags, model)"                                            \
		   " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15,"    \
		   " ?16)")                                                                        \
	X(RIG_VALIDATE, "UPDATE rig SET validation = ?2 WHERE id = ?1 AND validation <> ?2")       \
	X(RIG_VALIDATION, "SELECT validation FROM rig WHERE model = ?1 AND kind = 'virtual'"       \
			  " ORDER BY id DESC LIMIT 1")                                             \
	X(SESSION_ADD, "INSERT INTO session (rig_id, sweep, sweep_hash, version, link, source,"    \
		       " started_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")                         \
	X(SESSION_END, "UPDATE session SET ended_ms = ?2, status = ?3 WHERE id = ?1")              \
	X(LAYER_FIND, "SELECT id FROM layer WHERE text = ?1")                                      \
	X(LAYER_ADD, "INSERT INTO layer (text, hash, op, macs, ops) VALUES (?1, ?2, ?3, ?4, ?5)")  \
	X(PROBE_FIND, "SELECT id FROM probe WHERE ifnull(layer_id, 0) = ifnull(?1, 0)"             \
		      " AND model = ?2 AND backbone = ?3 AND ifnull(ops, 0) = ifnull(?4, 0)"       \
		      " AND kernels = ?5 AND cold = ?6 AND warmup = ?7 AND reps = ?8"              \
		      " AND seed = ?9 AND ifnull(program_id, 0) = ifnull(?10, 0)"                  \
		      " AND ifnull(first_step, -1) = ifnull(?11, -1)"                              \
		      " AND ifnull(n_steps, -1) = ifnull(?12, -1)")                                \
	X(PROBE_ADD, "INSERT INTO probe (layer_id, model, backbone, ops, kernels, cold, warmup,"   \
		     " reps, seed, program_id, first_step, n_steps)"                               \
		     " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)")                \
	X(PROGRAM_FIND, "SELECT id FROM program WHERE model = ?1 AND hash = ?2")                   \
	X(PROGRAM_ADD, "INSERT INTO program (model, hash, n_steps, arena_bytes, weight_bytes)"     \
		       " VALUES (?1, ?2, ?3, ?4, ?5)")                                             \
	X(PROGRAM_STEP_ADD, "INSERT INTO program_step (program_id, position, layer_id, operator,"  \
			    " part, in_off, in2_off, out_off, scratch_off, scratch_bytes,"         \
			    " quant_off, weight_off, bias_off)"                                    \
			    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)")    \
	X(STEP_CYCLES_ADD, "INSERT INTO step_cycles (measurement_id, position, cycles)"            \
			   " VALUES (?1, ?2, ?3)")                                                 \
	X(STEP_CYCLES_GET, "SELECT cycles FROM step_cycles WHERE measurement_id = ?1"              \
			   " ORDER BY position")                                                   \
	X(MEASUREMENT_ADD, "INSERT INTO measurement (session_id, probe_id, at_ms, n_cycles,"       \
			   " n2_cycles, n_us, n2_us, overhead_cycles, cycles, latency_ns,"         \
			   " energy_nJ, power_uW, output_crc, sram_bytes, flash_bytes,"            \
			   " excluded_latency, excluded_energy, note, import_hash)"                \
			   " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13,"      \
			   " ?14, ?15, ?16, ?17, ?18, ?19)")                                       \
	X(REPETITION_ADD, "INSERT INTO repetition (measurement_id, position, cycles)"              \
			  " VALUES (?1, ?2, ?3)")                                                  \
	X(REPETITION_GET, "SELECT cycles FROM repetition WHERE measurement_id = ?1"                \
			  " ORDER BY position")                                                    \
	X(MEASUREMENT_FIND, "SELECT 1 FROM measurement WHERE id = ?1")                             \
	X(MEASUREMENT_NAME, "SELECT ifnull(l.text, p.model) FROM measurement m"                    \
			    " JOIN probe p ON p.id = m.probe_id"                                   \
			    " LEFT JOIN layer l ON l.id = p.layer_id WHERE m.id = ?1")             \
	X(IMPORT_FIND, "SELECT 1 FROM measurement WHERE import_hash = ?1")                         \
	X(FAILURE_ADD, "INSERT INTO failure (session_id, probe_id, at_ms, code, reason, retry)"    \
		       " VALUES (?1, ?2, ?3, ?4, ?5, ?6)")                                         \
	X(ROUND_ADD, "INSERT INTO round (session_id, number, seed, model, target_p90_pct, pool,"   \
		     " asked, measured, failed, mape_pct, p90_pct, groups, reached, limited,"      \
		     " exhausted, worst, worst_p90_pct, ended)"                                    \
		     " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15,"  \
		     " ?16, ?17, ?18)")                                                            \
	X(PROBE_DONE, "WITH same AS (SELECT s.id FROM rig a JOIN rig b"                            \
		      " ON b.kind = a.kind AND b.board = a.board AND b.image = a.image"            \
		      " AND b.model = a.model AND b.clock_set_hz IS a.clock_set_hz"                \
		      " AND b.wait_states IS a.wait_states AND b.caches = a.caches"                \
		      " JOIN session s ON s.rig_id = b.id WHERE a.id = ?1)"                        \
		      " SELECT EXISTS (SELECT 1 FROM measurement"                                  \
		      " WHERE probe_id = ?2 AND session_id IN same)"                               \
		      " OR EXISTS (SELECT 1 FROM failure"                                          \
		      " WHERE probe_id = ?2 AND retry = 0 AND session_id IN same)")                \
	X(PROBE_ENERGY, "WITH same AS (SELECT s.id FROM rig a JOIN rig b"                          \
			" ON b.kind = a.kind AND b.board = a.board AND b.image = a.image"          \
			" AND b.model = a.model AND b.clock_set_hz IS a.clock_set_hz"              \
			" AND b.wait_states IS a.wait_states AND b.caches = a.caches"              \
			" JOIN session s ON s.rig_id = b.id WHERE a.id = ?1)"                      \
			" SELECT EXISTS (SELECT 1 FROM measurement m"                              \
			" JOIN energy_window w ON w.measurement_id = m.id"                         \
			" WHERE m.probe_id = ?2 AND m.session_id IN same)"                         \
			" OR EXISTS (SELECT 1 FROM failure"                                        \
			" WHERE probe_id = ?2 AND retry = 0 AND session_id IN same)")              \
	X(METER_FIND, "SELECT id FROM meter WHERE driver = ?1 AND model = ?2 AND serial = ?3"      \
		      " AND firmware = ?4 AND calibration = ?5")                                   \
	X(METER_ADD, "INSERT INTO meter (driver, model, serial, firmware, calibration,"            \
		     " is_virtual) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")                               \
	X(WINDOW_ADD, "INSERT INTO energy_window (measurement_id, position, meter_id, source,"     \
		      " reps, board_cycles, board_us, duration_ns, covered_ns, gross_nJ,"          \
		      " net_nJ, idle_nJ, idle_ns, mean_nA, voltage_uV, expected, received,"        \
		      " dropped, saturated, held, range_changes, trace_samples, trace)"            \
		      " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14,"      \
		      " ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23)")                             \
	X(STEP_ENERGY_ADD, "INSERT INTO energy_step (measurement_id, position, reps,"              \
			   " duration_ns, gross_nJ) VALUES (?1, ?2, ?3, ?4, ?5)")                  \
	X(FIT_DROP, "DELETE FROM fit WHERE kind = ?1 AND board = ?2 AND kernels = ?3 AND op = ?4"  \
		    " AND backbone = ?5 AND model = ?6 AND target = ?7 AND cold = ?8")             \
	X(FIT_ADD, "INSERT INTO fit (kind, board, kernels, op, backbone, model, target, cold,"     \
		   " unit, status, detail, n, n_excluded, r2, mape_pct, within5_pct,"              \
		   " within10_pct, worst_pct, std_pct, worst_layer, validation, rig_model,"        \
		   " weighting, version, created_ms, range_min, range_max,"                        \
		   " paths, condition, coverage_pct, by_size_pct, by_channels_pct, bootstrap)"     \
		   " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, "   \
		   "?16, ?17, ?18, ?19,"                                                           \
		   " ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32, ?33)")       \
	X(FIT_TERM_ADD, "INSERT INTO fit_term (fit_id, position, name, value, ci95_lo, ci95_hi,"   \
			" std_err, path, vif, boot_lo, boot_hi)"                                   \
			" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)")                  \
	X(FIT_TERM_GET, "SELECT name, value, ci95_lo, ci95_hi, std_err, path, vif, boot_lo,"       \
			" boot_hi FROM fit_term WHERE fit_id = ?1 ORDER BY position")              \
	X(FIT_PATH_ADD, "INSERT INTO fit_path (fit_id, path, n, sigma, t95, condition, mape_pct,"  \
			" within10_pct) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")                  \
	X(FIT_PATH_GET, "SELECT path, n, sigma, t95, condition, mape_pct, within10_pct"            \
			" FROM fit_path WHERE fit_id = ?1")                                        \
	X(FIT_COVARIANCE_ADD, "INSERT INTO fit_covariance (fit_id, a, b, value)"                   \
			      " VALUES (?1, ?2, ?3, ?4)")                                          \
	X(FIT_COVARIANCE_GET, "SELECT a, b, value FROM fit_covariance WHERE fit_id = ?1")          \
	X(FIT_RANGE_ADD, "INSERT INTO fit_range (fit_id, first_id, last_id) VALUES (?1, ?2, ?3)")

enum mn_stmt {
#define X(name, sql) MN_STMT_##name,
	MN_STMT_TABLE(X)
#undef X
		MN_STMT_COUNT
};

struct mn_store {
	sqlite3 *db;
	char *path;
	struct mn_store_options options;
	sqlite3_stmt *stmt[MN_STMT_COUNT];
	int grouped;          /* between mn_store_begin() and its end */
	struct mn_err broken; /* what failed in the group; code 0: nothing */
};

/*
 * Turn an SQLite result into an MN_E_* and a sentence: "PATH: <what happened>: <what to do>".
 * Call it before anything else touches the connection. `what` completes "cannot ...".
 */
int mn_store_fail(struct mn_store *store, int sqlite_rc, const char *what, struct mn_err *err);

/* A cached statement, reset and with no value bound. */
int mn_store_stmt(struct mn_store *store, enum mn_stmt which, sqlite3_stmt **ret_stmt,
		  struct mn_err *err);
/* Run a cached statement that gives no row; reset it. */
int mn_store_run(struct mn_store *store, sqlite3_stmt *stmt, const char *what, struct mn_err *err);
/* Run one that gives at most one integer: 1 and *ret_value, or 0; reset it. */
int mn_store_one(struct mn_store *store, sqlite3_stmt *stmt, const char *what, int64_t *ret_value,
		 struct mn_err *err);
/* Execute SQL text of our own. */
int mn_store_exec(struct mn_store *store, const char *sql, const char *what, struct mn_err *err);

/*
 * Around the writes of one put: a transaction of its own, or part of the group. The end commits if
 * rc is 0, else rolls back or marks the group, and returns rc or the error of the commit.
 */
int mn_store_put_begin(struct mn_store *store, struct mn_err *err);
int mn_store_put_end(struct mn_store *store, int rc, struct mn_err *err);

int64_t mn_store_now_ms(const struct mn_store *store);

/* NULL counts as "". The text must live until the statement is reset. */
void mn_bind_text(sqlite3_stmt *stmt, int i, const char *text);
/* `none` is stored as NULL. */
void mn_bind_int(sqlite3_stmt *stmt, int i, int64_t value, int64_t none);
/* NAN is stored as NULL. */
void mn_bind_real(sqlite3_stmt *stmt, int i, double value);

/* Column values with their absence: "" for NULL text, `none`, NAN. */
const char *mn_column_text(sqlite3_stmt *stmt, int i);
int64_t mn_column_int(sqlite3_stmt *stmt, int i, int64_t none);
double mn_column_real(sqlite3_stmt *stmt, int i);

/* A column value is "" or NAN also when SQLite had no memory to give it: ask once a row. */
int mn_store_check_read(struct mn_store *store, struct mn_err *err);

/* schema.c: highest step in the folder (> 0), or MN_E_*. */
int mn_schema_newest(const char *schema_dir, struct mn_err *err);
/* Run the steps from + 1 .. to of the folder inside the transaction that is open. */
int mn_schema_step(struct mn_store *store, const char *schema_dir, int from, int to,
		   struct mn_err *err);

/* What a measurement has of energy; inside its transaction. */
int mn_store_add_energy(struct mn_store *store, const struct mn_measurement *row, int64_t id,
			struct mn_err *err);
/* Row id that `find` gives; if there is none, the one that `add` (same parameters) makes. */
int mn_store_find_or_add(struct mn_store *store, sqlite3_stmt *find, sqlite3_stmt *add,
			 const char *what, int64_t *ret_id, struct mn_err *err);

#endif
