/* SPDX-License-Identifier: MIT */
#include "learn.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adaptive.h"
#include "cmd.h"
#include "feature.h"
#include "store_read.h"

/* How much more often layers occur that a sweep lists one by one. */
#define LISTED_WEIGHT 4
#define IDS_MAX       16

/* One board's run. */
struct run {
	const struct mn_campaign_config *config;
	const struct mn_learn_request *request;
	const struct mn_target *target;
	struct mn_adaptive *adaptive;
	uint32_t *item_probe; /* item -> probe of the sweep */
	uint32_t *by_hash;    /* items by layer hash */
	uint8_t *asked;       /* items of this and earlier rounds */
	size_t n_items, n_asked;
	/* From the board's last hello. */
	int64_t session_id;
	enum mn_kind kind;
	char board[64], image[80], model[256];
	char kernels[sizeof(((struct mn_msg_hello *)0)->kernels)]; /* ids, a NUL behind each */
	const char *ids[IDS_MAX];                                  /* in kernels */
	uint8_t n_ids;
};

static const struct mn_sweep_probe *probe_of(const struct run *run, uint32_t item)
{
	return &run->config->sweep->probes[run->item_probe[item]];
}

static const char *wanted_kernels(const struct run *run, const struct mn_sweep_probe *probe)
{
	return run->config->kernels ? run->config->kernels : probe->kernels;
}

/* Which of the board's kernel sets a probe runs with; -1: it has no such. */
static int id_of(const struct run *run, const struct mn_sweep_probe *probe)
{
	for (uint8_t i = 0; i < run->n_ids; i++)
		if (mn_campaign_wants(wanted_kernels(run, probe), run->ids[i], i))
			return i;
	return -1;
}

static void on_begun(size_t target, int64_t session_id, const struct mn_rig *rig,
		     const char *kernels, void *arg)
{
	struct run *run = arg;

	(void)target;
	run->session_id = session_id;
	run->kind = rig->kind;
	snprintf(run->board, sizeof(run->board), "%s", rig->board);
	snprintf(run->image, sizeof(run->image), "%s", rig->image);
	snprintf(run->model, sizeof(run->model), "%s", rig->model);
	if (run->n_ids)
		return;
	snprintf(run->kernels, sizeof(run->kernels), "%s", kernels);
	for (char *rest = run->kernels, *id; (id = strsep(&rest, ";")) && run->n_ids < IDS_MAX;)
		run->ids[run->n_ids++] = id;
}

/* What came back */

static int before(const struct run *run, uint32_t item, uint64_t hash)
{
	return probe_of(run, item)->layer_hash < hash;
}

/* Give a figure (NAN: none can be had) to each item asked for that it belongs to. */
static void give(struct run *run, uint64_t hash, const char *kernels, int cold, double value)
{
	size_t lo = 0, hi = run->n_items;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (before(run, run->by_hash[mid], hash))
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < run->n_items && probe_of(run, run->by_hash[lo])->layer_hash == hash; lo++) {
		uint32_t item = run->by_hash[lo];
		const struct mn_sweep_probe *p = probe_of(run, item);
		int id = id_of(run, p);

		if (run->asked[item] && (cold < 0 || p->cold == cold) && id >= 0 &&
		    !strcmp(run->ids[id], kernels))
			mn_adaptive_set(run->adaptive, item, value);
	}
}

static int take_row(const struct mn_row *row, void *arg)
{
	struct run *run = arg;

	if (row->layer && !strcmp(row->image, run->image) && !strcmp(row->rig_model, run->model))
		give(run, mn_layer_hash(row->layer), row->kernels, row->cold, row->latency_ms);
	return 0;
}

static int take_failure(const struct mn_failure_row *row, void *arg)
{
	struct run *run = arg;
	struct mn_layer layer;

	if (row->layer_text[0] && row->kind == run->kind &&
	    !mn_layer_parse(row->layer_text, strlen(row->layer_text), &layer, NULL, NULL))
		give(run, mn_layer_hash(&layer), row->kernels, -1, NAN);
	return 0;
}

/* Figures first: what failed once and succeeded later has one. */
static int read_back(struct run *run, struct mn_err *err)
{
	struct mn_row_filter filter = {
		.board = run->board, .kind = (int)run->kind, .latest_only = 1};
	int ret = mn_store_each_row(run->config->store, &filter, take_row, run, err);

	return ret ? ret
		   : mn_store_each_failure(run->config->store, run->board, take_failure, run, err);
}

/* Rounds */

