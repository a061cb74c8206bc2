/* SPDX-License-Identifier: MIT */
/* Rows joined with their context, for the later stages. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "row.h"
#include "store_read.h"

/* Order of the columns of both queries below. */
enum column {
	C_ID,
	C_KIND,
	C_BOARD,
	C_KERNELS,
	C_RIG_MODEL,
	C_IMAGE,
	C_COLD,
	C_REPS,
	C_LAYER,
	C_MODEL,
	C_BACKBONE,
	C_MODEL_OPS,
	C_CLOCK_SET,
	C_CLOCK_MEASURED,
	C_N,
	C_N2,
	C_OVERHEAD,
	C_CYCLES,
	C_LATENCY,
	C_ENERGY,
	C_POWER,
	C_SRAM,
	C_FLASH,
	C_CRC,
	C_EXCLUDED_LATENCY,
	C_EXCLUDED_ENERGY,
	C_NOTE,
	C_SOURCE,
	C_SWEEP,
	C_PROGRAM,
	C_FIRST_STEP,
	C_N_STEPS,
	C_PROGRAM_STEPS,
	C_PROGRAM_ARENA,
	C_PROGRAM_WEIGHTS,
};

#define ROW_COLUMNS                                                                                \
	"m.id AS id, r.kind AS kind, r.board AS board, p.kernels AS kernels, r.model AS "          \
	"rig_model,"                                                                               \
	" r.image, p.cold, p.reps, l.text, p.model, p.backbone AS backbone, p.ops, "               \
	"r.clock_set_hz,"                                                                          \
	" r.clock_measured_hz, m.n_cycles, m.n2_cycles, m.overhead_cycles, m.cycles, "             \
	"m.latency_ns,"                                                                            \
	" m.energy_nJ, m.power_uW, m.sram_bytes, m.flash_bytes, m.output_crc,"                     \
	" m.excluded_latency, m.excluded_energy, m.note, s.source, s.sweep,"                       \
	" p.program_id, p.first_step, p.n_steps, g.n_steps, g.arena_bytes, g.weight_bytes,"        \
	" ifnull(l.op, 'model') AS op, m.probe_id AS probe_id"

#define ROW_FROM                                                                                   \
	" FROM measurement m JOIN session s ON s.id = m.session_id JOIN rig r ON r.id = s.rig_id"  \
	" JOIN probe p ON p.id = m.probe_id LEFT JOIN layer l ON l.id = p.layer_id"                \
	" LEFT JOIN program g ON g.id = p.program_id"                                              \
	" WHERE (?1 IS NULL OR r.board = ?1) AND (?2 IS NULL OR p.kernels = ?2)"                   \
	" AND (?3 IS NULL OR ifnull(l.op, 'model') = ?3) AND (?4 IS NULL OR r.kind = ?4)"          \
	" AND CASE ?5 WHEN 0 THEN p.program_id IS NULL OR p.n_steps = g.n_steps"                   \
	" ELSE p.program_id IS NOT NULL END AND (?6 IS NULL OR p.model = ?6)"

#define ROW_ORDER                                                                                  \
	" ORDER BY r.kind, r.board, p.kernels, ifnull(l.op, 'model'), p.backbone, m.probe_id, "    \
	"m.id"

static const char rows_sql[] = "SELECT " ROW_COLUMNS ROW_FROM ROW_ORDER;
/* Each filter is on what is grouped by, or fixed by the probe, so filtering first is the same and
 * cheaper. Only ids are grouped: rows with all their texts would be sorted twice. */
static const char latest_sql[] =
	"SELECT " ROW_COLUMNS " FROM (SELECT max(m.id) AS id" ROW_FROM
	" GROUP BY r.kind, r.board, m.probe_id, s.source, r.clock_set_hz) newest"
	" CROSS JOIN measurement m ON m.id = newest.id JOIN session s ON s.id = m.session_id"
	" JOIN rig r ON r.id = s.rig_id JOIN probe p ON p.id = m.probe_id"
	" LEFT JOIN layer l ON l.id = p.layer_id"
	" LEFT JOIN program g ON g.id = p.program_id" ROW_ORDER;

