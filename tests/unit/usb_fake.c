/* SPDX-License-Identifier: MIT */
#include "usb_fake.h"

#include <errno.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <linux/usbdevice_fs.h>
#include <cmocka.h>

static void put(struct usb_fake_config *c, const uint8_t *bytes, size_t n)
{
	assert_true(c->n + n <= sizeof(c->bytes));
	memcpy(c->bytes + c->n, bytes, n);
	c->n += n;
}

#define PUT(c, ...) put(c, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

void usb_fake_config_begin(struct usb_fake_config *c, uint16_t vid, uint16_t pid, uint16_t release)
{
	c->n = 0;
	PUT(c, 18, 1, 0x00, 0x02, 0xef, 2, 1, 64, (uint8_t)vid, (uint8_t)(vid >> 8), (uint8_t)pid,
	    (uint8_t)(pid >> 8), (uint8_t)release, (uint8_t)(release >> 8), 1, 2, 3, 1);
	/* Total length and number of interfaces are filled in later. */
	PUT(c, 9, 2, 0, 0, 0, 1, 0, 0xc0, 50);
}

void usb_fake_interface(struct usb_fake_config *c, uint8_t number, uint8_t class, uint8_t subclass,
			uint8_t protocol, uint8_t endpoints)
{
	PUT(c, 9, 4, number, 0, endpoints, class, subclass, protocol, 0);
	c->bytes[18 + 4]++;
}

void usb_fake_endpoint(struct usb_fake_config *c, uint8_t address, uint8_t attributes,
		       uint16_t packet)
{
	PUT(c, 7, 5, address, attributes, (uint8_t)packet, (uint8_t)(packet >> 8), 10);
}

void usb_fake_cdc(struct usb_fake_config *c, uint8_t number, uint8_t in_irq, uint8_t in,
		  uint8_t out)
{
	usb_fake_interface(c, number, 2, 2, 0, 1);
	PUT(c, 5, 0x24, 0, 0x10, 0x01);                    /* header */
	PUT(c, 5, 0x24, 1, 0, (uint8_t)(number + 1));      /* call management */
	PUT(c, 4, 0x24, 2, 2);                             /* abstract control model */
	PUT(c, 5, 0x24, 6, number, (uint8_t)(number + 1)); /* union */
	usb_fake_endpoint(c, in_irq, 3, 16);
	usb_fake_interface(c, (uint8_t)(number + 1), 10, 0, 0, 2);
	usb_fake_endpoint(c, in, 2, 64);
	usb_fake_endpoint(c, out, 2, 64);
}

static void finish(struct usb_fake *f, UMockdevIoctlData *data, int status, int actual)
{
	struct usbdevfs_urb *urb = (struct usbdevfs_urb *)data->data;

	urb->status = status;
	urb->actual_length = actual;
	f->done[f->n_done++] = data;
}

static int string_descriptor(const struct usb_fake *f, uint8_t index, uint8_t *data, int n)
{
	const char *text = index >= 1 && index <= 3 ? f->strings[index] : "";
	uint8_t d[256] = {4, 3, 0x09, 0x04};
	int len = 4;

	if (index) {
		len = 2 + 2 * (int)strlen(text);
		for (int i = 0; text[i]; i++) {
			d[2 + 2 * i] = (uint8_t)text[i];
			d[3 + 2 * i] = 0;
		}
		d[0] = (uint8_t)len;
	}
	if (len > n)
		len = n;
	memcpy(data, d, (size_t)len);
	return len;
}

static int control(struct usb_fake *f, uint8_t *setup, int n)
{
	uint8_t *data = setup + 8;

	if (setup[0] == 0x80 && setup[1] == 6 && setup[3] == 3)
		return string_descriptor(f, setup[2], data, n);
	if (setup[0] == 0x21 && setup[1] == 0x20 && n >= 7) {
		f->baud = (uint32_t)data[0] | (uint32_t)data[1] << 8 | (uint32_t)data[2] << 16 |
			  (uint32_t)data[3] << 24;
		return n;
	}
	if (setup[0] == 0x21 && setup[1] == 0x22) {
		f->dtr = setup[2] & 1;
		return 0;
	}
	return f->model.control ? f->model.control(f->model.arg, setup, data, n) : -EPIPE;
}

