/* SPDX-License-Identifier: MIT */
/* Rigs, sessions, probes, measurements and failures into the database. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "internal.h"

/* Row id that `find` gives; if there is none, the one that `add` (same parameters) makes. Inside
 * mn_store_put_begin() .. _end(). */
int mn_store_find_or_add(struct mn_store *store, sqlite3_stmt *find, sqlite3_stmt *add,
			 const char *what, int64_t *ret_id, struct mn_err *err)
{
	int rc = mn_store_one(store, find, what, ret_id, err);

	if (rc != 0)
		return rc < 0 ? rc : 0;
	rc = mn_store_run(store, add, what, err);
	if (rc == 0)
		*ret_id = sqlite3_last_insert_rowid(store->db);
	return rc;
}

static void bind_rig(sqlite3_stmt *stmt, const struct mn_rig *rig)
{
	mn_bind_text(stmt, 1, mn_kind_name(rig->kind));
	mn_bind_text(stmt, 2, rig->board);
	mn_bind_text(stmt, 3, rig->chip);
	mn_bind_text(stmt, 4, rig->uid);
	mn_bind_text(stmt, 5, rig->cpu);
	mn_bind_int(stmt, 6, rig->clock_set_hz, 0);
	mn_bind_int(stmt, 7, rig->clock_measured_hz, 0);
	mn_bind_text(stmt, 8, rig->clock_source);
	mn_bind_int(stmt, 9, rig->wait_states, -1);
	mn_bind_text(stmt, 10, rig->caches);
	mn_bind_text(stmt, 11, rig->image);
	mn_bind_text(stmt, 12, rig->firmware);
	sqlite3_bind_int64(stmt, 13, rig->protocol);
	mn_bind_text(stmt, 14, rig->compiler);
	mn_bind_text(stmt, 15, rig->flags);
	mn_bind_text(stmt, 16, rig->model);
}

int mn_store_put_rig(struct mn_store *store, const struct mn_rig *rig, int64_t *ret_id,
		     struct mn_err *err)
{
	sqlite3_stmt *find, *add, *validate;
	int64_t id = 0;
	int rc = mn_store_put_begin(store, err);

	if (rc < 0)
		return rc;
	if ((rc = mn_store_stmt(store, MN_STMT_RIG_FIND, &find, err)) == 0 &&
	    (rc = mn_store_stmt(store, MN_STMT_RIG_ADD, &add, err)) == 0) {
		bind_rig(find, rig);
		bind_rig(add, rig);
		rc = mn_store_find_or_add(store, find, add, "store a rig", &id, err);
	}
	if (rc == 0 && rig->validation &&
	    (rc = mn_store_stmt(store, MN_STMT_RIG_VALIDATE, &validate, err)) == 0) {
		sqlite3_bind_int64(validate, 1, id);
		mn_bind_text(validate, 2, rig->validation);
		rc = mn_store_run(store, validate, "store a rig's validation", err);
	}
	rc = mn_store_put_end(store, rc, err);
	if (rc == 0)
		*ret_id = id;
	return rc;
}

int mn_store_begin_session(struct mn_store *store, const struct mn_session *session,
			   int64_t *ret_id, struct mn_err *err)
{
	sqlite3_stmt *add;
	int64_t id = 0;
	int rc = mn_store_put_begin(store, err);

	if (rc < 0)
		return rc;
	rc = mn_store_stmt(store, MN_STMT_SESSION_ADD, &add, err);
	if (rc == 0) {
		sqlite3_bind_int64(add, 1, session->rig_id);
		mn_bind_text(add, 2, session->sweep);
		mn_bind_text(add, 3, session->sweep_hash);
		mn_bind_text(add, 4, session->version);
		mn_bind_text(add, 5, session->link);
		mn_bind_text(add, 6, session->source);
		sqlite3_bind_int64(add, 7, mn_store_now_ms(store));
		rc = mn_store_run(store, add, "store a session", err);
		id = sqlite3_last_insert_rowid(store->db);
	}
	rc = mn_store_put_end(store, rc, err);
	if (rc == 0)
		*ret_id = id;
	return rc;
}

int mn_store_end_session(struct mn_store *store, int64_t session_id, const char *status,
			 struct mn_err *err)
{
	sqlite3_stmt *stmt;
	int rc = mn_store_put_begin(store, err);

	if (rc < 0)
		return rc;
	rc = mn_store_stmt(store, MN_STMT_SESSION_END, &stmt, err);
	if (rc == 0) {
		sqlite3_bind_int64(stmt, 1, session_id);
		sqlite3_bind_int64(stmt, 2, mn_store_now_ms(store));
		mn_bind_text(stmt, 3, status);
		rc = mn_store_run(store, stmt, "end a session", err);
		if (rc == 0 && sqlite3_changes(store->db) == 0)
			rc = mn_err_set(err, MN_E_INVALID, "%s: there is no session %" PRId64,
					store->path, session_id);
	}
	return mn_store_put_end(store, rc, err);
}

