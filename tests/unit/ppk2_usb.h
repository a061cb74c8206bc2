/* SPDX-License-Identifier: MIT */
/* The PPK2 model behind a fake USB device: descriptors of the stock firmware, faults of the bus. */
#ifndef MN_PPK2_USB_H
#define MN_PPK2_USB_H

#include "ppk2_model.h"
#include "usb_fake.h"

struct ppk2_usb {
	struct usb_fake usb;
	struct ppk2_model kit;
	/* How many samples its source has; NULL: any number. */
	size_t (*available)(void *arg);
	/* Faults of the bus; each counts transfers of the running stream. */
	uint64_t transfers;
	uint64_t stall_at;      /* -EPIPE instead of data */
	uint64_t empty_every;   /* an empty transfer each so many */
	uint64_t short_every;   /* a transfer of 60 bytes each so many */
	uint64_t lose_block_at; /* a transfer's data never arrives */
	uint64_t unplug_at;
	uint64_t pause_at; /* stops sending after so many transfers until it is reset to 0 */
};

#define PPK2_SERIAL "CD4AEF387F1B"

void ppk2_usb_plug(struct ppk2_usb *p, UMockdevTestbed *testbed, uint8_t address,
		   const char *product, const char *serial, ppk2_source *source, void *arg);
/* The same id as the bootloader has it. */
void ppk2_usb_plug_bootloader(struct ppk2_usb *p, UMockdevTestbed *testbed, uint8_t address);

#endif
