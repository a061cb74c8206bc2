/* SPDX-License-Identifier: MIT */
/* A campaign on boards that are processes (fake_board_main.c on exec: links), into a real store. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "campaign.h"
#include "fake_peer.h"
#include "rig.h"
#include "store_read.h"

#define LAYERS 30

static struct mn_sweep_probe probes[LAYERS];
static struct mn_sweep sweep = {
	.name = "test", .description = "", .probes = probes, .n_probes = LAYERS, .hash = 7};
static char db[64], schema[4096], fake[4096];

static int setup(void **state)
{
	(void)state;
	for (unsigned i = 0; i < LAYERS; i++) {
		char text[128];

		snprintf(text, sizeof(text), "fully_connected in=1x1x1x%u out_c=8", i + 4);
		assert_int_equal(mn_layer_parse(text, strlen(text), &probes[i].layer, NULL, NULL),
				 0);
		probes[i].kernels = "dsp";
		probes[i].warmup = 1;
		probes[i].reps = 3;
		probes[i].seed = 1;
	}
	snprintf(schema, sizeof(schema), "%s/data/schema", getenv("MNCHAR_SOURCE_DIR"));
	snprintf(fake, sizeof(fake), "%s/tests/fake_board_main", getenv("MNCHAR_BUILD_DIR"));
	return 0;
}

static void remove_db(void)
{
	char path[80];

	unlink(db);
	snprintf(path, sizeof(path), "%s-wal", db);
	unlink(path);
	snprintf(path, sizeof(path), "%s-shm", db);
	unlink(path);
}

static int new_db(void **state)
{
	(void)state;
	snprintf(db, sizeof(db), "campaign-%ld.db", (long)getpid());
	remove_db();
	return 0;
}

static int end_db(void **state)
{
	(void)state;
	remove_db();
	return 0;
}

struct run {
	struct mn_campaign_config config;
	struct mn_target targets[4];
	char links[4][4352];
	size_t n;
	struct mn_campaign_outcome outcome;
};

static void add_board(struct run *run, const char *name, int virt, const char *args)
{
	static char no_model[] = "cycles 1 abc";
	struct mn_target *t = &run->targets[run->n];

	snprintf(run->links[run->n], sizeof(run->links[0]), "exec:%s %s", fake, args);
	t->name = (char *)name;
	t->link = run->links[run->n];
	t->virt = virt;
	t->model = no_model;
	run->n++;
}

static int go_with(struct run *run, const struct mn_sweep *with, struct mn_err *err)
{
	int ret;

	run->config.sweep = with;
	assert_int_equal(mn_store_open(db, MN_STORE_CREATE, schema, &run->config.store, err), 0);
	ret = mn_campaign_run(&run->config, run->targets, run->n, &run->outcome, err);
	mn_store_close(run->config.store);
	return ret;
}

static int go(struct run *run, struct mn_err *err)
{
	return go_with(run, &sweep, err);
}

struct counts {
	int rows, failures, wrong;
	char board[64], reason[512];
	int code;
};

static int count_row(const struct mn_row *row, void *arg)
{
	struct counts *c = arg;
	/* What the fake board gave for one run: the row has the overhead taken off. */
	double gross = row->cycles + row->overhead_ms * row->clock_hz / 1e3;

	c->rows++;
	snprintf(c->board, sizeof(c->board), "%s", row->board);
	c->wrong += gross < 1000 || gross > 2000;
	return 0;
}

static int count_failure(const struct mn_failure_row *row, void *arg)
{
	struct counts *c = arg;

	c->failures++;
	c->code = row->code;
	snprintf(c->reason, sizeof(c->reason), "%s", row->reason);
	return 0;
}

static struct counts count(void)
{
	const struct mn_row_filter all = {.kind = -1};
	struct counts c = {0};
	struct mn_store *store;

	assert_int_equal(mn_store_open(db, MN_STORE_READ, schema, &store, NULL), 0);
	assert_int_equal(mn_store_each_row(store, &all, count_row, &c, NULL), 0);
	assert_int_equal(mn_store_each_failure(store, NULL, count_failure, &c, NULL), 0);
	mn_store_close(store);
	assert_int_equal(c.wrong, 0);
	return c;
}

