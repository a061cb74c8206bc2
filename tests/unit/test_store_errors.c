/* SPDX-License-Identifier: MIT */
/*
 * A file that cannot be used: the code, a sentence that names the file and what to do, and not one
 * byte of it changed.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "import.h"
#include "store_util.h"
#include "store_vfs.h"

static void write_file(const char *path, const void *bytes, size_t size)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, size, f), size);
	fclose(f);
}

static uint64_t content(const char *path)
{
	FILE *f = fopen(path, "r");
	uint64_t hash = 0xcbf29ce484222325;
	int c;

	assert_non_null(f);
	while ((c = getc(f)) != EOF)
		hash = (hash ^ (unsigned)c) * 0x100000001b3;
	fclose(f);
	return hash;
}

static void assert_no_open(const char *path, enum mn_store_mode mode, const char *schema, int code,
			   const char *words)
{
	struct mn_store *store = (void *)scratch;
	struct mn_err err = {0};

	assert_int_equal(mn_store_open_with(path, mode, schema, &quick, &store, &err), code);
	assert_ptr_equal(store, scratch);
	assert_int_equal(err.code, code);
	assert_says(&err, path, words);
}

/* The same in each mode, and the file stays as it is. */
static void assert_refused(const char *path, int code, const char *words)
{
	uint64_t before = content(path);

	for (int mode = MN_STORE_READ; mode <= MN_STORE_CREATE; mode++)
		assert_no_open(path, (enum mn_store_mode)mode, schema_dir(), code, words);
	assert_int_equal(content(path), before);
}

/* A database with one row. */
static void make_db(const char *path)
{
	struct mn_store *store = open_or_die(path, MN_STORE_CREATE);
	struct mn_rig rig = test_rig();
	int64_t session = put_test_session(store, &rig, NULL);
	struct mn_measurement m = test_measurement(session, put_test_probe(store, TEST_LAYER), 0);

	assert_int_equal(mn_store_put_measurement(store, &m, NULL, NULL), 0);
	mn_store_close(store);
}

static int count_row(const struct mn_row *row, void *arg)
{
	(void)row;
	++*(int *)arg;
	return 0;
}

static int rows_of(struct mn_store *store)
{
	struct mn_err err = {0};
	int n = 0;

	if (mn_store_each_row(store, NULL, count_row, &n, &err) != 0)
		fail_msg("%s", err.msg);
	return n;
}

static void it_does_not_exist(void **state)
{
	char path[PATH_MAX];

	(void)state;
	assert_no_open(in_scratch("a.db"), MN_STORE_READ, schema_dir(), MN_E_NOTFOUND,
		       "no such database");
	assert_no_open(in_scratch("a.db"), MN_STORE_WRITE, schema_dir(), MN_E_NOTFOUND, "--db");
	assert_int_equal(access(in_scratch("a.db"), F_OK), -1);
	assert_no_open(in_scratch("no/a.db"), MN_STORE_CREATE, schema_dir(), MN_E_NOTFOUND,
		       "cannot create the database: folder");
	assert_no_open("", MN_STORE_CREATE, schema_dir(), MN_E_INVALID, "is empty");
	memset(path, 'a', 300);
	path[300] = '\0';
	assert_no_open(path, MN_STORE_CREATE, schema_dir(), MN_E_IO, "File name too long");
}

static void it_is_no_database(void **state)
{
	char noise[5000];

	(void)state;
	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = (char)(i * 7919 >> 3);
	write_file(in_scratch("a.db"), noise, sizeof(noise));
	assert_refused(in_scratch("a.db"), MN_E_SCHEMA, "not a database of mnchar");
	write_file(in_scratch("a.db"), "kind,board\n", 11);
	assert_refused(in_scratch("a.db"), MN_E_SCHEMA, "not a database of mnchar");
	assert_no_open(scratch, MN_STORE_CREATE, schema_dir(), MN_E_INVALID, "a folder");
	assert_no_open("/dev/null", MN_STORE_CREATE, schema_dir(), MN_E_INVALID, "a device");
}

/* The number of the last shipped step. */
static int newest_step(void)
{
	struct dirent **entries;
	int n = scandir(schema_dir(), &entries, NULL, alphasort), newest;

	assert_true(n > 0);
	newest = (int)strtol(entries[n - 1]->d_name, NULL, 10);
	for (int i = 0; i < n; i++)
		free(entries[i]);
	free(entries);
	return newest;
}

