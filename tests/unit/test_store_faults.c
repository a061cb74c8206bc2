/* SPDX-License-Identifier: MIT */
/*
 * The Nth call of SQLite to the file system, or to malloc(), fails, for every N of one whole use of
 * the store; and the process is killed in the Nth call. Whatever happens: what was reported as
 * stored is there, nothing else is, and the file is sound.
 */
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "import.h"
#include "store_util.h"
#include "store_vfs.h"

/* What a run was told. In shared memory, so that a killed child's is known. */
struct report {
	int measured[8]; /* 1: the put of row i returned 0; 2: it was begun and never returned */
	int fit, imported, failure;
	int finished; /* nothing failed */
};

static struct report *report;

enum { ROWS = 4 };

static const char csv[] = "kind,board,kernels,model,ops,latency_ms,source\n"
			  "published,nucleo-f446re,k,DSCNN-S,7.1e6,131,paper\n"
			  "published,nucleo-f746zg,k,DSCNN-S,7.1e6,58,paper\n";

static int ignore_row(const struct mn_row *row, void *arg)
{
	/* Out of memory must be an error and not an empty text. */
	assert_true(row->board[0] && row->kernels[0]);
	++*(int *)arg;
	return 0;
}

static int ignore_fit(const struct mn_fit *fit, void *arg)
{
	assert_true(fit->board[0] && fit->n_terms == 1 && fit->terms[0].name[0]);
	++*(int *)arg;
	return 0;
}

static int scan_session(const struct mn_scan_session *session, uint32_t number, void *arg)
{
	(void)arg;
	assert_true(session->board[0] && number == 0);
	return 0;
}

static int scan_layer(const struct mn_layer *layer, const struct mn_layer_info *info,
		      const char *text, uint32_t number, void *arg)
{
	(void)arg;
	assert_true(layer && info && text[0] && number == 0);
	return 0;
}

static int scan_probe(const struct mn_scan_probe *probe, uint32_t number, void *arg)
{
	(void)arg;
	assert_true(probe->kernels[0] && number == 0);
	return 0;
}

static int scan_row(const struct mn_scan_row *row, void *arg)
{
	assert_true(row->figures.cycles > 0);
	++*(int *)arg;
	return 0;
}

#define TRY(call)                                                                                  \
	do {                                                                                       \
		struct mn_err try_err = {0};                                                       \
		int try_rc = (call);                                                               \
		if (try_rc < 0) {                                                                  \
			/* Always a sentence that names the file. */                               \
			assert_int_equal(try_rc, try_err.code);                                    \
			assert_true(strstr(try_err.msg, "f.db") || strstr(try_err.msg, "memory")); \
			ok = 0;                                                                    \
		}                                                                                  \
	} while (0)

/* One whole use; goes on after errors as far as it can. */
static void use_store(const char *vfs)
{
	struct mn_store_options options = {.busy_ms = 1, .vfs = vfs};
	struct mn_store *store = NULL;
	struct mn_rig rig = test_rig();
	struct mn_session session = {.sweep = "quick"};
	struct mn_layer layer = test_layer(TEST_LAYER);
	struct mn_probe probe = {.layer = &layer, .kernels = "k1", .reps = 4};
	struct mn_fit_term term = {.name = "ops", .value = 1.0};
	struct mn_fit fit = {.board = "b", .kernels = "k", .terms = &term, .n_terms = 1};
	struct mn_import_result result;
	int64_t rig_id, session_id, probe_id, id;
	char text[sizeof(csv)];
	int ok = 1, n = 0;

	TRY(mn_store_open_with(in_scratch("f.db"), MN_STORE_CREATE, schema_dir(), &options, &store,
			       &try_err));
	if (!ok)
		return;
	TRY(mn_store_put_rig(store, &rig, &rig_id, &try_err));
	if (!ok)
		goto out;
	session.rig_id = rig_id;
	TRY(mn_store_begin_session(store, &session, &session_id, &try_err));
	if (!ok)
		goto out;
	TRY(mn_store_put_probe(store, &probe, &probe_id, &try_err));
	if (!ok)
		goto out;
	for (int i = 0; i < ROWS; i++) {
		struct mn_measurement m = test_measurement(session_id, probe_id, i);
		int before = ok;

		ok = 1;
		report->measured[i] = 2;
		TRY(mn_store_put_measurement(store, &m, &id, &try_err));
		report->measured[i] = ok;
		ok &= before;
	}
	TRY(mn_store_each_row(store, NULL, ignore_row, &n, &try_err));
	TRY(mn_store_scan(
		store, &(struct mn_scan){NULL, scan_session, scan_layer, scan_probe, scan_row, &n},
		&try_err));
	if (report->measured[0] == 1) {
		int before = ok;

		ok = 1;
		id = 1;
		report->fit = 2;
		TRY(mn_store_put_fit(store, &fit, &id, 1, NULL, &try_err));
		report->fit = ok;
		ok &= before;
		n = 0;
		TRY(mn_store_each_fit(store, NULL, ignore_fit, &n, &try_err));
	}
	{
		int before = ok;

		ok = 1;
		report->failure = 2;
		TRY(mn_store_put_failure(store, session_id, probe_id, MN_E_TIMEOUT, "f.db", 1,
					 &try_err));
		report->failure = ok;
		ok = 1;
		memcpy(text, csv, sizeof(csv));
		report->imported = 2;
		TRY(mn_import_text(store, "f.db", text, strlen(csv), &result, &try_err));
		report->imported = ok;
		ok &= before && report->failure;
	}
	TRY(mn_store_end_session(store, session_id, "done", &try_err));
	report->finished = ok;
out:
	mn_store_close(store);
}

