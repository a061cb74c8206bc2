/* SPDX-License-Identifier: MIT */
#include "campaign.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "energy.h"
#include "kernels/cmsis_nn.h"
#include "progress.h"
#include "rig.h"
#include "validation.h"

#define PROGRESS_US 500000

#define SETS_MAX 16
/* Steps of a program whose energy is kept apart: more than any board takes in one batch. */
#define STEPS_MAX 160
/* Of a probe whose window cannot be believed. */
#define ENERGY_RETRIES 2

/* The kernel sets of a board, in its order. */
struct sets {
	const struct mn_kernel_set *set[SETS_MAX]; /* NULL: one that this mnchar does not know */
	struct mn_kernel_set planned[SETS_MAX];    /* of libraries that only the board has */
	char ids[sizeof(((struct mn_msg_hello *)0)->kernels)];
	const char *id[SETS_MAX]; /* in ids */
	uint8_t n;
};

struct campaign;

/* One board of the campaign. */
struct board {
	struct campaign *campaign;
	const struct mn_target *target;
	int64_t rig_id, session_id; /* 0: none yet */
	uint32_t uid[3];
	struct mn_msg_hello hello;
	struct sets sets; /* tasks point to them */
	struct mn_task *tasks;
	size_t n_tasks, room;
	size_t known, measured, failed, again, refused;

	struct mn_energy *energy; /* NULL: none, or no longer */
	int64_t meter_id;
	const struct mn_task *armed; /* whose windows these are */
	struct mn_stored_window windows[MN_ENERGY_REPEAT_MAX];
	uint32_t n_windows;
	struct mn_stored_step_energy steps[STEPS_MAX];
	uint32_t n_steps;
	int steps_lost;
};

struct campaign {
	const struct mn_campaign_config *config;
	struct mn_store *store;
	struct board *boards;
	struct mn_runner **runners;
	size_t n;
	struct mn_progress progress;
	int failed; /* the store: stop everything */
	struct mn_err err;
};

/* An error of the store ends the campaign, not only the board. */
static int store_failed(struct board *board, int code, const struct mn_err *err)
{
	if (!board->campaign->failed) {
		board->campaign->failed = code;
		board->campaign->err = *err;
	}
	return code;
}

static void list_sets(const struct mn_msg_hello *hello, struct sets *sets)
{
	char *rest = sets->ids, *id;

	sets->n = 0;
	memcpy(sets->ids, hello->kernels, sizeof(sets->ids));
	while ((id = strsep(&rest, ";")) && sets->n < SETS_MAX) {
		struct mn_kernel_set *planned = &sets->planned[sets->n];

		sets->id[sets->n] = id;
		sets->set[sets->n] = mn_kernel_set_find(id);
		if (!sets->set[sets->n] && !mn_cmsis_nn_plan(id, planned))
			sets->set[sets->n] = planned;
		sets->n++;
	}
}

int mn_campaign_wants(const char *wanted, const char *id, uint8_t index)
{
	const char *slash = strrchr(id, '/');

	return !strcmp(wanted, "all") || !strcmp(wanted, id) ||
	       (slash && !strcmp(wanted, slash + 1)) ||
	       (!strncmp(wanted, id, strlen(wanted)) && id[strlen(wanted)] == '/') ||
	       (!*wanted && index == 0);
}

static int make_room(struct board *board, struct mn_err *err)
{
	struct mn_task *tasks;

	if (board->n_tasks < board->room)
		return 0;
	tasks = realloc(board->tasks, (2 * board->room + 64) * sizeof(*tasks));
	if (!tasks)
		return mn_err_set(err, MN_E_NOMEM, "out of memory");
	board->tasks = tasks;
	board->room = 2 * board->room + 64;
	return 0;
}

/* Append a task, whose probe is `row`, unless the store has it already. */
static int add_task(struct board *board, const struct mn_probe *row, struct mn_task *task,
		    struct mn_err *err)
{
	int ret = make_room(board, err);