static void submit(struct usb_fake *f, UMockdevIoctlClient *client, UMockdevIoctlData *arg)
{
	UMockdevIoctlData *data =
		umockdev_ioctl_data_resolve(arg, 0, sizeof(struct usbdevfs_urb), NULL);
	struct usbdevfs_urb *urb = (struct usbdevfs_urb *)data->data;
	UMockdevIoctlData *buf;
	int rc;

	if (f->unplugged || f->n_in + f->n_done >= USB_FAKE_URBS) {
		umockdev_ioctl_data_unref(data);
		umockdev_ioctl_client_complete(client, -1, f->unplugged ? ENODEV : ENOMEM);
		return;
	}
	f->n_submitted++;
	buf = umockdev_ioctl_data_resolve(data, G_STRUCT_OFFSET(struct usbdevfs_urb, buffer),
					  (gsize)urb->buffer_length, NULL);
	if (urb->type == USBDEVFS_URB_TYPE_CONTROL) {
		rc = control(f, buf->data, urb->buffer_length - 8);
		finish(f, data, rc < 0 ? rc : 0, rc < 0 ? 0 : rc);
		umockdev_ioctl_data_unref(buf);
	} else if (urb->endpoint & 0x80) {
		f->in[f->n_in] = data;
		f->in_buf[f->n_in++] = buf;
	} else {
		f->model.out(f->model.arg, buf->data, (size_t)urb->buffer_length);
		finish(f, data, 0, urb->buffer_length);
		umockdev_ioctl_data_unref(buf);
	}
	umockdev_ioctl_client_complete(client, 0, 0);
}

static void remove_in(struct usb_fake *f, size_t i)
{
	umockdev_ioctl_data_unref(f->in_buf[i]);
	f->n_in--;
	memmove(f->in + i, f->in + i + 1, (f->n_in - i) * sizeof(*f->in));
	memmove(f->in_buf + i, f->in_buf + i + 1, (f->n_in - i) * sizeof(*f->in_buf));
}

static void reap(struct usb_fake *f, UMockdevIoctlClient *client, UMockdevIoctlData *arg)
{
	UMockdevIoctlData *p, *data;

	if (!f->n_done && f->n_in && !f->unplugged) {
		int n = f->model.in(f->model.arg, f->in_buf[0]->data,
				    (size_t)f->in_buf[0]->data_len);

		if (n != -EAGAIN) {
			data = f->in[0];
			finish(f, data, n < 0 ? n : 0, n < 0 ? 0 : n);
			remove_in(f, 0);
		}
	}
	if (!f->n_done) {
		umockdev_ioctl_client_complete(client, -1, EAGAIN);
		return;
	}
	data = f->done[0];
	memmove(f->done, f->done + 1, --f->n_done * sizeof(*f->done));
	p = umockdev_ioctl_data_resolve(arg, 0, sizeof(void *), NULL);
	umockdev_ioctl_data_set_ptr(p, 0, data);
	umockdev_ioctl_client_complete(client, 0, 0);
	umockdev_ioctl_data_unref(p);
	umockdev_ioctl_data_unref(data);
}

static void discard(struct usb_fake *f, UMockdevIoctlClient *client, UMockdevIoctlData *arg)
{
	unsigned long address = *(unsigned long *)arg->data;

	for (size_t i = 0; i < f->n_in; i++)
		if (f->in[i]->client_addr == address) {
			finish(f, f->in[i], -ENOENT, 0);
			remove_in(f, i);
			umockdev_ioctl_client_complete(client, 0, 0);
			return;
		}
	umockdev_ioctl_client_complete(client, -1, EINVAL);
}