static void it_is_empty(void **state)
{
	(void)state;
	write_file(in_scratch("a.db"), "", 0);
	assert_no_open(in_scratch("a.db"), MN_STORE_READ, schema_dir(), MN_E_SCHEMA, "is empty");
	mn_store_close(open_or_die(in_scratch("a.db"), MN_STORE_CREATE));
	assert_int_equal(sql_file(in_scratch("a.db"), "PRAGMA user_version"), newest_step());
	assert_int_equal(sql_file(in_scratch("a.db"), "PRAGMA application_id"), 0x6d6e6368);
}

static void it_is_of_another_application(void **state)
{
	(void)state;
	sql_run(in_scratch("a.db"), "CREATE TABLE rig (id INTEGER)");
	assert_refused(in_scratch("a.db"), MN_E_SCHEMA, "another application");
	sql_run(in_scratch("b.db"), "PRAGMA application_id = 252006675; PRAGMA user_version = 1");
	assert_refused(in_scratch("b.db"), MN_E_SCHEMA, "another application");
	sql_run(in_scratch("c.db"), "PRAGMA user_version = 1");
	assert_refused(in_scratch("c.db"), MN_E_SCHEMA, "another application");
}

static void it_is_newer(void **state)
{
	(void)state;
	make_db(in_scratch("a.db"));
	sql_run(in_scratch("a.db"), "PRAGMA user_version = 99; PRAGMA wal_checkpoint(TRUNCATE)");
	assert_refused(in_scratch("a.db"), MN_E_SCHEMA, "schema is 99");
	assert_int_equal(sql_file(in_scratch("a.db"), "SELECT count(*) FROM measurement"), 1);
}

static void its_tables_were_changed(void **state)
{
	struct mn_store *store;
	struct mn_err err = {0};
	int n = 0;

	(void)state;
	make_db(in_scratch("a.db"));
	sql_run(in_scratch("a.db"), "ALTER TABLE probe RENAME COLUMN kernels TO cernels");
	store = open_or_die(in_scratch("a.db"), MN_STORE_READ);
	assert_int_equal(mn_store_each_row(store, NULL, count_row, &n, &err), MN_E_SCHEMA);
	assert_says(&err, "a.db", "no such column: p.kernels");
	mn_store_close(store);
}

static void it_is_damaged(void **state)
{
	char zero[4096];
	FILE *f;

	(void)state;
	make_db(in_scratch("a.db"));
	memset(zero, 0xa5, sizeof(zero));
	f = fopen(in_scratch("a.db"), "r+");
	assert_non_null(f);
	for (int page = 1; page < 30; page++) {
		fseek(f, page * 4096L, SEEK_SET);
		assert_int_equal(fwrite(zero, 1, sizeof(zero), f), sizeof(zero));
	}
	fclose(f);
	assert_refused(in_scratch("a.db"), MN_E_IO, "damaged");
	assert_refused(in_scratch("a.db"), MN_E_IO, ".recover");
}

static void it_is_locked(void **state)
{
	struct mn_store *a, *b;
	struct mn_rig rig = test_rig();
	struct mn_err err = {0};
	int64_t id;

	(void)state;
	make_db(in_scratch("a.db"));
	a = open_or_die(in_scratch("a.db"), MN_STORE_WRITE);
	b = open_or_die(in_scratch("a.db"), MN_STORE_WRITE);
	assert_int_equal(mn_store_begin(a, NULL), 0);
	rig.board = "other";
	assert_int_equal(mn_store_put_rig(b, &rig, &id, &err), MN_E_BUSY);
	assert_says(&err, "a.db", "another program has kept the database locked");
	assert_int_equal(mn_store_begin(b, &err), MN_E_BUSY);
	/* Readers go on. */
	assert_int_equal(rows_of(b), 1);
	mn_store_close(a);
	assert_int_equal(mn_store_put_rig(b, &rig, &id, &err), 0);
	mn_store_close(b);
}