static void one_board_then_again(void **state)
{
	struct run run = {0};
	struct counts c;

	(void)state;
	add_board(&run, "virtual-f446re", 1, "");
	assert_int_equal(go(&run, NULL), 0);
	assert_int_equal(run.outcome.measured, LAYERS);
	assert_int_equal(run.outcome.boards_done, 1);
	assert_int_equal(run.outcome.open + run.outcome.failed, 0);
	c = count();
	assert_int_equal(c.rows, LAYERS);
	assert_int_equal(c.failures, 0);
	assert_string_equal(c.board, "virtual-f446re");
	/* Nothing is measured anew. */
	assert_int_equal(go(&run, NULL), 0);
	assert_int_equal(run.outcome.measured, 0);
	assert_int_equal(run.outcome.known, LAYERS);
	assert_int_equal(count().rows, LAYERS);
	/* Another image is another rig. */
	run.n = 0;
	add_board(&run, "virtual-f446re", 1, "image=feed");
	assert_int_equal(go(&run, NULL), 0);
	assert_int_equal(run.outcome.measured, LAYERS);
}

static void kernels_override_and_limit(void **state)
{
	struct run run = {.config = {.kernels = "all", .limit = 7}};

	(void)state;
	add_board(&run, "virtual-f446re", 1, "");
	assert_int_equal(go(&run, NULL), 0);
	assert_int_equal(run.outcome.measured, 7);
	run.config.limit = 0;
	assert_int_equal(go(&run, NULL), 0);
	assert_int_equal(run.outcome.known, 7);
	assert_int_equal(run.outcome.measured, 2 * LAYERS - 7);
	/* A sweep with both kernels gives with --kernels ref each layer once. */
	run.config.kernels = "ref";
	assert_int_equal(go(&run, NULL), 0);
	assert_int_equal(run.outcome.known, LAYERS);
	assert_int_equal(run.outcome.measured, 0);
}

static void equal_probes_are_one(void **state)
{
	struct run run = {.config = {.kernels = "dsp"}};
	struct mn_layer saved = probes[1].layer;

	(void)state;
	probes[1].layer = probes[0].layer;
	add_board(&run, "virtual-f446re", 1, "");
	assert_int_equal(go(&run, NULL), 0);
	probes[1].layer = saved;
	assert_int_equal(run.outcome.measured, LAYERS - 1);
}

static void several_boards_at_once(void **state)
{
	struct run run = {0};

	(void)state;
	add_board(&run, "virtual-f446re", 1, "");
	add_board(&run, "virtual-f746zg", 1, "board=nucleo-f746zg");
	add_board(&run, "virtual-f767zi", 1, "board=nucleo-f767zi");
	assert_int_equal(go(&run, NULL), 0);
	assert_int_equal(run.outcome.measured, 3 * LAYERS);
	assert_int_equal(run.outcome.boards_done, 3);
	assert_int_equal(count().rows, 3 * LAYERS);
}

/* Each life of the process ends at its third probe: one is tried again, none is lost, none fails.
 */
static void boards_that_go_and_come_back(void **state)
{
	static const char *const how[] = {"exit_at=3", "fault_at=3", "reset_at=3"};

	for (size_t i = 0; i < 3; i++) {
		struct run run = {0};

		new_db(state);
		add_board(&run, "virtual-f446re", 1, how[i]);
		sweep.n_probes = 6;
		assert_int_equal(go(&run, NULL), 0);
		sweep.n_probes = LAYERS;
		assert_int_equal(run.outcome.measured, 6);
		assert_int_equal(run.outcome.failed + run.outcome.open, 0);
		assert_int_equal(count().rows, 6);
	}
}

static void probe_that_takes_the_board_down(void **state)
{
	static const char *const how[] = {"fault_tag=3", "reset_tag=3"};

	for (size_t i = 0; i < 2; i++) {
		struct run run = {0};
		struct counts c;

		new_db(state);
		add_board(&run, "virtual-f446re", 1, how[i]);
		assert_int_equal(go(&run, NULL), 0);
		assert_int_equal(run.outcome.measured, LAYERS - 1);
		assert_int_equal(run.outcome.failed, 1);
		assert_int_equal(run.outcome.again, 1);
		c = count();
		assert_int_equal(c.failures, 1);
		assert_int_equal(c.code, MN_E_FAULT);
		if (i == 0)
			assert_non_null(strstr(c.reason, "08001234"));
	}
}

