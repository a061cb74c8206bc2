/* SPDX-License-Identifier: MIT */
/* Which other program has a USB device open: so that "busy" can say who. */
#ifndef MN_USB_OWNER_H
#define MN_USB_OWNER_H

#include <stddef.h>
#include <stdint.h>

/*
 * Looks through /proc for a process that has the device's node or one of its serial ports open.
 * 1: "NAME (pid N)" is in buf. 0: none can be seen (another user's processes cannot).
 */
int mn_usb_owner(uint8_t bus, uint8_t address, char *buf, size_t size);

#endif
