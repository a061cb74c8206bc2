/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cmd.h"
#include "predict.h"
#include "validated.h"

static int covered(const struct mnchar_cost *c)
{
	return !(c->flags & MNCHAR_UNCOVERED);
}

static const char *note(const struct predict_layer *l, const struct mnchar_cost *c)
{
	if (l->left_out)
		return "left to the application";
	if (!covered(c))
		return l->layer_op[0] ? "not covered: no cost model" : l->why;
	return c->flags & MNCHAR_EXTRAPOLATED ? "extrapolated" : "";
}

/* A total is none if a layer is missing from it. */
static int whole(const struct predict_costs *c, size_t n)
{
	return c->have && c->total.layers_covered == n;
}

/* Text */

/* Four digits, or nothing. */
static void figure(char *buf, size_t size, double value, int have)
{
	if (have && isfinite(value))
		snprintf(buf, size, "%.4g", value);
	else
		snprintf(buf, size, "-");
}

static int print_layers(const struct predict_model *m, const struct prediction *p,
			struct mn_err *err)
{
	static const struct mn_column columns[] = {
		{"layer", 1},      {"op", 0},         {"output", 0},      {"ops", 1},
		{"latency_ms", 1}, {"lo", 1},         {"hi", 1},          {"ops_model_ms", 1},
		{"energy_mJ", 1},  {"sram_bytes", 1}, {"flash_bytes", 1}, {"model", 0},
		{"", 0},
	};
	struct mn_table *table = mn_table_new(columns, sizeof(columns) / sizeof(columns[0]));
	int rc = table ? 0 : MN_E_NOMEM;

	for (size_t i = 0; i < m->n_layers && rc == 0; i++) {
		const struct predict_layer *l = &m->layers[i];
		const struct mnchar_cost *c = &p->latency.layers[i], *o = &p->ops.layers[i];
		const struct mnchar_cost *e = &p->energy.layers[i];
		char ms[24], lo[24], hi[24], by_ops[24], mJ[24];

		figure(ms, sizeof(ms), c->value, covered(c));
		figure(lo, sizeof(lo), c->lo, covered(c));
		figure(hi, sizeof(hi), c->hi, covered(c));
		figure(by_ops, sizeof(by_ops), o->value, covered(o));
		figure(mJ, sizeof(mJ), e->value, covered(e));
		rc = mn_table_addf(table,
				   "%u\t%s\t%s\t%" PRIu64 "\t%s\t%s\t%s\t%s\t%s\t%" PRIu64
				   "\t%" PRIu64 "\t%s\t%s",
				   (unsigned)l->op, l->name, l->output, l->ops, ms, lo, hi, by_ops,
				   mJ, l->sram_bytes, l->flash_bytes, c->model, note(l, c));
	}
	if (rc == 0)
		rc = mn_table_print(table);
	mn_table_free(table);
	return rc < 0 ? mn_err_set(err, rc, "out of memory") : 0;
}

static void print_cost(const char *name, const struct mnchar_cost *c, const char *unit)
{
	printf("%s: %.4g %s", name, c->value, unit);
	if (isfinite(c->hi))
		printf(" (95 %%: %.4g to %.4g)", c->lo, c->hi);
	else
		printf(" (the table has no intervals)");
}

static void print_memory(const struct predict_model *m, const struct prediction *p)
{
	static const char *const verdicts[] = {"it does not fit", "it fits"};
	const char *least = m->arena->n_issues ? "at least " : "";
	int fits = predict_fits(m, p);

	if (!p->sram_bytes) {
		printf("SRAM and flash: %s is not a board that mnchar has a description of; arena "
		       "%s%" PRIu64 " bytes\n",
		       p->rig.board, least, m->arena->smallest_bytes);
		return;
	}
	printf("SRAM: %s%" PRIu64 " of %u bytes (arena %" PRIu64 "); flash: %s%" PRIu64
	       " of %u bytes: %s\n",
	       least, p->sram_bytes, (unsigned)p->board.sram_bytes, m->arena->smallest_bytes,
	       p->flash.n_missing ? "at least " : "", p->flash.total_bytes,
	       (unsigned)p->board.flash_bytes,
	       fits < 0 ? "not known for sure, see mnchar memory" : verdicts[fits]);
}