static void bind_filter(sqlite3_stmt *stmt, int i, const char *text)
{
	if (text)
		mn_bind_text(stmt, i, text);
}

static int parse_kind(struct mn_store *store, sqlite3_stmt *stmt, int i, enum mn_kind *ret_kind,
		      struct mn_err *err)
{
	int kind = mn_kind_parse(mn_column_text(stmt, i));

	if (kind < 0)
		return mn_err_set(err, MN_E_SCHEMA, "%s: a row has the unknown kind '%s'",
				  store->path, mn_column_text(stmt, i));
	*ret_kind = (enum mn_kind)kind;
	return 0;
}

static double scaled(int64_t value, double unit)
{
	return value < 0 ? -1.0 : (double)value * unit;
}

double mn_row_clock_hz(enum mn_kind kind, int64_t set, int64_t measured)
{
	/* A virtual board's clock is what it was set to, by definition; what the host could measure
	 * there is the host's own speed. */
	return (double)(kind == MN_KIND_MEASURED && measured ? measured : set);
}

void mn_row_derive(const struct mn_row_raw *raw, struct mn_row_figures *ret)
{
	double clock_hz = mn_row_clock_hz(raw->kind, raw->clock_set_hz, raw->clock_measured_hz);
	struct mn_row_figures f = {.cycles = scaled(raw->cycles, 1.0)};

	if (f.cycles < 0 && raw->n_cycles >= 0 && raw->n2_cycles >= 0 && raw->reps > 0) {
		f.cycles = (double)(raw->n2_cycles - raw->n_cycles) / (double)raw->reps;
		/* The null probe is the overhead itself; what it shows is left to see. */
		if (raw->overhead_cycles > 0 && f.cycles > (double)raw->overhead_cycles &&
		    !raw->is_null)
			f.cycles -= (double)raw->overhead_cycles;
	}
	f.latency_ms = scaled(raw->latency_ns, 1e-6);
	if (f.latency_ms < 0 && f.cycles >= 0 && clock_hz > 0)
		f.latency_ms = f.cycles / clock_hz * 1e3;
	f.energy_mJ = scaled(raw->energy_nJ, 1e-6);
	f.power_mW = scaled(raw->power_uW, 1e-3);
	if (f.power_mW < 0 && f.energy_mJ >= 0 && f.latency_ms > 0)
		f.power_mW = f.energy_mJ / f.latency_ms * 1e3;
	else if (f.energy_mJ < 0 && f.power_mW >= 0 && f.latency_ms > 0)
		f.energy_mJ = f.power_mW * f.latency_ms * 1e-3;
	*ret = f;
}

static void derive(struct mn_row *row, sqlite3_stmt *stmt)
{
	const struct mn_row_raw raw = {
		.kind = row->kind,
		.clock_set_hz = mn_column_int(stmt, C_CLOCK_SET, 0),
		.clock_measured_hz = mn_column_int(stmt, C_CLOCK_MEASURED, 0),
		.reps = sqlite3_column_int64(stmt, C_REPS),
		.is_null = row->layer && row->layer->op == MN_OP_NOP,
		.n_cycles = mn_column_int(stmt, C_N, -1),
		.n2_cycles = mn_column_int(stmt, C_N2, -1),
		.overhead_cycles = mn_column_int(stmt, C_OVERHEAD, -1),
		.cycles = mn_column_int(stmt, C_CYCLES, -1),
		.latency_ns = mn_column_int(stmt, C_LATENCY, -1),
		.energy_nJ = mn_column_int(stmt, C_ENERGY, -1),
		.power_uW = mn_column_int(stmt, C_POWER, -1),
	};
	struct mn_row_figures f;

	mn_row_derive(&raw, &f);
	row->clock_hz = mn_row_clock_hz(raw.kind, raw.clock_set_hz, raw.clock_measured_hz);
	row->cycles = f.cycles;
	row->latency_ms = f.latency_ms;
	row->energy_mJ = f.energy_mJ;
	row->power_mW = f.power_mW;
	row->overhead_ms = raw.overhead_cycles >= 0 && row->clock_hz > 0
				   ? (double)raw.overhead_cycles / row->clock_hz * 1e3
				   : -1.0;
}

