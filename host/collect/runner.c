/* SPDX-License-Identifier: MIT */
#include "runner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "board_link.h"
#include "rig.h"

#define FIRST_BAUD 115200
/* A batch should give its last result after about this long … */
#define BATCH_US 1000000.0
/* … and never hold more probes than this, however small. */
#define BATCH_PROBES 64
#define REOPENS_MAX  3
/* Probes in a row that took the board down: it is the board then. */
#define DOWNED_MAX  16
#define STRIKES_MAX 2
#define REOPEN_US   500000
/* Between the two clock samples. */
#define CLOCK_US 1200000
/* Estimates are rough and machines are busy: a probe may take this times longer, and this much in
 * any case. */
#define LIMIT_FACTOR 20
/* A virtual board on a busy machine, until its speed has been measured. */
#define VIRTUAL_CYCLES_US 10
#define LIMIT_MIN_US      3e6
#define LIMIT_MAX_US      3e9

enum phase {
	PHASE_CLOSED, /* open at `at` */
	PHASE_HELLO,  /* until READY */
	PHASE_CLOCK,  /* first PONG, pause until `at`, second PONG */
	PHASE_RUN,    /* batches */
	PHASE_END,
};

struct mn_runner {
	struct mn_runner_config config;
	char *name, *link_spec;
	enum phase phase;
	int64_t at; /* PHASE_CLOSED, PHASE_CLOCK */
	struct mn_link *link;
	struct mn_client *client;
	enum mn_runner_status status;
	struct mn_err err;
	int stopping;
	int met;                      /* hello was accepted once */
	unsigned reopens;             /* since the last result, or the last probe given up */
	unsigned downed;              /* probes given up since the last result */
	char words[512];              /* of the link that was closed last */
	struct mn_client_stats stats; /* of clients that are gone */

	struct mn_clock_sample first_clock;
	int have_clock;

	struct mn_task *tasks;
	size_t n_tasks, n_done, n_failed;
	double cycles_total, cycles_done;
	/* What executes: estimated cycles a microsecond of this computer's time, from what was
	 * measured. */
	double speed;
	double speed_cycles, speed_us;

	/* The batch under way. */
	uint8_t batch[MN_TASK_BATCH_BYTES];
	size_t batch_task[MN_CLIENT_BATCH_PROBES]; /* task of each index */
	uint16_t batch_n;
	uint16_t batch_max; /* 1 after a refusal */
	int64_t last_us;    /* when the batch was submitted, or its last result came */
};

static char *copy(const char *s)
{
	return s ? strdup(s) : NULL;
}

int mn_runner_new(const struct mn_runner_config *config, struct mn_runner **ret_runner)
{
	struct mn_runner *r = calloc(1, sizeof(*r));

	if (!r)
		return MN_E_NOMEM;
	r->config = *config;
	r->name = copy(config->name);
	r->link_spec = copy(config->link);
	r->batch_max = config->calls->energy ? 1 : BATCH_PROBES;
	if (!r->name || !r->link_spec) {
		mn_runner_free(r);
		return MN_E_NOMEM;
	}
	*ret_runner = r;
	return 0;
}

static void close_board(struct mn_runner *r)
{
	if (r->client) {
		const struct mn_client_stats *s = mn_client_stats(r->client);

		r->stats.bad_frames += s->bad_frames;
		r->stats.stray += s->stray;
		r->stats.retries += s->retries;
		r->stats.fetched += s->fetched;
		r->stats.recoveries += s->recoveries;
	}
	mn_client_free(r->client);
	r->client = NULL;
	mn_link_close_words(r->link, r->words, sizeof(r->words));
	r->link = NULL;
	r->batch_n = 0;
}

void mn_runner_free(struct mn_runner *runner)
{
	if (!runner)
		return;
	close_board(runner);
	free(runner->name);
	free(runner->link_spec);
	free(runner);
}

