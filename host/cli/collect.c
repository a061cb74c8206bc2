/* SPDX-License-Identifier: MIT */
/* `mnchar collect`: measure a sweep on boards, into the store. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sampled.h"
#include "campaign.h"
#include "cmd.h"
#include "cmd_energy.h"
#include "known.h"
#include "learn.h"
#include "outcome.h"
#include "paths.h"
#include "ports.h"
#include "store.h"
#include "sweep.h"
#include "target.h"

#define BOARDS_MAX 64

struct options {
	const char *db;
	const char *boards[BOARDS_MAX];
	size_t n_boards;
	const char *sweep;
	const char *kernels;
	const char *image;
	size_t limit;
	uint32_t baud;
	int quiet;
	struct mn_cmd_energy energy;
	int adaptive;
	struct mn_learn_request learn;
	struct mn_backbone_request backbone;
	uint64_t seed; /* 0: not said */
};

enum {
	KEY_KERNELS = 256,
	KEY_LIMIT,
	KEY_BAUD,
	KEY_LINK,
	KEY_ADAPTIVE,
	KEY_TARGET,
	KEY_BUDGET,
	KEY_SEED,
	KEY_IMAGE,
	KEY_BACKBONE,
	KEY_MODELS
};

static const struct argp_option options[] = {
	{"board", 'b', "BOARD", 0,
	 "A board: virtual-f446re, virtual-f746zg, virtual-f767zi, nucleo-f446re …, the serial "
	 "number of "
	 "its ST-LINK, or a link. Give it once for each board; all run at once. Without it: all "
	 "boards that "
	 "are plugged in",
	 0},
	{"link", KEY_LINK, "LINK", 0,
	 "The same, for a link: serial:/dev/ttyACM0, tcp:HOST:PORT, unix:PATH, exec:COMMAND", 0},
	{"sweep", 's', "SWEEP", 0, "What to measure: quick (default), full, null, or a YAML file",
	 0},
	{"kernels", KEY_KERNELS, "KERNELS", 0,
	 "Run every layer with these kernels, whatever the sweep says: dsp, ref, cmsis-nn, all, or "
	 "an id as "
	 "mnchar boards shows it",
	 0},
	{"image", KEY_IMAGE, "FILE", 0,
	 "Have the virtual boards execute this ELF file instead of the image that comes with "
	 "mnchar",
	 0},
	{"limit", KEY_LIMIT, "N", 0, "Measure at most N probes on each board now", 0},
	{"adaptive", KEY_ADAPTIVE, NULL, 0,
	 "Measure only as much of the sweep (default: full) as the feature model needs, in rounds: "
	 "first layers that spread over all of it, then those near which its predictions are worst",
	 0},
	{"target-p90", KEY_TARGET, "PERCENT", 0,
	 "With --adaptive: until 90 % of the held-out layers are predicted within PERCENT (default "
	 "5)",
	 0},
	{"budget", KEY_BUDGET, "N", 0, "With --adaptive: at most N probes on each board", 0},
	{"backbone", KEY_BACKBONE, "BACKBONE", 0,
	 "Instead of a sweep: models drawn from a family of networks, each run as a whole: "
	 "ds-cnn-kws, ds-cnn-ad, cnn-cifar10, mobilenetv2-vww-50, mobilenetv2-vww-160, or a YAML "
	 "file. Its fixed members are always among them",
	 0},
	{"models", KEY_MODELS, "N", 0, "With --backbone: draw N distinct models (default 400)", 0},
	{"seed", KEY_SEED, "N", 0, "With --adaptive or --backbone: of the choice (default 1)", 0},
	{"baud", KEY_BAUD, "N", 0,
	 "Rate to agree on for a serial link (default 921600; 0: stay at 115200)", 0},
	{"quiet", 'q', NULL, 0, "No progress", 0},
	{0},
};

