/* SPDX-License-Identifier: MIT */
/* tcp: and unix: links, and the socket calls that exec: shares. */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "backend.h"

/* A board that is switched off behind a router must not hold up the others for minutes. */
#define CONNECT_TIMEOUT_MS 5000

ssize_t mn_link_socket_read(struct mn_link *link, void *buf, size_t size, struct mn_err *err)
{
	ssize_t n;

	do
		n = recv(link->fd, buf, size, 0);
	while (n < 0 && errno == EINTR);
	if (n > 0)
		return n;
	if (n == 0 || errno == ECONNRESET || errno == EPIPE)
		return mn_err_set(err, MN_E_CLOSED, "%s: the other side closed the connection",
				  link->spec);
	if (errno == EAGAIN || errno == EWOULDBLOCK)
		return MN_E_AGAIN;
	return mn_err_set(err, MN_E_IO, "%s: cannot read: %s", link->spec, strerror(errno));
}

ssize_t mn_link_socket_write(struct mn_link *link, const void *buf, size_t size, struct mn_err *err)
{
	ssize_t n;

	do
		n = send(link->fd, buf, size, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n >= 0)
		return n;
	if (errno == ECONNRESET || errno == EPIPE)
		return mn_err_set(err, MN_E_CLOSED, "%s: the other side closed the connection",
				  link->spec);
	if (errno == EAGAIN || errno == EWOULDBLOCK)
		return MN_E_AGAIN;
	return mn_err_set(err, MN_E_IO, "%s: cannot write: %s", link->spec, strerror(errno));
}

void mn_link_socket_close(struct mn_link *link)
{
	close(link->fd);
}

/* A connected, non-blocking socket, or -1 with errno. */
static int connect_to(int family, const struct sockaddr *addr, socklen_t len)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	socklen_t size = sizeof(int);
	int error = 0;

	if (fd < 0)
		return -1;
	if (!connect(fd, addr, len))
		return fd;
	if (errno == EINPROGRESS) {
		int n;

		do
			n = poll(&p, 1, CONNECT_TIMEOUT_MS);
		while (n < 0 && errno == EINTR);
		if (n == 0)
			error = ETIMEDOUT;
		else if (n < 0 || getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size))
			error = errno;
		if (!error)
			return fd;
	} else {
		error = errno;
	}
	close(fd);
	errno = error;
	return -1;
}

static int connect_error(const struct mn_link *link, struct mn_err *err)
{
	int code = errno == ENOENT                     ? MN_E_NOTFOUND
		   : errno == EACCES || errno == EPERM ? MN_E_PERM
		   : errno == ETIMEDOUT                ? MN_E_TIMEOUT
						       : MN_E_IO;

	if (errno == ECONNREFUSED)
		return mn_err_set(err, code, "%s: nobody listens there", link->spec);
	if (errno == EAGAIN)
		return mn_err_set(err, MN_E_BUSY, "%s: the other side accepts no more connections",
				  link->spec);
	return mn_err_set(err, code, "%s: cannot connect: %s", link->spec, strerror(errno));
}

/* HOST:PORT or [HOST]:PORT, since an IPv6 address has colons of its own. */
static int split_host(const char *rest, char *host, size_t size, const char **ret_port)
{
	const char *colon = strrchr(rest, ':');
	size_t len;

	if (!colon || colon == rest || !colon[1])
		return MN_E_SYNTAX;
	len = (size_t)(colon - rest);
	if (rest[0] == '[' && rest[len - 1] == ']') {
		rest++;
		len -= 2;
	} else if (memchr(rest, ':', len)) {
		return MN_E_SYNTAX;
	}
	if (!len || len >= size)
		return MN_E_SYNTAX;
	memcpy(host, rest, len);
	host[len] = '\0';
	*ret_port = colon + 1;
	return 0;
}

static int open_tcp(struct mn_link *link, const char *rest, struct mn_err *err)
{
	const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	struct addrinfo *list;
	const char *port;
	char host[256];
	int ret, on = 1;

	if (split_host(rest, host, sizeof(host), &port))
		return mn_err_set(err, MN_E_SYNTAX, "%s: a tcp link is tcp:HOST:PORT", link->spec);
	ret = getaddrinfo(host, port, &hints, &list);
	if (ret)
		return mn_err_set(err, MN_E_NOTFOUND, "%s: %s", link->spec, gai_strerror(ret));
	for (const struct addrinfo *a = list; a && link->fd < 0; a = a->ai_next)
		link->fd = connect_to(a->ai_family, a->ai_addr, a->ai_addrlen);
	if (link->fd < 0) {
		ret = connect_error(link, err);
		goto out;
	}
	/* Requests are small and wait for their answers. */
	(void)setsockopt(link->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	/* A machine that vanishes without a word is noticed. */
	(void)setsockopt(link->fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	ret = 0;
out:
	freeaddrinfo(list);
	return ret;
}

static int open_unix(struct mn_link *link, const char *rest, struct mn_err *err)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	if (strlen(rest) >= sizeof(addr.sun_path))
		return mn_err_set(err, MN_E_SYNTAX, "%s: a socket's path has at most %zu bytes",
				  link->spec, sizeof(addr.sun_path) - 1);
	memcpy(addr.sun_path, rest, strlen(rest) + 1);
	link->fd = connect_to(AF_UNIX, (const struct sockaddr *)&addr, sizeof(addr));
	return link->fd < 0 ? connect_error(link, err) : 0;
}

const struct mn_link_backend mn_link_tcp = {
	.scheme = "tcp:",
	.open = open_tcp,
	.close = mn_link_socket_close,
	.read = mn_link_socket_read,
	.write = mn_link_socket_write,
};

const struct mn_link_backend mn_link_unix = {
	.scheme = "unix:",
	.open = open_unix,
	.close = mn_link_socket_close,
	.read = mn_link_socket_read,
	.write = mn_link_socket_write,
};