	if (!ret)
		ret = mn_store_put_probe(board->campaign->store, row, &task->probe_id, err);
	if (!ret)
		ret = board->energy && !task->cold
			      ? mn_store_probe_has_energy(board->campaign->store, board->rig_id,
							  task->probe_id, err)
			      : mn_store_probe_done(board->campaign->store, board->rig_id,
						    task->probe_id, err);
	if (ret < 0)
		return ret;
	if (ret) {
		board->known++;
		return 0;
	}
	task->cycles = mn_task_cycles(task);
	if (board->energy && !task->cold) {
		const struct mn_energy_config *e = board->campaign->config->energy;

		task->cycles += (double)e->window_us * 216;
		if (task->reps && task->cycles / task->reps * e->reps > task->cycles)
			task->cycles = task->cycles / task->reps * e->reps;
	}
	board->tasks[board->n_tasks++] = *task;
	return 0;
}

static int plan_layer(struct board *board, const void *what, const struct mn_kernel_set *set,
		      uint8_t index, struct mn_err *err)
{
	const struct mn_sweep_probe *probe = what;
	const struct mn_probe row = {
		.layer = &probe->layer,
		.ops = -1,
		.kernels = set->id,
		.cold = probe->cold,
		.warmup = probe->warmup,
		.reps = probe->reps,
		.seed = probe->seed,
	};
	struct mn_task task = {
		.layer = probe->layer,
		.set = set,
		.kernels = index,
		.cold = probe->cold,
		.warmup = probe->warmup,
		.reps = probe->reps,
		.seed = probe->seed,
	};

	return add_task(board, &row, &task, err);
}

/* A model on one board with one kernel set. */
struct piece {
	struct board *board;
	const struct mn_campaign_model *model;
	const struct mn_kernel_set *set;
	uint8_t index;
	struct mn_stored_program program;
	int64_t program_id;
};

static struct mn_probe piece_row(const struct piece *p, uint32_t first, uint32_t n)
{
	const struct mn_campaign_run *run = &p->board->campaign->config->run;
	int64_t ops = 0;

	for (uint32_t i = first; i < first + n; i++) {
		struct mn_layer_info info;

		if (!mn_layer_check(&p->program.program->steps[i].layer, &info, NULL))
			ops += (int64_t)info.ops;
	}
	return (struct mn_probe){
		.model = p->model->name,
		.backbone = p->model->backbone,
		.ops = ops ? ops : -1,
		.kernels = p->set->id,
		.cold = run->cold,
		.warmup = run->warmup,
		.reps = run->reps,
		.seed = run->seed,
		.program_id = p->program_id,
		.first_step = first,
		.n_steps = n,
	};
}

static int add_piece(const struct piece *p, uint32_t first, uint32_t n, struct mn_err *err)
{
	const struct mn_campaign_run *run = &p->board->campaign->config->run;
	const struct mn_program *program = p->program.program;
	const struct mn_probe row = piece_row(p, first, n);
	struct mn_task task = {
		.layer = program->steps[first].layer,
		.program = {n, program->arena_bytes, program->steps + first},
		.steps = n > 1,
		.first_step = first,
		.model = p->model->name,
		.set = p->set,
		.kernels = p->index,
		.cold = run->cold,
		.warmup = run->warmup,
		.reps = run->reps,
		.seed = run->seed,
	};

	return add_task(p->board, &row, &task, err);
}

/* A model that cannot run is one row, not one for each layer. */
static int refuse(const struct piece *p, const struct mn_probe *row, int code, const char *reason,
		  struct mn_err *err)
{
	struct mn_store *store = p->board->campaign->store;
	int64_t probe_id;
	int ret = mn_store_put_probe(store, row, &probe_id, err);

	if (!ret)
		ret = mn_store_probe_done(store, p->board->rig_id, probe_id, err);
	if (ret < 0)
		return ret;
	p->board->refused++;
	return ret ? 0
		   : mn_store_put_failure(store, p->board->session_id, probe_id, code, reason, 0,
					  err);
}

/* 1 and the sentence if the board's memory is too small. */
static int lacks_room(const struct piece *p, char *reason, size_t size)
{
	const struct mn_msg_hello *hello = &p->board->hello;
	const struct mn_program *program = p->program.program;

	if (program->arena_bytes > hello->arena_bytes)
		snprintf(reason, size, "it does not fit: needs %u bytes of arena, the board has %u",
			 program->arena_bytes, hello->arena_bytes);
	else if (p->program.weight_bytes > hello->pool_bytes)
		snprintf(reason, size,
			 "it does not fit: needs %" PRId64
			 " bytes of weight pool, the board has %u",
			 p->program.weight_bytes, hello->pool_bytes);
	else
		return 0;
	return 1;
}

