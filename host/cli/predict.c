/* SPDX-License-Identifier: MIT */
/* `mnchar predict`: what a model will cost on a board, from a cost table. */
#include "predict.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "census.h"
#include "cmd.h"
#include "export.h"
#include "lower.h"
#include "paths.h"
#include "predictor.h"
#include "store.h"

#define BOARDS_MAX 64

enum format { TEXT, JSON, CSV };

struct options {
	const char *file, *db, *table, *kernels, *kind, *model;
	const char *boards[BOARDS_MAX];
	size_t n_boards;
	int cold, allow_uncovered;
	enum format format;
};

enum { KEY_KIND = 256, KEY_COLD, KEY_CSV, KEY_ALLOW, KEY_MODEL };

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *my = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = my ? &my->db : NULL;
		return 0;
	case 'b':
		if (my->n_boards == BOARDS_MAX)
			argp_error(state, "more than %d boards", BOARDS_MAX);
		my->boards[my->n_boards++] = arg;
		return 0;
	case 't':
		my->table = arg;
		return 0;
	case 'k':
		my->kernels = arg;
		return 0;
	case KEY_KIND:
		if (mn_kind_parse(arg) < 0)
			argp_error(state, "--kind: '%s' is none of measured, virtual, published",
				   arg);
		my->kind = arg;
		return 0;
	case KEY_COLD:
		my->cold = 1;
		return 0;
	case KEY_MODEL:
		my->model = arg;
		return 0;
	case KEY_ALLOW:
		my->allow_uncovered = 1;
		return 0;
	case 'j':
		my->format = JSON;
		return 0;
	case KEY_CSV:
		my->format = CSV;
		return 0;
	case ARGP_KEY_ARG:
		if (my->file)
			argp_error(state, "one model at a time: '%s' is too many", arg);
		my->file = arg;
		return 0;
	case ARGP_KEY_END:
		if (!my->file)
			argp_error(state, "which model?");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option options[] = {
	{"board", 'b', "BOARD", 0,
	 "Only this board of the table; any number of times (default: all that it has)", 0},
	{"table", 't', "FILE", 0, "A cost table (mnchar export) in place of the database", 0},
	{"kernels", 'k', "NAME", 0,
	 "This kernel set (default: of each board the one that most layers were measured with)", 0},
	{"kind", KEY_KIND, "KIND", 0, "Only measured, virtual or published", 0},
	{"cold", KEY_COLD, NULL, 0, "With caches emptied before each layer (default: warm)", 0},
	{"model", KEY_MODEL, "NAME", 0,
	 "Cost model: features, ops, ops-affine (default: the one that predicts held-out layers "
	 "best)",
	 0},
	{"allow-uncovered", KEY_ALLOW, NULL, 0,
	 "Predict also a model with layers that nothing is known of: they are left out and named",
	 0},
	{"json", 'j', NULL, 0, "One object", 0},
	{"csv", KEY_CSV, NULL, 0, "A row for each layer, then one for the total", 0},
	{0},
};
static const struct argp_child children[] = {{&mn_argp_db, 0, NULL, 0}, {0}};

const struct argp mn_argp_predict = {
	.options = options,
	.parser = parse,
	.args_doc = "MODEL.tflite",
	.children = children,
	.doc = "Predict what a model costs, layer by layer and in total: latency and energy with "
	       "95 % prediction intervals from the fitted cost models, beside the plain op-count "
	       "model; SRAM and flash as `mnchar memory` has them. A section for each board, "
	       "which says whether its figures were measured on silicon, are virtual or published."
	       "\v"
	       "The interval of the total: coefficients are wrong for all layers alike, so their "
	       "covariance is applied to the summed features; the scatter about a fit is taken as "
	       "shared by layers of one op and kernel path, and as independent between paths.\n"
	       "A layer that is measured alone finds its constants in the data cache; in a network "
	       "other layers displace them. Where the models know what such a fetch costs, the "
	       "total "
	       "has it added.\n"
	       "A layer larger or smaller than what was fitted is marked extrapolated. One that no "
	       "model covers is an error that names it (exit code 1), unless --allow-uncovered.\n\n"
	       "Example: mnchar predict kws.tflite --board nucleo-f446re\n"
	       "Example: mnchar predict kws.tflite --table f446re.json --json",
};