void mn_runner_set_tasks(struct mn_runner *r, struct mn_task *tasks, size_t n)
{
	r->tasks = tasks;
	r->n_tasks = n;
	for (size_t i = 0; i < n; i++)
		r->cycles_total += tasks[i].cycles;
}

static void end(struct mn_runner *r, enum mn_runner_status status)
{
	close_board(r);
	r->phase = PHASE_END;
	r->status = status;
}

/* The board cannot be used, whatever is tried: r->err says why. */
static void give_up(struct mn_runner *r)
{
	end(r, r->met ? MN_RUNNER_LOST : MN_RUNNER_FAILED);
}

static void note(struct mn_runner *r, const char *text)
{
	if (r->config.calls->note)
		r->config.calls->note(r, text, r->config.arg);
}

/* ---- tasks ---- */

static void task_done(struct mn_runner *r, struct mn_task *task)
{
	task->done = 1;
	r->n_done++;
	r->cycles_done += task->cycles;
}

/* Returns what the callback says; the caller gives up on an error, which is the store's. */
static int task_failed(struct mn_runner *r, struct mn_task *task, int code, const char *reason,
		       int retry)
{
	task_done(r, task);
	r->n_failed++;
	return r->config.calls->failure(r, task, code, reason, retry, r->config.arg, &r->err);
}

/* The board was lost while this task ran, or its result could not be had. */
static int strike(struct mn_runner *r, struct mn_task *task, int code, const char *why)
{
	char reason[640];

	if (++task->strikes < STRIKES_MAX)
		return 0;
	/* The next one finds a board that starts anew. */
	if (++r->downed < DOWNED_MAX)
		r->reopens = 0;
	snprintf(reason, sizeof(reason), "tried %d times: %s", STRIKES_MAX, why);
	return task_failed(r, task, code, reason, 1);
}

/* The first task of the batch that has no result: it was running when the board went. */
static struct mn_task *in_flight(struct mn_runner *r)
{
	for (uint16_t i = 0; i < r->batch_n; i++)
		if (!r->tasks[r->batch_task[i]].done)
			return &r->tasks[r->batch_task[i]];
	return NULL;
}

/* ---- losing and opening again ---- */

/* task: what it is put down to, or NULL. */
static void lose(struct mn_runner *r, int64_t now, struct mn_task *task)
{
	char text[640];

	close_board(r);
	if (r->words[0]) {
		snprintf(text, sizeof(text), "%s", r->err.msg);
		mn_err_set(&r->err, r->err.code, "%s (%.160s)", r->words, text);
	}
	if (task && strike(r, task, r->err.code, r->err.msg)) {
		give_up(r);
		return;
	}
	if (r->stopping) {
		end(r, MN_RUNNER_INTERRUPTED);
		return;
	}
	if (!r->met || r->reopens >= REOPENS_MAX) {
		give_up(r);
		return;
	}
	snprintf(text, sizeof(text), "%s; opening the link again (%u of %u)", r->err.msg,
		 r->reopens + 1, REOPENS_MAX);
	note(r, text);
	r->phase = PHASE_CLOSED;
	r->at = now + ((int64_t)REOPEN_US << r->reopens);
	r->reopens++;
}

static void open_board(struct mn_runner *r, int64_t now)
{
	struct mn_client_config config = {
		.answer_us = 500000,
		.attempts = 5,
		.hello_us = 10000000,
		.recoveries = 2,
		.batch_first = r->config.batch_first,
	};
	const char *spec = r->link_spec;
	int failed;

	/* A link that is there but not to be opened will not be better in a moment, one that went
	 * may come back. */
	if (r->config.calls->link) {
		spec = r->config.calls->link(r, spec, r->config.arg, &r->err);
		if (!spec) {
			give_up(r);
			return;
		}
	}
	failed = mn_link_open(spec, &r->link, &r->err);
	if (r->config.calls->linked) {
		struct mn_err err;

		if (r->config.calls->linked(r, !failed, r->config.arg, &err)) {
			r->err = err;
			give_up(r);
			return;
		}
	}
	if (failed) {
		lose(r, now, NULL);
		return;
	}
	if (mn_link_has_baud(r->link)) {
		config.baud = FIRST_BAUD;
		config.baud_raise = r->config.baud;
	} else {
		/* Virtual, or far away: slower to answer, and without a rate that has to be found.
		 */
		config.answer_us = 1000000;
		config.attempts = 4;
		config.hello_us = r->met ? 10000000 : 30000000;
	}
	/* A number that the board cannot have seen from us before. */
	r->config.batch_first += 0x10000;
	if (mn_client_new(&config, &r->client)) {
		mn_err_set(&r->err, MN_E_NOMEM, "out of memory");
		give_up(r);
		return;
	}
	r->have_clock = 0;
	r->phase = PHASE_HELLO;
	mn_client_start(r->client, now);
}

