/* SPDX-License-Identifier: MIT */
/*
 * An SQLite VFS that passes everything on to the default one and can fail, or end the process, at
 * the Nth call. Registered as "faulty".
 */
#ifndef STORE_VFS_H
#define STORE_VFS_H

#include <stdint.h>

enum faulty_mode {
	FAULTY_NONE,     /* only count */
	FAULTY_ONCE,     /* call `at` fails */
	FAULTY_FROM,     /* call `at` and each one after it fail */
	FAULTY_KILL,     /* SIGKILL in call `at`; if it is a write, half of its bytes are written */
	FAULTY_DISK_FULL /* from call `at` on, writes fail as on a full disk */
};

struct faulty {
	enum faulty_mode mode;
	int64_t at;    /* 1 is the first call */
	int64_t calls; /* so far; write, read, sync, truncate, open, delete, size, lock, shared
			  memory */
	int64_t failed;
};

extern struct faulty faulty;

/* Sets up the VFS at the first call; restarts counting. */
void faulty_set(enum faulty_mode mode, int64_t at);

#endif