static int print_one(const struct predict_model *m, const struct prediction *p, struct mn_err *err)
{
	char validated[1024];
	int rc;

	printf("%s on %s: %s figures, kernels %s, %s caches%s%s\n", m->file, p->rig.board,
	       p->rig.kind, p->rig.kernels, p->rig.cold ? "cold" : "warm",
	       p->rig.cycle_model[0] ? ", cycle model " : "", p->rig.cycle_model);
	if (strcmp(p->rig.kind, "virtual") == 0) {
		mn_validated_text(p->rig.validation, validated, sizeof(validated));
		printf("the board's model: %s\n", validated);
	}
	rc = print_layers(m, p, err);
	if (rc < 0)
		return rc;
	print_cost("latency", &p->latency.total, "ms");
	if (p->latency.total.refill > 0)
		printf(", %.2g ms of it to fetch constants that other layers displaced",
		       p->latency.total.refill);
	if (p->ops.have)
		printf("; by op count alone: %.4g ms", p->ops.total.value);
	putchar('\n');
	if (whole(&p->energy, p->n_covered)) {
		print_cost("energy", &p->energy.total, "mJ");
		putchar('\n');
	} else {
		printf("energy: the table has models for %" PRIu64 " of %zu layers\n",
		       p->energy.total.layers_covered, m->n_layers - m->n_left_out);
	}
	printf("covered: %.4g %% of the ops, %zu of %zu layers", predict_covered_pct(m, p),
	       p->n_covered, m->n_layers - m->n_left_out);
	if (p->n_covered < m->n_layers - m->n_left_out)
		printf("; the others are not in the sums");
	if (p->n_extrapolated)
		printf("; %zu extrapolated", p->n_extrapolated);
	if (m->n_left_out)
		printf("; %zu at the model's ends left to the application", m->n_left_out);
	putchar('\n');
	print_memory(m, p);
	return 0;
}

int predict_print_text(const struct predict_model *m, const struct prediction *p, size_t n,
		       struct mn_err *err)
{
	int rc = 0;

	for (size_t i = 0; i < n && rc == 0; i++) {
		if (i)
			putchar('\n');
		rc = print_one(m, &p[i], err);
	}
	return rc;
}

/* JSON */

static json_t *text_json(const char *text)
{
	json_t *o = json_string(text);

	return o ? o : json_string("?"); /* not UTF-8 */
}

static json_t *real(double value, int have)
{
	return mn_json_real(have ? value : NAN);
}

static json_t *interval(const struct mnchar_cost *c, int have)
{
	return json_pack("[o, o]", real(c->lo, have), real(c->hi, have));
}

static json_t *bytes(uint64_t n)
{
	return json_integer((json_int_t)n);
}

static json_t *layer_json(const struct predict_layer *l, const struct prediction *p, size_t i)
{
	const struct mnchar_cost *c = &p->latency.layers[i], *o = &p->ops.layers[i];
	const struct mnchar_cost *e = &p->energy.layers[i];
	json_t *j =
		json_pack("{s:i, s:i, s:o, s:s, s:s, s:o, s:b, s:b, s:s}", "operator", (int)l->op,
			  "part", (int)l->part, "op", text_json(l->name), "layer_op", l->layer_op,
			  "output", l->output, "ops", bytes(l->ops), "covered", covered(c),
			  "extrapolated", (c->flags & MNCHAR_EXTRAPOLATED) != 0, "model", c->model);

	json_object_set_new(j, "latency_ms", real(c->value, covered(c)));
	json_object_set_new(j, "latency_ms_pi95", interval(c, covered(c)));
	json_object_set_new(j, "ops_model_latency_ms", real(o->value, covered(o)));
	json_object_set_new(j, "energy_mJ", real(e->value, covered(e)));
	json_object_set_new(j, "energy_mJ_pi95", interval(e, covered(e)));
	json_object_set_new(j, "sram_bytes", bytes(l->sram_bytes));
	json_object_set_new(j, "flash_bytes", bytes(l->flash_bytes));
	if (l->left_out)
		json_object_set_new(j, "left_out", json_true());
	if (l->why[0])
		json_object_set_new(j, "why", text_json(l->why));
	return j;
}

static json_t *total_json(const struct predict_model *m, const struct prediction *p)
{
	int energy = whole(&p->energy, p->n_covered), known = p->sram_bytes != 0;
	int fits = predict_fits(m, p);
	json_t *j = json_object();

	json_object_set_new(j, "latency_ms", real(p->latency.total.value, p->latency.have));
	json_object_set_new(j, "latency_ms_pi95", interval(&p->latency.total, p->latency.have));
	json_object_set_new(j, "latency_refill_ms", real(p->latency.total.refill, p->latency.have));
	json_object_set_new(j, "ops_model_latency_ms", real(p->ops.total.value, p->ops.have));
	json_object_set_new(j, "energy_mJ", real(p->energy.total.value, energy));
	json_object_set_new(j, "energy_mJ_pi95", interval(&p->energy.total, energy));
	json_object_set_new(j, "ops", bytes(p->ops_all));
	json_object_set_new(j, "ops_covered", bytes(p->ops_covered));
	json_object_set_new(j, "ops_covered_pct", json_real(predict_covered_pct(m, p)));
	json_object_set_new(j, "layers", bytes(m->n_layers - m->n_left_out));
	json_object_set_new(j, "layers_covered", bytes(p->n_covered));
	json_object_set_new(j, "layers_extrapolated", bytes(p->n_extrapolated));
	json_object_set_new(j, "arena_bytes", bytes(m->arena->smallest_bytes));
	json_object_set_new(j, "sram_bytes", known ? bytes(p->sram_bytes) : json_null());
	json_object_set_new(j, "flash_bytes", known ? bytes(p->flash.total_bytes) : json_null());
	json_object_set_new(j, "memory_exact", json_boolean(known && !m->arena->n_issues));
	json_object_set_new(j, "fits", fits < 0 ? json_null() : json_boolean(fits));
	return j;
}

