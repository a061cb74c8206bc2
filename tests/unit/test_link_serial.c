/* SPDX-License-Identifier: MIT */
/*
 * The real libserialport on a tty of umockdev: a NUCLEO board's ST-LINK as sysfs shows it, with a
 * PTY as its port. A PTY does not know modem lines, so a handler answers those requests and hands
 * the others on (facts/linux-usb-serial.md, section 6).
 */
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <asm/termbits.h>
#include <unistd.h>
#include <cmocka.h>
#include <umockdev.h>

#include "board_link.h"
#include "ports.h"

#define SERIAL "0669FF383133534E43184519"

static const char devices[] =
	"P: /devices/pci0/usb1/1-1\n"
	"E: SUBSYSTEM=usb\nE: DEVTYPE=usb_device\n"
	"A: idVendor=0483\\n\nA: idProduct=374b\\n\nA: serial=" SERIAL "\\n\n"
	"A: product=STM32 STLink\\n\nA: manufacturer=STMicroelectronics\\n\n"
	"A: busnum=1\\n\nA: devnum=5\\n\n"
	"\n"
	"P: /devices/pci0/usb1/1-1/1-1:1.2\n"
	"E: SUBSYSTEM=usb\nE: DEVTYPE=usb_interface\nA: bInterfaceNumber=02\\n\n"
	"\n"
	"P: /devices/pci0/usb1/1-1/1-1:1.2/tty/ttyACM0\n"
	"N: ttyACM0\n"
	"E: SUBSYSTEM=tty\nE: DEVNAME=/dev/ttyACM0\n"
	"L: device=../../../1-1:1.2\n";

static gboolean handle_ioctl(UMockdevIoctlBase *base, UMockdevIoctlClient *client, gpointer user)
{
	int result, error = 0;

	(void)base;
	(void)user;
	switch (umockdev_ioctl_client_get_request(client)) {
	case TIOCMGET:
	case TIOCMSET:
	case TIOCMBIS:
	case TIOCMBIC:
		umockdev_ioctl_client_complete(client, 0, 0);
		return TRUE;
	default:
		result = umockdev_ioctl_client_execute(client, &error, NULL);
		umockdev_ioctl_client_complete(client, result, error);
		return TRUE;
	}
}

static UMockdevTestbed *testbed;

static int setup(void **state)
{
	UMockdevIoctlBase *handler;

	(void)state;
	testbed = umockdev_testbed_new();
	if (!umockdev_in_mock_environment()) {
		print_message("skipped: umockdev's preload library is not active\n");
		_exit(77);
	}
	handler = umockdev_ioctl_base_new();
	g_signal_connect(handler, "handle-ioctl", G_CALLBACK(handle_ioctl), NULL);
	assert_true(umockdev_testbed_attach_ioctl(testbed, "/dev/ttyACM0", handler, NULL));
	g_object_unref(handler);
	assert_true(umockdev_testbed_add_from_string(testbed, devices, NULL));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	g_object_unref(testbed);
	return 0;
}

/* The slave's settings as its master sees them. */
static struct termios2 settings(void)
{
	struct termios2 t;

	assert_int_equal(ioctl(umockdev_testbed_get_dev_fd(testbed, "/dev/ttyACM0"), TCGETS2, &t),
			 0);
	return t;
}

static ssize_t read_wait(struct mn_link *link, void *buf, size_t size)
{
	struct pollfd p = {.fd = mn_link_fd(link), .events = POLLIN};

	assert_int_equal(poll(&p, 1, 10000), 1);
	return mn_link_read(link, buf, size, NULL);
}

static void ports_are_listed(void **state)
{
	struct mn_port *ports;
	size_t n;

	(void)state;
	assert_int_equal(mn_ports_list(&ports, &n, NULL), 0);
	assert_int_equal(n, 1);
	assert_string_equal(ports[0].path, "/dev/ttyACM0");
	assert_string_equal(ports[0].serial, SERIAL);
	assert_string_equal(ports[0].product, "STM32 STLink");
	assert_int_equal(ports[0].vid, 0x0483);
	assert_int_equal(ports[0].pid, 0x374b);
	assert_int_equal(ports[0].is_stlink, 1);
	mn_ports_free(ports, n);
}