static void add_outcome(struct mn_campaign_outcome *sum, const struct mn_campaign_outcome *o)
{
	sum->measured += o->measured;
	sum->known += o->known;
	sum->failed += o->failed;
	sum->again += o->again;
	sum->refused += o->refused;
	sum->open += o->open;
	sum->boards_lost += o->boards_lost;
	sum->boards_failed += o->boards_failed;
	sum->interrupted |= o->interrupted;
}

static int measure(struct run *run, const struct mn_sweep_probe *probes, size_t n,
		   struct mn_campaign_outcome *ret_outcome, struct mn_err *err)
{
	struct mn_campaign_config config = *run->config;
	struct mn_sweep sweep = *run->config->sweep;

	sweep.probes = probes;
	sweep.n_probes = (uint32_t)n;
	config.sweep = &sweep;
	config.limit = 0;
	config.begun = on_begun;
	config.arg = run;
	return mn_campaign_run(&config, run->target, 1, ret_outcome, err);
}

/* Why there is no further round, or "". */
static const char *why_ended(const struct run *run, const struct mn_adaptive_state *s, int chosen)
{
	if (chosen)
		return "";
	if (run->request->budget && run->n_asked >= run->request->budget)
		return "budget";
	if (s->limited)
		return "model";
	return s->exhausted ? "pool" : "target";
}

static int record(struct run *run, int64_t number, size_t asked, const struct mn_adaptive_state *s,
		  const char *ended, struct mn_err *err)
{
	char worst[64] = "", path[MN_PATH_TEXT_MAX];
	struct mn_round round = {
		.session_id = run->session_id,
		.number = number,
		.seed = (int64_t)run->request->seed,
		.model = "features",
		.target_p90_pct = run->request->target_p90_pct,
		.pool = (int64_t)s->pool,
		.asked = (int64_t)asked,
		.measured = (int64_t)s->measured,
		.failed = (int64_t)s->failed,
		.mape_pct = s->mape_pct,
		.p90_pct = s->p90_pct,
		.groups = (int64_t)s->groups,
		.reached = (int64_t)s->reached,
		.limited = (int64_t)s->limited,
		.exhausted = (int64_t)s->exhausted,
		.worst = worst,
		.worst_p90_pct = s->worst_p90_pct,
		.ended = ended,
	};

	if (!isnan(s->worst_p90_pct))
		snprintf(worst, sizeof(worst), "%s %s", mn_op_name((enum mn_op)s->worst_op),
			 mn_path_format(s->worst_path, path));
	if (run->config->progress)
		fprintf(stderr,
			"mnchar: %s: round %lld: %zu of %zu layers measured, out-of-fold p90 "
			"%.1f %% (target %g %%), worst %s %.1f %%; groups: %zu of %zu within it, "
			"%zu limited by the model, %zu without more layers%s%s\n",
			run->board, (long long)number, s->measured, s->pool, s->p90_pct,
			run->request->target_p90_pct, worst, s->worst_p90_pct, s->reached,
			s->groups, s->limited, s->exhausted, *ended ? "; ended: " : "", ended);
	return mn_store_put_round(run->config->store, &round, err);
}

/* How many probes the next round may take: a quarter more than there are, at least 20. */
static size_t round_size(const struct run *run)
{
	size_t budget = run->request->budget ? run->request->budget : run->n_items;
	size_t size = run->n_asked ? run->n_asked / 4 + 20 : budget;

	return size < budget - run->n_asked ? size : budget - run->n_asked;
}

static int rounds(struct run *run, struct mn_campaign_outcome *ret, struct mn_err *err)
{
	struct mn_sweep_probe *probes = malloc((run->n_items + 1) * sizeof(*probes));
	uint32_t *pick = malloc((run->n_items + 1) * sizeof(*pick));
	struct mn_adaptive_state state;
	int code = MN_E_NOMEM, n;

	if (!probes || !pick) {
		mn_err_set(err, code, "out of memory");
		goto out;
	}
	n = code = mn_adaptive_next(run->adaptive, round_size(run), pick, err);
	for (int64_t number = 1; n > 0; number++) {
		struct mn_campaign_outcome outcome;
		size_t asked = (size_t)n;

		for (size_t i = 0; i < asked; i++) {
			run->asked[pick[i]] = 1;
			probes[i] = *probe_of(run, pick[i]);
		}
		run->n_asked += asked;
		run->session_id = 0;
		code = measure(run, probes, asked, &outcome, err);
		if (code)
			goto out;
		add_outcome(ret, &outcome);
		if (!run->session_id || outcome.interrupted || outcome.open || outcome.boards_lost)
			goto out;
		code = read_back(run, err);
		if (code)
			goto out;
		n = mn_adaptive_next(run->adaptive, round_size(run), pick, err);
		if (n < 0) {
			code = n;
			goto out;
		}
		mn_adaptive_state(run->adaptive, &state);
		code = record(run, number, asked, &state, why_ended(run, &state, n), err);
		if (code)
			goto out;
	}
	ret->boards_done++;
	code = n < 0 ? n : 0;
out:
	free(probes);
	free(pick);
	return code;
}