/* ---- batches ---- */

static double limit_us(const struct mn_runner *r, const struct mn_task *task)
{
	double us = LIMIT_MIN_US + LIMIT_FACTOR * task->cycles / r->speed;

	return us < LIMIT_MAX_US ? us : LIMIT_MAX_US;
}

/* Fill the batch with the next tasks. 0, or the store's error. */
static int pack_batch(struct mn_runner *r, struct mn_client_probe *probes, uint32_t *ret_bytes)
{
	const struct mn_msg_hello *hello = mn_client_hello(r->client);
	uint32_t size =
		hello->batch_bytes < MN_TASK_BATCH_BYTES ? hello->batch_bytes : MN_TASK_BATCH_BYTES;
	uint32_t used = 0, results = 0;
	double us = 0;

	r->batch_n = 0;
	for (size_t i = 0; i < r->n_tasks && r->batch_n < r->batch_max; i++) {
		struct mn_task *task = &r->tasks[i];
		struct mn_err err = {0};
		int n;

		if (task->done)
			continue;
		n = task->reps > hello->reps_max
			    ? mn_err_set(&err, MN_E_UNSUPPORTED,
					 "%u repetitions are asked for, the board does %u at most",
					 task->reps, hello->reps_max)
			    : mn_task_pack(task, i + 1, r->batch + used, size - used, &err);
		if (n < 0 && err.code) {
			if (task_failed(r, task, err.code, err.msg, 0))
				return r->err.code;
			continue;
		}
		if (n < 0 ||
		    (r->batch_n && (results + mn_task_result_bytes(task) > hello->result_bytes ||
				    us + task->cycles / r->speed > BATCH_US)))
			break;
		used += (uint32_t)n;
		results += mn_task_result_bytes(task);
		us += task->cycles / r->speed;
		probes[r->batch_n].tag = i + 1;
		probes[r->batch_n].limit_us = (uint32_t)limit_us(r, task);
		r->batch_task[r->batch_n++] = i;
		/* One that has taken the board down goes alone, so that its neighbours don't pay.
		 */
		if (task->strikes)
			break;
	}
	*ret_bytes = used;
	return 0;
}

static void next_batch(struct mn_runner *r, int64_t now)
{
	struct mn_client_probe probes[MN_CLIENT_BATCH_PROBES];
	uint32_t bytes = 0;
	int ret;

	if (r->stopping) {
		end(r, MN_RUNNER_INTERRUPTED);
		return;
	}
	if (pack_batch(r, probes, &bytes)) {
		give_up(r);
		return;
	}
	if (!r->batch_n) {
		if (r->n_done == r->n_tasks) {
			end(r, MN_RUNNER_DONE);
			return;
		}
		mn_err_set(&r->err, MN_E_TOO_BIG,
			   "a single probe does not fit into the board's batch memory");
		give_up(r);
		return;
	}
	if (r->config.calls->energy) {
		struct mn_client_energy energy = {0};

		if (r->config.calls->energy(r, in_flight(r), &energy, r->config.arg, &r->err)) {
			give_up(r);
			return;
		}
		mn_client_set_energy(r->client, &energy);
	}
	r->last_us = now;
	ret = mn_client_submit(r->client, r->batch, bytes, probes, r->batch_n, now);
	if (ret) {
		mn_err_set(&r->err, ret, "cannot submit a batch: %s", mn_err_text(ret));
		give_up(r);
	}
}