static gboolean handle(UMockdevIoctlBase *base, UMockdevIoctlClient *client, gpointer user)
{
	struct usb_fake *f = user;
	UMockdevIoctlData *arg = umockdev_ioctl_client_get_arg(client), *data;
	unsigned long request = umockdev_ioctl_client_get_request(client);

	(void)base;
	pthread_mutex_lock(&f->lock);
	switch (request) {
	case USBDEVFS_GET_CAPABILITIES:
		data = umockdev_ioctl_data_resolve(arg, 0, sizeof(uint32_t), NULL);
		*(uint32_t *)data->data =
			USBDEVFS_CAP_ZERO_PACKET | USBDEVFS_CAP_BULK_CONTINUATION |
			USBDEVFS_CAP_NO_PACKET_SIZE_LIM | USBDEVFS_CAP_BULK_SCATTER_GATHER |
			USBDEVFS_CAP_REAP_AFTER_DISCONNECT;
		umockdev_ioctl_client_complete(client, 0, 0);
		umockdev_ioctl_data_unref(data);
		break;
	case USBDEVFS_CLAIMINTERFACE:
	case USBDEVFS_DISCONNECT_CLAIM:
		f->claimed += !f->busy;
		umockdev_ioctl_client_complete(client, f->busy ? -1 : 0, f->busy ? EBUSY : 0);
		break;
	case USBDEVFS_RELEASEINTERFACE:
		f->claimed--;
		umockdev_ioctl_client_complete(client, 0, 0);
		break;
	case USBDEVFS_CLEAR_HALT:
		f->halts_cleared++;
		umockdev_ioctl_client_complete(client, 0, 0);
		break;
	case USBDEVFS_GETDRIVER:
		umockdev_ioctl_client_complete(client, -1, ENODATA);
		break;
	case USBDEVFS_IOCTL:
	case USBDEVFS_SETINTERFACE:
	case USBDEVFS_SETCONFIGURATION:
	case USBDEVFS_RESETEP:
		umockdev_ioctl_client_complete(client, 0, 0);
		break;
	case USBDEVFS_SUBMITURB:
		submit(f, client, arg);
		break;
	case USBDEVFS_REAPURBNDELAY:
	case USBDEVFS_REAPURB:
		reap(f, client, arg);
		break;
	case USBDEVFS_DISCARDURB:
		discard(f, client, arg);
		break;
	default:
		umockdev_ioctl_client_complete(client, -1, ENOTTY);
	}
	pthread_mutex_unlock(&f->lock);
	return TRUE;
}

void usb_fake_plug(struct usb_fake *f, UMockdevTestbed *testbed, uint8_t address,
		   struct usb_fake_config *config, const char *product, const char *serial,
		   const struct usb_fake_model *model)
{
	char text[4096], hex[2 * sizeof(config->bytes) + 1];
	uint16_t total = (uint16_t)(config->n - 18);
	GError *error = NULL;

	if (!umockdev_in_mock_environment()) {
		print_message("skipped: umockdev's preload library is not active\n");
		_exit(77);
	}
	memset(f, 0, sizeof(*f));
	pthread_mutex_init(&f->lock, NULL);
	f->testbed = testbed;
	f->model = *model;
	f->strings[1] = "Fake";
	f->strings[2] = product;
	f->strings[3] = serial;
	f->vid = (uint16_t)(config->bytes[8] | config->bytes[9] << 8);
	f->pid = (uint16_t)(config->bytes[10] | config->bytes[11] << 8);
	config->bytes[18 + 2] = (uint8_t)total;
	config->bytes[18 + 3] = (uint8_t)(total >> 8);
	for (size_t i = 0; i < config->n; i++)
		snprintf(hex + 2 * i, 3, "%02x", config->bytes[i]);
	snprintf(f->node, sizeof(f->node), "/dev/bus/usb/001/%03u", address);
	f->handler = umockdev_ioctl_base_new();
	g_signal_connect(f->handler, "handle-ioctl", G_CALLBACK(handle), f);
	assert_true(umockdev_testbed_attach_ioctl(testbed, f->node, f->handler, &error));
	snprintf(text, sizeof(text),
		 "P: /devices/usb1/1-%u\nN: bus/usb/001/%03u\n"
		 "E: SUBSYSTEM=usb\nE: DEVTYPE=usb_device\nE: DRIVER=usb\n"
		 "E: BUSNUM=001\nE: DEVNUM=%03u\nE: DEVNAME=/dev/bus/usb/001/%03u\n"
		 "A: busnum=1\\n\nA: devnum=%u\\n\nA: bConfigurationValue=1\\n\nA: speed=12\\n\n"
		 "A: idVendor=%04x\\n\nA: idProduct=%04x\\n\nA: bNumConfigurations=1\\n\n"
		 "H: descriptors=%s\n",
		 address, address, address, address, address, f->vid, f->pid, hex);
	if (!umockdev_testbed_add_from_string(testbed, text, &error))
		fail_msg("%s", error->message);
}

void usb_fake_unplug(struct usb_fake *f)
{
	pthread_mutex_lock(&f->lock);
	f->unplugged = 1;
	while (f->n_in) {
		finish(f, f->in[0], -ENODEV, 0);
		remove_in(f, 0);
	}
	pthread_mutex_unlock(&f->lock);
}

void usb_fake_free(struct usb_fake *f)
{
	umockdev_testbed_detach_ioctl(f->testbed, f->node, NULL);
	while (f->n_in) {
		umockdev_ioctl_data_unref(f->in[0]);
		remove_in(f, 0);
	}
	while (f->n_done)
		umockdev_ioctl_data_unref(f->done[--f->n_done]);
	g_object_unref(f->handler);
	pthread_mutex_destroy(&f->lock);
}
