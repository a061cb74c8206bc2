/* SPDX-License-Identifier: MIT */
/* The serial ports of this machine, and which of them belong to an ST-LINK. */
#ifndef MN_PORTS_H
#define MN_PORTS_H

#include <stddef.h>

#include "err.h"

struct mn_port {
	char *path;   /* "/dev/ttyACM0" */
	char *serial; /* USB serial number; of an ST-LINK its name everywhere. "" if there is none
		       */
	char *product;
	int vid, pid; /* -1 if it is not a USB port */
	int is_stlink;
};

/*
 * All ports, sorted by path; ST-LINKs are those whose VID:PID have a virtual COM port (nucleo.md,
 * "ST-LINK USB ids"). *ret_ports belongs to the caller. No port at all is no error: *ret_n is 0.
 * MN_E_NOMEM, MN_E_IO.
 */
int mn_ports_list(struct mn_port **ret_ports, size_t *ret_n, struct mn_err *err);
void mn_ports_free(struct mn_port *ports, size_t n);

#endif