/* ---- events ---- */

static int check_kind(struct mn_runner *r, const struct mn_msg_hello *hello)
{
	int virt = mn_hello_is_virtual(hello);

	if (r->config.wait_for_virtual == 0 && virt)
		return mn_err_set(&r->err, MN_E_INVALID,
				  "a virtual board answers where the board %s was asked for: its "
				  "numbers must not go under that name",
				  r->name);
	if (r->config.wait_for_virtual == 1 && !virt)
		return mn_err_set(&r->err, MN_E_INVALID,
				  "a board without the unique id of a virtual one answers as %s",
				  r->name);
	return 0;
}

static void accept(struct mn_runner *r, int64_t now, double host_hz)
{
	const struct mn_msg_hello *hello = mn_client_hello(r->client);
	int first = !r->met;

	if (r->config.calls->hello(r, hello, host_hz, first, r->config.arg, &r->err)) {
		give_up(r);
		return;
	}
	r->met = 1;
	if (r->speed <= 0)
		r->speed =
			mn_hello_is_virtual(hello) ? VIRTUAL_CYCLES_US : hello->clock_set_hz / 1e6;
	r->phase = PHASE_RUN;
	next_batch(r, now);
}

static void on_ready(struct mn_runner *r, int64_t now)
{
	const struct mn_msg_hello *hello = mn_client_hello(r->client);

	if (check_kind(r, hello) || mn_hello_check(hello, &r->err)) {
		give_up(r);
		return;
	}
	if (mn_hello_is_virtual(hello)) {
		/* Its clock is simulated: this computer's says nothing about it. */
		accept(r, now, 0);
		return;
	}
	r->phase = PHASE_CLOCK;
	r->have_clock = 0;
	r->at = INT64_MAX;
	(void)mn_client_ping(r->client, now);
}

static void on_pong(struct mn_runner *r, const struct mn_client_event *ev, int64_t now)
{
	struct mn_clock_sample sample = {ev->sent_us, ev->received_us, ev->pong.cycles};
	double hz, uncertainty;

	if (!r->have_clock) {
		r->first_clock = sample;
		r->have_clock = 1;
		r->at = now + CLOCK_US;
		return;
	}
	if (mn_clock_check(mn_client_hello(r->client), &r->first_clock, &sample, &hz, &uncertainty,
			   &r->err)) {
		give_up(r);
		return;
	}
	accept(r, now, hz);
}

static void on_result(struct mn_runner *r, const struct mn_client_event *ev, int64_t now)
{
	struct mn_task *task = &r->tasks[ev->result.tag - 1];
	const struct mn_msg_hello *hello = mn_client_hello(r->client);
	struct mn_err err;
	char reason[256];
	int ret;

	if (task->done)
		return;
	r->reopens = r->downed = 0;
	if (!ev->result.status) {
		r->speed_cycles += task->cycles;
		r->speed_us += (double)(now - r->last_us) + 1;
		/* After some real time the measured speed is better than the guess. */
		if (r->speed_us > 2e5)
			r->speed = r->speed_cycles / r->speed_us + 1e-3;
	}
	r->last_us = now;
	if (ev->result.status == MN_E_NO_COUNTER || ev->result.status == MN_E_CLOCK) {
		/* Not this probe's fault: nothing of this board can be trusted from here on. */
		mn_err_set(&r->err, ev->result.status, "%s: while measuring: %s", hello->board,
			   mn_err_text(ev->result.status));
		give_up(r);
		return;
	}
	if (ev->result.status) {
		mn_task_refusal(task, hello, &ev->result, reason, sizeof(reason));
		ret = task_failed(r, task, ev->result.status, reason, 0);
	} else if (mn_task_check(task, hello, &ev->result, &err)) {
		ret = task_failed(r, task, err.code, err.msg, 0);
	} else {
		ret = r->config.calls->result(r, task, &ev->result, r->config.arg, &r->err);
		/* The next batch then begins with it again. */
		if (ret == MN_E_AGAIN)
			ret = 0;
		else
			task_done(r, task);
	}
	if (ret)
		give_up(r);
	else if (r->stopping)
		end(r, MN_RUNNER_INTERRUPTED);
}

