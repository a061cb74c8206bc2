/* SPDX-License-Identifier: MIT */
/* Opening, the errors of SQLite in our words, transactions and cached statements. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "internal.h"

const char *mn_kind_name(enum mn_kind kind)
{
	switch (kind) {
	case MN_KIND_MEASURED:
		return "measured";
	case MN_KIND_VIRTUAL:
		return "virtual";
	case MN_KIND_PUBLISHED:
		return "published";
	}
	return "?";
}

int mn_kind_parse(const char *text)
{
	for (int kind = MN_KIND_MEASURED; kind <= MN_KIND_PUBLISHED; kind++)
		if (!strcmp(text, mn_kind_name((enum mn_kind)kind)))
			return kind;
	return MN_E_NOTFOUND;
}

/* errno of the last file operation that failed, 0 if it is not known. By the time that SQLite asks
 * for it itself, the rollback has often overwritten it; the file remembers. */
static int last_errno(sqlite3 *db)
{
	static const int which[] = {SQLITE_FCNTL_JOURNAL_POINTER, SQLITE_FCNTL_FILE_POINTER};
	int sys = sqlite3_system_errno(db);

	for (int i = 0; i < 2 && sys == 0; i++) {
		sqlite3_file *file = NULL;

		if (sqlite3_file_control(db, "main", which[i], &file) == SQLITE_OK && file &&
		    file->pMethods)
			file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &sys);
	}
	return sys;
}

int mn_store_fail(struct mn_store *store, int sqlite_rc, const char *what, struct mn_err *err)
{
	const char *path = store->path;
	const char *why = sqlite3_errmsg(store->db);
	int sys = sqlite3_system_errno(store->db);

	if ((sqlite_rc & 0xff) == SQLITE_IOERR)
		sys = last_errno(store->db);
	/* A file size limit and a quota are a full disk to whoever must act, but SQLite only knows
	 * ENOSPC. */
	if ((sqlite_rc & 0xff) == SQLITE_IOERR && (sys == EFBIG || sys == EDQUOT || sys == ENOSPC))
		sqlite_rc = SQLITE_FULL;
	switch (sqlite_rc & 0xff) {
	case SQLITE_NOMEM:
		return mn_err_set(err, MN_E_NOMEM, "%s: out of memory, cannot %s", path, what);
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return mn_err_set(err, MN_E_BUSY,
				  "%s: cannot %s: another program has kept the database locked for "
				  "%g s: let it finish, then run the command again",
				  path, what, store->options.busy_ms / 1000.0);
	case SQLITE_FULL:
		return mn_err_set(
			err, MN_E_FULL,
			"%s: cannot %s: no space is left on its disk (or quota, or file "
			"size limit): what was stored before is safe; make room and run the "
			"command again",
			path, what);
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_AUTH:
		return mn_err_set(
			err, MN_E_PERM,
			"%s: cannot %s: the file or its folder is read-only for you: change "
			"the permissions, or name another file with --db",
			path, what);
	case SQLITE_CANTOPEN:
		return mn_err_set(err, MN_E_IO,
				  "%s: cannot %s: the file, or %s-wal beside it, cannot be opened "
				  "(%s): check both and the permissions of their folder",
				  path, what, path, sys ? strerror(sys) : why);
	case SQLITE_NOTADB:
		return mn_err_set(
			err, MN_E_SCHEMA,
			"%s: this is not a database of mnchar: name another file with --db", path);
	case SQLITE_CORRUPT:
		return mn_err_set(
			err, MN_E_IO,
			"%s: cannot %s: the database is damaged (%s): save what is readable "
			"with: sqlite3 '%s' .recover | sqlite3 rescued.db",
			path, what, why, path);
	case SQLITE_IOERR:
		return mn_err_set(
			err, MN_E_IO,
			"%s: cannot %s: %s: what was stored before is safe; check the disk "
			"and run the command again",
			path, what, sys ? strerror(sys) : why);
	case SQLITE_CONSTRAINT:
		return mn_err_set(err, MN_E_INVALID,
				  "%s: cannot %s: the values contradict the "
				  "schema (%s)",
				  path, what, why);
	case SQLITE_ERROR:
		return mn_err_set(
			err, MN_E_SCHEMA,
			"%s: cannot %s: the tables are not those of mnchar's schema (%s): "
			"the file was changed by something else; name another with --db",
			path, what, why);
	default:
		return mn_err_set(err, MN_E_IO, "%s: cannot %s: %s", path, what, why);
	}
}

