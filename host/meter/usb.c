/* SPDX-License-Identifier: MIT */
#include "usb.h"

#include <libusb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "usb_owner.h"

#define CONTROL_MS 1000
#define WRITE_MS   1000
/* 128 blocks of a PPK2 (2 KiB each, a short packet ends a transfer) are 0.6 s. */
#define READ_TRANSFERS 128
/* In a row, with nothing between them. */
#define ERRORS_MAX 16

#define CDC_SET_LINE_CODING 0x20
#define CDC_SET_LINE_STATE  0x22
#define CDC_UNION           0x06
#define CS_INTERFACE        0x24

struct transfer {
	struct libusb_transfer *t;
	struct mn_usb *usb;
	int queued;
};

struct mn_usb {
	libusb_context *ctx;
	libusb_device_handle *h;
	char name[160]; /* for errors */
	char serial[MN_METER_TEXT];
	char release[8];
	int control_if, data_if; /* -1: not claimed */
	int dtr;
	uint8_t ep_in, ep_out;
	struct transfer transfers[READ_TRANSFERS];
	int n_queued, reading, stalled, n_errors;
	int gone, failed; /* unplugged; a libusb code that ended the reading */
	int got;          /* bytes or an end: for libusb's "completed" */
	uint8_t *bytes;
	size_t n_bytes, at, room;
};

uint64_t mn_usb_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

const char *mn_usb_serial(const struct mn_usb *usb)
{
	return usb->serial;
}

const char *mn_usb_release(const struct mn_usb *usb)
{
	return usb->release;
}

static int no_rights(struct mn_err *err, const char *name)
{
	return mn_err_set(
		err, MN_E_PERM,
		"%s: permission denied: copy " MN_USB_RULES
		" (data/udev, or lib/udev/rules.d where mnchar is installed) to "
		"/etc/udev/rules.d, run `sudo udevadm control --reload`, plug it in again",
		name);
}

static int usb_error(const struct mn_usb *usb, const char *what, int code, struct mn_err *err)
{
	char owner[128];

	switch (code) {
	case LIBUSB_ERROR_NO_DEVICE:
		return mn_err_set(err, MN_E_CLOSED, "%s was unplugged", usb->name);
	case LIBUSB_ERROR_ACCESS:
		return no_rights(err, usb->name);
	case LIBUSB_ERROR_BUSY:
		if (usb->h && mn_usb_owner(libusb_get_bus_number(libusb_get_device(usb->h)),
					   libusb_get_device_address(libusb_get_device(usb->h)),
					   owner, sizeof(owner)))
			return mn_err_set(err, MN_E_BUSY, "%s is in use by %s: close that first",
					  usb->name, owner);
		return mn_err_set(err, MN_E_BUSY,
				  "%s is in use by another program: close that first", usb->name);
	case LIBUSB_ERROR_NO_MEM:
		return mn_err_set(err, MN_E_NOMEM, "%s: out of memory", usb->name);
	case LIBUSB_ERROR_TIMEOUT:
		return mn_err_set(err, MN_E_TIMEOUT, "%s: cannot %s: it does not answer", usb->name,
				  what);
	case LIBUSB_ERROR_PIPE:
		return mn_err_set(err, MN_E_UNSUPPORTED, "%s: cannot %s: it refuses", usb->name,
				  what);
	default:
		return mn_err_set(err, MN_E_IO, "%s: cannot %s: %s", usb->name, what,
				  libusb_strerror(code));
	}
}

static const struct mn_usb_id *find_id(const struct mn_usb_id *ids,
				       const struct libusb_device_descriptor *desc)
{
	for (; ids->vid; ids++)
		if (ids->vid == desc->idVendor && ids->pid == desc->idProduct)
			return ids;
	return NULL;
}

static void get_string(libusb_device_handle *h, uint8_t index, char *buf, size_t size)
{
	unsigned char text[256];
	int n = index ? libusb_get_string_descriptor_ascii(h, index, text, sizeof(text)) : 0;

	snprintf(buf, size, "%.*s", n > 0 ? n : 0, (const char *)text);
}

/* One device of the bus that is one of ours, opened if that is possible. */
struct candidate {
	const struct mn_usb_id *id;
	libusb_device *dev;
	libusb_device_handle *h;
	int open_error; /* libusb's, or 0 */
	int other;      /* the product string is another's */
	char serial[MN_METER_TEXT], product[MN_METER_TEXT], release[8];
};