static void on_fault(struct mn_runner *r, const struct mn_client_event *ev, int64_t now)
{
	const struct mn_msg_fault *f = &ev->fault;
	struct mn_task *task = NULL;

	mn_err_set(&r->err, MN_E_FAULT, "%s (pc %08x lr %08x cfsr %08x hfsr %08x address %08x)%s",
		   f->cfsr || f->hfsr ? "the processor faulted" : "the stack ran over its end",
		   f->pc, f->lr, f->cfsr, f->hfsr, f->address,
		   ev->ran ? "" : "; press its reset button if it does not come back");
	if (ev->ran && f->index < r->batch_n)
		task = &r->tasks[r->batch_task[f->index]];
	lose(r, now, task && !task->done ? task : NULL);
}

static void on_event(struct mn_runner *r, const struct mn_client_event *ev, int64_t now)
{
	struct mn_task *task;

	switch (ev->type) {
	case MN_CLIENT_NONE:
		return;
	case MN_CLIENT_BAUD:
		if (mn_link_set_baud(r->link, ev->baud, &r->err))
			lose(r, now, in_flight(r));
		return;
	case MN_CLIENT_READY:
		on_ready(r, now);
		return;
	case MN_CLIENT_PONG:
		on_pong(r, ev, now);
		return;
	case MN_CLIENT_RESULT:
		on_result(r, ev, now);
		return;
	case MN_CLIENT_DONE:
		task = in_flight(r);
		/* Nothing at all: the same again would give the same. */
		if (task && !ev->n_done &&
		    strike(r, task, MN_E_PROTOCOL, "the board ends the batch without running it")) {
			give_up(r);
			return;
		}
		next_batch(r, now);
		return;
	case MN_CLIENT_LOST:
		note(r, "the board was reset; going on with what it lost");
		task = in_flight(r);
		if (task && ev->ran &&
		    strike(r, task, MN_E_FAULT, "the board was reset while it ran")) {
			give_up(r);
			return;
		}
		r->batch_n = 0;
		/* Its clock may not be what it was. */
		on_ready(r, now);
		return;
	case MN_CLIENT_REFUSED:
		task = in_flight(r);
		if (r->batch_n == 1 && task) {
			if (task_failed(r, task, ev->err.code, ev->err.msg, 0)) {
				give_up(r);
				return;
			}
		}
		r->batch_max = 1;
		next_batch(r, now);
		return;
	case MN_CLIENT_FAULT:
		on_fault(r, ev, now);
		return;
	case MN_CLIENT_FAILED:
		r->err = ev->err;
		if (ev->err.code == MN_E_TIMEOUT)
			lose(r, now, in_flight(r));
		else
			give_up(r);
		return;
	}
}

static void feed(struct mn_runner *r, const uint8_t *bytes, size_t n, int64_t now)
{
	struct mn_client_event ev;

	/* An event may close the board; what it sent besides is then void. */
	while (n && r->client) {
		size_t used = mn_client_input(r->client, bytes, n, now, &ev);

		bytes += used;
		n -= used;
		on_event(r, &ev, now);
		if (r->client && mn_client_deadline(r->client) <= now) {
			mn_client_tick(r->client, now, &ev);
			on_event(r, &ev, now);
		}
	}
}

static void flush(struct mn_runner *r, int64_t now)
{
	while (r->client) {
		size_t n;
		const uint8_t *out = mn_client_output(r->client, &n);
		ssize_t done;

		if (!n)
			return;
		done = mn_link_write(r->link, out, n, &r->err);
		if (done == MN_E_AGAIN)
			return;
		if (done < 0) {
			lose(r, now, in_flight(r));
			return;
		}
		mn_client_sent(r->client, (size_t)done);
	}
}

