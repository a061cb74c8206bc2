/* SPDX-License-Identifier: MIT */
#include "port.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct mn_port {
	int in, out;
	int ended; /* the host closed, or cannot be written to */
	uint32_t rx_at, rx_len, tx_len;
	uint8_t rx[4096], tx[4096];
};

static int accept_one(int fd, const struct sockaddr *addr, socklen_t len, struct mn_err *err,
		      const char *spec)
{
	int got = -1;

	if (bind(fd, addr, len) == 0 && listen(fd, 1) == 0)
		do
			got = accept(fd, NULL, NULL);
		while (got < 0 && errno == EINTR);
	if (got < 0)
		mn_err_set(err, MN_E_IO, "%s: %s", spec, strerror(errno));
	close(fd);
	return got;
}

static int listen_unix(const char *spec, struct mn_err *err)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd;

	if (strlen(spec + 5) >= sizeof(addr.sun_path) || !spec[5]) {
		mn_err_set(err, MN_E_SYNTAX, "%s: the path is empty or too long", spec);
		return -1;
	}
	memcpy(addr.sun_path, spec + 5, strlen(spec + 5));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		mn_err_set(err, MN_E_IO, "%s: %s", spec, strerror(errno));
		return -1;
	}
	return accept_one(fd, (struct sockaddr *)&addr, sizeof(addr), err, spec);
}

static int listen_tcp(const char *spec, struct mn_err *err)
{
	struct sockaddr_in addr = {.sin_family = AF_INET};
	char *end;
	unsigned long number = strtoul(spec + 4, &end, 10);
	int fd, on = 1;

	if (end == spec + 4 || *end || number == 0 || number > 65535) {
		mn_err_set(err, MN_E_SYNTAX, "%s: a port number expected after tcp:", spec);
		return -1;
	}
	addr.sin_port = htons((uint16_t)number);
	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		mn_err_set(err, MN_E_IO, "%s: %s", spec, strerror(errno));
		return -1;
	}
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	return accept_one(fd, (struct sockaddr *)&addr, sizeof(addr), err, spec);
}

int mn_port_open(const char *spec, struct mn_port **ret_port, struct mn_err *err)
{
	struct mn_err sub = {0, ""};
	struct mn_port *port = calloc(1, sizeof(*port));

	if (!port)
		return mn_err_set(err, MN_E_NOMEM, "out of memory");
	port->in = port->out = -1;
	if (strcmp(spec, "stdio") == 0) {
		port->in = STDIN_FILENO;
		port->out = STDOUT_FILENO;
	} else if (strncmp(spec, "unix:", 5) == 0) {
		port->in = port->out = listen_unix(spec, &sub);
	} else if (strncmp(spec, "tcp:", 4) == 0) {
		port->in = port->out = listen_tcp(spec, &sub);
	} else {
		mn_err_set(&sub, MN_E_SYNTAX, "%s: stdio, unix:PATH or tcp:PORT expected", spec);
	}
	if (port->in < 0) {
		free(port);
		if (err)
			*err = sub;
		return sub.code;
	}
	*ret_port = port;
	return 0;
}

static int flush(struct mn_port *port)
{
	uint32_t done = 0;

	while (done < port->tx_len) {
		ssize_t n = write(port->out, port->tx + done, port->tx_len - done);

		if (n > 0) {
			done += (uint32_t)n;
		} else if (errno == EAGAIN) {
			struct pollfd p = {port->out, POLLOUT, 0};

			poll(&p, 1, -1);
		} else if (errno != EINTR) {
			port->ended = 1;
			break;
		}
	}
	port->tx_len = 0;
	return port->ended ? MN_E_CLOSED : 0;
}

void mn_port_close(struct mn_port *port)
{
	if (!port)
		return;
	flush(port);
	if (port->in > STDERR_FILENO)
		close(port->in);
	free(port);
}

/* Fill the receive buffer; 1, 0 after the timeout, MN_E_CLOSED. */
static int fill(struct mn_port *port, int timeout_ms)
{
	struct pollfd p = {port->in, POLLIN, 0};
	ssize_t n;
	int rc;

	if (port->ended)
		return MN_E_CLOSED;
	do
		rc = poll(&p, 1, timeout_ms);
	while (rc < 0 && errno == EINTR);
	if (rc <= 0)
		return rc < 0 ? MN_E_CLOSED : 0;
	do
		n = read(port->in, port->rx, sizeof(port->rx));
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n <= 0) {
		port->ended = 1;
		return MN_E_CLOSED;
	}
	port->rx_at = 0;
	port->rx_len = (uint32_t)n;
	return 1;
}

int mn_port_get(struct mn_port *port, int timeout_ms)
{
	if (port->rx_at == port->rx_len) {
		int rc = flush(port);

		if (rc)
			return rc;
		rc = fill(port, timeout_ms);
		if (rc <= 0)
			return rc ? rc : MN_E_AGAIN;
	}
	return port->rx[port->rx_at++];
}

int mn_port_ready(struct mn_port *port)
{
	return port->rx_at < port->rx_len || fill(port, 0) == 1;
}

int mn_port_put(struct mn_port *port, const uint8_t *bytes, uint32_t len)
{
	int rc = 0;

	for (uint32_t i = 0; i < len; i++) {
		port->tx[port->tx_len++] = bytes[i];
		if (bytes[i] == 0 || port->tx_len == sizeof(port->tx)) {
			int r = flush(port);

			rc = rc ? rc : r;
		}
	}
	return rc;
}