static int fill_row(struct mn_store *store, sqlite3_stmt *stmt, struct mn_layer *layer,
		    struct mn_row *row, struct mn_err *err)
{
	int rc;

	memset(row, 0, sizeof(*row));
	row->measurement_id = sqlite3_column_int64(stmt, C_ID);
	rc = parse_kind(store, stmt, C_KIND, &row->kind, err);
	if (rc < 0)
		return rc;
	row->board = mn_column_text(stmt, C_BOARD);
	row->kernels = mn_column_text(stmt, C_KERNELS);
	row->rig_model = mn_column_text(stmt, C_RIG_MODEL);
	row->image = mn_column_text(stmt, C_IMAGE);
	row->cold = sqlite3_column_int(stmt, C_COLD);
	row->layer_text = mn_column_text(stmt, C_LAYER);
	row->model = mn_column_text(stmt, C_MODEL);
	row->backbone = mn_column_text(stmt, C_BACKBONE);
	row->ops = mn_column_int(stmt, C_MODEL_OPS, -1);
	row->excluded_latency = mn_column_text(stmt, C_EXCLUDED_LATENCY);
	row->excluded_energy = mn_column_text(stmt, C_EXCLUDED_ENERGY);
	row->note = mn_column_text(stmt, C_NOTE);
	row->source = mn_column_text(stmt, C_SOURCE);
	row->session_sweep = mn_column_text(stmt, C_SWEEP);
	row->output_crc = mn_column_int(stmt, C_CRC, -1);
	row->sram_bytes = mn_column_int(stmt, C_SRAM, -1);
	row->flash_bytes = mn_column_int(stmt, C_FLASH, -1);
	row->program_id = mn_column_int(stmt, C_PROGRAM, 0);
	row->first_step = mn_column_int(stmt, C_FIRST_STEP, 0);
	row->n_steps = mn_column_int(stmt, C_N_STEPS, 0);
	row->program_steps = mn_column_int(stmt, C_PROGRAM_STEPS, 0);
	row->program_arena_bytes = mn_column_int(stmt, C_PROGRAM_ARENA, -1);
	row->program_weight_bytes = mn_column_int(stmt, C_PROGRAM_WEIGHTS, -1);
	if (row->layer_text[0]) {
		const char *why = "";

		rc = mn_layer_parse(row->layer_text, strlen(row->layer_text), layer, NULL, &why);
		if (rc == 0)
			rc = mn_layer_check(layer, &row->info, &why);
		if (rc < 0)
			return mn_err_set(
				err, MN_E_SCHEMA,
				"%s: measurement %lld has a layer that this mnchar cannot "
				"read (%s: %s)",
				store->path, (long long)row->measurement_id, row->layer_text, why);
		row->layer = layer;
		row->ops = (int64_t)row->info.ops;
	}
	derive(row, stmt);
	return 0;
}

/* 0 if nothing is left of the row. */
static int withhold(struct mn_row *row)
{
	if (row->excluded_latency[0])
		row->cycles = row->latency_ms = -1.0;
	if (row->excluded_energy[0])
		row->energy_mJ = row->power_mW = -1.0;
	return row->cycles >= 0 || row->latency_ms >= 0 || row->energy_mJ >= 0 ||
	       row->power_mW >= 0;
}