void mn_runner_io(struct mn_runner *r, int64_t now)
{
	uint8_t buf[4096];

	while (r->client) {
		ssize_t n = mn_link_read(r->link, buf, sizeof(buf), &r->err);

		if (n == MN_E_AGAIN)
			break;
		if (n < 0) {
			lose(r, now, in_flight(r));
			return;
		}
		feed(r, buf, (size_t)n, now);
	}
	flush(r, now);
}

void mn_runner_tick(struct mn_runner *r, int64_t now)
{
	struct mn_client_event ev;

	if (r->phase == PHASE_CLOSED && r->stopping)
		end(r, MN_RUNNER_INTERRUPTED);
	if (r->phase == PHASE_CLOSED && now >= r->at)
		open_board(r, now);
	if (r->phase == PHASE_CLOCK && now >= r->at && mn_client_is_ready(r->client)) {
		r->at = INT64_MAX;
		(void)mn_client_ping(r->client, now);
	}
	while (r->client && mn_client_deadline(r->client) <= now) {
		mn_client_tick(r->client, now, &ev);
		on_event(r, &ev, now);
	}
	flush(r, now);
}

void mn_runner_stop(struct mn_runner *r)
{
	/* Only a batch has a result to wait for. */
	if (r->phase != PHASE_END && (r->stopping || r->phase != PHASE_RUN))
		end(r, MN_RUNNER_INTERRUPTED);
	r->stopping = 1;
}

int mn_runner_fd(const struct mn_runner *r)
{
	return r->link ? mn_link_fd(r->link) : -1;
}

int mn_runner_wants_write(const struct mn_runner *r)
{
	size_t n = 0;

	if (r->client)
		mn_client_output(r->client, &n);
	return n > 0;
}

int64_t mn_runner_deadline(const struct mn_runner *r)
{
	int64_t at;

	switch (r->phase) {
	case PHASE_CLOSED:
		return r->at;
	case PHASE_END:
		return INT64_MAX;
	case PHASE_CLOCK:
		at = mn_client_deadline(r->client);
		return at < r->at ? at : r->at;
	default:
		return mn_client_deadline(r->client);
	}
}

enum mn_runner_status mn_runner_status(const struct mn_runner *r)
{
	return r->status;
}

const struct mn_err *mn_runner_error(const struct mn_runner *r)
{
	return &r->err;
}

const char *mn_runner_name(const struct mn_runner *r)
{
	return r->name;
}

const char *mn_runner_link(const struct mn_runner *r)
{
	return r->link_spec;
}

void mn_runner_progress(const struct mn_runner *r, int64_t now, struct mn_runner_progress *ret)
{
	*ret = (struct mn_runner_progress){
		.total = r->n_tasks,
		.done = r->n_done,
		.failed = r->n_failed,
		.cycles_total = r->cycles_total,
		.cycles_done = r->cycles_done,
		.eta_us = -1,
		.running = r->phase == PHASE_RUN,
	};
	if (r->speed_us > 0 && r->speed > 0) {
		ret->eta_us = (r->cycles_total - r->cycles_done) / r->speed;
		if (r->phase == PHASE_RUN && r->batch_n)
			ret->eta_us -= (double)(now - r->last_us);
		if (ret->eta_us < 0)
			ret->eta_us = 0;
	}
}

struct mn_client_stats mn_runner_stats(const struct mn_runner *r)
{
	struct mn_client_stats stats = r->stats;

	if (r->client) {
		const struct mn_client_stats *s = mn_client_stats(r->client);

		stats.bad_frames += s->bad_frames;
		stats.stray += s->stray;
		stats.retries += s->retries;
		stats.fetched += s->fetched;
		stats.recoveries += s->recoveries;
	}
	return stats;
}
