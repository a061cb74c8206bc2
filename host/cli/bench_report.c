/* SPDX-License-Identifier: MIT */
#include "bench.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "export.h"

/* One run; negative: not there. */
struct figure {
	int64_t id; /* of its measurement; 0: none */
	double cycles, latency_ms, energy_mJ;
};

struct bench_layer {
	char text[MN_LAYER_TEXT_MAX];
	struct mn_layer layer;
	struct mn_layer_info info;
	int64_t op, part;    /* of the model */
	struct figure alone; /* the layer in its place, nothing else */
	double in_program;   /* cycles in one pass through the program; negative: none */
	double predicted_ms; /* NAN: no fit covers it */
	const char *by;      /* the model that predicts; borrowed from the table */
	int extrapolated;
};

/* Steps [first, first + n) in one go. */
struct bench_piece {
	int64_t first, n;
	struct figure run;
};

/* A model on a board with a kernel set. */
struct bench {
	const char *model, *left_out;
	enum mn_kind kind;
	char board[64], kernels[64], image[64], cycle_model[256];
	int cold;
	double clock_hz;
	int64_t program_id, n, arena_bytes, weight_bytes;
	struct bench_layer *layers;
	struct bench_piece *all; /* every stretch of more than one step that was ever run */
	size_t n_all;
	/* The ones that make up the whole, in order; none while one is missing. */
	struct bench_piece *pieces;
	size_t n_pieces;
	double whole, whole_ms, whole_mJ, alone, in_program, predicted_ms; /* NAN: incomplete */
	uint64_t macs, macs_predicted;
	struct mn_cost_table *table;
};

struct collecting {
	const struct mn_bench_report *report;
	struct mn_store *store;
	struct bench *benches;
	size_t n;
	size_t model; /* that is being read */
	struct mn_err *err;
};

static int no_memory(struct mn_err *err)
{
	return mn_err_set(err, MN_E_NOMEM, "out of memory");
}

static int is_wanted(const struct mn_bench_report *report, const struct mn_row *row)
{
	size_t b = 0, k = 0;

	while (b < report->n_boards && strcmp(report->boards[b], row->board) != 0)
		b++;
	while (k < report->n_kernels && strcmp(report->kernels[k], row->kernels) != 0)
		k++;
	return b < report->n_boards && k < report->n_kernels && row->cold == report->cold;
}

static void bench_clear(struct bench *b)
{
	free(b->layers);
	free(b->all);
	free(b->pieces);
	mn_cost_table_free(b->table);
	memset(b, 0, sizeof(*b));
}

/* The bench that a row belongs to. A newer program of the same model takes the place of an older;
 * NULL with *ret_old 1: the row is of an older one. */
static struct bench *bench_of(struct collecting *c, const struct mn_row *row, int *ret_old)
{
	struct bench *b = NULL;

	*ret_old = 0;
	for (size_t i = 0; i < c->n && !b; i++)
		if (c->benches[i].model == c->report->models[c->model] &&
		    c->benches[i].kind == row->kind && !strcmp(c->benches[i].board, row->board) &&
		    !strcmp(c->benches[i].kernels, row->kernels))
			b = &c->benches[i];
	if (b && b->program_id > row->program_id) {
		*ret_old = 1;
		return NULL;
	}
	if (b && b->program_id == row->program_id)
		return b;
	if (b) {
		bench_clear(b);
	} else {
		b = realloc(c->benches, (c->n + 1) * sizeof(*b));
		if (!b)
			return NULL;
		c->benches = b;
		b = &c->benches[c->n++];
		memset(b, 0, sizeof(*b));
	}
	b->model = c->report->models[c->model];
	b->left_out = c->report->left_out[c->model];
	b->kind = row->kind;
	snprintf(b->board, sizeof(b->board), "%s", row->board);
	snprintf(b->kernels, sizeof(b->kernels), "%s", row->kernels);
	b->cold = row->cold;
	b->program_id = row->program_id;
	b->n = row->program_steps;
	b->arena_bytes = row->program_arena_bytes;
	b->weight_bytes = row->program_weight_bytes;
	b->layers = calloc((size_t)b->n, sizeof(*b->layers));
	return b->layers ? b : NULL;
}

static void take_figure(struct figure *f, const struct mn_row *row)
{
	if (row->measurement_id > f->id)
		*f = (struct figure){row->measurement_id, row->cycles, row->latency_ms,
				     row->energy_mJ};
}