static int visit(libusb_device *dev, const struct mn_usb_id *ids, struct candidate *ret)
{
	struct libusb_device_descriptor desc;

	memset(ret, 0, sizeof(*ret));
	if (libusb_get_device_descriptor(dev, &desc))
		return 0;
	ret->id = find_id(ids, &desc);
	if (!ret->id)
		return 0;
	ret->dev = dev;
	snprintf(ret->release, sizeof(ret->release), "%x.%02x", desc.bcdDevice >> 8,
		 desc.bcdDevice & 0xff);
	ret->open_error = libusb_open(dev, &ret->h);
	if (ret->open_error) {
		ret->h = NULL;
		return 1;
	}
	get_string(ret->h, desc.iSerialNumber, ret->serial, sizeof(ret->serial));
	get_string(ret->h, desc.iProduct, ret->product, sizeof(ret->product));
	ret->other = ret->id->product &&
		     strncmp(ret->product, ret->id->product, strlen(ret->id->product)) != 0;
	return 1;
}

static void describe(const struct candidate *c, char *buf, size_t size)
{
	snprintf(buf, size, "%s%s%s (USB %04x:%04x, bus %03u device %03u)", c->id->model,
		 *c->serial ? " " : "", c->serial, c->id->vid, c->id->pid,
		 libusb_get_bus_number(c->dev), libusb_get_device_address(c->dev));
}

static int append(const char *driver, const struct candidate *c, struct mn_meter_found **found,
		  size_t *n)
{
	struct mn_meter_found *all = realloc(*found, (*n + 1) * sizeof(**found)), *f;
	char name[160], owner[128];
	struct mn_err err = {0};

	if (!all)
		return MN_E_NOMEM;
	*found = all;
	f = &all[(*n)++];
	memset(f, 0, sizeof(*f));
	f->driver = driver;
	snprintf(f->model, sizeof(f->model), "%s", c->id->model);
	snprintf(f->serial, sizeof(f->serial), "%s", c->serial);
	snprintf(f->firmware, sizeof(f->firmware), "%s", c->release);
	describe(c, name, sizeof(name));
	if (c->open_error == LIBUSB_ERROR_ACCESS) {
		f->status = no_rights(&err, name);
	} else if (c->open_error) {
		f->status = mn_err_set(&err, MN_E_IO, "%s: cannot open it: %s", name,
				       libusb_strerror(c->open_error));
	} else if (c->id->unusable) {
		f->status = mn_err_set(&err, MN_E_UNSUPPORTED, "%s", c->id->unusable);
	} else if (mn_usb_owner(libusb_get_bus_number(c->dev), libusb_get_device_address(c->dev),
				owner, sizeof(owner))) {
		f->status = mn_err_set(&err, MN_E_BUSY, "%s is in use by %s: close that first",
				       name, owner);
	}
	snprintf(f->remedy, sizeof(f->remedy), "%.*s", (int)sizeof(f->remedy) - 1, err.msg);
	return 0;
}

int mn_usb_list(const char *driver, const struct mn_usb_id *ids, struct mn_meter_found **found,
		size_t *n, struct mn_err *err)
{
	libusb_context *ctx;
	libusb_device **devices;
	ssize_t count;
	int ret = 0;

	/* A machine without USB has no monitors. */
	if (libusb_init(&ctx))
		return 0;
	count = libusb_get_device_list(ctx, &devices);
	for (ssize_t i = 0; i < count && !ret; i++) {
		struct candidate c;

		if (!visit(devices[i], ids, &c))
			continue;
		if (!c.other)
			ret = append(driver, &c, found, n);
		if (c.h)
			libusb_close(c.h);
	}
	if (count >= 0)
		libusb_free_device_list(devices, 1);
	libusb_exit(ctx);
	return ret ? mn_err_set(err, ret, "out of memory") : 0;
}

/* What was seen while looking for one device. */
struct search {
	struct candidate best;
	int n;             /* that fit */
	char blocked[160]; /* one that cannot be opened */
	int blocked_error;
	char other[128]; /* one with a foreign product string */
	char all[160];   /* the serial numbers of those that fit */
};