static int plan_model(struct board *board, const void *what, const struct mn_kernel_set *set,
		      uint8_t index, struct mn_err *err)
{
	const struct mn_campaign_run *run = &board->campaign->config->run;
	struct piece p = {board, what, set, index, {0}, 0};
	struct mn_err why = {0};
	char reason[256];
	uint32_t n, at = 0, room, pieces;
	int ret = p.model->program(set, p.model->arg, &p.program, &why);

	if (ret) {
		const struct mn_probe row = {
			.model = p.model->name,
			.backbone = p.model->backbone,
			.ops = -1,
			.kernels = set->id,
			.cold = run->cold,
			.warmup = run->warmup,
			.reps = run->reps,
			.seed = run->seed,
		};

		return refuse(&p, &row, ret, why.msg, err);
	}
	n = p.program.program->n_steps;
	ret = mn_store_put_program(board->campaign->store, &p.program, &p.program_id, err);
	if (ret)
		return ret;
	if (lacks_room(&p, reason, sizeof(reason))) {
		const struct mn_probe row = piece_row(&p, 0, n);

		return refuse(&p, &row, MN_E_TOO_BIG, reason, err);
	}
	/* Pieces of about one size. */
	room = mn_task_steps_max(&board->hello, run->reps);
	pieces = (n + room - 1) / room;
	for (uint32_t k = 0; k < pieces && run->whole && !ret; k++) {
		uint32_t end = (uint32_t)((uint64_t)n * (k + 1) / pieces);

		ret = add_piece(&p, at, end - at, err);
		at = end;
	}
	for (uint32_t i = 0; i < n && run->layers && n > 1 && !ret; i++)
		ret = add_piece(&p, i, 1, err);
	return ret;
}

/* A probe or a model with every kernel set of the board that is asked for. */
static int plan_sets(struct board *board, const char *wanted,
		     int (*plan)(struct board *board, const void *what,
				 const struct mn_kernel_set *set, uint8_t index,
				 struct mn_err *err),
		     const void *what, struct mn_err *err)
{
	const struct sets *sets = &board->sets;
	int found = 0, ret;

	if (board->campaign->config->kernels)
		wanted = board->campaign->config->kernels;
	for (uint8_t i = 0; i < sets->n; i++) {
		if (!mn_campaign_wants(wanted, sets->id[i], i))
			continue;
		if (!sets->set[i])
			return mn_err_set(err, MN_E_VERSION,
					  "the board's kernels %s are not known to mnchar %s: "
					  "flash the image "
					  "of this version (mnchar flash)",
					  sets->id[i], MNCHAR_VERSION);
		ret = plan(board, what, sets->set[i], i, err);
		if (ret)
			return ret;
		found = 1;
	}
	if (!found)
		return mn_err_set(err, MN_E_NOTFOUND, "the board has no kernels '%s'", wanted);
	return 0;
}

static int by_probe(const void *a, const void *b)
{
	const struct mn_task *p = *(struct mn_task *const *)a, *q = *(struct mn_task *const *)b;

	if (p->probe_id != q->probe_id)
		return p->probe_id < q->probe_id ? -1 : 1;
	return p < q ? -1 : p > q;
}

/* With --kernels, probes of the sweep that differed in nothing else are the same: keep the first.
 */
static int drop_equals(struct board *board, struct mn_err *err)
{
	struct mn_task **order = calloc(board->n_tasks + 1, sizeof(struct mn_task *));
	size_t n = 0;

	if (!order)
		return mn_err_set(err, MN_E_NOMEM, "out of memory");
	for (size_t i = 0; i < board->n_tasks; i++)
		order[i] = &board->tasks[i];
	qsort(order, board->n_tasks, sizeof(*order), by_probe);
	for (size_t i = 1; i < board->n_tasks; i++)
		if (order[i]->probe_id == order[i - 1]->probe_id)
			order[i]->done = 1;
	free(order);
	for (size_t i = 0; i < board->n_tasks; i++)
		if (!board->tasks[i].done)
			board->tasks[n++] = board->tasks[i];
	board->n_tasks = n;
	return 0;
}

