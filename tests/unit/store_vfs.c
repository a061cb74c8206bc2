/* SPDX-License-Identifier: MIT */
#include "store_vfs.h"

#include <signal.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct faulty faulty;

/* Ours, with the real file behind it. */
struct file {
	sqlite3_file base;
	sqlite3_file *real;
};

static sqlite3_vfs *real_vfs;

static sqlite3_file *real(sqlite3_file *file)
{
	return ((struct file *)file)->real;
}

/* Counts the call; 1 if it must fail. */
static int fails(int is_write)
{
	int64_t n = ++faulty.calls;
	int fail = 0;

	switch (faulty.mode) {
	case FAULTY_NONE:
		break;
	case FAULTY_ONCE:
		fail = n == faulty.at;
		break;
	case FAULTY_FROM:
		fail = n >= faulty.at;
		break;
	case FAULTY_DISK_FULL:
		fail = n >= faulty.at && is_write;
		break;
	case FAULTY_KILL:
		if (n == faulty.at && !is_write)
			kill(getpid(), SIGKILL);
		break;
	}
	faulty.failed += fail;
	return fail;
}

static int f_close(sqlite3_file *file)
{
	int rc = real(file)->pMethods ? real(file)->pMethods->xClose(real(file)) : SQLITE_OK;

	free(real(file));
	return rc;
}

static int f_read(sqlite3_file *file, void *buf, int n, sqlite3_int64 at)
{
	return fails(0) ? SQLITE_IOERR_READ : real(file)->pMethods->xRead(real(file), buf, n, at);
}

static int f_write(sqlite3_file *file, const void *buf, int n, sqlite3_int64 at)
{
	if (fails(1))
		return faulty.mode == FAULTY_DISK_FULL ? SQLITE_FULL : SQLITE_IOERR_WRITE;
	if (faulty.mode == FAULTY_KILL && faulty.calls == faulty.at) {
		real(file)->pMethods->xWrite(real(file), buf, n / 2, at);
		kill(getpid(), SIGKILL);
	}
	return real(file)->pMethods->xWrite(real(file), buf, n, at);
}

static int f_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	return fails(0) ? SQLITE_IOERR_TRUNCATE : real(file)->pMethods->xTruncate(real(file), size);
}

static int f_sync(sqlite3_file *file, int flags)
{
	return fails(0) ? SQLITE_IOERR_FSYNC : real(file)->pMethods->xSync(real(file), flags);
}

static int f_size(sqlite3_file *file, sqlite3_int64 *ret_size)
{
	return fails(0) ? SQLITE_IOERR_FSTAT
			: real(file)->pMethods->xFileSize(real(file), ret_size);
}

static int f_lock(sqlite3_file *file, int level)
{
	return fails(0) ? SQLITE_IOERR_LOCK : real(file)->pMethods->xLock(real(file), level);
}

static int f_unlock(sqlite3_file *file, int level)
{
	return real(file)->pMethods->xUnlock(real(file), level);
}

static int f_check_lock(sqlite3_file *file, int *ret_held)
{
	return real(file)->pMethods->xCheckReservedLock(real(file), ret_held);
}

static int f_control(sqlite3_file *file, int op, void *arg)
{
	return real(file)->pMethods->xFileControl(real(file), op, arg);
}

static int f_sector(sqlite3_file *file)
{
	return real(file)->pMethods->xSectorSize(real(file));
}

static int f_device(sqlite3_file *file)
{
	return real(file)->pMethods->xDeviceCharacteristics(real(file));
}

static int f_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **ret_map)
{
	return fails(0) ? SQLITE_IOERR_SHMMAP
			: real(file)->pMethods->xShmMap(real(file), page, size, extend, ret_map);
}

static int f_shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
	/* Releasing must not fail: SQLite does not look at it. */
	if (!(flags & SQLITE_SHM_UNLOCK) && fails(0))
		return SQLITE_IOERR_SHMLOCK;
	return real(file)->pMethods->xShmLock(real(file), offset, n, flags);
}

static void f_shm_barrier(sqlite3_file *file)
{
	real(file)->pMethods->xShmBarrier(real(file));
}

static int f_shm_unmap(sqlite3_file *file, int drop)
{
	return real(file)->pMethods->xShmUnmap(real(file), drop);
}

static const sqlite3_io_methods methods = {
	.iVersion = 2,
	.xClose = f_close,
	.xRead = f_read,
	.xWrite = f_write,
	.xTruncate = f_truncate,
	.xSync = f_sync,
	.xFileSize = f_size,
	.xLock = f_lock,
	.xUnlock = f_unlock,
	.xCheckReservedLock = f_check_lock,
	.xFileControl = f_control,
	.xSectorSize = f_sector,
	.xDeviceCharacteristics = f_device,
	.xShmMap = f_shm_map,
	.xShmLock = f_shm_lock,
	.xShmBarrier = f_shm_barrier,
	.xShmUnmap = f_shm_unmap,
};

static int v_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *file, int flags,
		  int *ret_flags)
{
	struct file *ours = (struct file *)file;
	int rc;

	(void)vfs;
	ours->base.pMethods = NULL;
	if (fails(0))
		return SQLITE_CANTOPEN;
	ours->real = calloc(1, (size_t)real_vfs->szOsFile);
	if (!ours->real)
		return SQLITE_NOMEM;
	rc = real_vfs->xOpen(real_vfs, name, ours->real, flags, ret_flags);
	if (rc == SQLITE_OK)
		ours->base.pMethods = &methods;
	else
		free(ours->real);
	return rc;
}

static int v_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
	(void)vfs;
	return fails(0) ? SQLITE_IOERR_DELETE : real_vfs->xDelete(real_vfs, name, sync);
}

static int v_access(sqlite3_vfs *vfs, const char *name, int flags, int *ret)
{
	(void)vfs;
	return fails(0) ? SQLITE_IOERR_ACCESS : real_vfs->xAccess(real_vfs, name, flags, ret);
}

static int v_full_pathname(sqlite3_vfs *vfs, const char *name, int n, char *out)
{
	(void)vfs;
	return real_vfs->xFullPathname(real_vfs, name, n, out);
}

void faulty_set(enum faulty_mode mode, int64_t at)
{
	static sqlite3_vfs vfs;

	faulty = (struct faulty){.mode = mode, .at = at};
	if (real_vfs)
		return;
	real_vfs = sqlite3_vfs_find(NULL);
	/* Random numbers, time and sleep as they are. */
	vfs = *real_vfs;
	vfs.zName = "faulty";
	vfs.szOsFile = sizeof(struct file);
	vfs.xOpen = v_open;
	vfs.xDelete = v_delete;
	vfs.xAccess = v_access;
	vfs.xFullPathname = v_full_pathname;
	sqlite3_vfs_register(&vfs, 0);
}