static void consider(struct search *s, struct candidate *c, const char *serial)
{
	size_t used = strlen(s->all);

	if (c->open_error) {
		describe(c, s->blocked, sizeof(s->blocked));
		s->blocked_error = c->open_error;
	} else if (c->other) {
		snprintf(s->other, sizeof(s->other),
			 "USB %04x:%04x calls itself \"%s\", not \"%s\"", c->id->vid, c->id->pid,
			 c->product, c->id->product);
	} else {
		snprintf(s->all + used, sizeof(s->all) - used, "%s%s", used ? ", " : "", c->serial);
		if (!*serial || !strcmp(serial, c->serial)) {
			if (s->n++ == 0) {
				s->best = *c;
				return;
			}
		}
	}
	if (c->h)
		libusb_close(c->h);
	c->h = NULL;
}

static int decide(const struct search *s, const char *model, const char *serial, struct mn_err *err)
{
	if (s->n > 1)
		return mn_err_set(err, MN_E_INVALID,
				  "there are several (%s): say which, as DRIVER:SERIAL", s->all);
	if (s->n == 1 && s->best.id->unusable)
		return mn_err_set(err, MN_E_VERSION, "%s", s->best.id->unusable);
	if (s->n == 1)
		return 0;
	if (s->blocked_error == LIBUSB_ERROR_ACCESS)
		return no_rights(err, s->blocked);
	if (s->blocked_error)
		return mn_err_set(err, MN_E_IO, "%s: cannot open it: %s", s->blocked,
				  libusb_strerror(s->blocked_error));
	if (*s->all)
		return mn_err_set(err, MN_E_NOTFOUND,
				  "no %s has the serial number %s; attached: %s", model, serial,
				  s->all);
	if (*s->other)
		return mn_err_set(err, MN_E_NOTFOUND, "no %s is attached: %s", model, s->other);
	return mn_err_set(err, MN_E_NOTFOUND, "no %s is attached", model);
}

int mn_usb_open(const struct mn_usb_id *ids, const char *serial, struct mn_usb **ret_usb,
		const struct mn_usb_id **ret_id, struct mn_err *err)
{
	struct mn_usb *usb = calloc(1, sizeof(*usb));
	struct search search = {.n = 0};
	libusb_device **devices;
	char owner[128];
	ssize_t count;
	int rc;

	if (!usb)
		return mn_err_set(err, MN_E_NOMEM, "out of memory");
	usb->control_if = usb->data_if = -1;
	rc = libusb_init(&usb->ctx);
	if (rc) {
		free(usb);
		return mn_err_set(err, MN_E_IO, "there is no USB here: %s", libusb_strerror(rc));
	}
	count = libusb_get_device_list(usb->ctx, &devices);
	for (ssize_t i = 0; i < count; i++) {
		struct candidate c;

		if (visit(devices[i], ids, &c))
			consider(&search, &c, serial);
	}
	rc = decide(&search, ids->model, serial, err);
	if (!rc) {
		usb->h = search.best.h;
		describe(&search.best, usb->name, sizeof(usb->name));
		memcpy(usb->serial, search.best.serial, sizeof(usb->serial));
		memcpy(usb->release, search.best.release, sizeof(usb->release));
		*ret_id = search.best.id;
	} else if (search.best.h) {
		libusb_close(search.best.h);
	}
	if (count >= 0)
		libusb_free_device_list(devices, 1);
	if (rc) {
		libusb_exit(usb->ctx);
		free(usb);
		return rc;
	}
	/* Claiming takes the device from the kernel's driver, and so from a program that has its
	 * serial port open: one that is in use stays theirs. */
	if (mn_usb_owner(libusb_get_bus_number(libusb_get_device(usb->h)),
			 libusb_get_device_address(libusb_get_device(usb->h)), owner,
			 sizeof(owner))) {
		rc = usb_error(usb, "claim it", LIBUSB_ERROR_BUSY, err);
		mn_usb_close(usb);
		return rc;
	}
	libusb_set_auto_detach_kernel_driver(usb->h, 1);
	*ret_usb = usb;
	return 0;
}

/* Both bulk endpoints of an interface. 1 if it has them. */
static int bulk_endpoints(const struct libusb_interface_descriptor *alt, uint8_t *ret_in,
			  uint8_t *ret_out)
{
	int in = 0, out = 0;

	for (int i = 0; i < alt->bNumEndpoints; i++) {
		const struct libusb_endpoint_descriptor *e = &alt->endpoint[i];

		if ((e->bmAttributes & LIBUSB_TRANSFER_TYPE_MASK) != LIBUSB_TRANSFER_TYPE_BULK)
			continue;
		if (e->bEndpointAddress & LIBUSB_ENDPOINT_IN)
			in = e->bEndpointAddress;
		else
			out = e->bEndpointAddress;
	}
	if (!in || !out)
		return 0;
	*ret_in = (uint8_t)in;
	*ret_out = (uint8_t)out;
	return 1;
}