/* The rig, its session, and what is still to be measured on it: one transaction. */
static int begin(struct board *board, const struct mn_msg_hello *hello, double host_hz,
		 struct mn_err *err)
{
	struct mn_store *store = board->campaign->store;
	const struct mn_campaign_config *config = board->campaign->config;
	const struct mn_sweep *sweep = config->sweep;
	struct mn_rig_text text;
	char hash[17], *validation = NULL;
	struct mn_session session = {
		.sweep = sweep ? sweep->name : "models",
		.sweep_hash = hash,
		.version = MNCHAR_VERSION,
		.link = board->target->link,
	};
	int ret = 0;

	board->hello = *hello;
	list_sets(hello, &board->sets);
	snprintf(hash, sizeof(hash), "%016" PRIx64, sweep ? sweep->hash : 0);
	mn_rig_from_hello(hello, board->target->model, &text);
	if (config->ret_boards)
		memcpy(config->ret_boards[board - board->campaign->boards], text.board,
		       sizeof(text.board));
	/* HSI: the board has nothing to measure itself against; this computer has. To 1 kHz, which
	 * is more than it knows. */
	if (!text.rig.clock_measured_hz && host_hz > 0)
		text.rig.clock_measured_hz = (int64_t)(host_hz / 1000 + 0.5) * 1000;
	ret = mn_store_begin(store, err);
	if (ret)
		return store_failed(board, ret, err);
	if (text.rig.kind == MN_KIND_VIRTUAL)
		ret = mn_validation_find(text.board, text.model, &validation, err);
	text.rig.validation = validation;
	if (!ret)
		ret = mn_store_put_rig(store, &text.rig, &board->rig_id, err);
	free(validation);
	session.rig_id = board->rig_id;
	if (!ret)
		ret = mn_store_begin_session(store, &session, &board->session_id, err);
	if (!ret && board->energy) {
		const struct mn_meter *m = mn_energy_meter(board->energy);
		const struct mn_stored_meter row = {.driver = m->ops->name,
						    .model = m->info.model,
						    .serial = m->info.serial,
						    .firmware = m->info.firmware,
						    .calibration = m->info.calibration,
						    .is_virtual = m->caps.is_virtual};

		ret = mn_store_put_meter(store, &row, &board->meter_id, err);
	}
	if (ret)
		goto fail;
	for (uint32_t i = 0; sweep && i < sweep->n_probes && !ret; i++)
		ret = plan_sets(board, sweep->probes[i].kernels, plan_layer, &sweep->probes[i],
				err);
	for (size_t i = 0; i < config->n_models && !ret; i++)
		ret = plan_sets(board, "", plan_model, &config->models[i], err);
	if (ret == MN_E_VERSION || ret == MN_E_NOTFOUND) {
		/* This board's kernels, not the store. */
		mn_store_rollback(store);
		board->session_id = 0;
		return ret;
	}
	if (ret)
		goto fail;
	ret = mn_store_commit(store, err);
	if (ret)
		goto fail;
	if (board->campaign->config->begun)
		board->campaign->config->begun((size_t)(board - board->campaign->boards),
					       board->session_id, &text.rig, hello->kernels,
					       board->campaign->config->arg);
	return drop_equals(board, err);
fail:
	mn_store_rollback(store);
	board->session_id = 0;
	return store_failed(board, ret, err);
}

/* The monitor does not go on: with leave of the user without it, else the board is given up. */
static int lose_energy(struct mn_runner *runner, struct board *board, int code,
		       const struct mn_err *why, struct mn_err *err)
{
	char text[640];

	if (!board->campaign->config->energy->optional)
		return mn_err_set(err, code, "%s (--allow-no-energy goes on without)", why->msg);
	snprintf(text, sizeof(text), "no energy from here on: %s", why->msg);
	mn_progress_note(&board->campaign->progress, mn_runner_name(runner), text);
	mn_energy_close(board->energy);
	board->energy = NULL;
	return 0;
}

