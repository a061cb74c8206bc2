/* SPDX-License-Identifier: MIT */
/*
 * Bytes to and from a board. A link is opened from a text and then is a non-blocking file
 * descriptor with read and write; nothing here knows frames.
 *
 *   serial:/dev/ttyACM0[@921600]  libserialport, 8N1 raw, exclusive
 *   tcp:host:port                 a raw TCP socket (ser2net, labgrid)
 *   unix:path                     a stream socket
 *   exec:command                  /bin/sh -c command with one end of a socketpair as stdin and
 * stdout
 */
#ifndef MN_BOARD_LINK_H
#define MN_BOARD_LINK_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "err.h"

struct mn_link;

/* MN_E_SYNTAX (unknown scheme), MN_E_NOTFOUND, MN_E_PERM (err names the group or rule), MN_E_BUSY,
 * MN_E_IO. */
int mn_link_open(const char *spec, struct mn_link **ret_link, struct mn_err *err);
/* exec: closes the socket, waits up to 1 s for the child, sends it SIGTERM, waits up to 5 s more,
 * then kills it. NULL is fine. */
void mn_link_close(struct mn_link *link);
/*
 * The same, and why the other side ended, in its own words: the last line that an exec: child wrote
 * to the descriptor that its environment names in MNCHAR_LAST_WORDS (mnchar-vboard does). "" if it
 * said nothing, and for other links.
 */
void mn_link_close_words(struct mn_link *link, char *ret_words, size_t size);

/* File descriptor for poll: readable when bytes or the end wait. */
int mn_link_fd(const struct mn_link *link);
/* Bytes read (> 0), MN_E_AGAIN when none wait, MN_E_CLOSED at the end, MN_E_IO. */
ssize_t mn_link_read(struct mn_link *link, void *buf, size_t size, struct mn_err *err);
/* Bytes accepted (> 0), MN_E_AGAIN when the buffer is full, MN_E_CLOSED, MN_E_IO. */
ssize_t mn_link_write(struct mn_link *link, const void *buf, size_t size, struct mn_err *err);
/* Change the rate after the bytes written so far have left. Links without a rate accept any. */
int mn_link_set_baud(struct mn_link *link, uint32_t baud, struct mn_err *err);
/* 1 if a rate means something on this link. */
int mn_link_has_baud(const struct mn_link *link);
/* The text it was opened with. */
const char *mn_link_spec(const struct mn_link *link);

#endif