/* The control interface that a CDC union descriptor gives to data_if, else the one before it. */
static int control_of(const struct libusb_config_descriptor *config, int data_if)
{
	for (int i = 0; i < config->bNumInterfaces; i++) {
		const struct libusb_interface_descriptor *alt = config->interface[i].altsetting;
		const unsigned char *p = alt->extra;
		int left = alt->extra_length;

		while (left >= 2 && p[0] >= 2 && p[0] <= left) {
			if (p[0] >= 5 && p[1] == CS_INTERFACE && p[2] == CDC_UNION &&
			    p[4] == data_if)
				return p[3];
			left -= p[0];
			p += p[0];
		}
	}
	return data_if - 1;
}

static int claim(struct mn_usb *usb, int interface, struct mn_err *err)
{
	int rc = libusb_claim_interface(usb->h, interface);

	return rc ? usb_error(usb, "claim it", rc, err) : 0;
}

int mn_usb_claim(struct mn_usb *usb, int interface, struct mn_err *err)
{
	struct libusb_config_descriptor *config;
	int rc = libusb_get_active_config_descriptor(libusb_get_device(usb->h), &config);
	int found = 0;

	if (rc)
		return usb_error(usb, "read its descriptors", rc, err);
	for (int i = 0; i < config->bNumInterfaces && !found; i++)
		if (config->interface[i].num_altsetting &&
		    config->interface[i].altsetting->bInterfaceNumber == interface)
			found = bulk_endpoints(config->interface[i].altsetting, &usb->ep_in,
					       &usb->ep_out);
	libusb_free_config_descriptor(config);
	if (!found)
		return mn_err_set(err, MN_E_PROTOCOL, "%s has no such interface: another firmware?",
				  usb->name);
	rc = claim(usb, interface, err);
	if (!rc)
		usb->data_if = interface;
	return rc;
}

int mn_usb_claim_cdc(struct mn_usb *usb, uint32_t baud, struct mn_err *err)
{
	uint8_t coding[7] = {(uint8_t)baud,
			     (uint8_t)(baud >> 8),
			     (uint8_t)(baud >> 16),
			     (uint8_t)(baud >> 24),
			     0 /* one stop bit */,
			     0 /* no parity */,
			     8};
	struct libusb_config_descriptor *config;
	int rc = libusb_get_active_config_descriptor(libusb_get_device(usb->h), &config);
	int data_if = -1, control_if = -1;

	if (rc)
		return usb_error(usb, "read its descriptors", rc, err);
	for (int i = 0; i < config->bNumInterfaces && data_if < 0; i++) {
		const struct libusb_interface_descriptor *alt = config->interface[i].altsetting;

		if (config->interface[i].num_altsetting &&
		    alt->bInterfaceClass == LIBUSB_CLASS_DATA &&
		    bulk_endpoints(alt, &usb->ep_in, &usb->ep_out)) {
			data_if = alt->bInterfaceNumber;
			control_if = control_of(config, data_if);
		}
	}
	libusb_free_config_descriptor(config);
	if (data_if < 0 || control_if < 0)
		return mn_err_set(err, MN_E_PROTOCOL,
				  "%s has no serial interface: another firmware?", usb->name);
	rc = claim(usb, control_if, err);
	if (rc)
		return rc;
	usb->control_if = control_if;
	rc = claim(usb, data_if, err);
	if (rc)
		return rc;
	usb->data_if = data_if;
	rc = mn_usb_control(usb, 0x21, CDC_SET_LINE_CODING, 0, (uint16_t)control_if, coding,
			    sizeof(coding), err);
	if (rc >= 0)
		rc = mn_usb_control(usb, 0x21, CDC_SET_LINE_STATE, 1, (uint16_t)control_if, NULL, 0,
				    err);
	usb->dtr = rc >= 0;
	return rc < 0 ? rc : 0;
}

int mn_usb_control(struct mn_usb *usb, uint8_t type, uint8_t request, uint16_t value,
		   uint16_t index, void *data, uint16_t n, struct mn_err *err)
{
	int rc = libusb_control_transfer(usb->h, type, request, value, index, data, n, CONTROL_MS);

	return rc < 0 ? usb_error(usb, "send a request", rc, err) : rc;
}