void mn_bind_text(sqlite3_stmt *stmt, int i, const char *text)
{
	sqlite3_bind_text(stmt, i, text ? text : "", -1, SQLITE_STATIC);
}

void mn_bind_int(sqlite3_stmt *stmt, int i, int64_t value, int64_t none)
{
	if (value == none)
		sqlite3_bind_null(stmt, i);
	else
		sqlite3_bind_int64(stmt, i, value);
}

void mn_bind_real(sqlite3_stmt *stmt, int i, double value)
{
	sqlite3_bind_double(stmt, i, value);
}

const char *mn_column_text(sqlite3_stmt *stmt, int i)
{
	const char *text = (const char *)sqlite3_column_text(stmt, i);

	return text ? text : "";
}

int64_t mn_column_int(sqlite3_stmt *stmt, int i, int64_t none)
{
	return sqlite3_column_type(stmt, i) == SQLITE_NULL ? none : sqlite3_column_int64(stmt, i);
}

double mn_column_real(sqlite3_stmt *stmt, int i)
{
	return sqlite3_column_type(stmt, i) == SQLITE_NULL ? NAN : sqlite3_column_double(stmt, i);
}

int mn_store_check_read(struct mn_store *store, struct mn_err *err)
{
	return sqlite3_errcode(store->db) == SQLITE_NOMEM
		       ? mn_store_fail(store, SQLITE_NOMEM, "read a row", err)
		       : 0;
}