static void it_is_being_made_by_another(void **state)
{
	struct mn_err err = {0};
	struct mn_store *store = NULL;
	sqlite3 *db;

	(void)state;
	assert_int_equal(sqlite3_open(in_scratch("a.db"), &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(mn_store_open_with(in_scratch("a.db"), MN_STORE_CREATE, schema_dir(),
					    &quick, &store, &err),
			 MN_E_BUSY);
	assert_says(&err, "a.db", "locked");
	sqlite3_close(db);
	mn_store_close(open_or_die(in_scratch("a.db"), MN_STORE_CREATE));
}

/* Eight at once make the same database and put the same rig. */
static void many_make_it_at_once(void **state)
{
	enum { N = 8 };
	pid_t child[N];
	int go[2];

	(void)state;
	assert_int_equal(pipe(go), 0);
	for (int i = 0; i < N; i++) {
		child[i] = fork();
		assert_true(child[i] >= 0);
		if (child[i] == 0) {
			struct mn_store *store;
			struct mn_rig rig = test_rig();
			struct mn_err err = {0};
			int64_t id;
			char c;

			close(go[1]);
			(void)!read(go[0], &c, 1); /* until the parent closes */
			if (mn_store_open(in_scratch("a.db"), MN_STORE_CREATE, schema_dir(), &store,
					  &err) != 0 ||
			    mn_store_put_rig(store, &rig, &id, &err) != 0) {
				fprintf(stderr, "%s\n", err.msg);
				_exit(1);
			}
			mn_store_close(store);
			_exit(0);
		}
	}
	close(go[0]);
	close(go[1]);
	for (int i = 0; i < N; i++) {
		int status;

		assert_int_equal(waitpid(child[i], &status, 0), child[i]);
		assert_int_equal(status, 0);
	}
	assert_int_equal(sql_file(in_scratch("a.db"), "SELECT count(*) FROM rig"), 1);
	assert_sound(in_scratch("a.db"));
}

/* Root may open everything, so drop that for a while: then the permission bits of the owner count.
 */
static void as_nobody(int on)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];
	static uint32_t had;

	assert_int_equal(syscall(SYS_capget, &header, data), 0);
	if (on)
		had = data[0].effective;
	data[0].effective = on ? had & ~(1u << CAP_DAC_OVERRIDE | 1u << CAP_DAC_READ_SEARCH) : had;
	assert_int_equal(syscall(SYS_capset, &header, data), 0);
}

static void it_is_read_only(void **state)
{
	struct mn_store *store;
	struct mn_err err = {0};
	struct mn_rig rig = test_rig();
	int64_t id;
	uint64_t before;

	(void)state;
	make_db(in_scratch("a.db"));
	before = content(in_scratch("a.db"));
	chmod(in_scratch("a.db"), 0444);
	as_nobody(1);
	assert_no_open(in_scratch("a.db"), MN_STORE_WRITE, schema_dir(), MN_E_PERM,
		       "cannot be opened for writing");
	store = open_or_die(in_scratch("a.db"), MN_STORE_READ);
	assert_int_equal(rows_of(store), 1);
	rig.board = "other";
	assert_int_equal(mn_store_put_rig(store, &rig, &id, &err), MN_E_PERM);
	assert_says(&err, "a.db", "read-only");
	mn_store_close(store);
	as_nobody(0);
	/* The folder too: nothing can be created beside it, reading works all the same. */
	chmod(scratch, 0555);
	as_nobody(1);
	store = open_or_die(in_scratch("a.db"), MN_STORE_READ);
	assert_int_equal(rows_of(store), 1);
	mn_store_close(store);
	as_nobody(0);
	chmod(in_scratch("a.db"), 0666);
	as_nobody(1);
	assert_no_open(in_scratch("a.db"), MN_STORE_CREATE, schema_dir(), MN_E_PERM, "its folder");
	assert_no_open(in_scratch("b.db"), MN_STORE_CREATE, schema_dir(), MN_E_PERM,
		       "cannot create the database: folder");
	as_nobody(0);
	chmod(scratch, 0700);
	chmod(in_scratch("a.db"), 0000);
	as_nobody(1);
	assert_no_open(in_scratch("a.db"), MN_STORE_READ, schema_dir(), MN_E_PERM,
		       "cannot be opened for reading");
	as_nobody(0);
	chmod(in_scratch("a.db"), 0644);
	assert_int_equal(content(in_scratch("a.db")), before);
}

/* A writer was killed and its -wal holds the last row: who may only read sees that row too, or is
 * told that it cannot be read. */
static void its_journal_was_left_behind(void **state)
{
	struct mn_store *store = NULL;
	struct mn_err err = {0};
	pid_t child;
	int status, rc;

	(void)state;
	make_db(in_scratch("a.db"));
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct mn_rig rig = test_rig();
		struct mn_measurement m;

		store = open_or_die(in_scratch("a.db"), MN_STORE_WRITE);
		m = test_measurement(put_test_session(store, &rig, NULL),
				     put_test_probe(store, TEST_LAYER), 1);
		assert_int_equal(mn_store_put_measurement(store, &m, NULL, NULL), 0);
		kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(access(in_scratch("a.db-wal"), F_OK), 0);
	for (int with_shm = 1; with_shm >= 0; with_shm--) {
		if (!with_shm)
			unlink(in_scratch("a.db-shm"));
		chmod(scratch, 0555);
		as_nobody(1);
		rc = mn_store_open_with(in_scratch("a.db"), MN_STORE_READ, schema_dir(), &quick,
					&store, &err);
		if (rc == 0) {
			assert_int_equal(rows_of(store), 2);
			mn_store_close(store);
		} else {
			assert_true(rc == MN_E_PERM || rc == MN_E_IO);
			assert_says(&err, "a.db", "folder");
		}
		as_nobody(0);
		chmod(scratch, 0755);
	}
	store = open_or_die(in_scratch("a.db"), MN_STORE_READ);
	assert_int_equal(rows_of(store), 2);
	mn_store_close(store);
}