/* The model */

static void shape_text(const struct mn_shape *s, char *buf, size_t size)
{
	snprintf(buf, size, "%ux%ux%ux%u", (unsigned)s->n, (unsigned)s->h, (unsigned)s->w,
		 (unsigned)s->c);
}

static void read_layer(const struct mn_subgraph *s, struct predict_layer *l)
{
	struct mn_lowered lowered;
	struct mn_layer_info info;
	struct mn_err err = {0};
	int rc = mn_lower_part(s, l->op, l->part, &lowered, &err);

	l->layer_op = "";
	if (rc < 0) {
		snprintf(l->why, sizeof(l->why), "%.159s", err.msg[0] ? err.msg : mn_err_text(rc));
		return;
	}
	if (!mn_layer_check(&lowered.layer, &info, NULL)) {
		shape_text(&info.out, l->output, sizeof(l->output));
		l->layer_op = mn_op_name((enum mn_op)lowered.layer.op);
		mn_layer_export(&lowered.layer, &l->layer, sizeof(l->layer));
	}
	mn_lowered_free(&lowered);
}

static int among(const int32_t *tensors, uint32_t n, int32_t tensor)
{
	for (uint32_t i = 0; i < n; i++)
		if (tensors[i] == tensor)
			return 1;
	return 0;
}

/* What stands between a float boundary and the int8 network: QUANTIZE of a model input that is not
 * int8, DEQUANTIZE into a model output. No layer of the network, on no board. */
static int is_left_out(const struct mn_subgraph *s, const struct mn_operator *op)
{
	if (op->n_inputs < 1 || op->n_outputs < 1 || op->inputs[0] < 0)
		return 0;
	if (op->builtin == MN_BUILTIN_DEQUANTIZE)
		return among(s->outputs, s->n_outputs, op->outputs[0]);
	return op->builtin == MN_BUILTIN_QUANTIZE &&
	       s->tensors[op->inputs[0]].type != MN_TYPE_INT8 &&
	       among(s->inputs, s->n_inputs, op->inputs[0]);
}

static uint64_t live_bytes(const struct mn_arena *arena, uint32_t op)
{
	for (size_t i = 0; i < arena->n_steps; i++)
		if (arena->steps[i].subgraph == 0 && arena->steps[i].op == (int32_t)op)
			return arena->steps[i].live_bytes;
	return 0;
}

static int read_model(struct predict_model *m, struct mn_err *err)
{
	const struct mn_subgraph *s;
	size_t n = 0;
	int rc = mn_model_open(m->file, &m->model, err);

	if (rc == 0)
		rc = mn_arena_plan(m->model, NULL, &m->arena, err);
	if (rc < 0)
		return rc;
	s = &m->model->subgraphs[0];
	for (uint32_t op = 0; op < s->n_operators; op++)
		n += mn_lower_parts(s, op);
	m->layers = calloc(n ? n : 1, sizeof(*m->layers));
	if (!m->layers)
		return mn_err_set(err, MN_E_NOMEM, "out of memory");
	for (uint32_t op = 0; op < s->n_operators; op++) {
		struct mn_census census;

		mn_census_of(s, op, &census);
		for (uint32_t part = 0; part < mn_lower_parts(s, op); part++) {
			struct predict_layer *l = &m->layers[m->n_layers++];

			l->op = op;
			l->part = part;
			l->name = mn_operator_name(&s->operators[op]);
			l->sram_bytes = live_bytes(m->arena, op);
			if (part == 0) {
				l->ops =
					census.macs > UINT64_MAX / 2 ? UINT64_MAX : 2 * census.macs;
				l->flash_bytes = census.weight_bytes;
			}
			read_layer(s, l);
			l->left_out = !l->layer_op[0] && is_left_out(s, &s->operators[op]);
			m->n_left_out += (size_t)l->left_out;
		}
	}
	return 0;
}