static void probe_that_does_not_fit(void **state)
{
	struct run run = {0};
	struct counts c;

	(void)state;
	add_board(&run, "virtual-f446re", 1, "refuse_tag=5");
	assert_int_equal(go(&run, NULL), 0);
	assert_int_equal(run.outcome.refused, 1);
	assert_int_equal(run.outcome.measured, LAYERS - 1);
	c = count();
	assert_int_equal(c.code, MN_E_TOO_BIG);
	assert_non_null(strstr(c.reason, "needs 1000 bytes"));
	assert_non_null(strstr(c.reason, "has 500"));
	/* It will not fit tomorrow either. */
	assert_int_equal(go(&run, NULL), 0);
	assert_int_equal(run.outcome.known, LAYERS);
}

static void boards_that_are_refused(void **state)
{
	static const struct {
		const char *args;
		int virt;
	} cases[] = {
		{"counter=-18", 1},           /* dead counter */
		{"measured_hz=181000000", 1}, /* 0.56 % fast */
		{"", 0},                      /* virtual under the name of a real board */
		{"uid0=5", 1},                /* the other way round */
		{"version=1", 1},
		{"proto=9", 1},
		{"kernels=other/2/dsp", 1},  /* kernels that this host does not know */
		{"kernels=mnchar/2/ref", 1}, /* no dsp, which the sweep asks for */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct run run = {0};

		new_db(state);
		/* The other board goes on. */
		add_board(&run, "a", cases[i].virt, cases[i].args);
		add_board(&run, "virtual-f446re", 1, "");
		assert_int_equal(go(&run, NULL), 0);
		if (run.outcome.boards_failed != 1 || run.outcome.boards_done != 1)
			fail_msg("case %zu: %s", i, cases[i].args);
		assert_int_equal(run.outcome.measured, LAYERS);
		assert_int_equal(count().rows, LAYERS);
	}
}

/* Hardware (by its unique id): its clock is held against this computer's. */
static void hardware_clock_is_checked(void **state)
{
	struct run run = {0};

	(void)state;
	add_board(&run, "nucleo-f446re", 0, "uid0=5");
	add_board(&run, "nucleo-f746zg", 0, "uid0=6 board=nucleo-f746zg clock_permille=950");
	assert_int_equal(go(&run, NULL), 0);
	assert_int_equal(run.outcome.boards_done, 1);
	assert_int_equal(run.outcome.boards_failed, 1);
	assert_int_equal(run.outcome.measured, LAYERS);
	assert_string_equal(count().board, "nucleo-f446re");
}

static void link_that_cannot_be_opened(void **state)
{
	struct run run = {0};

	(void)state;
	add_board(&run, "a", -1, "");
	snprintf(run.links[0], sizeof(run.links[0]), "exec:exit 1");
	assert_int_equal(go(&run, NULL), 0);
	assert_int_equal(run.outcome.boards_failed, 1);
	assert_int_equal(run.outcome.interrupted, 0);
}

/* SIGINT while probes run: what was measured is there, the rest is open, and the next run takes it
 * up. */
static void interrupt_and_go_on(void **state)
{
	struct run run = {0};
	size_t first;
	pid_t pid;

	(void)state;
	add_board(&run, "virtual-f446re", 1, "probe_us=20000");
	pid = getpid();
	if (fork() == 0) {
		/* As soon as there is a row, whenever that is. */
		for (;;) {
			const struct mn_row_filter all = {.kind = -1};
			struct counts c = {0};
			struct mn_store *store;

			if (!mn_store_open(db, MN_STORE_READ, schema, &store, NULL)) {
				(void)mn_store_each_row(store, &all, count_row, &c, NULL);
				mn_store_close(store);
			}
			if (c.rows > 2) {
				kill(pid, SIGINT);
				_exit(0);
			}
		}
	}
	assert_int_equal(go(&run, NULL), 0);
	while (wait(NULL) > 0)
		;
	assert_int_equal(run.outcome.interrupted, 1);
	first = run.outcome.measured;
	assert_in_range(first, 3, LAYERS - 1);
	assert_int_equal(run.outcome.open, LAYERS - first);
	assert_int_equal(count().rows, first);
	assert_int_equal(go(&run, NULL), 0);
	assert_int_equal(run.outcome.known, first);
	assert_int_equal(run.outcome.measured, LAYERS - first);
}

