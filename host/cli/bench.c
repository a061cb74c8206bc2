/* SPDX-License-Identifier: MIT */
/* `mnchar bench`: run models on boards, whole and layer by layer. */
#include "bench.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "campaign.h"
#include "cmd_energy.h"
#include "cmd.h"
#include "graph.h"
#include "outcome.h"
#include "paths.h"
#include "store.h"
#include "target.h"

#define BOARDS_MAX 64
#define SETS_MAX   16

/* A model and its plans, one for each kernel set that a board has asked for. */
struct bench_model {
	struct mn_model *model;
	struct mn_graph *graph;
	char name[128], left_out[256];
	uint32_t *operators, *parts; /* of each node */
	struct {
		char id[64];
		struct mn_graph_plan *plan;
	} plans[SETS_MAX];
	size_t n_plans;
};

struct options {
	const char *db, *kernels, *backbone;
	const char *boards[BOARDS_MAX];
	size_t n_boards;
	const char **files;
	size_t n_files;
	struct mn_campaign_run run;
	uint32_t baud;
	int quiet;
	struct mn_cmd_energy energy;
	enum mn_bench_format format;
};

enum {
	KEY_KERNELS = 256,
	KEY_BACKBONE,
	KEY_BAUD,
	KEY_LINK,
	KEY_COLD,
	KEY_REPS,
	KEY_WARMUP,
	KEY_WHOLE,
	KEY_JSON,
	KEY_CSV,
};

