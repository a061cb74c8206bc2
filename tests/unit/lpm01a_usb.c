/* SPDX-License-Identifier: MIT */
#include "lpm01a_usb.h"

#include <errno.h>
#include <string.h>

static void out(void *arg, const uint8_t *bytes, size_t n)
{
	struct lpm01a_usb *p = arg;

	lpm01a_model_write(&p->box, bytes, n);
}

static int in(void *arg, uint8_t *buf, size_t size)
{
	struct lpm01a_usb *p = arg;

	if (p->box.running) {
		if (++p->transfers == p->unplug_at) {
			p->usb.unplugged = 1;
			return -ENODEV;
		}
		if (p->box.n_out < 2048 && (!p->limit || p->box.n < p->limit))
			lpm01a_model_run(&p->box, 512);
	}
	if (!p->box.n_out)
		return -EAGAIN;
	return (int)lpm01a_model_read(&p->box, buf, size);
}

void lpm01a_usb_plug(struct lpm01a_usb *p, UMockdevTestbed *testbed, uint8_t address,
		     enum mn_lpm01a_kind kind, const char *product, lpm01a_source *source,
		     void *arg)
{
	const struct usb_fake_model model = {.arg = p, .out = out, .in = in};
	struct usb_fake_config config;

	memset(p, 0, sizeof(*p));
	lpm01a_model_init(&p->box, kind, source, arg);
	if (kind == MN_LPM01A_SHIELD) {
		usb_fake_config_begin(&config, 0x0483, 0x5740, 0x0200);
		usb_fake_cdc(&config, 0, 0x82, 0x81, 0x01);
	} else {
		usb_fake_config_begin(&config, 0x0483, 0x3757, 0x0100);
		usb_fake_interface(&config, 0, 0xff, 0xff, 0xff, 2); /* debug */
		usb_fake_endpoint(&config, 0x85, 2, 64);
		usb_fake_endpoint(&config, 0x05, 2, 64);
		usb_fake_cdc(&config, 1, 0x82, 0x81, 0x01);
		usb_fake_cdc(&config, 3, 0x84, 0x83, 0x03);
	}
	usb_fake_plug(&p->usb, testbed, address, &config, product, LPM01A_SERIAL, &model);
}