/* A name that means something in a URI, in a folder where nothing can be created. */
static void a_strange_name(void **state)
{
	struct mn_store *store;

	(void)state;
	make_db(in_scratch("a b?c#d%20e\xc3\xa4.db"));
	chmod(scratch, 0555);
	as_nobody(1);
	store = open_or_die(in_scratch("a b?c#d%20e\xc3\xa4.db"), MN_STORE_READ);
	assert_int_equal(rows_of(store), 1);
	mn_store_close(store);
	as_nobody(0);
}

/* Put rows until it fails; then all that were told are there. */
static void fill_up(struct mn_store *store, int64_t session, int64_t probe, const char *words)
{
	struct mn_err err = {0};
	int64_t id = 0, before = rows_of(store), told = 0;
	int rc = 0;

	for (int64_t i = 0; i < 100000 && rc == 0; i++) {
		struct mn_measurement m = test_measurement(session, probe, i);

		rc = mn_store_put_measurement(store, &m, &id, &err);
		told += rc == 0;
	}
	assert_says(&err, "a.db", words);
	assert_int_equal(rc, MN_E_FULL);
	assert_int_equal(rows_of(store), before + told);
}

static void the_disk_is_full(void **state)
{
	struct mn_store_options options = {.busy_ms = 1, .vfs = "faulty"};
	struct mn_store *store;
	struct mn_rig rig = test_rig();
	struct mn_import_result result;
	struct mn_err err = {0};
	int64_t session, probe;
	static const char csv[] = "kind,board,kernels,model,latency_ns\nmeasured,b,k,M,1\n";
	char text[sizeof(csv)];

	(void)state;
	faulty_set(FAULTY_NONE, 0);
	assert_int_equal(mn_store_open_with(in_scratch("a.db"), MN_STORE_CREATE, schema_dir(),
					    &options, &store, &err),
			 0);
	session = put_test_session(store, &rig, NULL);
	probe = put_test_probe(store, TEST_LAYER);
	faulty_set(FAULTY_DISK_FULL, 300);
	fill_up(store, session, probe, "no space is left");
	/* An import is refused whole. */
	memcpy(text, csv, sizeof(csv));
	assert_int_equal(mn_import_text(store, "i.csv", text, strlen(text), &result, &err),
			 MN_E_FULL);
	assert_says(&err, "a.db", "make room");
	/* With room it goes on. */
	faulty_set(FAULTY_NONE, 0);
	memcpy(text, csv, sizeof(csv));
	assert_int_equal(mn_import_text(store, "i.csv", text, strlen(text), &result, &err), 0);
	assert_int_equal(result.added, 1);
	mn_store_close(store);
	assert_sound(in_scratch("a.db"));
}

/* What the real VFS gets from a real limit. */
static void the_file_size_limit(void **state)
{
	struct mn_store *store;
	struct mn_rig rig = test_rig();
	struct rlimit was, limit;
	int64_t session, probe;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &was);
	store = open_or_die(in_scratch("a.db"), MN_STORE_CREATE);
	session = put_test_session(store, &rig, NULL);
	probe = put_test_probe(store, TEST_LAYER);
	limit = was;
	limit.rlim_cur = 1 << 20;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	fill_up(store, session, probe, "no space is left");
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	mn_store_close(store);
	assert_sound(in_scratch("a.db"));
}

static void copy_schema(const char *folder)
{
	char command[6 * PATH_MAX];

	snprintf(command, sizeof(command), "mkdir -p '%s' && cp '%s'/*.sql '%s'", folder,
		 schema_dir(), folder);
	assert_int_equal(system(command), 0);
}