static const struct argp_option options[] = {
	{"board", 'b', "BOARD", 0,
	 "A board, as collect has it: virtual-f446re …, nucleo-f446re …, an ST-LINK's serial "
	 "number, a link. Give it once for each board; all run at once",
	 0},
	{"link", KEY_LINK, "LINK", 0, "The same, for a link: serial:/dev/ttyACM0, tcp:HOST:PORT …",
	 0},
	{"kernels", KEY_KERNELS, "KERNELS", 0,
	 "Kernels to run: dsp (default), ref, cmsis-nn, all, or an id as mnchar boards shows it",
	 0},
	{"whole", KEY_WHOLE, NULL, 0, "Run each model as a whole only, no layer alone", 0},
	{"cold", KEY_COLD, NULL, 0, "Empty the caches before each run", 0},
	{"reps", KEY_REPS, "N", 0, "Runs in the first window, 2 N in the second (default 3)", 0},
	{"warmup", KEY_WARMUP, "N", 0, "Runs before each window (default 1)", 0},
	{"backbone", KEY_BACKBONE, "NAME", 0,
	 "Family that the models belong to, for fits of whole models (default: file)", 0},
	{"baud", KEY_BAUD, "N", 0,
	 "Rate to agree on for a serial link (default 921600; 0: stay at 115200)", 0},
	{"json", KEY_JSON, NULL, 0, "Print JSON", 0},
	{"csv", KEY_CSV, NULL, 0, "Print CSV: a line for each layer, then one for the model", 0},
	{"quiet", 'q', NULL, 0, "No progress", 0},
	{0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *my = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = my ? &my->db : NULL;
		state->child_inputs[1] = my ? &my->energy : NULL;
		return 0;
	case 'b':
	case KEY_LINK:
		if (my->n_boards == BOARDS_MAX)
			argp_error(state, "more than %d boards", BOARDS_MAX);
		my->boards[my->n_boards++] = arg;
		return 0;
	case KEY_KERNELS:
		my->kernels = arg;
		return 0;
	case KEY_BACKBONE:
		my->backbone = arg;
		return 0;
	case KEY_WHOLE:
		my->run.layers = 0;
		return 0;
	case KEY_COLD:
		my->run.cold = 1;
		return 0;
	case KEY_REPS:
		my->run.reps = (uint16_t)mn_cmd_number(state, "--reps", arg, 1, 128);
		return 0;
	case KEY_WARMUP:
		my->run.warmup = (uint16_t)mn_cmd_number(state, "--warmup", arg, 0, 1000);
		return 0;
	case KEY_BAUD:
		my->baud = (uint32_t)mn_cmd_number(state, "--baud", arg, 0, 12000000);
		return 0;
	case KEY_JSON:
		my->format = MN_BENCH_JSON;
		return 0;
	case KEY_CSV:
		my->format = MN_BENCH_CSV;
		return 0;
	case 'q':
		my->quiet = 1;
		return 0;
	case ARGP_KEY_ARGS:
		my->files = (const char **)(state->argv + state->next);
		my->n_files = (size_t)(state->argc - state->next);
		state->next = state->argc;
		return 0;
	case ARGP_KEY_END:
		if (!my->n_files)
			argp_error(state, "which model?");
		if (!my->n_boards)
			argp_error(state, "on which board? (--board)");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_child children[] = {
	{&mn_argp_db, 0, NULL, 0},
	{&mn_argp_energy, 0, "Energy:", 0},
	{0},
};

const struct argp mn_argp_bench = {
	.options = options,
	.parser = parse,
	.args_doc = "MODEL.tflite...",
	.children = children,
	.doc = "Run models on boards, as a whole and layer by layer, and put the figures into the "
	       "database. No new image is built or flashed: the board gets the model's layers with "
	       "their places in memory, weights are numbers that the image has."
	       "\v"
	       "For each layer: its cycles alone with warm caches, its cycles within one pass "
	       "through the whole model, and, where the database has a fit for the board, what "
	       "that "
	       "predicts. For the model: the whole in one go, the sums, and how they differ. Where "
	       "a "
	       "board cannot hold all layers of a model at once, it runs it in pieces, which are "
	       "named.\n"
	       "\n"
	       "The conversion of float inputs and outputs at a model's ends is left out, and "
	       "named; "
	       "any other operator without a kernel is an error that names it. Running it again "
	       "goes "
	       "on where it was, measures nothing anew, and prints what there is.\n"
	       "\n"
	       "Exit codes are those of collect.\n"
	       "\n"
	       "Example: mnchar bench kws.tflite --board virtual-f446re --board virtual-f767zi",
};

static void model_free(struct bench_model *m)
{
	for (size_t i = 0; i < m->n_plans; i++)
		mn_graph_plan_free(m->plans[i].plan);
	free(m->operators);
	free(m->parts);
	mn_graph_free(m->graph);
	mn_model_free(m->model);
}

/* "dir/kws.tflite" -> "kws" */
static void set_name(struct bench_model *m, const char *file)
{
	const char *base = strrchr(file, '/');
	size_t len;

	base = base ? base + 1 : file;
	len = strlen(base);
	if (len > 7 && !strcmp(base + len - 7, ".tflite"))
		len -= 7;
	snprintf(m->name, sizeof(m->name), "%.*s", (int)len, base);
}

static int model_open(struct bench_model *m, const char *file, struct mn_err *err)
{
	const struct mn_subgraph *s;
	int ret = mn_model_open(file, &m->model, err);

	if (ret)
		return ret;
	set_name(m, file);
	ret = mn_graph_from_model(m->model, &m->graph, err);
	if (ret)
		return mn_err_prefix(err, ret, "%s: ", file);
	m->operators = calloc(m->graph->n_nodes, sizeof(*m->operators));
	m->parts = calloc(m->graph->n_nodes, sizeof(*m->parts));
	if (!m->operators || !m->parts)
		return mn_err_set(err, MN_E_NOMEM, "out of memory");
	for (uint32_t i = 0; i < m->graph->n_nodes; i++) {
		m->operators[i] = m->graph->nodes[i].op;
		m->parts[i] = m->graph->nodes[i].part;
	}
	s = &m->model->subgraphs[0];
	for (uint32_t i = 0; i < m->graph->n_left_out; i++) {
		size_t used = strlen(m->left_out);

		snprintf(m->left_out + used, sizeof(m->left_out) - used, "%s%u %s",
			 used ? ", " : "", m->graph->left_out[i],
			 mn_operator_name(&s->operators[m->graph->left_out[i]]));
	}
	return 0;
}

/* For the campaign: the program with a kernel set, planned once. */
static int program_of(const struct mn_kernel_set *set, void *arg, struct mn_stored_program *ret,
		      struct mn_err *err)
{
	struct bench_model *m = arg;
	size_t i = 0;
	int rc;

	while (i < m->n_plans && strcmp(m->plans[i].id, set->id) != 0)
		i++;
	if (i == SETS_MAX)
		return mn_err_set(err, MN_E_UNSUPPORTED, "more than %d kernel sets", SETS_MAX);
	if (i == m->n_plans) {
		rc = mn_graph_plan(m->graph, set, &m->plans[i].plan, err);
		if (rc)
			return rc;
		snprintf(m->plans[i].id, sizeof(m->plans[i].id), "%s", set->id);
		m->n_plans++;
	}
	*ret = (struct mn_stored_program){
		.model = m->name,
		.program = &m->plans[i].plan->program,
		.operators = m->operators,
		.parts = m->parts,
		.weight_bytes = m->plans[i].plan->weight_bytes,
	};
	return 0;
}

/* Print what the store has of these models, boards and kernels. */
static int print(const struct options *my, const struct bench_model *models, struct mn_store *store,
		 const char (*boards)[40], size_t *ret_shown, struct mn_err *err)
{
	const char **names = calloc(my->n_files * 2, sizeof(*names));
	const char *kernels[SETS_MAX * 4];
	struct mn_bench_report report = {
		.models = names,
		.n_models = my->n_files,
		.left_out = names ? names + my->n_files : NULL,
		.boards = boards,
		.n_boards = my->n_boards,
		.kernels = kernels,
		.cold = my->run.cold,
		.format = my->format,
	};
	int rc;

	if (!names)
		return mn_err_set(err, MN_E_NOMEM, "out of memory");
	for (size_t i = 0; i < my->n_files; i++) {
		names[i] = models[i].name;
		names[my->n_files + i] = models[i].left_out;
		for (size_t k = 0; k < models[i].n_plans; k++) {
			size_t j = 0;

			while (j < report.n_kernels &&
			       strcmp(kernels[j], models[i].plans[k].id) != 0)
				j++;
			if (j == report.n_kernels && j < sizeof(kernels) / sizeof(kernels[0]))
				kernels[report.n_kernels++] = models[i].plans[k].id;
		}
	}
	rc = mn_bench_print(store, &report, ret_shown, err);
	free(names);
	return rc;
}

int mn_cmd_bench(int argc, char **argv)
{
	struct options my = {
		.baud = 921600,
		.backbone = "file",
		.run = {.whole = 1, .layers = 1, .warmup = 1, .reps = 3, .seed = 1},
	};
	struct mn_target targets[BOARDS_MAX] = {0};
	char boards[BOARDS_MAX][40] = {0}, schema[4096];
	struct mn_campaign_outcome outcome = {0};
	struct mn_campaign_config config = {0};
	struct mn_campaign_model *jobs = NULL;
	struct bench_model *models = NULL;
	struct mn_store *store = NULL;
	struct mn_err err = {0};
	size_t shown = 0;
	int ret = 0, code;

	argp_parse(&mn_argp_bench, argc, argv, 0, NULL, &my);
	signal(SIGPIPE, SIG_IGN);
	models = calloc(my.n_files, sizeof(*models));
	jobs = calloc(my.n_files, sizeof(*jobs));
	if (!models || !jobs)
		ret = mn_err_set(&err, MN_E_NOMEM, "out of memory");
	for (size_t i = 0; i < my.n_files && !ret; i++) {
		ret = model_open(&models[i], my.files[i], &err);
		jobs[i] = (struct mn_campaign_model){models[i].name, my.backbone, program_of,
						     &models[i]};
	}
	for (size_t i = 0; i < my.n_boards && !ret; i++)
		ret = mn_target_resolve(my.boards[i], &targets[i], &err);
	if (!ret)
		ret = mn_cmd_energy_check(&my.energy, my.n_boards, &err);
	if (!ret)
		ret = mn_path(MN_DIR_SCHEMA, NULL, schema, sizeof(schema), &err);
	if (!ret)
		ret = mn_store_open(my.db, MN_STORE_CREATE, schema, &store, &err);
	config.store = store;
	config.models = jobs;
	config.energy = mn_cmd_energy_config(&my.energy);
	config.n_models = my.n_files;
	config.run = my.run;
	config.kernels = my.kernels;
	config.baud = my.baud;
	config.progress = my.quiet ? 0 : isatty(STDERR_FILENO) ? 2 : 1;
	config.ret_boards = boards;
	if (!ret)
		ret = mn_campaign_run(&config, targets, my.n_boards, &outcome, &err);
	if (!ret)
		ret = print(&my, models, store, (const char(*)[40])boards, &shown, &err);
	code = ret ? mn_cmd_fail(&err) : mn_cmd_outcome(&outcome, my.db);
	if (code == MN_EXIT_OK && !shown)
		code = MN_EXIT_EMPTY;
	mn_store_close(store);
	for (size_t i = 0; i < BOARDS_MAX; i++)
		mn_target_clear(&targets[i]);
	for (size_t i = 0; i < my.n_files && models; i++)
		model_free(&models[i]);
	free(models);
	free(jobs);
	return code;
}