static int put_layer(struct mn_store *store, const struct mn_layer *layer, int64_t *ret_id,
		     struct mn_err *err)
{
	struct mn_layer_info info;
	char text[MN_LAYER_TEXT_MAX], hash[17];
	const char *why = "";
	sqlite3_stmt *find, *add;
	int rc;

	rc = mn_layer_format(layer, text, sizeof(text));
	if (rc < 0)
		return mn_err_set(err, rc, "%s: cannot store a layer with the unknown op %d",
				  store->path, layer->op);
	if ((rc = mn_store_stmt(store, MN_STMT_LAYER_FIND, &find, err)) < 0 ||
	    (rc = mn_store_stmt(store, MN_STMT_LAYER_ADD, &add, err)) < 0)
		return rc;
	mn_bind_text(find, 1, text);
	rc = mn_store_one(store, find, "store a layer", ret_id, err);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	rc = mn_layer_check(layer, &info, &why);
	if (rc < 0)
		return mn_err_set(err, rc, "%s: cannot store the layer %s: %s", store->path, text,
				  why);
	snprintf(hash, sizeof(hash), "%016" PRIx64, mn_layer_hash(layer));
	mn_bind_text(add, 1, text);
	mn_bind_text(add, 2, hash);
	mn_bind_text(add, 3, mn_op_name((enum mn_op)layer->op));
	sqlite3_bind_int64(add, 4, (int64_t)info.macs);
	sqlite3_bind_int64(add, 5, (int64_t)info.ops);
	rc = mn_store_run(store, add, "store a layer", err);
	if (rc == 0)
		*ret_id = sqlite3_last_insert_rowid(store->db);
	return rc;
}

/* FNV-1a 64 over every layer and offset, in order. */
static uint64_t program_hash(const struct mn_program *program)
{
	uint64_t hash = 0xcbf29ce484222325u;

	for (uint32_t i = 0; i < program->n_steps; i++) {
		const struct mn_step *s = &program->steps[i];
		const uint64_t words[] = {mn_layer_hash(&s->layer),
					  s->in_off,
					  s->in2_off,
					  s->out_off,
					  s->scratch_off,
					  s->scratch_bytes,
					  s->quant_off,
					  s->weight_off,
					  s->bias_off};

		for (size_t w = 0; w < sizeof(words) / sizeof(words[0]); w++)
			for (int byte = 0; byte < 8; byte++) {
				hash ^= (uint8_t)(words[w] >> 8 * byte);
				hash *= 0x100000001b3u;
			}
	}
	return hash;
}

static int add_steps(struct mn_store *store, const struct mn_stored_program *p, int64_t id,
		     struct mn_err *err)
{
	int rc = 0;

	for (uint32_t i = 0; i < p->program->n_steps && rc == 0; i++) {
		const struct mn_step *s = &p->program->steps[i];
		const uint32_t offsets[] = {s->in_off,      s->in2_off,       s->out_off,
					    s->scratch_off, s->scratch_bytes, s->quant_off,
					    s->weight_off,  s->bias_off};
		sqlite3_stmt *stmt;
		int64_t layer_id;

		rc = put_layer(store, &s->layer, &layer_id, err);
		if (rc == 0)
			rc = mn_store_stmt(store, MN_STMT_PROGRAM_STEP_ADD, &stmt, err);
		if (rc < 0)
			return rc;
		sqlite3_bind_int64(stmt, 1, id);
		sqlite3_bind_int64(stmt, 2, i);
		sqlite3_bind_int64(stmt, 3, layer_id);
		sqlite3_bind_int64(stmt, 4, p->operators ? p->operators[i] : i);
		sqlite3_bind_int64(stmt, 5, p->parts ? p->parts[i] : 0);
		for (int k = 0; k < 8; k++)
			sqlite3_bind_int64(stmt, 6 + k, offsets[k]);
		rc = mn_store_run(store, stmt, "store a step of a program", err);
	}
	return rc;
}

static int put_program(struct mn_store *store, const struct mn_stored_program *p, int64_t *ret_id,
		       struct mn_err *err)
{
	sqlite3_stmt *find, *add;
	char hash[17];
	int rc;