static int take_row(const struct mn_row *row, void *arg)
{
	struct collecting *c = arg;
	struct bench_piece *piece = NULL;
	struct bench *b;
	int old;

	if (!is_wanted(c->report, row))
		return 0;
	b = bench_of(c, row, &old);
	if (!b)
		return old ? 0 : no_memory(c->err);
	if (row->first_step < 0 || row->n_steps < 1 || row->first_step > b->n - row->n_steps)
		return mn_err_set(c->err, MN_E_SCHEMA, "measurement %" PRId64 " is of no steps",
				  row->measurement_id);
	b->clock_hz = row->clock_hz;
	snprintf(b->image, sizeof(b->image), "%s", row->image);
	snprintf(b->cycle_model, sizeof(b->cycle_model), "%s", row->rig_model);
	if (row->n_steps == 1)
		take_figure(&b->layers[row->first_step].alone, row);
	if (row->n_steps == 1 && b->n > 1)
		return 0;
	for (size_t i = 0; i < b->n_all && !piece; i++)
		if (b->all[i].first == row->first_step && b->all[i].n == row->n_steps)
			piece = &b->all[i];
	if (!piece) {
		piece = realloc(b->all, (b->n_all + 1) * sizeof(*piece));
		if (!piece)
			return no_memory(c->err);
		b->all = piece;
		piece = &b->all[b->n_all++];
		*piece = (struct bench_piece){row->first_step, row->n_steps, {0}};
	}
	take_figure(&piece->run, row);
	return 0;
}

/* ---- what follows from it ---- */

struct steps {
	struct bench *bench;
	struct mn_err *err;
};

static int take_step(const struct mn_program_step_row *row, void *arg)
{
	struct steps *s = arg;
	struct bench_layer *l;

	if (row->position < 0 || row->position >= s->bench->n)
		return mn_err_set(s->err, MN_E_SCHEMA, "program %" PRId64 " has a step %" PRId64,
				  s->bench->program_id, row->position);
	l = &s->bench->layers[row->position];
	snprintf(l->text, sizeof(l->text), "%s", row->layer_text);
	l->op = row->op;
	l->part = row->part;
	l->layer = row->step.layer;
	return mn_layer_check(&l->layer, &l->info, NULL);
}

/* The newest of the stretches that begin at that step. */
static const struct bench_piece *piece_at(const struct bench *b, int64_t first)
{
	const struct bench_piece *best = NULL;

	for (size_t i = 0; i < b->n_all; i++)
		if (b->all[i].first == first && (!best || b->all[i].run.id > best->run.id))
			best = &b->all[i];
	return best;
}

static int join_pieces(struct bench *b, struct mn_store *store, struct mn_err *err)
{
	int64_t at = 0;

	b->pieces = calloc(b->n_all + 1, sizeof(*b->pieces));
	if (!b->pieces)
		return no_memory(err);
	while (at < b->n) {
		const struct bench_piece *piece = piece_at(b, at);
		uint32_t cycles[MN_PROGRAM_STEPS_MAX];
		int n;

		if (!piece) {
			b->n_pieces = 0;
			break;
		}
		b->pieces[b->n_pieces++] = *piece;
		n = mn_store_get_steps(store, piece->run.id, cycles, MN_PROGRAM_STEPS_MAX, err);
		if (n < 0)
			return n;
		for (int64_t i = 0; i < n && i < piece->n; i++)
			b->layers[at + i].in_program = cycles[i];
		at += piece->n;
	}
	return 0;
}

/* Costs as the database has them fitted; none is no failure. */
static int predict(struct bench *b, struct mn_store *store, struct mn_err *err)
{
	const struct mn_export_filter filter = {b->board, b->kernels, (int)b->kind, 1};
	const struct mn_cost_rig *rig;
	struct mn_err why = {0};
	int rc = mn_export_table(store, &filter, &b->table, &why);

	if (rc == MN_E_NOTFOUND)
		return 0;
	if (rc < 0)
		return mn_err_set(err, rc, "%s", why.msg);
	rig = mn_cost_find_rig(b->table, b->board, b->kernels, b->cold);
	for (int64_t i = 0; i < b->n && rig; i++) {
		struct bench_layer *l = &b->layers[i];
		struct mn_cost_value v;

		if (mn_cost_layer(rig, MN_COST_LATENCY_MS, NULL, &l->layer, &v, &why) < 0)
			continue;
		l->predicted_ms = v.value;
		l->extrapolated = v.extrapolated;
		l->by = v.model->model;
		b->macs_predicted += l->info.macs;
	}
	return 0;
}

