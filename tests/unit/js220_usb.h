/* SPDX-License-Identifier: MIT */
/* A JS220 behind a fake USB device, written from the same facts as the driver. */
#ifndef MN_JS220_USB_H
#define MN_JS220_USB_H

#include "js220/protocol.h"
#include "usb_fake.h"

/* Current in A and the lines at a tick (2 MHz) of the stream. */
typedef void js220_source(void *arg, uint64_t tick, float *ret_A, uint8_t *ret_bits);

struct js220_usb {
	struct usb_fake usb;
	js220_source *source;
	void *source_arg;
	/* Faults; frames are counted from the start of the stream. */
	uint64_t lose_frame_at, repeat_frame_at, unplug_at;
	uint64_t nan_at; /* that sample of the current is NaN */
	uint8_t connect_status;
	uint32_t protocol;
	int no_metadata;
	/* State */
	int connected, streaming; /* bits: i, v, gpi0, gpi1 */
	uint8_t range_mode;
	int64_t utc_answered;
	uint32_t first_id; /* of the stream: near its wrap */
	uint64_t tick, frames;
	uint16_t id;
	size_t n_out, at;
	uint8_t out[4096 * MN_JS220_FRAME];
};

#define JS220_SERIAL "000415"

void js220_usb_plug(struct js220_usb *p, UMockdevTestbed *testbed, uint8_t address,
		    js220_source *source, void *arg);

#endif