static void assert_count(int told, const char *sql, int64_t whole)
{
	int64_t n = sql_file(in_scratch("f.db"), sql);

	/* 2: killed in the middle; all or nothing. */
	if (told == 2 ? n != 0 && n != whole : n != (told ? whole : 0))
		fail_msg("told %d, but %s gives %d", told, sql, (int)n);
}

/* After any fault the next user finds a sound file with exactly what was reported. */
static void assert_consistent(void)
{
	struct mn_store *store;

	store = open_or_die(in_scratch("f.db"), MN_STORE_CREATE);
	mn_store_close(store);
	assert_sound(in_scratch("f.db"));
	for (int i = 0; i < ROWS; i++) {
		char sql[128];

		snprintf(sql, sizeof(sql), "SELECT count(*) FROM measurement WHERE n_cycles = %d",
			 4 * (1000 + i) + 60);
		assert_count(report->measured[i], sql, 1);
	}
	assert_count(report->fit, "SELECT count(*) FROM fit JOIN fit_term JOIN fit_input", 1);
	assert_count(report->fit, "SELECT count(*) FROM fit", 1);
	assert_count(report->failure, "SELECT count(*) FROM failure", 1);
	assert_count(report->imported,
		     "SELECT count(*) FROM measurement WHERE import_hash NOT NULL", 2);
	assert_count(report->imported, "SELECT count(*) FROM rig WHERE kind = 'published'", 2);
}

static void start_anew(void)
{
	empty_folder(scratch);
	memset(report, 0, sizeof(*report));
}

static void each_file_call_fails(void **state)
{
	static const enum faulty_mode modes[] = {FAULTY_ONCE, FAULTY_FROM, FAULTY_DISK_FULL};

	const char *slow = getenv("MNCHAR_SLOW");

	(void)state;
	for (size_t k = 0; k < sizeof(modes) / sizeof(modes[0]); k++) {
		int64_t n, failed;

		/* Each mode takes every third call, the three together each one; MNCHAR_SLOW=1
		 * takes them all. */
		for (n = slow ? 1 : 1 + (int64_t)k;; n += slow ? 1 : 3) {
			start_anew();
			faulty_set(modes[k], n);
			use_store("faulty");
			failed = faulty.failed;
			faulty_set(FAULTY_NONE, 0);
			assert_consistent();
			if (failed == 0)
				break;
		}
		assert_true(report->finished);
		/* The loop did go through it. */
		assert_in_range(n, 50, 5000);
	}
}