int mn_store_each_row(struct mn_store *store, const struct mn_row_filter *filter,
		      int (*cb)(const struct mn_row *row, void *arg), void *arg, struct mn_err *err)
{
	static const struct mn_row_filter any = {.kind = -1};
	sqlite3_stmt *stmt = NULL;
	struct mn_layer layer;
	struct mn_row row;
	int rc;

	if (!filter)
		filter = &any;
	rc = sqlite3_prepare_v2(store->db, filter->latest_only ? latest_sql : rows_sql, -1, &stmt,
				NULL);
	if (rc != SQLITE_OK)
		return mn_store_fail(store, rc, "read the measurements", err);
	bind_filter(stmt, 1, filter->board);
	bind_filter(stmt, 2, filter->kernels);
	bind_filter(stmt, 3, filter->op);
	bind_filter(stmt, 4, filter->kind < 0 ? NULL : mn_kind_name((enum mn_kind)filter->kind));
	sqlite3_bind_int(stmt, 5, filter->programs != 0);
	bind_filter(stmt, 6, filter->model);
	for (;;) {
		int step = sqlite3_step(stmt);

		if (step != SQLITE_ROW) {
			rc = step == SQLITE_DONE
				     ? 0
				     : mn_store_fail(store, step, "read the measurements", err);
			break;
		}
		rc = fill_row(store, stmt, &layer, &row, err);
		if (rc == 0)
			rc = mn_store_check_read(store, err);
		if (rc == 0 && (filter->with_excluded || withhold(&row)))
			rc = cb(&row, arg);
		if (rc != 0)
			break;
	}
	sqlite3_finalize(stmt);
	return rc;
}

static int get_cycles(struct mn_store *store, enum mn_stmt which, int64_t measurement_id,
		      uint32_t *buf, uint32_t size, struct mn_err *err)
{
	sqlite3_stmt *stmt;
	uint32_t n = 0;
	int step, rc = mn_store_stmt(store, which, &stmt, err);

	if (rc < 0)
		return rc;
	sqlite3_bind_int64(stmt, 1, measurement_id);
	while ((step = sqlite3_step(stmt)) == SQLITE_ROW) {
		if (n < size)
			buf[n] = (uint32_t)sqlite3_column_int64(stmt, 0);
		n++;
	}
	rc = step == SQLITE_DONE ? (int)n : mn_store_fail(store, step, "read repetitions", err);
	sqlite3_reset(stmt);
	return rc;
}

int mn_store_get_reps(struct mn_store *store, int64_t measurement_id, uint32_t *buf, uint32_t size,
		      struct mn_err *err)
{
	return get_cycles(store, MN_STMT_REPETITION_GET, measurement_id, buf, size, err);
}

int mn_store_get_steps(struct mn_store *store, int64_t measurement_id, uint32_t *buf, uint32_t size,
		       struct mn_err *err)
{
	return get_cycles(store, MN_STMT_STEP_CYCLES_GET, measurement_id, buf, size, err);
}

int mn_store_each_program_step(struct mn_store *store, int64_t program_id,
			       int (*cb)(const struct mn_program_step_row *row, void *arg),
			       void *arg, struct mn_err *err)
{
	static const char sql[] =
		"SELECT s.position, s.operator, s.part, l.text, s.in_off, s.in2_off, s.out_off,"
		" s.scratch_off, s.scratch_bytes, s.quant_off, s.weight_off, s.bias_off"
		" FROM program_step s"
		" JOIN layer l ON l.id = s.layer_id WHERE s.program_id = ?1 ORDER BY s.position";
	static const size_t offsets[] = {
		offsetof(struct mn_step, in_off),        offsetof(struct mn_step, in2_off),
		offsetof(struct mn_step, out_off),       offsetof(struct mn_step, scratch_off),
		offsetof(struct mn_step, scratch_bytes), offsetof(struct mn_step, quant_off),
		offsetof(struct mn_step, weight_off),    offsetof(struct mn_step, bias_off)};
	sqlite3_stmt *stmt = NULL;
	const char *why = "";
	int rc = sqlite3_prepare_v2(store->db, sql, -1, &stmt, NULL);

	if (rc != SQLITE_OK)
		return mn_store_fail(store, rc, "read the steps of a program", err);
	sqlite3_bind_int64(stmt, 1, program_id);
	for (rc = 0; rc == 0;) {
		struct mn_program_step_row row;
		int step = sqlite3_step(stmt);

		if (step != SQLITE_ROW) {
			if (step != SQLITE_DONE)
				rc = mn_store_fail(store, step, "read the steps of a program", err);
			break;
		}
		row.position = sqlite3_column_int64(stmt, 0);
		row.op = sqlite3_column_int64(stmt, 1);
		row.part = sqlite3_column_int64(stmt, 2);
		row.layer_text = mn_column_text(stmt, 3);
		memset(&row.step, 0, sizeof(row.step));
		for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
			const uint32_t value = (uint32_t)sqlite3_column_int64(stmt, 4 + (int)i);

			memcpy((char *)&row.step + offsets[i], &value, sizeof(value));
		}
		rc = mn_store_check_read(store, err);
		if (rc == 0 && mn_layer_parse(row.layer_text, strlen(row.layer_text),
					      &row.step.layer, NULL, &why) < 0)
			rc = mn_err_set(err, MN_E_SCHEMA,
					"%s: program %lld has a layer that this mnchar cannot read "
					"(%s: %s)",
					store->path, (long long)program_id, row.layer_text, why);
		if (rc == 0)
			rc = cb(&row, arg);
	}
	sqlite3_finalize(stmt);
	return rc;
}