	snprintf(hash, sizeof(hash), "%016" PRIx64, program_hash(p->program));
	if ((rc = mn_store_stmt(store, MN_STMT_PROGRAM_FIND, &find, err)) < 0 ||
	    (rc = mn_store_stmt(store, MN_STMT_PROGRAM_ADD, &add, err)) < 0)
		return rc;
	mn_bind_text(find, 1, p->model);
	mn_bind_text(find, 2, hash);
	rc = mn_store_one(store, find, "store a program", ret_id, err);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	mn_bind_text(add, 1, p->model);
	mn_bind_text(add, 2, hash);
	sqlite3_bind_int64(add, 3, p->program->n_steps);
	sqlite3_bind_int64(add, 4, p->program->arena_bytes);
	sqlite3_bind_int64(add, 5, p->weight_bytes);
	rc = mn_store_run(store, add, "store a program", err);
	if (rc < 0)
		return rc;
	*ret_id = sqlite3_last_insert_rowid(store->db);
	return add_steps(store, p, *ret_id, err);
}

int mn_store_put_program(struct mn_store *store, const struct mn_stored_program *program,
			 int64_t *ret_id, struct mn_err *err)
{
	int64_t id = 0;
	int rc = mn_store_put_begin(store, err);

	if (rc < 0)
		return rc;
	rc = put_program(store, program, &id, err);
	rc = mn_store_put_end(store, rc, err);
	if (rc == 0)
		*ret_id = id;
	return rc;
}

static void bind_probe(sqlite3_stmt *stmt, const struct mn_probe *probe, int64_t layer_id)
{
	mn_bind_int(stmt, 1, layer_id, 0);
	mn_bind_text(stmt, 2, probe->model);
	mn_bind_text(stmt, 3, probe->backbone);
	mn_bind_int(stmt, 4, probe->layer ? -1 : probe->ops, -1);
	mn_bind_text(stmt, 5, probe->kernels);
	sqlite3_bind_int64(stmt, 6, probe->cold);
	sqlite3_bind_int64(stmt, 7, probe->warmup);
	sqlite3_bind_int64(stmt, 8, probe->reps);
	sqlite3_bind_int64(stmt, 9, probe->seed);
	mn_bind_int(stmt, 10, probe->program_id, 0);
	mn_bind_int(stmt, 11, probe->program_id ? probe->first_step : -1, -1);
	mn_bind_int(stmt, 12, probe->program_id ? probe->n_steps : -1, -1);
}

int mn_store_put_probe(struct mn_store *store, const struct mn_probe *probe, int64_t *ret_id,
		       struct mn_err *err)
{
	sqlite3_stmt *find, *add;
	int64_t layer_id = 0, id = 0;
	int rc = mn_store_put_begin(store, err);

	if (rc < 0)
		return rc;
	if (probe->layer)
		rc = put_layer(store, probe->layer, &layer_id, err);
	if (rc == 0 && (rc = mn_store_stmt(store, MN_STMT_PROBE_FIND, &find, err)) == 0 &&
	    (rc = mn_store_stmt(store, MN_STMT_PROBE_ADD, &add, err)) == 0) {
		bind_probe(find, probe, layer_id);
		bind_probe(add, probe, layer_id);
		rc = mn_store_find_or_add(store, find, add, "store a probe", &id, err);
	}
	rc = mn_store_put_end(store, rc, err);
	if (rc == 0)
		*ret_id = id;
	return rc;
}

void mn_measurement_init(struct mn_measurement *row)
{
	*row = (struct mn_measurement){
		.n_cycles = -1,
		.n2_cycles = -1,
		.n_micros = -1,
		.n2_micros = -1,
		.overhead_cycles = -1,
		.cycles = -1,
		.latency_ns = -1,
		.energy_nJ = -1,
		.power_uW = -1,
		.output_crc = -1,
		.sram_bytes = -1,
		.flash_bytes = -1,
		.excluded_latency = "",
		.excluded_energy = "",
		.note = "",
		.import_hash = "",
	};
}

int mn_store_has_import(struct mn_store *store, const char *import_hash, struct mn_err *err)
{
	sqlite3_stmt *stmt;
	int64_t one;
	int rc = mn_store_stmt(store, MN_STMT_IMPORT_FIND, &stmt, err);

	if (rc < 0)
		return rc;
	mn_bind_text(stmt, 1, import_hash);
	return mn_store_one(store, stmt, "look for an imported row", &one, err);
}

/* Cycles of a measurement by their position. */
static int add_cycles(struct mn_store *store, enum mn_stmt which, int64_t id,
		      const uint32_t *cycles, uint32_t n, struct mn_err *err)
{
	sqlite3_stmt *stmt;
	int rc;

	if (n == 0)
		return 0;
	rc = mn_store_stmt(store, which, &stmt, err);
	if (rc < 0)
		return rc;
	sqlite3_bind_int64(stmt, 1, id);
	for (uint32_t i = 0; i < n && rc == 0; i++) {
		sqlite3_bind_int64(stmt, 2, i);
		sqlite3_bind_int64(stmt, 3, cycles[i]);
		rc = mn_store_run(store, stmt, "store the cycles of a run", err);
	}
	return rc;
}