static int derive(struct bench *b, struct mn_store *store, struct mn_err *err)
{
	struct steps steps = {b, err};
	int rc;

	for (int64_t i = 0; i < b->n; i++) {
		b->layers[i].in_program = -1;
		b->layers[i].predicted_ms = NAN;
	}
	rc = mn_store_each_program_step(store, b->program_id, take_step, &steps, err);
	if (rc == 0)
		rc = join_pieces(b, store, err);
	if (rc == 0)
		rc = predict(b, store, err);
	if (rc < 0)
		return rc;
	for (int64_t i = 0; i < b->n; i++) {
		const struct bench_layer *l = &b->layers[i];

		b->macs += l->info.macs;
		b->predicted_ms += l->predicted_ms;
		b->alone += l->alone.id ? l->alone.cycles : NAN;
		b->in_program += l->in_program >= 0 ? l->in_program : NAN;
	}
	b->whole = b->whole_ms = b->whole_mJ = b->n_pieces ? 0 : NAN;
	for (size_t i = 0; i < b->n_pieces; i++) {
		const struct figure *f = &b->pieces[i].run;

		b->whole += f->cycles;
		b->whole_ms += f->latency_ms;
		b->whole_mJ += f->energy_mJ >= 0 ? f->energy_mJ : NAN;
	}
	return 0;
}

/* ---- printing ---- */