static void an_older_one_is_stepped_up(void **state)
{
	static const char good[] = "CREATE TABLE extra (id INTEGER PRIMARY KEY) STRICT;";
	static const char bad[] =
		"CREATE TABLE extra2 (id INTEGER PRIMARY KEY) STRICT; SELECT nonsense;";
	static const char orphan[] = "DELETE FROM rig;";
	struct mn_store *store;
	struct mn_err err = {0};
	char schema[2 * PATH_MAX], step[3 * PATH_MAX], bad_name[32];
	int64_t id;

	(void)state;
	make_db(in_scratch("a.db"));
	snprintf(schema, sizeof(schema), "%s/schema", scratch);
	copy_schema(schema);
	snprintf(step, sizeof(step), "%s/%03d-extra.sql", schema, newest_step() + 1);
	write_file(step, good, strlen(good));
	/* Also by someone who only reads. */
	assert_int_equal(
		mn_store_open_with(in_scratch("a.db"), MN_STORE_READ, schema, &quick, &store, &err),
		0);
	assert_int_equal(rows_of(store), 1);
	mn_store_close(store);
	assert_int_equal(sql_file(in_scratch("a.db"), "PRAGMA user_version"), newest_step() + 1);
	/* Now it is newer than the shipped schema. */
	assert_no_open(in_scratch("a.db"), MN_STORE_WRITE, schema_dir(), MN_E_SCHEMA,
		       "upgrade mnchar");

	/* A step that fails, or leaves rows without what they refer to, changes nothing. */
	snprintf(bad_name, sizeof(bad_name), "%03d-bad.sql", newest_step() + 2);
	snprintf(step, sizeof(step), "%s/%s", schema, bad_name);
	write_file(step, bad, strlen(bad));
	assert_no_open(in_scratch("a.db"), MN_STORE_WRITE, schema, MN_E_SCHEMA, bad_name);
	assert_no_open(in_scratch("a.db"), MN_STORE_READ, schema, MN_E_SCHEMA,
		       "an older mnchar wrote this database");
	write_file(step, orphan, strlen(orphan));
	assert_no_open(in_scratch("a.db"), MN_STORE_WRITE, schema, MN_E_SCHEMA,
		       "refer to rows that do not exist");
	assert_int_equal(sql_file(in_scratch("a.db"), "PRAGMA user_version"), newest_step() + 1);
	assert_int_equal(sql_file(in_scratch("a.db"), "SELECT count(*) FROM rig"), 1);
	assert_int_equal(sql_file(in_scratch("a.db"),
				  "SELECT count(*) FROM sqlite_schema WHERE name = 'extra2'"),
			 0);
	unlink(step);
	/* References are enforced again afterwards. */
	assert_int_equal(mn_store_open_with(in_scratch("a.db"), MN_STORE_WRITE, schema, &quick,
					    &store, &err),
			 0);
	assert_int_equal(
		mn_store_begin_session(store, &(struct mn_session){.rig_id = 99}, &id, &err),
		MN_E_INVALID);
	mn_store_close(store);
}

static void the_schema_is_not_found(void **state)
{
	struct mn_store *store;
	struct mn_err err = {0};
	char path[PATH_MAX];

	(void)state;
	assert_int_equal(mn_store_open(in_scratch("a.db"), MN_STORE_CREATE, in_scratch("none"),
				       &store, &err),
			 MN_E_NOTFOUND);
	assert_says(&err, "none", "reinstall mnchar");
	assert_int_equal(mn_store_open(in_scratch("a.db"), MN_STORE_CREATE, scratch, &store, &err),
			 MN_E_NOTFOUND);
	assert_says(&err, scratch, "NNN-*.sql");
	write_file(in_scratch("002-b.sql"), "", 0);
	assert_int_equal(mn_store_open(in_scratch("a.db"), MN_STORE_CREATE, scratch, &store, &err),
			 MN_E_SCHEMA);
	assert_says(&err, scratch, "001 is missing");
	write_file(in_scratch("001-a.sql"), "", 0);
	write_file(in_scratch("001-b.sql"), "", 0);
	assert_int_equal(mn_store_open(in_scratch("a.db"), MN_STORE_CREATE, scratch, &store, &err),
			 MN_E_SCHEMA);
	assert_says(&err, scratch, "have the number 001");
	snprintf(path, sizeof(path), "%s", in_scratch("a.db"));
	assert_int_equal(access(path, F_OK), -1);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, make_scratch, remove_scratch)
	const struct CMUnitTest tests[] = {
		T(it_does_not_exist),
		T(it_is_no_database),
		T(it_is_empty),
		T(it_is_of_another_application),
		T(it_is_newer),
		T(its_tables_were_changed),
		T(it_is_damaged),
		T(it_is_locked),
		T(it_is_being_made_by_another),
		T(many_make_it_at_once),
		T(it_is_read_only),
		T(its_journal_was_left_behind),
		T(a_strange_name),
		T(the_disk_is_full),
		T(the_file_size_limit),
		T(an_older_one_is_stepped_up),
		T(the_schema_is_not_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