int mn_store_each_failure(struct mn_store *store, const char *board,
			  int (*cb)(const struct mn_failure_row *row, void *arg), void *arg,
			  struct mn_err *err)
{
	static const char sql[] =
		"SELECT r.kind, r.board, p.kernels, l.text, p.model, f.reason,"
		" strftime('%Y-%m-%dT%H:%M:%SZ', f.at_ms / 1000, 'unixepoch'), f.code, f.retry,"
		" p.program_id, p.first_step, p.n_steps"
		" FROM failure f JOIN session s ON s.id = f.session_id JOIN rig r ON r.id = "
		"s.rig_id"
		" JOIN probe p ON p.id = f.probe_id LEFT JOIN layer l ON l.id = p.layer_id"
		" WHERE (?1 IS NULL OR r.board = ?1) ORDER BY f.id";
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(store->db, sql, -1, &stmt, NULL);

	if (rc != SQLITE_OK)
		return mn_store_fail(store, rc, "read the failures", err);
	bind_filter(stmt, 1, board);
	for (;;) {
		struct mn_failure_row row;
		int step = sqlite3_step(stmt);

		if (step != SQLITE_ROW) {
			rc = step == SQLITE_DONE
				     ? 0
				     : mn_store_fail(store, step, "read the failures", err);
			break;
		}
		rc = parse_kind(store, stmt, 0, &row.kind, err);
		if (rc < 0)
			break;
		row.board = mn_column_text(stmt, 1);
		row.kernels = mn_column_text(stmt, 2);
		row.layer_text = mn_column_text(stmt, 3);
		row.model = mn_column_text(stmt, 4);
		row.reason = mn_column_text(stmt, 5);
		row.at = mn_column_text(stmt, 6);
		row.code = sqlite3_column_int(stmt, 7);
		row.retry = sqlite3_column_int(stmt, 8);
		row.program_id = mn_column_int(stmt, 9, 0);
		row.first_step = mn_column_int(stmt, 10, 0);
		row.n_steps = mn_column_int(stmt, 11, 0);
		rc = mn_store_check_read(store, err);
		if (rc == 0)
			rc = cb(&row, arg);
		if (rc != 0)
			break;
	}
	sqlite3_finalize(stmt);
	return rc;
}

int mn_store_validation(struct mn_store *store, const char *rig_model, char **ret,
			struct mn_err *err)
{
	sqlite3_stmt *stmt;
	char *text = NULL;
	int rc = mn_store_stmt(store, MN_STMT_RIG_VALIDATION, &stmt, err);

	if (rc < 0)
		return rc;
	mn_bind_text(stmt, 1, rig_model);
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW || rc == SQLITE_DONE)
		text = strdup(rc == SQLITE_ROW ? mn_column_text(stmt, 0) : "");
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		rc = mn_store_fail(store, rc, "read a rig's validation", err);
	else
		rc = text ? 0 : mn_err_set(err, MN_E_NOMEM, "out of memory");
	sqlite3_reset(stmt);
	if (rc == 0)
		*ret = text;
	return rc;
}