int64_t mn_store_now_ms(const struct mn_store *store)
{
	struct timespec now;

	if (store->options.now_ms)
		return store->options.now_ms(store->options.now_arg);
	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int mn_store_stmt(struct mn_store *store, enum mn_stmt which, sqlite3_stmt **ret_stmt,
		  struct mn_err *err)
{
	static const char *const sql[] = {
#define X(name, text) text,
		MN_STMT_TABLE(X)
#undef X
	};
	sqlite3_stmt **stmt = &store->stmt[which];

	if (*stmt) {
		sqlite3_reset(*stmt);
		sqlite3_clear_bindings(*stmt);
	} else {
		int rc = sqlite3_prepare_v3(store->db, sql[which], -1, SQLITE_PREPARE_PERSISTENT,
					    stmt, NULL);

		if (rc != SQLITE_OK)
			return mn_store_fail(store, rc, "use the database", err);
	}
	*ret_stmt = *stmt;
	return 0;
}

int mn_store_one(struct mn_store *store, sqlite3_stmt *stmt, const char *what, int64_t *ret_value,
		 struct mn_err *err)
{
	int rc = sqlite3_step(stmt);

	if (rc == SQLITE_ROW) {
		*ret_value = sqlite3_column_int64(stmt, 0);
		sqlite3_reset(stmt);
		return 1;
	}
	rc = rc == SQLITE_DONE ? 0 : mn_store_fail(store, rc, what, err);
	sqlite3_reset(stmt);
	return rc;
}

int mn_store_run(struct mn_store *store, sqlite3_stmt *stmt, const char *what, struct mn_err *err)
{
	int64_t ignored;
	int rc = mn_store_one(store, stmt, what, &ignored, err);

	return rc < 0 ? rc : 0;
}

int mn_store_exec(struct mn_store *store, const char *sql, const char *what, struct mn_err *err)
{
	int rc = sqlite3_exec(store->db, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? 0 : mn_store_fail(store, rc, what, err);
}

static int run_simple(struct mn_store *store, enum mn_stmt which, const char *what,
		      struct mn_err *err)
{
	sqlite3_stmt *stmt = NULL;
	int rc = mn_store_stmt(store, which, &stmt, err);

	return rc < 0 ? rc : mn_store_run(store, stmt, what, err);
}

/* SQLite rolls back by itself on some errors; then there is nothing left to roll back. Without
 * memory for the statement, sqlite3_exec would fail as well, and closing rolls back. */
static void roll_back(struct mn_store *store)
{
	if (!sqlite3_get_autocommit(store->db))
		(void)run_simple(store, MN_STMT_ROLLBACK, "roll back", NULL);
}

int mn_store_put_begin(struct mn_store *store, struct mn_err *err)
{
	if (store->broken.code)
		return mn_err_set(err, store->broken.code, "%s", store->broken.msg);
	/* A transaction that could not be rolled back for want of memory. */
	if (!store->grouped)
		roll_back(store);
	return store->grouped ? 0 : run_simple(store, MN_STMT_BEGIN, "write", err);
}

int mn_store_put_end(struct mn_store *store, int rc, struct mn_err *err)
{
	if (store->grouped) {
		if (rc < 0 && rc != MN_E_EXISTS)
			mn_err_set(&store->broken, rc, "%s",
				   err ? err->msg : "an earlier write of this group failed");
		return rc;
	}
	if (rc == 0)
		rc = run_simple(store, MN_STMT_COMMIT, "write", err);
	if (rc < 0)
		roll_back(store);
	return rc;
}

int mn_store_begin(struct mn_store *store, struct mn_err *err)
{
	int rc;

	if (store->grouped)
		return mn_err_set(err, MN_E_BUSY, "%s: a group of writes is open already",
				  store->path);
	rc = mn_store_put_begin(store, err);
	if (rc == 0)
		store->grouped = 1;
	return rc;
}

int mn_store_commit(struct mn_store *store, struct mn_err *err)
{
	struct mn_err broken = store->broken;
	int rc;

	if (!store->grouped)
		return mn_err_set(err, MN_E_INVALID, "%s: no group of writes is open", store->path);
	store->grouped = 0;
	store->broken.code = 0;
	if (broken.code) {
		roll_back(store);
		return mn_err_set(err, broken.code, "%s", broken.msg);
	}
	rc = run_simple(store, MN_STMT_COMMIT, "write", err);
	if (rc < 0)
		roll_back(store);
	return rc;
}

void mn_store_rollback(struct mn_store *store)
{
	if (!store->grouped)
		return;
	store->grouped = 0;
	store->broken.code = 0;
	roll_back(store);
}

void mn_store_close(struct mn_store *store)
{
	if (!store)
		return;
	for (int i = 0; i < MN_STMT_COUNT; i++)
		sqlite3_finalize(store->stmt[i]);
	sqlite3_close_v2(store->db);
	free(store->path);
	free(store);
}

/* What can be said about the path before SQLite sees it: its own message for most of these is
 * "unable to open database file". *ret_exists: 0 if there is no file yet; *ret_immutable: 1 if it
 * can be read but nothing can be created beside it. */
static int check_path(const char *path, enum mn_store_mode mode, int *ret_immutable,
		      struct mn_err *err)
{
	char copy[PATH_MAX], wal[PATH_MAX + 8];
	const char *folder;
	struct stat st;
	int writable;

	if (path[0] == '\0' || strlen(path) >= sizeof(copy))
		return mn_err_set(err, MN_E_INVALID,
				  "the name of the database is %s: name a file "
				  "with --db",
				  path[0] ? "too long" : "empty");
	memcpy(copy, path, strlen(path) + 1);
	folder = dirname(copy);
	writable = faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) == 0;
	if (stat(path, &st) < 0) {
		if (errno != ENOENT)
			return mn_err_set(err, errno == EACCES ? MN_E_PERM : MN_E_IO,
					  "%s: cannot open the database: %s", path,
					  strerror(errno));
		if (mode != MN_STORE_CREATE)
			return mn_err_set(
				err, MN_E_NOTFOUND,
				"%s: there is no such database: `mnchar collect` and "
				"`mnchar import` make one; or name another file with --db",
				path);
		if (stat(folder, &st) < 0)
			return mn_err_set(err, MN_E_NOTFOUND,
					  "%s: cannot create the database: folder %s: %s", path,
					  folder, strerror(errno));
		if (!writable)
			return mn_err_set(err, MN_E_PERM,
					  "%s: cannot create the database: folder %s: %s", path,
					  folder, strerror(errno));
		return 0;
	}
	if (!S_ISREG(st.st_mode))
		return mn_err_set(err, MN_E_INVALID,
				  "%s: this is %s and no database: name a file with --db", path,
				  S_ISDIR(st.st_mode) ? "a folder" : "a device, pipe or socket");
	if (faccessat(AT_FDCWD, path, mode == MN_STORE_READ ? R_OK : R_OK | W_OK, AT_EACCESS) < 0)
		return mn_err_set(err, MN_E_PERM,
				  "%s: the database cannot be opened for %s: %s: change the "
				  "permissions, or name another file with --db",
				  path, mode == MN_STORE_READ ? "reading" : "writing",
				  strerror(errno));
	if (writable)
		return 0;
	if (mode != MN_STORE_READ)
		return mn_err_set(
			err, MN_E_PERM,
			"%s: the database cannot be opened for writing because its folder %s "
			"is read-only for you, and a journal must be made in it",
			path, folder);
	/* A -wal that is left there holds rows, and reading them needs a -shm that can be made. */
	snprintf(wal, sizeof(wal), "%s-wal", path);
	if (stat(wal, &st) < 0 || st.st_size == 0)
		*ret_immutable = 1;
	return 0;
}

/* The path as a URI that says that nobody changes the file. To be freed. */
static char *immutable_uri(const char *path)
{
	size_t size = 3 * strlen(path) + sizeof("file:?immutable=1"), n;
	char *uri = malloc(size);

	if (!uri)
		return NULL;
	n = (size_t)snprintf(uri, size, "file:");
	/* Only these three are not plain bytes of a path there. */
	for (const char *s = path; *s; s++)
		n += (size_t)snprintf(uri + n, size - n, strchr("%?#", *s) ? "%%%02X" : "%c",
				      (unsigned char)*s);
	snprintf(uri + n, size - n, "?immutable=1");
	return uri;
}

static int open_handle(struct mn_store *store, enum mn_store_mode mode, int immutable,
		       struct mn_err *err)
{
	int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
	/*
	 * The last to close a database takes its -wal and -shm away, but only a handle that may
	 * write does. So a reader opens like a writer where it can, and then binds its hands.
	 */
	int tidy = mode == MN_STORE_READ && !immutable &&
		   faccessat(AT_FDCWD, store->path, W_OK, AT_EACCESS) == 0;
	char *uri = NULL;
	int rc;

	flags |= mode == MN_STORE_READ && !tidy ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
	if (mode == MN_STORE_CREATE)
		flags |= SQLITE_OPEN_CREATE;
	if (immutable) {
		uri = immutable_uri(store->path);
		if (!uri)
			return mn_err_set(err, MN_E_NOMEM, "%s: out of memory", store->path);
		flags |= SQLITE_OPEN_URI;
	}
	rc = sqlite3_open_v2(uri ? uri : store->path, &store->db, flags, store->options.vfs);
	free(uri);
	if (rc != SQLITE_OK)
		return store->db ? mn_store_fail(store, rc, "open the database", err)
				 : mn_err_set(err, MN_E_NOMEM, "%s: out of memory", store->path);
	sqlite3_busy_timeout(store->db, store->options.busy_ms);
	/* The file may come from a stranger: its schema must not run functions. */
	sqlite3_db_config(store->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_db_config(store->db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
	return tidy ? mn_store_exec(store, "PRAGMA query_only = ON", "open the database", err) : 0;
}

static int get_pragma(struct mn_store *store, const char *sql, int64_t *ret_value,
		      struct mn_err *err)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(store->db, sql, -1, &stmt, NULL);

	if (rc != SQLITE_OK)
		return mn_store_fail(store, rc, "open the database", err);
	*ret_value = 0;
	rc = mn_store_one(store, stmt, "open the database", ret_value, err);
	sqlite3_finalize(stmt);
	return rc < 0 ? rc : 0;
}

/* Schema step of the file, 0 if it is empty; MN_E_SCHEMA if it is not ours or too new. */
static int get_version(struct mn_store *store, int newest, int64_t *ret_version, struct mn_err *err)
{
	int64_t application = 0, version = 0, objects = 0;
	int own = sqlite3_get_autocommit(store->db), rc = 0;

	/* In one snapshot: another process may be making the database between two reads. */
	if (own)
		rc = mn_store_exec(store, "BEGIN", "open the database", err);
	if (rc == 0)
		rc = get_pragma(store, "PRAGMA application_id", &application, err);
	if (rc == 0)
		rc = get_pragma(store, "PRAGMA user_version", &version, err);
	if (rc == 0)
		rc = get_pragma(store, "SELECT count(*) FROM sqlite_schema", &objects, err);
	if (own && !sqlite3_get_autocommit(store->db))
		sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
	if (rc < 0)
		return rc;
	if (application == 0 && version == 0 && objects == 0) {
		*ret_version = 0;
		return 0;
	}
	if (application != MN_APPLICATION_ID || version <= 0)
		return mn_err_set(
			err, MN_E_SCHEMA,
			"%s: this database belongs to another application, mnchar does not "
			"touch it: name another file with --db",
			store->path);
	if (version > newest)
		return mn_err_set(
			err, MN_E_SCHEMA,
			"%s: a newer mnchar wrote this database (its schema is %d, this "
			"mnchar %s knows %d): upgrade mnchar, or name another file with --db",
			store->path, (int)version, MNCHAR_VERSION, newest);
	*ret_version = version;
	return 0;
}

/* SQLite gives up at once instead of waiting when several processes do this to a new file. */
static int use_wal(struct mn_store *store, struct mn_err *err)
{
	static const char sql[] = "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL";
	enum { PAUSE_MS = 10 };
	int rc;

	for (int waited = 0;; waited += PAUSE_MS) {
		rc = sqlite3_exec(store->db, sql, NULL, NULL, NULL);
		if ((rc & 0xff) != SQLITE_BUSY || waited >= store->options.busy_ms)
			break;
		sqlite3_sleep(PAUSE_MS);
	}
	return rc == SQLITE_OK ? 0 : mn_store_fail(store, rc, "open the database", err);
}

/* Another process may be doing the same at this moment: decide again once the lock is held. */
static int step_up(struct mn_store *store, const char *schema_dir, int newest, struct mn_err *err)
{
	int64_t version, orphans = 0;
	int rc;

	/* A step may rebuild a table that others refer to; the references are checked at the end.
	 */
	rc = mn_store_exec(store, "PRAGMA foreign_keys = OFF", "prepare the database", err);
	if (rc == 0)
		rc = mn_store_exec(store, "BEGIN IMMEDIATE", "prepare the database", err);
	if (rc < 0)
		return rc;
	rc = get_version(store, newest, &version, err);
	if (rc == 0)
		rc = mn_schema_step(store, schema_dir, (int)version, newest, err);
	if (rc == 0)
		rc = get_pragma(store, "SELECT count(*) FROM pragma_foreign_key_check", &orphans,
				err);
	if (rc == 0 && orphans > 0)
		rc = mn_err_set(
			err, MN_E_SCHEMA,
			"%s: cannot step the schema up from %d to %d: %lld rows refer to rows "
			"that do not exist; nothing was changed",
			store->path, (int)version, newest, (long long)orphans);
	if (rc == 0)
		rc = mn_store_exec(store, "COMMIT", "prepare the database", err);
	if (rc < 0 && !sqlite3_get_autocommit(store->db))
		sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
	return rc;
}

int mn_store_open_with(const char *path, enum mn_store_mode mode, const char *schema_dir,
		       const struct mn_store_options *options, struct mn_store **ret_store,
		       struct mn_err *err)
{
	static const struct mn_store_options defaults = {.busy_ms = 5000};
	struct mn_store *store = NULL;
	int64_t version;
	int immutable = 0, newest, rc;

	if (!options)
		options = &defaults;
	newest = mn_schema_newest(schema_dir, err);
	if (newest < 0)
		return newest;
	rc = check_path(path, mode, &immutable, err);
	if (rc < 0)
		return rc;
	store = calloc(1, sizeof(*store));
	if (store)
		store->path = strdup(path);
	if (!store || !store->path) {
		rc = mn_err_set(err, MN_E_NOMEM, "%s: out of memory", path);
		goto out;
	}
	store->options = *options;
	rc = open_handle(store, mode, immutable, err);
	if (rc < 0)
		goto out;
	rc = get_version(store, newest, &version, err);
	if (rc < 0)
		goto out;
	if (version < newest && mode == MN_STORE_READ) {
		struct mn_store *writer;

		if (version == 0) {
			rc = mn_err_set(err, MN_E_SCHEMA,
					"%s: this database is empty: `mnchar collect` and `mnchar "
					"import` fill one; or name another file with --db",
					path);
			goto out;
		}
		mn_store_close(store);
		store = NULL;
		rc = mn_store_open_with(path, MN_STORE_WRITE, schema_dir, options, &writer, err);
		if (rc < 0) {
			rc = mn_err_prefix(err, rc,
					   "an older mnchar wrote this database, and it "
					   "must be brought up to date first: ");
			goto out;
		}
		mn_store_close(writer);
		return mn_store_open_with(path, mode, schema_dir, options, ret_store, err);
	}
	if (mode != MN_STORE_READ) {
		rc = use_wal(store, err);
		if (rc == 0 && version < newest)
			rc = step_up(store, schema_dir, newest, err);
		if (rc == 0)
			rc = mn_store_exec(store, "PRAGMA foreign_keys = ON", "open the database",
					   err);
		if (rc < 0)
			goto out;
	}
	*ret_store = store;
	store = NULL;
out:
	mn_store_close(store);
	return rc;
}

int mn_store_open(const char *path, enum mn_store_mode mode, const char *schema_dir,
		  struct mn_store **ret_store, struct mn_err *err)
{
	return mn_store_open_with(path, mode, schema_dir, NULL, ret_store, err);
}