/* A cell; "" for what is not there. */
static const char *cell(char *buf, size_t size, const char *fmt, double value)
{
	if (!isfinite(value))
		return "";
		/* The formats are literals of this file. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(buf, size, fmt, value);
#pragma GCC diagnostic pop
	return buf;
}

static double known(double value)
{
	return value >= 0 ? value : NAN;
}

static double percent(double value, double of)
{
	return of > 0 ? 100 * (value / of - 1) : NAN;
}

static double alone_cycles(const struct bench_layer *l)
{
	return l->alone.id ? known(l->alone.cycles) : NAN;
}

static double alone_ms(const struct bench_layer *l)
{
	return l->alone.id ? known(l->alone.latency_ms) : NAN;
}

static double alone_mJ(const struct bench_layer *l)
{
	return l->alone.id ? known(l->alone.energy_mJ) : NAN;
}

static int print_table(const struct bench *b, struct mn_err *err)
{
	static const struct mn_column columns[] = {
		{"step", 1},         {"operator", 1},  {"macs", 1},       {"cycles", 1},
		{"in_program", 1},   {"share_pct", 1}, {"latency_ms", 1}, {"energy_mJ", 1},
		{"predicted_ms", 1}, {"error_pct", 1}, {"by", 0},         {"layer", 0}};
	struct mn_table *table = mn_table_new(columns, sizeof(columns) / sizeof(columns[0]));
	char text[8][32];
	int rc = table ? 0 : MN_E_NOMEM;

	printf("%s on %s (%s), %s, %s caches, %.6g MHz\n", b->model, b->board,
	       mn_kind_name(b->kind), b->kernels, b->cold ? "cold" : "warm", b->clock_hz / 1e6);
	for (int64_t i = 0; i < b->n && rc == 0; i++) {
		const struct bench_layer *l = &b->layers[i];
		const double ms = alone_ms(l);

		rc = mn_table_addf(
			table,
			"%" PRId64 "\t%" PRId64 "\t%" PRIu64
			"\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s%s\t%s",
			i, l->op, l->info.macs, cell(text[0], 32, "%.0f", alone_cycles(l)),
			cell(text[1], 32, "%.0f", known(l->in_program)),
			cell(text[2], 32, "%.1f", 100 * known(l->in_program) / b->in_program),
			cell(text[3], 32, "%.4f", ms), cell(text[4], 32, "%.5f", alone_mJ(l)),
			cell(text[5], 32, "%.4f", l->predicted_ms),
			cell(text[6], 32, "%+.1f", percent(l->predicted_ms, ms)),
			l->by ? l->by : "", l->extrapolated ? ", extrapolated" : "", l->text);
	}
	if (rc == 0)
		rc = mn_table_print(table);
	mn_table_free(table);
	if (rc < 0)
		return mn_err_set(err, rc, "out of memory");
	if (isfinite(b->whole))
		printf("whole: %.0f cycles, %.4f ms", b->whole, b->whole_ms);
	else
		printf("whole: not measured");
	if (isfinite(b->whole_mJ))
		printf(", %.5f mJ", b->whole_mJ);
	if (isfinite(b->predicted_ms))
		printf("; predicted %.4f ms%s%s%s", b->predicted_ms,
		       isfinite(b->whole_ms) ? " (" : "",
		       cell(text[0], 32, "%+.1f %%", percent(b->predicted_ms, b->whole_ms)),
		       isfinite(b->whole_ms) ? ")" : "");
	printf("\n");
	if (isfinite(b->alone) && isfinite(b->whole))
		printf("sum of the layers alone: %.0f cycles, %+.2f %% of the whole\n", b->alone,
		       percent(b->alone, b->whole));
	if (isfinite(b->in_program) && isfinite(b->whole))
		printf("sum of the layers in the program: %.0f cycles, %+.2f %% of the whole\n",
		       b->in_program, percent(b->in_program, b->whole));
	printf("program: %" PRId64 " steps, %" PRId64 " bytes of arena, %" PRId64
	       " bytes of weights\n",
	       b->n, b->arena_bytes, b->weight_bytes);
	if (b->n_pieces > 1) {
		printf("run in %zu pieces, whose sum is the whole:", b->n_pieces);
		for (size_t i = 0; i < b->n_pieces; i++)
			printf(" steps %" PRId64 "-%" PRId64 " %.0f cycles%s", b->pieces[i].first,
			       b->pieces[i].first + b->pieces[i].n - 1, b->pieces[i].run.cycles,
			       i + 1 < b->n_pieces ? "," : "\n");
	}
	if (b->left_out[0])
		printf("left out, the application's conversion at the model's ends: %s\n",
		       b->left_out);
	printf("\n");
	return 0;
}

static json_t *layer_json(const struct bench *b, int64_t i)
{
	const struct bench_layer *l = &b->layers[i];

	return json_pack(
		"{s:I, s:I, s:I, s:s, s:s, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b}",
		"step", (json_int_t)i, "operator", (json_int_t)l->op, "part", (json_int_t)l->part,
		"op", mn_op_name((enum mn_op)l->layer.op), "layer", l->text, "macs",
		(json_int_t)l->info.macs, "cycles", mn_json_real(alone_cycles(l)),
		"in_program_cycles", mn_json_real(known(l->in_program)), "share_pct",
		mn_json_real(100 * known(l->in_program) / b->in_program), "latency_ms",
		mn_json_real(alone_ms(l)), "energy_mJ", mn_json_real(alone_mJ(l)), "predicted_ms",
		mn_json_real(l->predicted_ms), "error_pct",
		mn_json_real(percent(l->predicted_ms, alone_ms(l))), "predicted_by",
		l->by ? json_string(l->by) : json_null(), "extrapolated", l->extrapolated);
}

static json_t *bench_json(const struct bench *b)
{
	json_t *layers = json_array(), *pieces = json_array();

	for (int64_t i = 0; i < b->n; i++)
		json_array_append_new(layers, layer_json(b, i));
	for (size_t i = 0; i < b->n_pieces; i++)
		json_array_append_new(pieces, json_pack("{s:I, s:I, s:o}", "first_step",
							(json_int_t)b->pieces[i].first, "steps",
							(json_int_t)b->pieces[i].n, "cycles",
							mn_json_real(b->pieces[i].run.cycles)));
	return json_pack(
		"{s:s, s:s, s:s, s:s, s:b, s:o, s:s, s:s, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o, "
		"s:o, "
		"s:o, s:o, s:o, s:o, s:s, s:o, s:o}",
		"model", b->model, "kind", mn_kind_name(b->kind), "board", b->board, "kernels",
		b->kernels, "cold", b->cold, "clock_hz", mn_json_real(b->clock_hz), "image",
		b->image, "cycle_model", b->cycle_model, "steps", (json_int_t)b->n, "macs",
		(json_int_t)b->macs, "arena_bytes", (json_int_t)b->arena_bytes, "weight_bytes",
		(json_int_t)b->weight_bytes, "whole_cycles", mn_json_real(b->whole),
		"whole_latency_ms", mn_json_real(b->whole_ms), "whole_energy_mJ",
		mn_json_real(b->whole_mJ), "layers_cycles", mn_json_real(b->alone),
		"layers_difference_pct", mn_json_real(percent(b->alone, b->whole)),
		"in_program_cycles", mn_json_real(b->in_program), "in_program_difference_pct",
		mn_json_real(percent(b->in_program, b->whole)), "predicted_ms",
		mn_json_real(b->predicted_ms), "error_pct",
		mn_json_real(percent(b->predicted_ms, b->whole_ms)), "left_out", b->left_out,
		"pieces", pieces, "layers", layers);
}

static void print_csv(const struct bench *b)
{
	char text[8][32];

	for (int64_t i = 0; i <= b->n; i++) {
		const struct bench_layer *l = i < b->n ? &b->layers[i] : NULL;

		printf("%s,%s,%s,%s,%d,%s,%" PRId64 ",%s,\"%s\",%" PRIu64 ",%s,%s,%s,%s,%s,%s\n",
		       b->model, mn_kind_name(b->kind), b->board, b->kernels, b->cold,
		       l ? "layer" : "model", l ? i : b->n,
		       l ? mn_op_name((enum mn_op)l->layer.op) : "model", l ? l->text : b->model,
		       l ? l->info.macs : b->macs,
		       cell(text[0], 32, "%.10g", l ? alone_cycles(l) : b->whole),
		       cell(text[1], 32, "%.10g", l ? known(l->in_program) : b->in_program),
		       cell(text[2], 32, "%.9g", l ? alone_ms(l) : b->whole_ms),
		       cell(text[3], 32, "%.9g", l ? alone_mJ(l) : b->whole_mJ),
		       cell(text[4], 32, "%.9g", l ? l->predicted_ms : b->predicted_ms),
		       cell(text[5], 32, "%.4g",
			    l ? percent(l->predicted_ms, alone_ms(l))
			      : percent(b->predicted_ms, b->whole_ms)));
	}
}

struct failures {
	const struct mn_bench_report *report;
	const struct collecting *c;
	json_t *json; /* NULL: print */
};

