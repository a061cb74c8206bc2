/* SPDX-License-Identifier: MIT */
/* meter.c and the virtual driver, with the side channel played by the test. */
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "meter.h"

struct seen {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	size_t n;
	struct mn_meter_sample last;
	int64_t sum_pA;
};

static void sink(void *arg, const struct mn_meter_sample *samples, size_t n, uint64_t host_ns)
{
	struct seen *seen = arg;

	assert_true(host_ns > 0);
	pthread_mutex_lock(&seen->lock);
	for (size_t i = 0; i < n; i++)
		seen->sum_pA += samples[i].current_pA;
	seen->n += n;
	seen->last = samples[n - 1];
	pthread_cond_signal(&seen->cond);
	pthread_mutex_unlock(&seen->lock);
}

static void send_all(int fd, const void *bytes, size_t len)
{
	assert_int_equal(write(fd, bytes, len), (ssize_t)len);
}

static void send_header(int fd)
{
	static const uint8_t header[16] = {'m',  'n',  'p', 'o', 'w',  'e',  'r', '1',
					   0xa0, 0x86, 1,   0,   0xe4, 0x0c, 0,   0};

	send_all(fd, header, sizeof(header));
}

static void record(uint8_t *p, uint64_t tick, uint32_t nA, uint8_t bits, uint8_t edge)
{
	memset(p, 0, 16);
	for (int i = 0; i < 8; i++)
		p[i] = (uint8_t)(tick >> 8 * i);
	for (int i = 0; i < 4; i++)
		p[8 + i] = (uint8_t)(nA >> 8 * i);
	p[12] = bits;
	p[13] = edge;
}

static struct mn_meter *open_virtual(int fd)
{
	struct mn_meter_config config = {.mode = MN_METER_AMMETER, .range = -1, .board_fd = fd};
	struct mn_meter *m = NULL;

	assert_int_equal(mn_meter_open("virtual", &m, NULL), 0);
	assert_int_equal(mn_meter_configure(m, &config, NULL), 0);
	return m;
}

static int wait_status(struct mn_meter *m, struct mn_err *err)
{
	int status;

	while (!(status = mn_meter_status(m, err)))
		poll(NULL, 0, 1);
	return status;
}

static void samples_come_in_pieces(void **state)
{
	struct seen seen = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, {0}, 0};
	uint8_t bytes[3 * 16];
	struct mn_meter *m;
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	m = open_virtual(fds[0]);
	send_header(fds[1]);
	assert_int_equal(mn_meter_start(m, sink, &seen, NULL), 0);
	assert_int_equal(m->caps.tick_hz, 100000);
	assert_int_equal(m->caps.is_virtual, 1);
	record(bytes, 1, 1000, 0, 0);
	record(bytes + 16, 2, 2000, 1, 64);
	record(bytes + 32, 5, 3000, 1, 0);
	send_all(fds[1], bytes, 21);
	send_all(fds[1], bytes + 21, sizeof(bytes) - 21);
	pthread_mutex_lock(&seen.lock);
	while (seen.n < 3)
		pthread_cond_wait(&seen.cond, &seen.lock);
	assert_int_equal(seen.sum_pA, 6000000);
	assert_int_equal(seen.last.tick, 5);
	assert_int_equal(seen.last.voltage_uV, 3300000);
	pthread_mutex_unlock(&seen.lock);
	assert_int_equal(mn_meter_stop(m, NULL), 0);
	mn_meter_close(m);
	close(fds[0]);
	close(fds[1]);
}

static void the_end_of_the_stream_is_said(void **state)
{
	struct seen seen = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, {0}, 0};
	struct mn_err err;
	struct mn_meter *m;
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	m = open_virtual(fds[0]);
	send_header(fds[1]);
	assert_int_equal(mn_meter_start(m, sink, &seen, NULL), 0);
	close(fds[1]);
	assert_int_equal(wait_status(m, &err), MN_E_CLOSED);
	assert_non_null(strstr(err.msg, "ended"));
	assert_int_equal(mn_meter_stop(m, NULL), MN_E_CLOSED);
	mn_meter_close(m);
	close(fds[0]);
}

static void ticks_must_rise(void **state)
{
	struct seen seen = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, {0}, 0};
	struct mn_err err;
	uint8_t bytes[32];
	struct mn_meter *m;
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	m = open_virtual(fds[0]);
	send_header(fds[1]);
	assert_int_equal(mn_meter_start(m, sink, &seen, NULL), 0);
	record(bytes, 7, 1000, 0, 0);
	record(bytes + 16, 7, 1000, 0, 0);
	send_all(fds[1], bytes, sizeof(bytes));
	assert_int_equal(wait_status(m, &err), MN_E_PROTOCOL);
	mn_meter_close(m);
	close(fds[0]);
	close(fds[1]);
}

static void refusals(void **state)
{
	struct mn_meter_config config = {.range = -1, .board_fd = -1};
	struct mn_meter *m = NULL;
	struct mn_err err;
	int fds[2];

	(void)state;
	assert_int_equal(mn_meter_open("voltmeter", &m, &err), MN_E_NOTFOUND);
	assert_non_null(strstr(err.msg, "virtual"));
	assert_int_equal(mn_meter_open("virtual:12", &m, &err), MN_E_INVALID);
	assert_int_equal(mn_meter_open("virtual", &m, &err), 0);
	assert_int_equal(mn_meter_configure(m, &config, &err), MN_E_INVALID);
	assert_non_null(strstr(err.msg, "virtual-"));
	config.mode = MN_METER_SOURCE;
	config.volt_mV = 3300;
	assert_int_equal(mn_meter_configure(m, &config, &err), MN_E_INVALID);
	mn_meter_close(m);
	mn_meter_close(NULL);

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	m = open_virtual(fds[0]);
	send_all(fds[1], "not a power trace", 16);
	assert_int_equal(mn_meter_start(m, sink, NULL, &err), MN_E_PROTOCOL);
	mn_meter_close(m);
	close(fds[0]);
	close(fds[1]);
}

static void the_table_is_complete(void **state)
{
	(void)state;
	for (size_t i = 0; mn_meter_drivers[i]; i++) {
		const struct mn_meter_ops *ops = mn_meter_drivers[i];

		assert_true(ops->name && ops->what && ops->open && ops->start && ops->pump &&
			    ops->close);
		assert_int_equal(strspn(ops->name, "abcdefghijklmnopqrstuvwxyz0123456789-"),
				 strlen(ops->name));
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(ops->name, mn_meter_drivers[j]->name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(samples_come_in_pieces),
		cmocka_unit_test(the_end_of_the_stream_is_said),
		cmocka_unit_test(ticks_must_rise),
		cmocka_unit_test(refusals),
		cmocka_unit_test(the_table_is_complete),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
