/* SPDX-License-Identifier: MIT */
/* serial: through libserialport: 8N1, no flow control, exclusive. */
#include <errno.h>
#include <libserialport.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "backend.h"

#define BAUD_DEFAULT 115200

static int is_gone(int error)
{
	return error == EIO || error == ENODEV || error == ENXIO;
}

/* libserialport gives a bare SP_ERR_FAIL and the errno of whatever failed. */
static int open_error(const struct mn_link *link, const char *path, int error, struct mn_err *err)
{
	struct stat st;

	switch (error) {
	case ENOENT:
	case ENODEV:
	case ENXIO:
		return mn_err_set(err, MN_E_NOTFOUND, "%s: there is no such port", link->spec);
	case EACCES:
	case EPERM:
		if (!stat(path, &st) && st.st_gid)
			return mn_err_set(
				err, MN_E_PERM,
				"%s: permission denied: join the group that owns %s "
				"(often dialout: sudo adduser $USER dialout) and log in again",
				link->spec, path);
		return mn_err_set(err, MN_E_PERM, "%s: permission denied", link->spec);
	case EBUSY:
		return mn_err_set(err, MN_E_BUSY, "%s: another program has the port open",
				  link->spec);
	default:
		return mn_err_set(err, MN_E_IO, "%s: cannot open the port: %s", link->spec,
				  strerror(error));
	}
}

static int configure(const struct mn_link *link, struct sp_port *port, int baud, struct mn_err *err)
{
	if (sp_set_bits(port, 8) != SP_OK || sp_set_parity(port, SP_PARITY_NONE) != SP_OK ||
	    sp_set_stopbits(port, 1) != SP_OK ||
	    sp_set_flowcontrol(port, SP_FLOWCONTROL_NONE) != SP_OK)
		return mn_err_set(err, MN_E_IO, "%s: cannot set 8N1 without flow control: %s",
				  link->spec, strerror(sp_last_error_code()));
	if (sp_set_baudrate(port, baud) != SP_OK)
		return mn_err_set(err, MN_E_IO, "%s: cannot set %d baud: %s", link->spec, baud,
				  strerror(sp_last_error_code()));
	return 0;
}

static int open_serial(struct mn_link *link, const char *rest, struct mn_err *err)
{
	char *path = strdup(rest), *at = path ? strrchr(path, '@') : NULL, *end;
	struct sp_port *port = NULL;
	long baud = BAUD_DEFAULT;
	int ret;

	if (!path)
		return mn_err_set(err, MN_E_NOMEM, "out of memory");
	if (at) {
		*at = '\0';
		baud = strtol(at + 1, &end, 10);
		if (end == at + 1 || *end || baud < 1 || baud > 100000000) {
			ret = mn_err_set(err, MN_E_SYNTAX, "%s: '%s' is not a baud rate",
					 link->spec, at + 1);
			goto out;
		}
	}
	if (sp_get_port_by_name(path, &port) != SP_OK) {
		ret = mn_err_set(err, MN_E_NOTFOUND, "%s: there is no such serial port",
				 link->spec);
		goto out;
	}
	errno = 0;
	if (sp_open(port, SP_MODE_READ_WRITE) != SP_OK) {
		ret = open_error(link, path, sp_last_error_code(), err);
		goto out;
	}
	if (sp_get_port_handle(port, &link->fd) != SP_OK) {
		ret = mn_err_set(err, MN_E_INTERNAL, "%s: the port has no descriptor", link->spec);
		goto close;
	}
	/* TIOCEXCL, which libserialport sets, does not stop root or a port that was open before;
	 * the lock stops us at least. */
	if (flock(link->fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK) {
		ret = mn_err_set(err, MN_E_BUSY, "%s: another mnchar uses the port", link->spec);
		goto close;
	}
	ret = configure(link, port, (int)baud, err);
	if (ret)
		goto close;
	/* What waited in the kernel was for somebody else. */
	(void)sp_flush(port, SP_BUF_BOTH);
	link->impl = port;
	free(path);
	return 0;
close:
	sp_close(port);
out:
	sp_free_port(port);
	free(path);
	return ret;
}

static void close_serial(struct mn_link *link)
{
	struct sp_port *port = link->impl;

	sp_close(port);
	sp_free_port(port);
}

static ssize_t read_serial(struct mn_link *link, void *buf, size_t size, struct mn_err *err)
{
	struct pollfd p = {.fd = link->fd, .events = POLLIN};
	int n = sp_nonblocking_read(link->impl, buf, size);

	if (n > 0)
		return n;
	if (n < 0 && !is_gone(sp_last_error_code()))
		return mn_err_set(err, MN_E_IO, "%s: cannot read: %s", link->spec,
				  strerror(sp_last_error_code()));
	/* A raw tty reads 0 bytes both when none wait and after it was unplugged. */
	if (n == 0 && (poll(&p, 1, 0) <= 0 || !(p.revents & (POLLHUP | POLLERR | POLLNVAL))))
		return MN_E_AGAIN;
	return mn_err_set(err, MN_E_CLOSED, "%s: the port was unplugged", link->spec);
}

static ssize_t write_serial(struct mn_link *link, const void *buf, size_t size, struct mn_err *err)
{
	int n = sp_nonblocking_write(link->impl, buf, size);

	if (n > 0)
		return n;
	if (n == 0)
		return MN_E_AGAIN;
	if (is_gone(sp_last_error_code()))
		return mn_err_set(err, MN_E_CLOSED, "%s: the port was unplugged", link->spec);
	return mn_err_set(err, MN_E_IO, "%s: cannot write: %s", link->spec,
			  strerror(sp_last_error_code()));
}

static int baud_serial(struct mn_link *link, uint32_t baud, struct mn_err *err)
{
	/* Requests are short: at 115200 baud this waits for milliseconds. */
	if (sp_drain(link->impl) != SP_OK || sp_set_baudrate(link->impl, (int)baud) != SP_OK)
		return mn_err_set(err, MN_E_IO, "%s: cannot set %u baud: %s", link->spec, baud,
				  strerror(sp_last_error_code()));
	return 0;
}

const struct mn_link_backend mn_link_serial = {
	.scheme = "serial:",
	.open = open_serial,
	.close = close_serial,
	.read = read_serial,
	.write = write_serial,
	.set_baud = baud_serial,
};