static int on_hello(struct mn_runner *runner, const struct mn_msg_hello *hello, double host_hz,
		    int first, void *arg, struct mn_err *err)
{
	struct board *board = arg;
	size_t limit = board->campaign->config->limit, n;
	int ret;

	if (!first) {
		if (memcmp(board->uid, (uint32_t[]){hello->uid0, hello->uid1, hello->uid2},
			   sizeof(board->uid)))
			return mn_err_set(err, MN_E_PROTOCOL,
					  "another board answers on this link now");
		return 0;
	}
	if (board->energy) {
		struct mn_err why;

		ret = mn_energy_check_board(board->energy, hello, &why);
		ret = ret ? lose_energy(runner, board, ret, &why, err) : 0;
		if (ret)
			return ret;
	}
	board->uid[0] = hello->uid0;
	board->uid[1] = hello->uid1;
	board->uid[2] = hello->uid2;
	ret = begin(board, hello, host_hz, err);
	if (ret)
		return ret;
	n = board->n_tasks;
	mn_runner_set_tasks(runner, board->tasks, limit && limit < n ? limit : n);
	return 0;
}

/* Latency of one run as the reader of the store derives it, s. */
static double latency_s(const struct board *board, const struct mn_msg_result *result)
{
	const struct mn_msg_hello *h = &board->hello;
	double hz = h->clock_measured_hz ? h->clock_measured_hz : h->clock_set_hz;

	return ((double)(result->n2_cycles - result->n_cycles) / result->reps -
		result->overhead_cycles) /
	       hz;
}

static int by_power(const void *a, const void *b)
{
	const double *p = a, *q = b;

	return *p < *q ? -1 : *p > *q;
}

/* Mean power of the median window, W. */
static double median_W(const struct mn_stored_window *w, uint32_t n)
{
	double power[MN_ENERGY_REPEAT_MAX];

	for (uint32_t i = 0; i < n; i++)
		power[i] = (double)w[i].gross_nJ / (double)w[i].covered_ns;
	qsort(power, n, sizeof(power[0]), by_power);
	return n % 2 ? power[n / 2] : (power[n / 2 - 1] + power[n / 2]) / 2;
}

/* A window that cannot be believed is a failure, and the probe runs again: MN_E_AGAIN; 0: it has
 * had its tries. */
static int bad_window(struct mn_runner *runner, struct board *board, struct mn_task *task, int code,
		      const char *why, struct mn_err *err)
{
	char layer[MN_LAYER_TEXT_MAX] = "", reason[640], text[1024];
	int ret;

	snprintf(reason, sizeof(reason), "energy: %s", why);
	ret = mn_store_put_failure(board->campaign->store, board->session_id, task->probe_id, code,
				   reason, 1, err);
	if (ret)
		return store_failed(board, ret, err);
	if (++task->windows <= ENERGY_RETRIES)
		return MN_E_AGAIN;
	board->failed++;
	board->again++;
	(void)mn_layer_format(&task->layer, layer, sizeof(layer));
	snprintf(text, sizeof(text), "failed: %s (%s): tried %d times: %s", layer, task->set->id,
		 ENERGY_RETRIES + 1, reason);
	mn_progress_note(&board->campaign->progress, mn_runner_name(runner), text);
	return 0;
}

static void store_window(struct board *board, const struct mn_window *w,
			 const struct mn_msg_result *result, struct mn_stored_window *ret)
{
	double net = mn_window_net_J(w);

	*ret = (struct mn_stored_window){
		.meter_id = board->meter_id,
		.source = board->campaign->config->energy->source,
		.reps = result->energy_reps,
		.board_cycles = (int64_t)result->energy_cycles,
		.board_us = result->energy_micros,
		.duration_ns = llround(w->gross.duration_s * 1e9),
		.covered_ns = llround(w->gross.covered_s * 1e9),
		.gross_nJ = llround(w->gross.energy_J * 1e9),
		.idle_nJ = llround(w->idle.energy_J * 1e9),
		.idle_ns = llround(w->idle.covered_s * 1e9),
		.net_nJ = isnan(net) ? 0 : llround(net * 1e9),
		.mean_nA = llround(w->gross.charge_C / w->gross.covered_s * 1e9),
		.voltage_uV = llround(w->gross.energy_J / w->gross.charge_C * 1e6),
		.expected = (int64_t)w->expected,
		.received = (int64_t)w->gross.received,
		.dropped = (int64_t)w->dropped,
		.saturated = (int64_t)w->saturated,
		.held = (int64_t)w->held,
		.range_changes = (int64_t)w->range_changes,
	};
	if (w->trace) {
		void *bytes;

		if (!mn_energy_pack_trace(w, &bytes, &ret->trace_bytes)) {
			ret->trace = bytes;
			ret->trace_samples = (int64_t)w->trace_n;
		}
	}
}