/* The costs */

static void flag_uncovered(struct mnchar_cost *cost)
{
	*cost = (struct mnchar_cost){
		.size = sizeof(*cost), .flags = MNCHAR_UNCOVERED, .model = "", .layers = 1};
}

/* The layers that can be asked for, in one array, priced, and put back where they belong. */
static int price(const struct predict_model *m, const struct mnchar_table *table, size_t rig,
		 enum mnchar_quantity quantity, const char *model, struct predict_costs *ret,
		 struct mn_err *err)
{
	struct mnchar_layer *layers = calloc(m->n_layers + 1, sizeof(*layers));
	struct mnchar_cost *costs = calloc(m->n_layers + 1, sizeof(*costs));
	struct mnchar_predictor *p = NULL;
	struct mnchar_error why;
	size_t n = 0;
	int rc;

	ret->layers = calloc(m->n_layers + 1, sizeof(*ret->layers));
	ret->total = (struct mnchar_cost){.size = sizeof(ret->total), .model = ""};
	if (!layers || !costs || !ret->layers) {
		rc = mn_err_set(err, MN_E_NOMEM, "out of memory");
		goto out;
	}
	for (size_t i = 0; i < m->n_layers; i++) {
		flag_uncovered(&ret->layers[i]);
		if (m->layers[i].layer_op[0])
			layers[n++] = m->layers[i].layer;
	}
	rc = mnchar_predictor_new(table, rig, quantity, model, &p, &why);
	if (rc == MNCHAR_E_NOTFOUND) {
		rc = 0;
		goto out;
	}
	for (size_t i = 0; i < n; i++)
		costs[i].size = sizeof(*costs);
	if (!rc)
		rc = mnchar_program_cost(p, layers, n, costs, &ret->total, &why);
	if (rc && rc != MNCHAR_E_NOTFOUND) {
		rc = mn_err_set(err, rc, "%s", why.message);
		goto out;
	}
	rc = 0;
	n = 0;
	for (size_t i = 0; i < m->n_layers; i++)
		if (m->layers[i].layer_op[0])
			ret->layers[i] = costs[n++];
	ret->have = ret->total.layers_covered > 0;
out:
	mnchar_predictor_free(p);
	free(layers);
	free(costs);
	return rc;
}

static enum mn_flash_build build_of(const char *cpu)
{
	return strcmp(cpu, "cortex-m7") ? MN_FLASH_M4_RELEASE_GENERIC : MN_FLASH_M7_RELEASE_GENERIC;
}

/* A board that mnchar has no description of (a published one) has latency and energy only. */
static int find_memory(const struct predict_model *m, struct prediction *p, struct mn_err *err)
{
	int rc = mn_board_memory_load(p->rig.board, &p->board, err);

	if (rc == MN_E_NOTFOUND)
		return 0;
	if (rc == 0)
		rc = mn_flash_of(m->model, build_of(p->board.cpu), &p->flash, err);
	if (rc == 0)
		p->sram_bytes = m->arena->smallest_bytes + p->flash.static_ram_bytes;
	return rc;
}

int predict_fits(const struct predict_model *m, const struct prediction *p)
{
	if (!p->sram_bytes)
		return -1;
	if (p->sram_bytes > p->board.sram_bytes || p->flash.total_bytes > p->board.flash_bytes)
		return 0;
	return m->arena->n_issues || p->flash.n_missing ? -1 : 1;
}

double predict_covered_pct(const struct predict_model *m, const struct prediction *p)
{
	if (p->ops_all)
		return 100.0 * (double)p->ops_covered / (double)p->ops_all;
	return m->n_layers > m->n_left_out
		       ? 100.0 * (double)p->n_covered / (double)(m->n_layers - m->n_left_out)
		       : 100;
}

