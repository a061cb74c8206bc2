/* SPDX-License-Identifier: MIT */
/* The numbered SQL files that a database is stepped through. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

/* Number of a name like "012-what.sql", or 0. */
static int step_number(const char *name)
{
	size_t len = strlen(name);

	if (len < strlen("NNN-x.sql") || name[3] != '-' || strcmp(name + len - 4, ".sql"))
		return 0;
	for (int i = 0; i < 3; i++)
		if (name[i] < '0' || name[i] > '9')
			return 0;
	return (name[0] - '0') * 100 + (name[1] - '0') * 10 + name[2] - '0';
}

/* The path of each step, by number, in *ret_paths[1..return]. */
static int list_steps(const char *schema_dir, char *paths[1000], struct mn_err *err)
{
	DIR *dir = opendir(schema_dir);
	struct dirent *entry;
	int newest = 0, rc = 0;

	if (!dir)
		return mn_err_set(
			err, MN_E_NOTFOUND,
			"%s: the database schema cannot be read (%s): reinstall mnchar, or "
			"set MNCHAR_DATA to its share/mnchar folder",
			schema_dir, strerror(errno));
	while ((entry = readdir(dir))) {
		int n = step_number(entry->d_name);

		if (n == 0)
			continue;
		if (paths[n]) {
			rc = mn_err_set(
				err, MN_E_SCHEMA,
				"%s: two schema files have the number %03d (%s): remove the "
				"one that is not mnchar's",
				schema_dir, n, entry->d_name);
			goto out;
		}
		if (asprintf(&paths[n], "%s/%s", schema_dir, entry->d_name) < 0) {
			paths[n] = NULL;
			rc = mn_err_set(err, MN_E_NOMEM, "out of memory");
			goto out;
		}
		newest = n > newest ? n : newest;
	}
	for (int n = 1; n <= newest; n++)
		if (!paths[n]) {
			rc = mn_err_set(err, MN_E_SCHEMA,
					"%s: the schema file with the number %03d is missing: "
					"reinstall mnchar",
					schema_dir, n);
			goto out;
		}
	if (newest == 0) {
		rc = mn_err_set(err, MN_E_NOTFOUND,
				"%s: there is no database schema (NNN-*.sql) in this folder: "
				"reinstall mnchar, or set MNCHAR_DATA to its share/mnchar folder",
				schema_dir);
		goto out;
	}
	rc = newest;
out:
	closedir(dir);
	return rc;
}

static void free_steps(char *paths[1000])
{
	for (int n = 0; n < 1000; n++)
		free(paths[n]);
}

static int read_text(const char *path, char **ret_text, struct mn_err *err)
{
	FILE *f = fopen(path, "re");
	char *text = NULL;
	size_t used = 0, size = 0;
	int rc = 0;

	if (!f)
		return mn_err_set(err, MN_E_IO, "%s: cannot read the database schema: %s", path,
				  strerror(errno));
	do {
		if (size - used < 2) {
			char *more = realloc(text, size + 16384);

			if (!more) {
				rc = mn_err_set(err, MN_E_NOMEM, "out of memory");
				goto out;
			}
			text = more;
			size += 16384;
		}
		used += fread(text + used, 1, size - used - 1, f);
	} while (!feof(f) && !ferror(f));
	if (ferror(f)) {
		rc = mn_err_set(err, MN_E_IO, "%s: cannot read the database schema: %s", path,
				strerror(errno));
		goto out;
	}
	text[used] = '\0';
	*ret_text = text;
	text = NULL;
out:
	free(text);
	fclose(f);
	return rc;
}

int mn_schema_newest(const char *schema_dir, struct mn_err *err)
{
	char *paths[1000] = {NULL};
	int rc = list_steps(schema_dir, paths, err);

	free_steps(paths);
	return rc;
}

int mn_schema_step(struct mn_store *store, const char *schema_dir, int from, int to,
		   struct mn_err *err)
{
	char *paths[1000] = {NULL};
	char *text = NULL;
	char version[64], what[256];
	int rc = list_steps(schema_dir, paths, err);

	if (rc < 0)
		goto out;
	if (rc < to) {
		rc = mn_err_set(err, MN_E_SCHEMA,
				"%s: the schema files changed while in use: "
				"run the command again",
				schema_dir);
		goto out;
	}
	for (int n = from + 1; n <= to; n++) {
		free(text);
		text = NULL;
		rc = read_text(paths[n], &text, err);
		if (rc < 0)
			goto out;
		snprintf(what, sizeof(what), "run the schema step %s", paths[n]);
		rc = mn_store_exec(store, text, what, err);
		if (rc < 0)
			goto out;
		snprintf(version, sizeof(version), "PRAGMA user_version = %d", n);
		rc = mn_store_exec(store, version, "set the schema's version", err);
		if (rc < 0)
			goto out;
	}
	rc = 0;
out:
	free(text);
	free_steps(paths);
	return rc;
}