static void killed_in_each_file_call(void **state)
{
	const char *slow = getenv("MNCHAR_SLOW");
	int killed = 0;

	(void)state;
	/* Every third call is enough each time; MNCHAR_SLOW=1 takes them all. */
	for (int64_t n = 1;; n += slow ? 1 : 3) {
		int status;
		pid_t child;

		start_anew();
		child = fork();
		assert_true(child >= 0);
		if (child == 0) {
			faulty_set(FAULTY_KILL, n);
			use_store("faulty");
			_exit(0);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_consistent();
		if (!WIFSIGNALED(status)) {
			assert_int_equal(status, 0);
			assert_true(report->finished);
			break;
		}
		assert_int_equal(WTERMSIG(status), SIGKILL);
		killed++;
	}
	assert_in_range(killed, 30, 5000);
}

/* malloc() as SQLite sees it. */
static sqlite3_mem_methods real_mem;
static int64_t mem_at, mem_calls, mem_failed;
static int mem_sticky;

static int mem_fails(void)
{
	mem_calls++;
	if (mem_at == 0 || (mem_sticky ? mem_calls < mem_at : mem_calls != mem_at))
		return 0;
	mem_failed++;
	return 1;
}

static void *mem_malloc(int n)
{
	return mem_fails() ? NULL : real_mem.xMalloc(n);
}

static void *mem_realloc(void *p, int n)
{
	return mem_fails() ? NULL : real_mem.xRealloc(p, n);
}

static void each_malloc_fails(void **state)
{
	const char *slow = getenv("MNCHAR_SLOW");

	(void)state;
	for (mem_sticky = 0; mem_sticky < 2; mem_sticky++) {
		/* The opening has many and then they thin out: all of the first 100, then a stride
		 * that is coprime to any loop of SQLite's. */
		for (int64_t n = 1;; n += slow || n < 100 ? 1 : 223) {
			int64_t failed;

			start_anew();
			mem_calls = mem_failed = 0;
			mem_at = n;
			use_store(NULL);
			failed = mem_failed;
			mem_at = 0;
			assert_consistent();
			if (failed == 0)
				break;
		}
		assert_true(report->finished);
	}
	mem_sticky = 0;
}

/* The same from a random moment on with a sequence of rows, as collect writes them: every id that
 * came through the pipe is there. */
static void killed_at_any_moment(void **state)
{
	const char *text = getenv("MNCHAR_SEED");
	unsigned seed = text ? (unsigned)strtoul(text, NULL, 10) : (unsigned)getpid();
	int64_t last = 0;

	(void)state;
	start_anew();
	for (int round = 0; round < 40; round++) {
		int fds[2], status, want = rand_r(&seed) % 40;
		int64_t id = 0, told = 0;
		pid_t child;

		assert_int_equal(pipe(fds), 0);
		child = fork();
		assert_true(child >= 0);
		if (child == 0) {
			struct mn_store *store = open_or_die(in_scratch("f.db"), MN_STORE_CREATE);
			struct mn_rig rig = test_rig();
			int64_t session = put_test_session(store, &rig, NULL);
			int64_t probe = put_test_probe(store, TEST_LAYER);

			for (int64_t i = 0;; i++) {
				struct mn_measurement m = test_measurement(session, probe, i);

				if (mn_store_put_measurement(store, &m, &id, NULL) != 0 ||
				    write(fds[1], &id, sizeof(id)) != sizeof(id))
					_exit(1);
			}
		}
		close(fds[1]);
		for (int i = 0; i < want; i++)
			assert_int_equal(read(fds[0], &told, sizeof(told)), sizeof(told));
		kill(child, SIGKILL);
		/* It may have gone on for a while. */
		while (read(fds[0], &id, sizeof(id)) == sizeof(id))
			told = id;
		close(fds[0]);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		if (told)
			last = told;
		if (access(in_scratch("f.db"), F_OK) < 0)
			continue;
		assert_sound(in_scratch("f.db"));
		if (last > 0) {
			/* Ids go up by one: all that were told, and at most one more of each round.
			 */
			int64_t n =
				sql_file(in_scratch("f.db"), "SELECT count(*) FROM measurement");
			int64_t max =
				sql_file(in_scratch("f.db"), "SELECT max(id) FROM measurement");

			if (n < last || n != max)
				fail_msg("round %d: %d rows, last id told %d (MNCHAR_SEED=%s)",
					 round, (int)n, (int)last, text ? text : "the process id");
		}
	}
	assert_true(last > 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, make_scratch, remove_scratch)
	const struct CMUnitTest tests[] = {
		T(each_file_call_fails),
		T(killed_in_each_file_call),
		T(each_malloc_fails),
		T(killed_at_any_moment),
	};
	sqlite3_mem_methods mem;

	report = mmap(NULL, sizeof(*report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (report == MAP_FAILED)
		return 1;
	/* Before anything else of SQLite. Its own pools would hide most of the allocations. */
	sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real_mem);
	mem = real_mem;
	mem.xMalloc = mem_malloc;
	mem.xRealloc = mem_realloc;
	sqlite3_config(SQLITE_CONFIG_MALLOC, &mem);
	sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