/* Set-up */

static const struct run *sorting; /* qsort has no argument */

static int by_hash(const void *a, const void *b)
{
	uint64_t x = probe_of(sorting, *(const uint32_t *)a)->layer_hash;
	uint64_t y = probe_of(sorting, *(const uint32_t *)b)->layer_hash;

	return (x > y) - (x < y);
}

/*
 * The overhead probes, which are not part of any model, and with them what the board is: its kernel
 * sets decide the models. 0 with no n_ids: it could not be used.
 */
static int meet(struct run *run, struct mn_campaign_outcome *ret, struct mn_err *err)
{
	const struct mn_sweep *sweep = run->config->sweep;
	struct mn_sweep_probe *probes = malloc((sweep->n_probes + 1) * sizeof(*probes));
	struct mn_campaign_outcome outcome;
	size_t n = 0;
	int code;

	if (!probes)
		return mn_err_set(err, MN_E_NOMEM, "out of memory");
	for (uint32_t i = 0; i < sweep->n_probes; i++)
		if (sweep->probes[i].layer.op == MN_OP_NOP)
			probes[n++] = sweep->probes[i];
	code = measure(run, probes, n, &outcome, err);
	free(probes);
	if (!code)
		add_outcome(ret, &outcome);
	return code;
}

static int begin(struct run *run, struct mn_err *err)
{
	const struct mn_sweep *sweep = run->config->sweep;
	const struct mn_adaptive_options options = {
		.target = "latency",
		.target_p90_pct = run->request->target_p90_pct,
		.seed = run->request->seed,
	};
	struct mn_adaptive_item *items = malloc((sweep->n_probes + 1) * sizeof(*items));
	int ret = MN_E_NOMEM;

	run->item_probe = malloc((sweep->n_probes + 1) * sizeof(*run->item_probe));
	run->by_hash = malloc((sweep->n_probes + 1) * sizeof(*run->by_hash));
	run->asked = calloc(sweep->n_probes + 1, 1);
	if (!items || !run->item_probe || !run->by_hash || !run->asked) {
		mn_err_set(err, ret, "out of memory");
		goto out;
	}
	for (uint32_t i = 0; i < sweep->n_probes; i++) {
		const struct mn_sweep_probe *p = &sweep->probes[i];
		int id = id_of(run, p);

		if (p->layer.op == MN_OP_NOP)
			continue;
		if (id < 0) {
			ret = mn_err_set(err, MN_E_NOTFOUND, "%s has no kernels '%s'", run->board,
					 wanted_kernels(run, p));
			goto out;
		}
		items[run->n_items] = (struct mn_adaptive_item){
			.layer = p->layer,
			.kernels = run->ids[id],
			.domain = 2 * (uint32_t)id + p->cold,
			.weight = sweep->groups[p->group].listed ? LISTED_WEIGHT : 1,
		};
		run->by_hash[run->n_items] = (uint32_t)run->n_items;
		run->item_probe[run->n_items++] = i;
	}
	sorting = run;
	qsort(run->by_hash, run->n_items, sizeof(*run->by_hash), by_hash);
	ret = mn_adaptive_new(&options, items, run->n_items, &run->adaptive, err);
out:
	free(items);
	return ret;
}

int mn_learn_collect(const struct mn_campaign_config *config,
		     const struct mn_learn_request *request, const struct mn_target *targets,
		     size_t n_targets, struct mn_campaign_outcome *ret, struct mn_err *err)
{
	int code = 0;

	memset(ret, 0, sizeof(*ret));
	if (config->kernels && !strcmp(config->kernels, "all"))
		return mn_err_set(err, MN_E_INVALID,
				  "--adaptive looks at one kernel set: --kernels all is not one");
	for (size_t i = 0; i < n_targets && !code && !ret->interrupted; i++) {
		struct run run = {.config = config, .request = request, .target = &targets[i]};

		code = meet(&run, ret, err);
		if (!code && run.n_ids && !ret->interrupted)
			code = begin(&run, err);
		if (!code && run.adaptive)
			code = rounds(&run, ret, err);
		mn_adaptive_free(run.adaptive);
		free(run.item_probe);
		free(run.by_hash);
		free(run.asked);
	}
	return code;
}
