/* SPDX-License-Identifier: MIT */
/*
 * A USB device that the real libusb talks to: umockdev's interactive usbfs node, a device model
 * behind it (facts/linux-usb-serial.md). The model's callbacks run in umockdev's thread, one at a
 * time.
 */
#ifndef MN_USB_FAKE_H
#define MN_USB_FAKE_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <umockdev.h>

enum { USB_FAKE_URBS = 512 };

struct usb_fake_model {
	void *arg;
	/* Vendor and class requests. Bytes moved, or a negative errno; NULL refuses all (-EPIPE).
	 */
	int (*control)(void *arg, const uint8_t setup[8], uint8_t *data, int n);
	void (*out)(void *arg, const uint8_t *bytes, size_t n);
	/* Fill a transfer: bytes, 0 for an empty one, a negative errno; -EAGAIN: nothing yet. */
	int (*in)(void *arg, uint8_t *buf, size_t size);
};

struct usb_fake {
	struct usb_fake_model model;
	UMockdevTestbed *testbed;
	UMockdevIoctlBase *handler;
	pthread_mutex_t lock;
	char node[64];
	uint16_t vid, pid;
	const char *strings[4]; /* 1 maker, 2 product, 3 serial */
	/* What the test sets and looks at; under lock while the device is open. */
	int busy; /* claiming is refused */
	int unplugged;
	int dtr, claimed, halts_cleared, n_submitted;
	uint32_t baud;
	/* Transfers: waiting for data, and finished. */
	UMockdevIoctlData *in[USB_FAKE_URBS], *in_buf[USB_FAKE_URBS];
	size_t n_in;
	UMockdevIoctlData *done[USB_FAKE_URBS];
	size_t n_done;
};

/* Bytes of a configuration, put together. */
struct usb_fake_config {
	uint8_t bytes[512];
	size_t n;
};

void usb_fake_config_begin(struct usb_fake_config *c, uint16_t vid, uint16_t pid, uint16_t release);
void usb_fake_interface(struct usb_fake_config *c, uint8_t number, uint8_t class, uint8_t subclass,
			uint8_t protocol, uint8_t endpoints);
void usb_fake_endpoint(struct usb_fake_config *c, uint8_t address, uint8_t attributes,
		       uint16_t packet);
/* Two interfaces: number and number + 1, with their descriptors. */
void usb_fake_cdc(struct usb_fake_config *c, uint8_t number, uint8_t in_irq, uint8_t in,
		  uint8_t out);

/*
 * Plugs it in as device `address` of bus 1. config is complete but for its total length. Exits
 * with 77 and a reason if umockdev is not active.
 */
void usb_fake_plug(struct usb_fake *f, UMockdevTestbed *testbed, uint8_t address,
		   struct usb_fake_config *config, const char *product, const char *serial,
		   const struct usb_fake_model *model);
/* As when the cable is pulled. */
void usb_fake_unplug(struct usb_fake *f);
void usb_fake_free(struct usb_fake *f);

#endif