static void clear_windows(struct board *board)
{
	for (uint32_t i = 0; i < board->n_windows; i++)
		free((void *)(uintptr_t)board->windows[i].trace);
	board->n_windows = board->n_steps = 0;
	board->steps_lost = 0;
}

/* Of a program: what each step drew, if all toggles were seen. */
static void add_steps(struct board *board, const struct mn_window *w,
		      const struct mn_msg_result *result)
{
	if (!w->n_segments)
		return;
	if (w->n_segments > STEPS_MAX ||
	    w->n_toggles + 1 != (uint64_t)result->energy_reps * w->n_segments) {
		board->steps_lost = 1;
		return;
	}
	if (!board->n_steps)
		memset(board->steps, 0, sizeof(board->steps));
	board->n_steps = w->n_segments;
	for (uint32_t i = 0; i < w->n_segments; i++) {
		board->steps[i].reps += (int64_t)w->segments[i].n;
		board->steps[i].duration_ns += llround(w->segments[i].sum.duration_s * 1e9);
		board->steps[i].gross_nJ += llround(w->segments[i].sum.energy_J * 1e9);
	}
}

/*
 * The energy window of a result into the board's list. 1: row has its energy now (or there is none
 * to have); 0: the task is over without a row; MN_E_AGAIN: once more; else given up.
 */
static int take_energy(struct mn_runner *runner, struct board *board, struct mn_task *task,
		       const struct mn_msg_result *result, struct mn_measurement *row,
		       struct mn_err *err)
{
	uint32_t repeat = board->campaign->config->energy->repeat;
	struct mn_window w;
	struct mn_err why;
	double watts;
	int ret = mn_energy_take(board->energy, &board->hello, result, &w, &why);

	if (ret == MN_E_AGAIN || ret == MN_E_CLOCK)
		return bad_window(runner, board, task, ret == MN_E_AGAIN ? MN_E_IO : ret, why.msg,
				  err);
	if (ret) {
		clear_windows(board);
		ret = lose_energy(runner, board, ret, &why, err);
		return ret ? ret : 1;
	}
	store_window(board, &w, result, &board->windows[board->n_windows++]);
	add_steps(board, &w, result);
	mn_window_clear(&w);
	if (board->n_windows < repeat)
		return MN_E_AGAIN;
	watts = median_W(board->windows, board->n_windows);
	if (watts > 0) {
		row->power_uW = llround(watts * 1e6);
		row->energy_nJ = llround(watts * latency_s(board, result) * 1e9);
		if (row->energy_nJ <= 0)
			row->energy_nJ = -1; /* an empty layer: nothing but overhead */
	}
	row->windows = board->windows;
	row->n_windows = board->n_windows;
	if (board->steps_lost)
		row->note =
			"energy by step: not all toggles of the layer line were seen, a step is "
			"shorter than a sample";
	else if (board->n_steps) {
		row->step_energy = board->steps;
		row->n_step_energy = board->n_steps;
	}
	return 1;
}

static int on_result(struct mn_runner *runner, struct mn_task *task,
		     const struct mn_msg_result *result, void *arg, struct mn_err *err)
{
	struct board *board = arg;
	struct mn_measurement row;
	uint32_t reps[MN_WIRE_PAYLOAD_MAX / 4], steps[MN_WIRE_PAYLOAD_MAX / 4];
	int64_t id;
	int ret;

	for (uint32_t i = 0; i < result->rep_cycles_len / 4u; i++)
		reps[i] = mn_get_le32(result->rep_cycles + 4 * i);
	mn_measurement_init(&row);
	row.session_id = board->session_id;
	row.probe_id = task->probe_id;
	row.n_cycles = (int64_t)result->n_cycles;
	row.n2_cycles = (int64_t)result->n2_cycles;
	row.n_micros = result->n_micros;
	row.n2_micros = result->n2_micros;
	row.overhead_cycles = result->overhead_cycles;
	row.output_crc = result->output_crc;
	row.rep_cycles = reps;
	row.n_reps = result->rep_cycles_len / 4u;
	for (uint32_t i = 0; i < result->step_cycles_len / 4u; i++)
		steps[i] = mn_get_le32(result->step_cycles + 4 * i);
	row.step_cycles = steps;
	row.n_steps = result->step_cycles_len / 4u;
	if (board->energy && result->energy_reps) {
		ret = take_energy(runner, board, task, result, &row, err);
		if (ret != 1)
			return ret;
	}
	ret = mn_store_put_measurement(board->campaign->store, &row, &id, err);
	clear_windows(board);
	if (ret)
		return store_failed(board, ret, err);
	board->measured++;
	return 0;
}

