/* SPDX-License-Identifier: MIT */
#include "ppk2_usb.h"

#include <errno.h>
#include <string.h>

static int control(void *arg, const uint8_t setup[8], uint8_t *data, int n)
{
	static const char version[] = "power_profiler_kit_2 1.2.4-db16a94";

	(void)arg;
	if (setup[0] != 0xc1 || setup[1] != 0x08 || n < (int)sizeof(version))
		return -EPIPE;
	memcpy(data, version, sizeof(version));
	return sizeof(version);
}

static void out(void *arg, const uint8_t *bytes, size_t n)
{
	struct ppk2_usb *p = arg;

	ppk2_model_write(&p->kit, bytes, n);
}

static int in(void *arg, uint8_t *buf, size_t size)
{
	struct ppk2_usb *p = arg;
	uint8_t lost[2048];

	if (!p->kit.streaming && !p->kit.n_out)
		return -EAGAIN;
	if (p->kit.streaming) {
		if (p->pause_at && p->transfers >= p->pause_at)
			return -EAGAIN;
		p->transfers++;
		if (p->transfers == p->stall_at)
			return -EPIPE;
		if (p->transfers == p->unplug_at) {
			p->usb.unplugged = 1;
			return -ENODEV;
		}
		if (p->empty_every && p->transfers % p->empty_every == 0)
			return 0;
		if (p->available && !p->kit.n_out) {
			size_t n = p->available(p->kit.source_arg);

			if (!n)
				return -EAGAIN;
			ppk2_model_run(&p->kit, n < MN_PPK2_BLOCK ? n : MN_PPK2_BLOCK);
			ppk2_model_flush(&p->kit);
		} else if (!p->available && p->kit.n_out < sizeof(lost))
			ppk2_model_run(&p->kit, MN_PPK2_BLOCK);
		if (p->transfers == p->lose_block_at) {
			ppk2_model_read(&p->kit, lost, sizeof(lost));
			ppk2_model_run(&p->kit, MN_PPK2_BLOCK);
		}
		if (p->short_every && p->transfers % p->short_every == 0 && size > 60)
			size = 60;
	}
	return (int)ppk2_model_read(&p->kit, buf, size);
}

void ppk2_usb_plug(struct ppk2_usb *p, UMockdevTestbed *testbed, uint8_t address,
		   const char *product, const char *serial, ppk2_source *source, void *arg)
{
	const struct usb_fake_model model = {.arg = p, .control = control, .out = out, .in = in};
	struct usb_fake_config config;

	memset(p, 0, sizeof(*p));
	ppk2_model_init(&p->kit, source, arg);
	usb_fake_config_begin(&config, 0x1915, 0xc00a, 0x0305);
	usb_fake_interface(&config, 0, 0xff, 1, 1, 0); /* firmware updates */
	usb_fake_cdc(&config, 1, 0x81, 0x82, 0x01);
	usb_fake_cdc(&config, 3, 0x83, 0x84, 0x03); /* shell */
	usb_fake_plug(&p->usb, testbed, address, &config, product, serial, &model);
}

void ppk2_usb_plug_bootloader(struct ppk2_usb *p, UMockdevTestbed *testbed, uint8_t address)
{
	const struct usb_fake_model model = {.arg = p, .out = out, .in = in};
	struct usb_fake_config config;

	memset(p, 0, sizeof(*p));
	usb_fake_config_begin(&config, 0x1915, 0x521f, 0x0100);
	usb_fake_cdc(&config, 0, 0x81, 0x82, 0x01);
	usb_fake_plug(&p->usb, testbed, address, &config, "Open DFU Bootloader", PPK2_SERIAL,
		      &model);
}