static void clock_check_arithmetic(void **state)
{
	struct mn_msg_hello hello = {
		.board = "b", .clock_set_hz = 100000000, .clock_source = MN_CLOCK_HSE_BYPASS};
	const struct mn_clock_sample first = {0, 1000, 5};
	struct mn_clock_sample second = {2000000, 2001000, 200000005};
	struct mn_err err;
	double hz, uncertainty;

	(void)state;
	assert_int_equal(mn_clock_check(&hello, &first, &second, &hz, &uncertainty, &err), 0);
	assert_float_equal(hz, 1e8, 1);
	assert_float_equal(uncertainty, 0.5, 1e-9);
	second.cycles = 201000005; /* 0.5 % */
	assert_int_equal(mn_clock_check(&hello, &first, &second, &hz, &uncertainty, &err), 0);
	second.cycles = 201200005; /* 0.6 %, more than 0.5 % and the 0.05 % of uncertainty */
	assert_int_equal(mn_clock_check(&hello, &first, &second, &hz, &uncertainty, &err),
			 MN_E_CLOCK);
	hello.clock_source = MN_CLOCK_HSI;
	assert_int_equal(mn_clock_check(&hello, &first, &second, &hz, &uncertainty, &err), 0);
	second.cycles = 5;
	assert_int_equal(mn_clock_check(&hello, &first, &second, &hz, &uncertainty, &err),
			 MN_E_NO_COUNTER);
	second.sent_us = 500000;
	second.received_us = 501000;
	assert_int_equal(mn_clock_check(&hello, &first, &second, &hz, &uncertainty, &err),
			 MN_E_INVALID);
}

/* A chain of layers that hand 16 bytes back and forth. */
enum { STEPS = 90 };

struct chain {
	struct mn_step steps[STEPS];
	struct mn_program program;
	int code; /* what asking for the program gives */
	int64_t weight_bytes;
};

static void chain_init(struct chain *c, uint32_t arena_bytes, int64_t weight_bytes, int code)
{
	static const char text[] = "fully_connected in=1x1x1x16 out_c=16";

	memset(c, 0, sizeof(*c));
	for (uint32_t i = 0; i < STEPS; i++) {
		assert_int_equal(mn_layer_parse(text, strlen(text), &c->steps[i].layer, NULL, NULL),
				 0);
		c->steps[i].in_off = i % 2 ? 4096 : 0;
		c->steps[i].out_off = i % 2 ? 0 : 4096;
		c->steps[i].scratch_off = 1024;
		c->steps[i].scratch_bytes = 2048;
	}
	c->program = (struct mn_program){STEPS, arena_bytes, c->steps};
	c->weight_bytes = weight_bytes;
	c->code = code;
}

static int chain_program(const struct mn_kernel_set *set, void *arg, struct mn_stored_program *ret,
			 struct mn_err *err)
{
	const struct chain *c = arg;

	(void)set;
	if (c->code)
		return mn_err_set(err, c->code, "there is no such kernel");
	*ret = (struct mn_stored_program){
		.model = "chain",
		.program = &c->program,
		.weight_bytes = c->weight_bytes,
	};
	return 0;
}

struct pieces {
	int singles, pieces;
	int64_t next; /* step after the last piece */
	struct mn_store *store;
};

static int count_piece(const struct mn_row *row, void *arg)
{
	struct pieces *p = arg;
	uint32_t cycles[STEPS];

	assert_string_equal(row->model, "chain");
	assert_int_equal(row->program_steps, STEPS);
	assert_int_equal(row->program_arena_bytes, 4112);
	assert_true(row->cycles > 0);
	if (row->n_steps == 1) {
		p->singles++;
		return 0;
	}
	assert_int_equal(row->first_step, p->next);
	assert_int_equal(row->ops, row->n_steps * 2 * 256);
	assert_int_equal(mn_store_get_steps(p->store, row->measurement_id, cycles, STEPS, NULL),
			 row->n_steps);
	p->next += row->n_steps;
	p->pieces++;
	return 0;
}