static int on_failure(struct mn_runner *runner, struct mn_task *task, int code, const char *reason,
		      int retry, void *arg, struct mn_err *err)
{
	struct board *board = arg;
	char layer[MN_LAYER_TEXT_MAX] = "", text[1024];
	int ret = mn_store_put_failure(board->campaign->store, board->session_id, task->probe_id,
				       code, reason, retry, err);

	if (ret)
		return store_failed(board, ret, err);
	/* What does not fit a board, or its kernels lack, is a fact; the rest is worth a line now.
	 */
	if (code == MN_E_TOO_BIG || code == MN_E_UNSUPPORTED) {
		board->refused++;
		return 0;
	}
	board->failed++;
	board->again += retry ? 1 : 0;
	if (task->program.n_steps > 1)
		snprintf(layer, sizeof(layer), "%.100s, steps %u to %u", task->model,
			 task->first_step, task->first_step + task->program.n_steps - 1);
	else
		(void)mn_layer_format(&task->layer, layer, sizeof(layer));
	snprintf(text, sizeof(text), "failed: %s (%s): %s", layer, task->set->id, reason);
	mn_progress_note(&board->campaign->progress, mn_runner_name(runner), text);
	return 0;
}

static void on_note(struct mn_runner *runner, const char *text, void *arg)
{
	struct board *board = arg;

	mn_progress_note(&board->campaign->progress, mn_runner_name(runner), text);
}

static const char *on_link(struct mn_runner *runner, const char *link, void *arg,
			   struct mn_err *err)
{
	struct board *board = arg;
	struct mn_err why;
	const char *other;

	if (!board->energy)
		return link;
	other = mn_energy_link(board->energy, link, &why);
	if (other)
		return other;
	return lose_energy(runner, board, why.code, &why, err) ? NULL : link;
}

static int on_linked(struct mn_runner *runner, int opened, void *arg, struct mn_err *err)
{
	struct board *board = arg;
	struct mn_err why;
	int ret = board->energy ? mn_energy_linked(board->energy, opened, &why) : 0;

	return ret ? lose_energy(runner, board, ret, &why, err) : 0;
}

static int on_energy(struct mn_runner *runner, struct mn_task *task,
		     struct mn_client_energy *ret_energy, void *arg, struct mn_err *err)
{
	struct board *board = arg;

	(void)runner;
	(void)err;
	if (!board->energy || !task || task->cold)
		return 0;
	if (board->armed != task) {
		clear_windows(board);
		board->armed = task;
	}
	mn_energy_arm(board->energy, task->program.n_steps);
	mn_energy_ask(board->energy, ret_energy);
	return 0;
}

static const struct mn_runner_calls calls = {
	.hello = on_hello,
	.result = on_result,
	.failure = on_failure,
	.note = on_note,
};

static const struct mn_runner_calls calls_with_energy = {
	.hello = on_hello,
	.link = on_link,
	.linked = on_linked,
	.energy = on_energy,
	.result = on_result,
	.failure = on_failure,
	.note = on_note,
};

static void on_progress(struct mn_runner *const *runners, size_t n, int64_t now_us, void *arg)
{
	struct campaign *c = arg;

	mn_progress_show(&c->progress, runners, n, now_us);
}

static int is_stopped(void *arg)
{
	const struct campaign *c = arg;

	return c->failed != 0;
}

/* Batch numbers that no earlier host has used, in all likelihood. */
static uint32_t random_batch(void)
{
	uint32_t x;

	if (getrandom(&x, sizeof(x), GRND_NONBLOCK) != (ssize_t)sizeof(x))
		x = (uint32_t)time(NULL) * 2654435761u;
	return x;
}