int mn_usb_write(struct mn_usb *usb, const void *bytes, size_t n, struct mn_err *err)
{
	unsigned char *p = (unsigned char *)(uintptr_t)bytes;
	int rc = 0;

	for (size_t done = 0; done < n && !rc;) {
		int moved = 0;

		rc = libusb_bulk_transfer(usb->h, usb->ep_out, p + done, (int)(n - done), &moved,
					  WRITE_MS);
		done += (size_t)moved;
		if (!rc && !moved)
			rc = LIBUSB_ERROR_IO;
	}
	return rc ? usb_error(usb, "send a command", rc, err) : 0;
}

static int keep(struct mn_usb *usb, const void *bytes, size_t n)
{
	if (usb->at == usb->n_bytes)
		usb->at = usb->n_bytes = 0;
	if (usb->n_bytes + n > usb->room) {
		size_t room = 2 * (usb->n_bytes + n);
		uint8_t *more = realloc(usb->bytes, room);

		if (!more)
			return 0;
		usb->bytes = more;
		usb->room = room;
	}
	memcpy(usb->bytes + usb->n_bytes, bytes, n);
	usb->n_bytes += n;
	return 1;
}

static void submit(struct transfer *x)
{
	struct mn_usb *usb = x->usb;
	int rc = libusb_submit_transfer(x->t);

	x->queued = !rc;
	usb->n_queued += !rc;
	if (rc == LIBUSB_ERROR_NO_DEVICE)
		usb->gone = 1;
	else if (rc)
		usb->failed = rc;
}

/* Runs inside libusb's event handling: no blocking call in here. */
static void LIBUSB_CALL on_transfer(struct libusb_transfer *t)
{
	struct transfer *x = t->user_data;
	struct mn_usb *usb = x->usb;

	x->queued = 0;
	usb->n_queued--;
	usb->got = 1;
	if (t->actual_length > 0) {
		usb->n_errors = 0;
		if (!keep(usb, t->buffer, (size_t)t->actual_length))
			usb->failed = LIBUSB_ERROR_NO_MEM;
	}
	switch (t->status) {
	case LIBUSB_TRANSFER_COMPLETED:
	case LIBUSB_TRANSFER_TIMED_OUT:
		break;
	case LIBUSB_TRANSFER_NO_DEVICE:
		usb->gone = 1;
		return;
	case LIBUSB_TRANSFER_CANCELLED:
		return;
	case LIBUSB_TRANSFER_STALL:
		/* pump() clears it and queues again. */
		usb->stalled = 1;
		return;
	default:
		if (++usb->n_errors >= ERRORS_MAX) {
			usb->failed = LIBUSB_ERROR_IO;
			return;
		}
	}
	if (usb->reading && !usb->failed)
		submit(x);
}

int mn_usb_read_start(struct mn_usb *usb, size_t size, struct mn_err *err)
{
	usb->reading = 1;
	for (int i = 0; i < READ_TRANSFERS && !usb->failed && !usb->gone; i++) {
		struct transfer *x = &usb->transfers[i];
		unsigned char *buf = malloc(size);

		x->usb = usb;
		x->t = libusb_alloc_transfer(0);
		if (!x->t || !buf) {
			free(buf);
			libusb_free_transfer(x->t);
			x->t = NULL;
			return mn_err_set(err, MN_E_NOMEM, "out of memory");
		}
		libusb_fill_bulk_transfer(x->t, usb->h, usb->ep_in, buf, (int)size, on_transfer, x,
					  0);
		submit(x);
	}
	/* A system with little memory for USB takes fewer; four are enough for an idle machine. */
	if (usb->failed && usb->n_queued >= 4)
		usb->failed = 0;
	if (usb->gone)
		return usb_error(usb, "read", LIBUSB_ERROR_NO_DEVICE, err);
	return usb->failed ? usb_error(usb, "read", usb->failed, err) : 0;
}

/* A stalled endpoint: clear it and queue what is not queued. */
static void clear_stall(struct mn_usb *usb)
{
	int rc;

	usb->stalled = 0;
	if (++usb->n_errors >= ERRORS_MAX) {
		usb->failed = LIBUSB_ERROR_PIPE;
		return;
	}
	rc = libusb_clear_halt(usb->h, usb->ep_in);
	if (rc == LIBUSB_ERROR_NO_DEVICE)
		usb->gone = 1;
	else if (rc)
		usb->failed = rc;
	for (int i = 0; i < READ_TRANSFERS && !usb->failed && !usb->gone; i++)
		if (usb->transfers[i].t && !usb->transfers[i].queued)
			submit(&usb->transfers[i]);
}