static int refuse_row(const struct mn_row *row, void *arg)
{
	(void)row;
	(void)arg;
	fail_msg("a piece of a program is among the rows that fits see");
	return 0;
}

static int count_refused(const struct mn_failure_row *row, void *arg)
{
	int *n = arg;

	assert_true(row->code == MN_E_UNSUPPORTED || row->code == MN_E_TOO_BIG);
	assert_int_equal(row->retry, 0);
	++*n;
	return 0;
}

static void models_as_programs(void **state)
{
	static struct chain fits, large, heavy, lacking;
	const struct mn_campaign_model models[] = {
		{"chain", "test", chain_program, &fits},
		{"large", "test", chain_program, &large},
		{"heavy", "test", chain_program, &heavy},
		{"lacking", "test", chain_program, &lacking},
	};
	struct run run = {.config = {.models = models, .n_models = 4, .kernels = "dsp"}};
	const struct mn_row_filter programs = {.kind = -1, .programs = 1}, all = {.kind = -1};
	struct pieces p = {0};
	int refused = 0;

	(void)state;
	chain_init(&fits, 4112, 256, 0);
	chain_init(&large, 64u << 20, 256, 0);
	chain_init(&heavy, 4112, 1 << 30, 0);
	chain_init(&lacking, 4112, 256, MN_E_UNSUPPORTED);
	run.config.run = (struct mn_campaign_run){1, 1, 0, 1, 2, 1};
	add_board(&run, "virtual-f446re", 1, "");
	assert_int_equal(go_with(&run, NULL, NULL), 0);
	assert_int_equal(run.outcome.refused, 3);
	assert_int_equal(run.outcome.failed + run.outcome.open, 0);
	assert_int_equal(mn_store_open(db, MN_STORE_READ, schema, &p.store, NULL), 0);
	assert_int_equal(mn_store_each_row(p.store, &programs, count_piece, &p, NULL), 0);
	assert_int_equal(mn_store_each_row(p.store, &all, refuse_row, NULL, NULL), 0);
	assert_int_equal(mn_store_each_failure(p.store, NULL, count_refused, &refused, NULL), 0);
	mn_store_close(p.store);
	assert_int_equal(p.singles, STEPS);
	assert_true(p.pieces > 1); /* the board's batch does not hold 90 steps */
	assert_int_equal(p.next, STEPS);
	assert_int_equal(refused, 3);
	assert_int_equal(run.outcome.measured, (size_t)(p.singles + p.pieces));
	/* Nothing is measured, or refused, anew. */
	assert_int_equal(go_with(&run, NULL, NULL), 0);
	assert_int_equal(run.outcome.measured, 0);
	assert_int_equal(run.outcome.known, (size_t)(p.singles + p.pieces));
	assert_int_equal(run.outcome.refused, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(one_board_then_again, new_db, end_db),
		cmocka_unit_test_setup_teardown(kernels_override_and_limit, new_db, end_db),
		cmocka_unit_test_setup_teardown(equal_probes_are_one, new_db, end_db),
		cmocka_unit_test_setup_teardown(models_as_programs, new_db, end_db),
		cmocka_unit_test_setup_teardown(several_boards_at_once, new_db, end_db),
		cmocka_unit_test_setup_teardown(boards_that_go_and_come_back, new_db, end_db),
		cmocka_unit_test_setup_teardown(probe_that_takes_the_board_down, new_db, end_db),
		cmocka_unit_test_setup_teardown(probe_that_does_not_fit, new_db, end_db),
		cmocka_unit_test_setup_teardown(boards_that_are_refused, new_db, end_db),
		cmocka_unit_test_setup_teardown(hardware_clock_is_checked, new_db, end_db),
		cmocka_unit_test_setup_teardown(link_that_cannot_be_opened, new_db, end_db),
		cmocka_unit_test_setup_teardown(interrupt_and_go_on, new_db, end_db),
		cmocka_unit_test(clock_check_arithmetic),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