static void bytes_go_both_ways_raw(void **state)
{
	static const unsigned char all[] = {0x00, 0x03, 0x0a, 0x0d, 0x11, 0x13, 0x1a, 0x7f, 0xff};
	int master = umockdev_testbed_get_dev_fd(testbed, "/dev/ttyACM0");
	unsigned char buf[16];
	struct mn_link *link;
	struct mn_err err = {0};
	struct termios2 t;

	(void)state;
	if (mn_link_open("serial:/dev/ttyACM0", &link, &err))
		fail_msg("%s", err.msg);
	assert_int_equal(mn_link_has_baud(link), 1);
	t = settings();
	assert_int_equal(t.c_ospeed, 115200);
	assert_int_equal(t.c_cflag & (CSIZE | PARENB | CSTOPB | CRTSCTS), CS8);
	assert_int_equal(t.c_lflag & (ICANON | ECHO | ISIG), 0);
	assert_int_equal(t.c_iflag & (IXON | IXOFF | ICRNL | INLCR), 0);
	assert_int_equal(t.c_oflag & OPOST, 0);
	assert_int_equal(mn_link_read(link, buf, sizeof(buf), NULL), MN_E_AGAIN);
	assert_int_equal(mn_link_write(link, all, sizeof(all), NULL), sizeof(all));
	assert_int_equal(read(master, buf, sizeof(buf)), sizeof(all));
	assert_memory_equal(buf, all, sizeof(all));
	assert_int_equal(write(master, all, sizeof(all)), sizeof(all));
	for (size_t have = 0; have < sizeof(all);) {
		ssize_t n = read_wait(link, buf + have, sizeof(all) - have);

		assert_true(n > 0);
		have += (size_t)n;
	}
	assert_memory_equal(buf, all, sizeof(all));
	mn_link_close(link);
}

static void rates_are_set(void **state)
{
	static const unsigned rates[] = {921600, 1500000, 3864000, 115200};
	struct mn_link *link;
	struct mn_err err = {0};

	(void)state;
	if (mn_link_open("serial:/dev/ttyACM0@921600", &link, &err))
		fail_msg("%s", err.msg);
	assert_int_equal(settings().c_ospeed, 921600);
	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		if (mn_link_set_baud(link, rates[i], &err))
			fail_msg("%u: %s", rates[i], err.msg);
		assert_int_equal(settings().c_ospeed, rates[i]);
		assert_int_equal(settings().c_ispeed, rates[i]);
	}
	mn_link_close(link);
	assert_int_equal(mn_link_open("serial:/dev/ttyACM0@fast", &link, &err), MN_E_SYNTAX);
	assert_int_equal(mn_link_open("serial:/dev/ttyACM0@0", &link, &err), MN_E_SYNTAX);
}

static void one_user_at_a_time(void **state)
{
	struct mn_link *link, *second;
	struct mn_err err = {0};

	(void)state;
	assert_int_equal(mn_link_open("serial:/dev/ttyACM0", &link, &err), 0);
	assert_int_equal(mn_link_open("serial:/dev/ttyACM0", &second, &err), MN_E_BUSY);
	assert_non_null(strstr(err.msg, "/dev/ttyACM0"));
	mn_link_close(link);
	assert_int_equal(mn_link_open("serial:/dev/ttyACM0", &link, &err), 0);
	mn_link_close(link);
}

static void unplugged(void **state)
{
	int master = umockdev_testbed_get_dev_fd(testbed, "/dev/ttyACM0");
	int null = open("/dev/null", O_RDWR);
	struct mn_link *link;
	struct mn_err err;
	char buf[4];

	(void)state;
	assert_int_equal(mn_link_open("serial:/dev/ttyACM0", &link, NULL), 0);
	/* Closes the master: the slave hangs up, as when a cable is pulled. */
	assert_int_equal(dup2(null, master), master);
	close(null);
	assert_int_equal(read_wait(link, buf, sizeof(buf)), MN_E_CLOSED);
	assert_int_equal(mn_link_write(link, "x", 1, &err), MN_E_CLOSED);
	mn_link_close(link);
}

static void missing_port(void **state)
{
	struct mn_link *link;
	struct mn_err err;

	(void)state;
	assert_int_equal(mn_link_open("serial:/dev/ttyACM7", &link, &err), MN_E_NOTFOUND);
	assert_non_null(strstr(err.msg, "/dev/ttyACM7"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(ports_are_listed, setup, teardown),
		cmocka_unit_test_setup_teardown(bytes_go_both_ways_raw, setup, teardown),
		cmocka_unit_test_setup_teardown(rates_are_set, setup, teardown),
		cmocka_unit_test_setup_teardown(one_user_at_a_time, setup, teardown),
		cmocka_unit_test_setup_teardown(unplugged, setup, teardown),
		cmocka_unit_test_setup_teardown(missing_port, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
