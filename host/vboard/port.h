/* SPDX-License-Identifier: MIT */
/*
 * The board's end of the link: bytes of its UART, to and from the host.
 *
 *   stdio      standard input and output, which may be one socket (the host's exec: link)
 *   unix:PATH  listens there for one host
 *   tcp:PORT   listens on 127.0.0.1 for one host
 */
#ifndef MN_PORT_H
#define MN_PORT_H

#include <stdint.h>

#include "err.h"

struct mn_port;

/* Waits for the host to connect. MN_E_SYNTAX, MN_E_IO, MN_E_NOMEM. */
int mn_port_open(const char *spec, struct mn_port **ret_port, struct mn_err *err);
void mn_port_close(struct mn_port *port);
/* One byte (0 … 255), MN_E_AGAIN after timeout_ms without one, MN_E_CLOSED. Sends what waits first.
 */
int mn_port_get(struct mn_port *port, int timeout_ms);
/* 1 if a byte waits: never blocks. */
int mn_port_ready(struct mn_port *port);
/* Queue bytes; they leave at a frame's end (0x00), when the queue is full or when the board waits.
 */
int mn_port_put(struct mn_port *port, const uint8_t *bytes, uint32_t len);

#endif