/* Close the session of a board and count it. */
static int end_board(struct campaign *c, size_t i, struct mn_campaign_outcome *out)
{
	static const char *const names[] = {
		[MN_RUNNER_BUSY] = "interrupted",
		[MN_RUNNER_DONE] = "done",
		[MN_RUNNER_LOST] = "lost",
		[MN_RUNNER_FAILED] = "failed",
		[MN_RUNNER_INTERRUPTED] = "interrupted",
	};
	struct board *board = &c->boards[i];
	enum mn_runner_status status = mn_runner_status(c->runners[i]);
	struct mn_runner_progress p;
	struct mn_err err;

	mn_runner_progress(c->runners[i], 0, &p);
	out->measured += board->measured;
	out->failed += board->failed;
	out->again += board->again;
	out->refused += board->refused;
	out->known += board->known;
	out->open += p.total - p.done;
	if (status == MN_RUNNER_DONE)
		out->boards_done++;
	else if (status == MN_RUNNER_LOST)
		out->boards_lost++;
	else if (status == MN_RUNNER_FAILED)
		out->boards_failed++;
	if (!c->failed && (status == MN_RUNNER_LOST || status == MN_RUNNER_FAILED))
		mn_progress_note(&c->progress, mn_runner_name(c->runners[i]),
				 mn_runner_error(c->runners[i])->msg);
	/* After an error of the store its session stays without an end, as after a kill. */
	if (!board->session_id || c->failed)
		return 0;
	if (mn_store_end_session(c->store, board->session_id, names[status], &err)) {
		c->failed = err.code;
		c->err = err;
	}
	return c->failed;
}

int mn_campaign_run(const struct mn_campaign_config *config, const struct mn_target *targets,
		    size_t n_targets, struct mn_campaign_outcome *ret, struct mn_err *err)
{
	struct campaign c = {.config = config, .store = config->store, .n = n_targets};
	struct mn_loop_config loop = {on_progress, is_stopped, PROGRESS_US, &c};
	int code = MN_E_NOMEM, signals = 0;

	memset(ret, 0, sizeof(*ret));
	c.progress.mode = (enum mn_progress_mode)config->progress;
	c.boards = calloc(n_targets + 1, sizeof(*c.boards));
	c.runners = calloc(n_targets + 1, sizeof(*c.runners));
	if (!c.boards || !c.runners)
		goto nomem;
	for (size_t i = 0; i < n_targets; i++) {
		const struct mn_runner_config runner = {
			.name = targets[i].name,
			.link = targets[i].link,
			.wait_for_virtual = targets[i].virt,
			.baud = config->baud,
			.batch_first = random_batch(),
			.calls = config->energy ? &calls_with_energy : &calls,
			.arg = &c.boards[i],
		};

		c.boards[i].campaign = &c;
		c.boards[i].target = &targets[i];
		if (config->energy) {
			struct mn_err why;

			code = mn_energy_open(config->energy, &c.boards[i].energy, &why);
			if (code && !config->energy->optional) {
				mn_err_set(err, code, "%s (--allow-no-energy goes on without)",
					   why.msg);
				goto out;
			}
			if (code)
				mn_progress_note(&c.progress, targets[i].name, why.msg);
		}
		if (mn_runner_new(&runner, &c.runners[i]))
			goto nomem;
	}
	code = mn_loop_run(c.runners, n_targets, &loop, &signals, err);
	mn_progress_end(&c.progress);
	for (size_t i = 0; i < n_targets; i++)
		(void)end_board(&c, i, ret);
	ret->interrupted = signals > 0;
	if (!code && c.failed) {
		if (err)
			*err = c.err;
		code = c.failed;
	}
	goto out;
nomem:
	mn_err_set(err, MN_E_NOMEM, "out of memory");
out:
	for (size_t i = 0; i < n_targets && c.runners; i++)
		mn_runner_free(c.runners[i]);
	for (size_t i = 0; i < n_targets && c.boards; i++)
		free(c.boards[i].tasks);
	for (size_t i = 0; i < n_targets && c.boards; i++) {
		clear_windows(&c.boards[i]);
		mn_energy_close(c.boards[i].energy);
	}
	free(c.runners);
	free(c.boards);
	return code;
}
