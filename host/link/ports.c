/* SPDX-License-Identifier: MIT */
#include "ports.h"

#include <libserialport.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ST_VID 0x0483

/* ST-LINKs that have a virtual COM port: facts/nucleo.md, "ST-LINK USB ids". 5740 is ST's generic
 * VCP (a power monitor). */
static const uint16_t stlink_pids[] = {
	0x374a, /* V2-1, variant */
	0x374b, /* V2-1 with mass storage: the NUCLEO boards */
	0x3752, /* V2-1 without mass storage */
	0x374e, /* V3 with mass storage */
	0x374f, /* V3 */
	0x3753, /* V3 with two ports */
	0x3754, /* V3 without mass storage */
};

static int is_stlink(int vid, int pid)
{
	if (vid != ST_VID)
		return 0;
	for (size_t i = 0; i < sizeof(stlink_pids) / sizeof(stlink_pids[0]); i++)
		if (pid == stlink_pids[i])
			return 1;
	return 0;
}

static char *copy(const char *s)
{
	return strdup(s ? s : "");
}

static int by_path(const void *a, const void *b)
{
	const struct mn_port *p = a, *q = b;

	return strverscmp(p->path, q->path);
}

int mn_ports_list(struct mn_port **ret_ports, size_t *ret_n, struct mn_err *err)
{
	struct sp_port **list;
	struct mn_port *ports;
	size_t n = 0;

	if (sp_list_ports(&list) != SP_OK)
		return mn_err_set(err, MN_E_IO, "cannot list the serial ports");
	while (list[n])
		n++;
	ports = calloc(n + 1, sizeof(*ports));
	if (!ports)
		goto nomem;
	for (size_t i = 0; i < n; i++) {
		struct mn_port *p = &ports[i];

		p->vid = p->pid = -1;
		if (sp_get_port_transport(list[i]) == SP_TRANSPORT_USB) {
			/* Left at -1 when it fails: a port without them is still a port. */
			(void)sp_get_port_usb_vid_pid(list[i], &p->vid, &p->pid);
			p->serial = copy(sp_get_port_usb_serial(list[i]));
			p->product = copy(sp_get_port_usb_product(list[i]));
		} else {
			p->serial = copy(NULL);
			p->product = copy(sp_get_port_description(list[i]));
		}
		p->path = copy(sp_get_port_name(list[i]));
		p->is_stlink = is_stlink(p->vid, p->pid);
		if (!p->path || !p->serial || !p->product)
			goto nomem;
	}
	qsort(ports, n, sizeof(*ports), by_path);
	sp_free_port_list(list);
	*ret_ports = ports;
	*ret_n = n;
	return 0;
nomem:
	mn_ports_free(ports, n);
	sp_free_port_list(list);
	return mn_err_set(err, MN_E_NOMEM, "out of memory");
}

void mn_ports_free(struct mn_port *ports, size_t n)
{
	if (!ports)
		return;
	for (size_t i = 0; i < n; i++) {
		free(ports[i].path);
		free(ports[i].serial);
		free(ports[i].product);
	}
	free(ports);
}