/* null: not validated, or not virtual. */
static json_t *validation_json(const char *text)
{
	json_t *o = text[0] ? json_loads(text, 0, NULL) : NULL;

	return o ? o : json_null();
}

int predict_print_json(const struct predict_model *m, const struct prediction *p, size_t n,
		       struct mn_err *err)
{
	json_t *all = json_array();

	for (size_t i = 0; i < n; i++) {
		json_t *layers = json_array();

		for (size_t k = 0; k < m->n_layers; k++)
			json_array_append_new(layers, layer_json(&m->layers[k], &p[i], k));
		json_array_append_new(all,
				      json_pack("{s:s, s:s, s:s, s:b, s:s, s:o, s:o, s:o}", "kind",
						p[i].rig.kind, "board", p[i].rig.board, "kernels",
						p[i].rig.kernels, "cold", p[i].rig.cold,
						"cycle_model", p[i].rig.cycle_model, "validation",
						validation_json(p[i].rig.validation), "total",
						total_json(m, &p[i]), "layers", layers));
	}
	return mn_json_print(
		json_pack("{s:o, s:o}", "model", text_json(m->file), "predictions", all), err);
}

/* CSV */

static void cell(const char *text)
{
	int quote = strpbrk(text, ",\"\r\n") != NULL;

	if (quote)
		putchar('"');
	for (; *text; text++) {
		if (*text == '"')
			putchar('"');
		putchar(*text);
	}
	if (quote)
		putchar('"');
	putchar(',');
}

static void number(double value, int have)
{
	if (have && isfinite(value))
		printf("%.9g", value);
	putchar(',');
}

static void costs_csv(const struct mnchar_cost *c, int have_c, const struct mnchar_cost *o,
		      int have_o, const struct mnchar_cost *e, int have_e)
{
	number(c->value, have_c);
	number(c->lo, have_c);
	number(c->hi, have_c);
	number(o->value, have_o);
	number(e->value, have_e);
	number(e->lo, have_e);
	number(e->hi, have_e);
}

static void one_csv(const struct predict_model *m, const struct prediction *p, const char *record,
		    const struct predict_layer *l)
{
	cell(record);
	cell(m->file);
	cell(p->rig.kind);
	cell(p->rig.board);
	cell(p->rig.kernels);
	printf("%d,", p->rig.cold);
	if (l)
		printf("%u,%u,", (unsigned)l->op, (unsigned)l->part);
	else
		printf(",,");
	cell(l ? l->name : "");
	cell(l ? l->output : "");
	printf("%" PRIu64 ",", l ? l->ops : p->ops_all);
}

void predict_print_csv(const struct predict_model *m, const struct prediction *p, size_t n)
{
	printf("record,file,kind,board,kernels,cold,operator,part,op,output,ops,latency_ms,"
	       "latency_lo_ms,latency_hi_ms,ops_model_latency_ms,energy_mJ,energy_lo_mJ,"
	       "energy_hi_mJ,sram_bytes,flash_bytes,ops_covered_pct,note,model\n");
	for (size_t k = 0; k < n; k++) {
		const struct prediction *q = &p[k];

		for (size_t i = 0; i < m->n_layers; i++) {
			const struct predict_layer *l = &m->layers[i];
			const struct mnchar_cost *c = &q->latency.layers[i];
			const struct mnchar_cost *o = &q->ops.layers[i], *e = &q->energy.layers[i];

			one_csv(m, q, "layer", l);
			costs_csv(c, covered(c), o, covered(o), e, covered(e));
			printf("%" PRIu64 ",%" PRIu64 ",%d,", l->sram_bytes, l->flash_bytes,
			       covered(c) ? 100 : 0);
			cell(note(l, c));
			printf("%s\n", c->model);
		}
		one_csv(m, q, "total", NULL);
		costs_csv(&q->latency.total, q->latency.have, &q->ops.total, q->ops.have,
			  &q->energy.total, whole(&q->energy, q->n_covered));
		if (q->sram_bytes)
			printf("%" PRIu64 ",%" PRIu64 ",", q->sram_bytes, q->flash.total_bytes);
		else
			printf(",,");
		printf("%.6g,,\n", predict_covered_pct(m, q));
	}
}