/* The first layer that has no cost is the reason to stop, or to say what is left out. */
static int count_covered(const struct predict_model *m, struct prediction *p, int allow,
			 struct mn_err *err)
{
	const struct predict_layer *first = NULL;

	for (size_t i = 0; i < m->n_layers; i++) {
		const struct predict_layer *l = &m->layers[i];
		uint32_t flags = p->latency.layers[i].flags;

		p->ops_all += l->ops;
		if (l->left_out)
			continue;
		if (flags & MNCHAR_UNCOVERED) {
			first = first ? first : l;
			continue;
		}
		p->ops_covered += l->ops;
		p->n_covered++;
		p->n_extrapolated += (flags & MNCHAR_EXTRAPOLATED) != 0;
	}
	if (!first || allow)
		return 0;
	return mn_err_set(err, MN_E_UNSUPPORTED,
			  "%s: layer %u, %s, is not covered on %s with %s (%s); %zu of %zu layers "
			  "and %.4g %% of the ops are: fit more, or --allow-uncovered",
			  m->file, (unsigned)first->op, first->name, p->rig.board, p->rig.kernels,
			  first->why[0] ? first->why : "the cost table has no model for it",
			  p->n_covered, m->n_layers - m->n_left_out, predict_covered_pct(m, p));
}

static int predict(const struct options *my, const struct predict_model *m,
		   const struct mnchar_table *table, size_t rig, struct prediction *p,
		   struct mn_err *err)
{
	int rc = price(m, table, rig, MNCHAR_LATENCY_MS, my->model, &p->latency, err);

	if (rc == 0)
		rc = price(m, table, rig, MNCHAR_LATENCY_MS, "ops", &p->ops, err);
	if (rc == 0)
		rc = price(m, table, rig, MNCHAR_ENERGY_MJ, my->model, &p->energy, err);
	if (rc == 0)
		rc = count_covered(m, p, my->allow_uncovered, err);
	return rc == 0 ? find_memory(m, p, err) : rc;
}

/* The table */

/* Layers that its latency models were fitted to. */
static int64_t layers_fitted(const struct mn_cost_rig *r)
{
	int64_t n = 0;

	for (size_t i = 0; i < r->n_models; i++)
		if (r->models[i].predicts == MN_COST_LATENCY_MS &&
		    strcmp(r->models[i].op, "model") != 0 && r->models[i].preferred)
			n += r->models[i].n;
	return n;
}

/* But for the choice of kernels. */
static int matches(const struct options *my, const struct mn_cost_rig *r)
{
	int board = my->n_boards == 0;

	for (size_t i = 0; i < my->n_boards; i++)
		board |= !strcmp(my->boards[i], r->board);
	return board && layers_fitted(r) && r->cold == my->cold &&
	       (!my->kind || !strcmp(my->kind, r->kind));
}

/* Of a board's kernel sets the one that was asked for, else the one that most layers were measured
 * with. */
static int is_asked(const struct options *my, const struct mn_cost_table *table,
		    const struct mn_cost_rig *r)
{
	if (!matches(my, r))
		return 0;
	if (my->kernels)
		return !strcmp(my->kernels, r->kernels);
	for (const struct mn_cost_rig *o = table->rigs; o < table->rigs + table->n_rigs; o++)
		if (o != r && matches(my, o) && !strcmp(o->board, r->board) &&
		    !strcmp(o->kind, r->kind) &&
		    (layers_fitted(o) > layers_fitted(r) ||
		     (layers_fitted(o) == layers_fitted(r) && o < r)))
			return 0;
	return 1;
}

