/* SPDX-License-Identifier: MIT */
/* Between board_link.c and the kinds of link; not for anyone else. */
#ifndef MN_LINK_BACKEND_H
#define MN_LINK_BACKEND_H

#include "board_link.h"

/* A read that returns 0 is the end. MN_E_AGAIN, MN_E_CLOSED, MN_E_IO as in board_link.h. */
struct mn_link_backend {
	const char *scheme; /* "serial:" */
	/* rest is what follows the scheme. On success sets link->fd and link->impl. */
	int (*open)(struct mn_link *link, const char *rest, struct mn_err *err);
	void (*close)(struct mn_link *link);
	ssize_t (*read)(struct mn_link *link, void *buf, size_t size, struct mn_err *err);
	ssize_t (*write)(struct mn_link *link, const void *buf, size_t size, struct mn_err *err);
	int (*set_baud)(struct mn_link *link, uint32_t baud, struct mn_err *err); /* NULL: none */
};

struct mn_link {
	const struct mn_link_backend *backend;
	char *spec;
	int fd;
	void *impl;
	char words[512]; /* see mn_link_close_words(); set by close */
};

extern const struct mn_link_backend mn_link_serial, mn_link_tcp, mn_link_unix, mn_link_exec;

/* Stream sockets: shared by tcp, unix and exec. */
ssize_t mn_link_socket_read(struct mn_link *link, void *buf, size_t size, struct mn_err *err);
ssize_t mn_link_socket_write(struct mn_link *link, const void *buf, size_t size,
			     struct mn_err *err);
void mn_link_socket_close(struct mn_link *link);

#endif