static int add_measurement(struct mn_store *store, const struct mn_measurement *row,
			   int64_t *ret_id, struct mn_err *err)
{
	const char *hash = row->import_hash && row->import_hash[0] ? row->import_hash : NULL;
	sqlite3_stmt *stmt;
	int64_t id;
	int rc;

	if (hash) {
		rc = mn_store_has_import(store, hash, err);
		if (rc < 0)
			return rc;
		if (rc > 0)
			return mn_err_set(err, MN_E_EXISTS, "%s: this row was imported before",
					  store->path);
	}
	rc = mn_store_stmt(store, MN_STMT_MEASUREMENT_ADD, &stmt, err);
	if (rc < 0)
		return rc;
	sqlite3_bind_int64(stmt, 1, row->session_id);
	sqlite3_bind_int64(stmt, 2, row->probe_id);
	sqlite3_bind_int64(stmt, 3, mn_store_now_ms(store));
	mn_bind_int(stmt, 4, row->n_cycles, -1);
	mn_bind_int(stmt, 5, row->n2_cycles, -1);
	mn_bind_int(stmt, 6, row->n_micros, -1);
	mn_bind_int(stmt, 7, row->n2_micros, -1);
	mn_bind_int(stmt, 8, row->overhead_cycles, -1);
	mn_bind_int(stmt, 9, row->cycles, -1);
	mn_bind_int(stmt, 10, row->latency_ns, -1);
	mn_bind_int(stmt, 11, row->energy_nJ, -1);
	mn_bind_int(stmt, 12, row->power_uW, -1);
	mn_bind_int(stmt, 13, row->output_crc, -1);
	mn_bind_int(stmt, 14, row->sram_bytes, -1);
	mn_bind_int(stmt, 15, row->flash_bytes, -1);
	mn_bind_text(stmt, 16, row->excluded_latency);
	mn_bind_text(stmt, 17, row->excluded_energy);
	mn_bind_text(stmt, 18, row->note);
	if (hash)
		mn_bind_text(stmt, 19, hash);
	rc = mn_store_run(store, stmt, "store a measurement", err);
	if (rc < 0)
		return rc;
	*ret_id = id = sqlite3_last_insert_rowid(store->db);
	rc = add_cycles(store, MN_STMT_REPETITION_ADD, id, row->rep_cycles, row->n_reps, err);
	if (rc == 0)
		rc = add_cycles(store, MN_STMT_STEP_CYCLES_ADD, id, row->step_cycles, row->n_steps,
				err);
	return rc ? rc : mn_store_add_energy(store, row, id, err);
}

int mn_store_put_measurement(struct mn_store *store, const struct mn_measurement *row,
			     int64_t *ret_id, struct mn_err *err)
{
	int64_t id = 0;
	int rc = mn_store_put_begin(store, err);

	if (rc < 0)
		return rc;
	rc = add_measurement(store, row, &id, err);
	rc = mn_store_put_end(store, rc, err);
	if (rc == 0 && ret_id)
		*ret_id = id;
	return rc;
}

int mn_store_put_failure(struct mn_store *store, int64_t session_id, int64_t probe_id, int code,
			 const char *reason, int retry, struct mn_err *err)
{
	sqlite3_stmt *stmt;
	int rc = mn_store_put_begin(store, err);

	if (rc < 0)
		return rc;
	rc = mn_store_stmt(store, MN_STMT_FAILURE_ADD, &stmt, err);
	if (rc == 0) {
		sqlite3_bind_int64(stmt, 1, session_id);
		sqlite3_bind_int64(stmt, 2, probe_id);
		sqlite3_bind_int64(stmt, 3, mn_store_now_ms(store));
		sqlite3_bind_int64(stmt, 4, code);
		mn_bind_text(stmt, 5, reason && reason[0] ? reason : mn_err_text(code));
		sqlite3_bind_int64(stmt, 6, retry ? 1 : 0);
		rc = mn_store_run(store, stmt, "store a failure", err);
	}
	return mn_store_put_end(store, rc, err);
}

int mn_store_probe_done(struct mn_store *store, int64_t rig_id, int64_t probe_id,
			struct mn_err *err)
{
	sqlite3_stmt *stmt;
	int64_t done = 0;
	int rc = mn_store_stmt(store, MN_STMT_PROBE_DONE, &stmt, err);

	if (rc < 0)
		return rc;
	sqlite3_bind_int64(stmt, 1, rig_id);
	sqlite3_bind_int64(stmt, 2, probe_id);
	rc = mn_store_one(store, stmt, "look for a measurement", &done, err);
	return rc < 0 ? rc : done != 0;
}