static void add_board(struct options *my, const char *name, const struct argp_state *state)
{
	for (size_t i = 0; i < my->n_boards; i++)
		if (!strcmp(my->boards[i], name))
			argp_error(state, "--board %s is there twice", name);
	if (my->n_boards == BOARDS_MAX)
		argp_error(state, "more than %d boards", BOARDS_MAX);
	my->boards[my->n_boards++] = name;
}

/* "5" or "5%": over 0, at most 100. */
static double percent(const struct argp_state *state, const char *text)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || (*end && strcmp(end, "%")) || !(value > 0) || value > 100)
		argp_error(state, "--target-p90: '%s' is no percentage over 0, at most 100", text);
	return value;
}

/* What goes with what. */
static void check(const struct options *my, const struct argp_state *state)
{
	const char *backbone = my->backbone.backbone;

	if (!my->adaptive && (my->learn.target_p90_pct > 0 || my->learn.budget))
		argp_error(state, "--target-p90 and --budget go with --adaptive");
	if (my->adaptive && my->limit)
		argp_error(state, "--adaptive takes --budget instead of --limit");
	if (!my->adaptive && !backbone && my->seed)
		argp_error(state, "--seed goes with --adaptive or --backbone");
	if (!backbone && my->backbone.models)
		argp_error(state, "--models goes with --backbone");
	if (backbone && (my->adaptive || my->sweep))
		argp_error(state, "--backbone goes without --adaptive and --sweep");
}

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
		add_board(my, arg, state);
		return 0;
	case 's':
		my->sweep = arg;
		return 0;
	case KEY_KERNELS:
		my->kernels = arg;
		return 0;
	case KEY_IMAGE:
		my->image = arg;
		return 0;
	case KEY_LIMIT:
		my->limit = (size_t)mn_cmd_number(state, "--limit", arg, 1, 100000000);
		return 0;
	case KEY_BAUD:
		my->baud = (uint32_t)mn_cmd_number(state, "--baud", arg, 0, 12000000);
		return 0;
	case KEY_ADAPTIVE:
		my->adaptive = 1;
		return 0;
	case KEY_TARGET:
		my->learn.target_p90_pct = percent(state, arg);
		return 0;
	case KEY_BUDGET:
		my->learn.budget =
			(size_t)mn_cmd_number(state, "--budget", arg, 1, MN_SWEEP_PROBES_MAX);
		return 0;
	case KEY_SEED:
		my->seed = (uint64_t)mn_cmd_number(state, "--seed", arg, 0, INT64_MAX);
		my->learn.seed = my->backbone.seed = my->seed;
		return 0;
	case KEY_BACKBONE:
		my->backbone.backbone = arg;
		return 0;
	case KEY_MODELS:
		my->backbone.models = (size_t)mn_cmd_number(state, "--models", arg, 1, 10000);
		return 0;
	case ARGP_KEY_END:
		check(my, state);
		return 0;
	case 'q':
		my->quiet = 1;
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

const struct argp mn_argp_collect = {
	.options = options,
	.parser = parse,
	.children = children,
	.doc = "Measure a sweep on boards and put each result into the database as it comes."
	       "\v"
	       "Running it again goes on where it was and measures nothing anew. ^C ends after the "
	       "probe that is "
	       "running; a second one at once. Numbers of virtual boards are kept apart from "
	       "measured ones.\n"
	       "\n"
	       "Exit code 0: every probe has a result, or a reason why it has none that lies in "
	       "the layer and the "
	       "board (it does not fit); 1: a board could not be used, or a probe failed; 3: "
	       "probes are left "
	       "open, run it again; 130: interrupted.\n"
	       "\n"
	       "With --backbone each model runs once and then twice, after a run to warm up; "
	       "those that do not fit a board are rows, too, and counted by reason at the end.\n"
	       "\n"
	       "Example: mnchar collect --board virtual-f446re --sweep quick --db my.db\n"
	       "Example: mnchar collect --board virtual-f446re --backbone ds-cnn-kws --models 30 "
	       "--db "
	       "my.db",
};