static int wait_beyond(struct mn_usb *usb, size_t have, int timeout_ms, struct mn_err *err)
{
	uint64_t until = mn_usb_now_ns() + (uint64_t)timeout_ms * 1000000;
	int rc = 0;

	usb->got = 0;
	while (usb->n_bytes - usb->at <= have && !usb->gone && !usb->failed) {
		uint64_t now = mn_usb_now_ns();
		struct timeval tv = {0, 0};

		if (usb->stalled) {
			clear_stall(usb);
			continue;
		}
		if (now >= until)
			return 0;
		tv.tv_sec = (time_t)((until - now) / 1000000000);
		tv.tv_usec = (suseconds_t)((until - now) % 1000000000 / 1000);
		usb->got = 0;
		rc = libusb_handle_events_timeout_completed(usb->ctx, &tv, &usb->got);
		if (rc && rc != LIBUSB_ERROR_INTERRUPTED)
			usb->failed = rc;
	}
	if (usb->n_bytes - usb->at > have) {
		/* There may be more by now: take it in the same turn. */
		struct timeval none = {0, 0};

		(void)libusb_handle_events_timeout_completed(usb->ctx, &none, NULL);
		return 0;
	}
	if (usb->gone)
		return usb_error(usb, "read", LIBUSB_ERROR_NO_DEVICE, err);
	return usb_error(usb, "read", usb->failed, err);
}

int mn_usb_pump(struct mn_usb *usb, int timeout_ms, struct mn_err *err)
{
	return wait_beyond(usb, 0, timeout_ms, err);
}

int mn_usb_more(struct mn_usb *usb, int timeout_ms, struct mn_err *err)
{
	return wait_beyond(usb, usb->n_bytes - usb->at, timeout_ms, err);
}

const uint8_t *mn_usb_bytes(const struct mn_usb *usb, size_t *ret_n)
{
	*ret_n = usb->n_bytes - usb->at;
	return usb->bytes + usb->at;
}

void mn_usb_take(struct mn_usb *usb, size_t n)
{
	usb->at += n;
}

int mn_usb_drain(struct mn_usb *usb, int quiet_ms, int limit_ms, struct mn_err *err)
{
	uint64_t until = mn_usb_now_ns() + (uint64_t)limit_ms * 1000000;

	for (;;) {
		size_t n;
		int rc = mn_usb_pump(usb, quiet_ms, err);

		if (rc)
			return rc;
		(void)mn_usb_bytes(usb, &n);
		if (!n)
			return 0;
		mn_usb_take(usb, n);
		if (mn_usb_now_ns() > until)
			return mn_err_set(err, MN_E_TIMEOUT, "%s does not stop sending", usb->name);
	}
}

static void stop_reading(struct mn_usb *usb)
{
	usb->reading = 0;
	for (int i = 0; i < READ_TRANSFERS; i++)
		if (usb->transfers[i].queued)
			libusb_cancel_transfer(usb->transfers[i].t);
	/* Bounded: a device that is gone answers cancellations at once. */
	for (int i = 0; usb->n_queued && i < 100; i++) {
		struct timeval tv = {0, 50000};

		if (libusb_handle_events_timeout_completed(usb->ctx, &tv, NULL))
			break;
	}
	for (int i = 0; i < READ_TRANSFERS; i++) {
		struct transfer *x = &usb->transfers[i];

		if (!x->t)
			continue;
		/* One that is still with the kernel cannot be freed: better lost than reused. */
		if (x->queued)
			continue;
		free(x->t->buffer);
		libusb_free_transfer(x->t);
		x->t = NULL;
	}
}

void mn_usb_close(struct mn_usb *usb)
{
	if (!usb)
		return;
	if (usb->dtr && !usb->gone)
		(void)mn_usb_control(usb, 0x21, CDC_SET_LINE_STATE, 0, (uint16_t)usb->control_if,
				     NULL, 0, NULL);
	stop_reading(usb);
	if (usb->data_if >= 0)
		libusb_release_interface(usb->h, usb->data_if);
	if (usb->control_if >= 0)
		libusb_release_interface(usb->h, usb->control_if);
	libusb_close(usb->h);
	libusb_exit(usb->ctx);
	free(usb->bytes);
	free(usb);
}
