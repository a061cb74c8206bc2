/* SPDX-License-Identifier: MIT */
#include "paths.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Where each folder is below share/mnchar, and below the source tree or else the build tree. */
static const struct {
	const char *installed, *source, *built, *what;
} dirs[] = {
	[MN_DIR_FIRMWARE] = {"firmware", NULL, "firmware", "the firmware images"},
	[MN_DIR_BOARDS] = {"boards", "data/boards", NULL, "the board descriptions"},
	[MN_DIR_SCHEMA] = {"schema", "data/schema", NULL, "the steps of the database schema"},
	[MN_DIR_PUBLISHED] = {"published", "data/published", NULL, "the published figures"},
	[MN_DIR_SWEEPS] = {"sweeps", "probes/sweeps", NULL, "the sweeps"},
	[MN_DIR_BACKBONES] = {"backbones", "probes/backbones", NULL, "the backbones"},
	[MN_DIR_MODELS] = {"models", "fits/models", NULL, "the cost models"},
	[MN_DIR_BIN] = {NULL, NULL, NULL, "mnchar's programs"},
	[MN_DIR_MAN] = {"../man", NULL, "man", "the manual page"},
};

/* Folder of this program, and 1 in *ret_build if it was built there and is not installed. */
static int exe_dir(char *buf, size_t size, int *ret_build, struct mn_err *err)
{
	ssize_t n = readlink("/proc/self/exe", buf, size);
	char *slash;

	if (n < 0 || (size_t)n >= size)
		return mn_err_set(err, MN_E_IO,
				  "cannot read where this program is from "
				  "/proc/self/exe: %s",
				  n < 0 ? strerror(errno) : "the path is too long");
	buf[n] = '\0';
	slash = strrchr(buf, '/');
	if (!slash)
		return mn_err_set(err, MN_E_IO, "/proc/self/exe is not a path: %s", buf);
	*slash = '\0';
	*ret_build = !strcmp(buf, MNCHAR_BUILD_TREE_BINARY_DIR "/bin") ||
		     !strcmp(buf, MNCHAR_BUILD_TREE_BINARY_DIR "/tests");
	return 0;
}

int mn_path(enum mn_dir dir, const char *name, char *buf, size_t size, struct mn_err *err)
{
	char exe[PATH_MAX], path[2 * PATH_MAX];
	const char *data = getenv("MNCHAR_DATA");
	int build = 0, rc;

	if ((size_t)dir >= sizeof(dirs) / sizeof(dirs[0]))
		return mn_err_set(err, MN_E_INVALID, "unknown folder %d", (int)dir);
	rc = exe_dir(exe, sizeof(exe), &build, err);
	if (rc < 0)
		return rc;
	if (dir == MN_DIR_BIN)
		/* A test is in tests/, the programs are beside it in bin/. */
		snprintf(path, sizeof(path), "%s",
			 build ? MNCHAR_BUILD_TREE_BINARY_DIR "/bin" : exe);
	else if (data && data[0])
		snprintf(path, sizeof(path), "%s/%s", data, dirs[dir].installed);
	else if (build && dirs[dir].source)
		snprintf(path, sizeof(path), MNCHAR_BUILD_TREE_SOURCE_DIR "/%s", dirs[dir].source);
	else if (build)
		snprintf(path, sizeof(path), MNCHAR_BUILD_TREE_BINARY_DIR "/%s", dirs[dir].built);
	else
		snprintf(path, sizeof(path), "%s/../share/mnchar/%s", exe, dirs[dir].installed);
	if (access(path, F_OK) < 0)
		return mn_err_set(
			err, MN_E_NOTFOUND, "%s: %s (looked there for %s%s): %s", path,
			strerror(errno), dirs[dir].what,
			data && data[0] && dir != MN_DIR_BIN ? ", because MNCHAR_DATA is set" : "",
			build && !(data && data[0])
				? "build mnchar again and look at what cmake says about them"
				: "reinstall mnchar, or set MNCHAR_DATA to its share/mnchar "
				  "folder");
	if (name) {
		size_t used = strlen(path);

		if (strlen(name) >= sizeof(path) - used - 1)
			return mn_err_set(err, MN_E_TOO_BIG, "the name is too long: %s", name);
		snprintf(path + used, sizeof(path) - used, "/%s", name);
		if (access(path, F_OK) < 0)
			return mn_err_set(
				err, MN_E_NOTFOUND,
				"%s: %s: there is none of that name among %s in this folder", path,
				strerror(errno), dirs[dir].what);
	}
	if (strlen(path) >= size)
		return mn_err_set(err, MN_E_TOO_BIG, "the path is too long: %s", path);
	memcpy(buf, path, strlen(path) + 1);
	return 0;
}
