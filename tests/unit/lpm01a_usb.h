/* SPDX-License-Identifier: MIT */
/* The PowerShield model behind a fake USB device. */
#ifndef MN_LPM01A_USB_H
#define MN_LPM01A_USB_H

#include "lpm01a_model.h"
#include "usb_fake.h"

struct lpm01a_usb {
	struct usb_fake usb;
	struct lpm01a_model box;
	uint64_t transfers; /* of the running stream */
	uint64_t unplug_at;
	uint64_t limit; /* samples; then it stays silent. 0: none */
};

#define LPM01A_PRODUCT "PowerShield (Virtual ComPort in FS Mode)"
#define LPM01A_SERIAL  "2061398A4D43"

/* product and serial of the LPM01A; the V3PWR has its own id. */
void lpm01a_usb_plug(struct lpm01a_usb *p, UMockdevTestbed *testbed, uint8_t address,
		     enum mn_lpm01a_kind kind, const char *product, lpm01a_source *source,
		     void *arg);

#endif
