/* SPDX-License-Identifier: MIT */
/*
 * What the USB monitors share: find a device, claim it, read it without a pause.
 *
 * Reading is queued: READ_TRANSFERS bulk transfers are always with the kernel, which goes on
 * filling them while this process is not scheduled (0.6 s of a PPK2, 0.5 s of a JS220). What they
 * bring is collected in the order it came; mn_usb_pump() waits for more. One thread at a time.
 *
 * libusb 1.0 of Debian 12 (1.0.26). Errors: MN_E_PERM names the udev rule file, MN_E_BUSY the
 * program that has the device if that can be seen, MN_E_CLOSED: it was unplugged.
 */
#ifndef MN_USB_H
#define MN_USB_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "meter.h"

#define MN_USB_RULES "60-mnchar.rules"

/* A kind of device. */
struct mn_usb_id {
	uint16_t vid, pid;
	const char *product;  /* start of its product string where the ids are shared; NULL: any */
	const char *model;    /* what we call it */
	int kind;             /* the driver's own */
	const char *unusable; /* why it cannot measure (bootloader) and what to do; NULL: it can */
};

struct mn_usb;

/* ops.list() of a driver: all devices of ids (vid 0 at the end). */
int mn_usb_list(const char *driver, const struct mn_usb_id *ids, struct mn_meter_found **found,
		size_t *n, struct mn_err *err);

/*
 * The device with that serial number, "": the only one. Nothing is claimed yet. *ret_id is its
 * entry of ids.
 */
int mn_usb_open(const struct mn_usb_id *ids, const char *serial, struct mn_usb **ret_usb,
		const struct mn_usb_id **ret_id, struct mn_err *err);
/* Also after it was unplugged. NULL is fine. */
void mn_usb_close(struct mn_usb *usb);

const char *mn_usb_serial(const struct mn_usb *usb);
/* Release number of the device, "3.05". */
const char *mn_usb_release(const struct mn_usb *usb);

/*
 * Claim the first CDC-ACM function: the first interface of class CDC data with a bulk endpoint each
 * way, and its control interface. Sets the rate and raises DTR, which close() drops.
 */
int mn_usb_claim_cdc(struct mn_usb *usb, uint32_t baud, struct mn_err *err);
/* Claim an interface by its number, with a bulk endpoint each way. */
int mn_usb_claim(struct mn_usb *usb, int interface, struct mn_err *err);

int mn_usb_write(struct mn_usb *usb, const void *bytes, size_t n, struct mn_err *err);
/* As libusb_control_transfer(), 1 s: bytes moved, or MN_E_*. A stall is MN_E_UNSUPPORTED. */
int mn_usb_control(struct mn_usb *usb, uint8_t type, uint8_t request, uint16_t value,
		   uint16_t index, void *data, uint16_t n, struct mn_err *err);

/*
 * Queue the transfers of `size` bytes each, a multiple of the packet. From now on everything is
 * read until mn_usb_close().
 */
int mn_usb_read_start(struct mn_usb *usb, size_t size, struct mn_err *err);
/*
 * Wait at most timeout_ms for bytes; 0 also when none came. MN_E_CLOSED, MN_E_IO: nothing more will
 * come, and all that came before was taken.
 */
int mn_usb_pump(struct mn_usb *usb, int timeout_ms, struct mn_err *err);
/* The same for bytes beyond those that are there and not taken: an answer that comes in pieces. */
int mn_usb_more(struct mn_usb *usb, int timeout_ms, struct mn_err *err);
/* What came and was not taken yet; valid until the next call. */
const uint8_t *mn_usb_bytes(const struct mn_usb *usb, size_t *ret_n);
void mn_usb_take(struct mn_usb *usb, size_t n);
/* Throw away what comes until nothing did for quiet_ms. MN_E_TIMEOUT: it never stops. */
int mn_usb_drain(struct mn_usb *usb, int quiet_ms, int limit_ms, struct mn_err *err);

/* CLOCK_MONOTONIC. */
uint64_t mn_usb_now_ns(void);

#endif