static int load(const struct options *my, struct mn_cost_table **ret_table, struct mn_err *err)
{
	const struct mn_export_filter filter = {
		.board = my->n_boards == 1 ? my->boards[0] : NULL,
		.kernels = my->kernels,
		.kind = my->kind ? mn_kind_parse(my->kind) : -1,
		.models_only = 1,
	};
	struct mn_store *store = NULL;
	char schema[PATH_MAX];
	int rc;

	if (my->table)
		return mn_cost_load_models(my->table, ret_table, err);
	rc = mn_path(MN_DIR_SCHEMA, NULL, schema, sizeof(schema), err);
	if (rc == 0)
		rc = mn_store_open(my->db, MN_STORE_READ, schema, &store, err);
	if (rc == 0)
		rc = mn_export_table(store, &filter, ret_table, err);
	mn_store_close(store);
	return rc;
}

/* Every board that was asked for must be there: one that is left out silently would look covered.
 */
static int check_boards(const struct options *my, const struct mn_cost_table *table,
			struct mn_err *err)
{
	const char *from = my->table ? my->table : my->db;
	size_t any = 0;

	for (size_t b = 0; b < my->n_boards || (my->n_boards == 0 && b == 0); b++) {
		any = 0;
		for (size_t i = 0; i < table->n_rigs; i++)
			any += is_asked(my, table, &table->rigs[i]) &&
			       (!my->n_boards || !strcmp(table->rigs[i].board, my->boards[b]));
		if (!any)
			return mn_err_set(err, MN_E_NOTFOUND,
					  "%s has no cost models of layers for %s%s%s%s%s: "
					  "`mnchar fit` makes them",
					  from, my->n_boards ? my->boards[b] : "any board",
					  my->kernels ? ", kernels " : "",
					  my->kernels ? my->kernels : "", my->kind ? ", " : "",
					  my->kind ? my->kind : "");
	}
	return 0;
}

static int print(const struct options *my, const struct predict_model *m,
		 const struct prediction *p, size_t n, struct mn_err *err)
{
	if (my->format == JSON)
		return predict_print_json(m, p, n, err);
	if (my->format == TEXT)
		return predict_print_text(m, p, n, err);
	predict_print_csv(m, p, n);
	return 0;
}

static void free_predictions(struct prediction *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(p[i].latency.layers);
		free(p[i].ops.layers);
		free(p[i].energy.layers);
	}
	free(p);
}

int mn_cmd_predict(int argc, char **argv)
{
	struct options my = {0};
	struct predict_model m = {0};
	struct mn_cost_table *table = NULL;
	struct prediction *predictions = NULL;
	struct mn_err err = {0};
	size_t n = 0;
	int rc, empty;

	argp_parse(&mn_argp_predict, argc, argv, 0, NULL, &my);
	m.file = my.file;
	rc = load(&my, &table, &err);
	if (rc == 0)
		rc = check_boards(&my, table, &err);
	empty = rc == MN_E_NOTFOUND && (!my.table || table);
	if (rc == 0)
		rc = read_model(&m, &err);
	if (rc == 0) {
		predictions = calloc(table->n_rigs, sizeof(*predictions));
		rc = predictions ? 0 : mn_err_set(&err, MN_E_NOMEM, "out of memory");
	}
	for (size_t i = 0; rc == 0 && i < table->n_rigs; i++) {
		const struct mnchar_table *public = (const struct mnchar_table *)table;

		if (!is_asked(&my, table, &table->rigs[i]))
			continue;
		predictions[n].rig.size = sizeof(predictions[n].rig);
		rc = mnchar_table_rig(public, i, &predictions[n].rig);
		n++;
		if (rc == 0)
			rc = predict(&my, &m, public, i, &predictions[n - 1], &err);
	}
	if (rc == 0)
		rc = print(&my, &m, predictions, n, &err);
	free_predictions(predictions, n);
	free(m.layers);
	mn_arena_free(m.arena);
	mn_model_free(m.model);
	mn_cost_table_free(table);
	if (!empty)
		return rc ? mn_cmd_fail(&err) : MN_EXIT_OK;
	mn_cmd_warn("%s", err.msg);
	return MN_EXIT_EMPTY;
}