/* Of a model that has no figure at all on a board: why. */
static int take_failure(const struct mn_failure_row *row, void *arg)
{
	const struct failures *f = arg;
	size_t m = 0, b = 0;

	while (m < f->report->n_models && strcmp(f->report->models[m], row->model) != 0)
		m++;
	while (b < f->report->n_boards && strcmp(f->report->boards[b], row->board) != 0)
		b++;
	if (m == f->report->n_models || b == f->report->n_boards)
		return 0;
	for (size_t i = 0; i < f->c->n; i++)
		if (!strcmp(f->c->benches[i].model, row->model) &&
		    !strcmp(f->c->benches[i].board, row->board) &&
		    !strcmp(f->c->benches[i].kernels, row->kernels) && f->c->benches[i].n_pieces)
			return 0;
	if (f->json)
		json_array_append_new(f->json,
				      json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:s}", "model",
						row->model, "kind", mn_kind_name(row->kind),
						"board", row->board, "kernels", row->kernels,
						"first_step", (json_int_t)row->first_step, "steps",
						(json_int_t)row->n_steps, "reason", row->reason));
	else
		fprintf(stderr, "mnchar: %s on %s, %s: %s\n", row->model, row->board, row->kernels,
			row->reason);
	return 0;
}

static int print_all(struct collecting *c, struct mn_err *err)
{
	struct failures failures = {c->report, c, NULL};
	json_t *json = NULL, *benches = NULL;
	int rc = 0;

	if (c->report->format == MN_BENCH_JSON) {
		benches = json_array();
		failures.json = json_array();
	}
	if (c->report->format == MN_BENCH_CSV)
		printf("model,kind,board,kernels,cold,record,step,op,layer,macs,cycles,"
		       "in_program_cycles,latency_ms,energy_mJ,predicted_ms,error_pct\n");
	for (size_t i = 0; i < c->n && rc == 0; i++) {
		if (c->report->format == MN_BENCH_JSON)
			json_array_append_new(benches, bench_json(&c->benches[i]));
		else if (c->report->format == MN_BENCH_CSV)
			print_csv(&c->benches[i]);
		else
			rc = print_table(&c->benches[i], err);
	}
	if (rc == 0)
		rc = mn_store_each_failure(c->store, NULL, take_failure, &failures, err);
	if (c->report->format != MN_BENCH_JSON)
		return rc;
	json = json_pack("{s:o, s:o}", "benches", benches, "failures", failures.json);
	return rc ? (json_decref(json), rc) : mn_json_print(json, err);
}

int mn_bench_print(struct mn_store *store, const struct mn_bench_report *report, size_t *ret_shown,
		   struct mn_err *err)
{
	struct collecting c = {.report = report, .store = store, .err = err};
	int rc = 0;

	for (; c.model < report->n_models && rc == 0; c.model++) {
		const struct mn_row_filter filter = {
			.kind = -1,
			.with_excluded = 1,
			.latest_only = 1,
			.programs = 1,
			.model = report->models[c.model],
		};

		rc = mn_store_each_row(store, &filter, take_row, &c, err);
	}
	for (size_t i = 0; i < c.n && rc == 0; i++)
		rc = derive(&c.benches[i], store, err);
	if (rc == 0)
		rc = print_all(&c, err);
	*ret_shown = c.n;
	for (size_t i = 0; i < c.n; i++)
		bench_clear(&c.benches[i]);
	free(c.benches);
	return rc;
}