/* All ST-LINKs that are plugged in, or the error that says what else there is. */
static int default_boards(struct options *my, struct mn_port **ret_ports, size_t *ret_n,
			  struct mn_err *err)
{
	int ret = mn_ports_list(ret_ports, ret_n, err);
	char list[256] = "";
	size_t used = 0;

	if (ret)
		return ret;
	for (size_t i = 0; i < *ret_n && my->n_boards < BOARDS_MAX; i++)
		if ((*ret_ports)[i].is_stlink)
			my->boards[my->n_boards++] = (*ret_ports)[i].path;
	if (my->n_boards)
		return 0;
	for (const struct mn_known_board *k = mn_known_boards; k->board; k++)
		used += (size_t)snprintf(list + used, sizeof(list) - used, " --board %s", k->virt);
	return mn_err_set(err, MN_E_NOTFOUND,
			  "no board is plugged in; without one, take virtual boards:%s", list);
}

int mn_cmd_collect(int argc, char **argv)
{
	struct options my = {.baud = 921600};
	struct mn_target targets[BOARDS_MAX] = {0};
	struct mn_campaign_config config = {0};
	struct mn_campaign_outcome outcome;
	struct mn_store *store = NULL;
	struct mn_sweep *sweep = NULL;
	struct mn_port *ports = NULL;
	struct mn_err err = {0};
	size_t n_ports = 0, n = 0;
	char schema[4096], path[4096];
	int ret = 0;

	argp_parse(&mn_argp_collect, argc, argv, 0, NULL, &my);
	/* A reader of stderr that goes away must not end the measuring. */
	signal(SIGPIPE, SIG_IGN);
	if (!my.sweep)
		my.sweep = my.adaptive ? "full" : "quick";
	if (!my.backbone.backbone)
		ret = mn_sweep_load(mn_cmd_yaml(MN_DIR_SWEEPS, my.sweep, path, sizeof(path)),
				    &sweep, &err);
	if (!ret && !my.n_boards)
		ret = default_boards(&my, &ports, &n_ports, &err);
	for (; !ret && n < my.n_boards; n++)
		ret = mn_target_resolve_image(my.boards[n], my.image, &targets[n], &err);
	if (!ret)
		ret = mn_cmd_energy_check(&my.energy, n, &err);
	if (!ret)
		ret = mn_path(MN_DIR_SCHEMA, NULL, schema, sizeof(schema), &err);
	if (!ret)
		ret = mn_store_open(my.db, MN_STORE_CREATE, schema, &store, &err);
	if (ret) {
		ret = err.code == MN_E_NOTFOUND && !my.n_boards ? (mn_cmd_fail(&err), MN_EXIT_EMPTY)
								: mn_cmd_fail(&err);
		goto out;
	}
	config.store = store;
	config.sweep = sweep;
	config.energy = mn_cmd_energy_config(&my.energy);
	config.kernels = my.kernels;
	config.limit = my.limit;
	config.baud = my.baud;
	config.progress = my.quiet ? 0 : isatty(STDERR_FILENO) ? 2 : 1;
	if (!(my.learn.target_p90_pct > 0))
		my.learn.target_p90_pct = 5;
	my.learn.seed += my.learn.seed ? 0 : 1;
	my.backbone.seed += my.backbone.seed ? 0 : 1;
	my.backbone.models += my.backbone.models ? 0 : 400;
	if (my.backbone.backbone)
		ret = mn_backbone_collect(&config, &my.backbone, targets, n, &outcome, &err);
	else if (my.adaptive)
		ret = mn_learn_collect(&config, &my.learn, targets, n, &outcome, &err);
	else
		ret = mn_campaign_run(&config, targets, n, &outcome, &err);
	ret = ret ? mn_cmd_fail(&err) : mn_cmd_outcome(&outcome, my.db);
out:
	mn_store_close(store);
	for (size_t i = 0; i < BOARDS_MAX; i++)
		mn_target_clear(&targets[i]);
	mn_ports_free(ports, n_ports);
	mn_sweep_free(sweep);
	return ret;
}
