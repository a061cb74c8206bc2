/* SPDX-License-Identifier: MIT */
/* From what people call a board to a link: the virtual ones, ST-LINKs by serial number, boards by
 * name. */
#ifndef MN_TARGET_H
#define MN_TARGET_H

#include "err.h"
#include "wire.h"

/* A board to measure on. */
struct mn_target {
	char *name;  /* as asked for */
	char *link;  /* link spec */
	int virt;    /* 1: must be virtual; 0: must be hardware; -1: any kind */
	char *model; /* of a virtual board, as mnchar-vboard tells; "" if not known */
};

/*
 * Understands "virtual-f446re" …, a link spec ("serial:/dev/ttyACM0", "tcp:…", "unix:…", "exec:…"),
 * the serial number of an ST-LINK that is plugged in (or a part of it that is unique), a device
 * path, and "nucleo-f446re" …: the only attached board that says in its hello that it is one.
 * MN_E_NOTFOUND, with what there is; MN_E_EXISTS when several fit. mn_target_clear() frees the
 * strings.
 */
int mn_target_resolve(const char *name, struct mn_target *ret_target, struct mn_err *err);
/* "virtual-f446re" … with an image of one's own, an ELF file, instead of the one that comes with
 * mnchar; NULL: that one. MN_E_INVALID for other boards: their image is flashed. */
int mn_target_resolve_image(const char *name, const char *image, struct mn_target *ret_target,
			    struct mn_err *err);
void mn_target_clear(struct mn_target *target);

/*
 * Hello over a link, and no more. Waits up to timeout_ms. MN_E_TIMEOUT, MN_E_VERSION, MN_E_FAULT,
 * or as mn_link_open().
 */
int mn_target_hello(const char *link, int timeout_ms, struct mn_msg_hello *ret_hello,
		    struct mn_err *err);

/* exec: spec of a virtual board by its virtual name, into *ret_link (caller frees). MN_E_NOTFOUND
 * without mnchar-vboard. */
int mn_target_virtual_link(const char *name, char **ret_link, struct mn_err *err);

#endif
