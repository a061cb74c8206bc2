/* SPDX-License-Identifier: MIT */
/*
 * Where mnchar's own files are at run time: beside the build tree's program or under an install
 * prefix.
 *
 * build tree:  build/<preset>/bin/mnchar, build/<preset>/firmware/X.elf, and the source tree's
 * data/ and probes/ prefix:      PREFIX/bin/mnchar,
 * PREFIX/share/mnchar/{firmware,boards,schema,published,sweeps,
 * backbones,models}
 *
 * Found from /proc/self/exe, never from the current folder. The environment variable MNCHAR_DATA
 * overrides with one folder of the prefix's layout (share/mnchar).
 */
#ifndef MN_PATHS_H
#define MN_PATHS_H

#include <stddef.h>

#include "err.h"

enum mn_dir {
	MN_DIR_FIRMWARE,
	MN_DIR_BOARDS,
	MN_DIR_SCHEMA,
	MN_DIR_PUBLISHED,
	MN_DIR_SWEEPS,
	MN_DIR_BACKBONES,
	MN_DIR_MODELS, /* of costs: fits/models */
	MN_DIR_BIN,
	MN_DIR_MAN
};

/* Path of the folder, or of `name` in it if name is not NULL, into buf. MN_E_NOTFOUND with the
 * places looked at. */
int mn_path(enum mn_dir dir, const char *name, char *buf, size_t size, struct mn_err *err);

#endif
