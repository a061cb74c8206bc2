/* SPDX-License-Identifier: MIT */
/* host/collect/energy.c with the virtual meter, whose side channel is played by the test: good
 * windows, windows that must not be believed, and a monitor that goes away. */
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <zlib.h>

#include "energy.h"

#define RUN_NA  50000000u
#define IDLE_NA 20000000u

static const struct mn_msg_hello hello = {.board = "nucleo-f446re",
					  .uid0 = 0x54524956, /* "VIRT" */
					  .clock_set_hz = 180000000,
					  .marker_pin = "PA8 (D7)"};

struct rig {
	struct mn_energy *energy;
	int fd; /* the board's end of the side channel */
	uint64_t tick;
};

static void put(uint8_t *p, uint64_t v, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

static void send_samples(struct rig *r, unsigned n, uint32_t nA, uint8_t bits)
{
	uint8_t record[16] = {0};

	for (unsigned i = 0; i < n; i++) {
		put(record, ++r->tick, 8);
		put(record + 8, nA, 4);
		record[12] = bits;
		assert_int_equal(write(r->fd, record, sizeof(record)), sizeof(record));
	}
}

static void open_rig(struct rig *r, int trace)
{
	const struct mn_energy_config config = {
		.meter = "virtual", .window_us = 10000, .reps = 1, .repeat = 1, .trace = trace};
	uint8_t header[16] = "mnpower1";
	const char *link, *fd;
	struct mn_err err;

	r->tick = 0;
	put(header + 8, 100000, 4);
	put(header + 12, 3300, 4);
	assert_int_equal(mn_energy_open(&config, &r->energy, &err), 0);
	link = mn_energy_link(r->energy, "exec:mnchar-vboard --board x", &err);
	assert_non_null(link);
	fd = strstr(link, " --power fd:");
	assert_non_null(fd);
	r->fd = fcntl((int)strtol(fd + 12, NULL, 10), F_DUPFD_CLOEXEC, 0);
	assert_true(r->fd >= 0);
	assert_int_equal(write(r->fd, header, sizeof(header)), sizeof(header));
	assert_int_equal(mn_energy_linked(r->energy, 1, &err), 0);
	assert_int_equal(mn_energy_check_board(r->energy, &hello, &err), 0);
	mn_energy_arm(r->energy, 1);
}

static void close_rig(struct rig *r)
{
	if (r->fd >= 0)
		close(r->fd);
	mn_energy_close(r->energy);
}

/* A window of so many samples with sleep around it, and what the board says of it. */
static struct mn_msg_result window(struct rig *r, unsigned n, double board_s)
{
	send_samples(r, 300, IDLE_NA, 0);
	send_samples(r, n, RUN_NA, 1);
	send_samples(r, 300, IDLE_NA, 0);
	return (struct mn_msg_result){.energy_reps = 7,
				      .energy_cycles = (uint64_t)(board_s * 180e6),
				      .energy_micros = (uint32_t)(board_s * 1e6)};
}

static void good(void **state)
{
	struct mn_msg_result result;
	struct mn_client_energy ask;
	struct mn_window w;
	struct mn_err err;
	struct rig r;
	uint8_t *raw;
	uLongf len;
	void *packed;
	size_t size;

	(void)state;
	open_rig(&r, 1);
	mn_energy_ask(r.energy, &ask);
	assert_int_equal(ask.us, 10000);
	assert_true(ask.idle_us >= 2500);
	result = window(&r, 500, 5e-3);
	assert_int_equal(mn_energy_take(r.energy, &hello, &result, &w, &err), 0);
	mn_window_clear(&w);
	mn_energy_arm(r.energy, 1);
	result = window(&r, 1000, 10e-3);
	assert_int_equal(mn_energy_take(r.energy, &hello, &result, &w, &err), 0);
	assert_true(fabs(w.gross.energy_J / (0.05 * 3.3 * 10e-3) - 1) < 1e-9);
	assert_true(fabs(mn_window_net_J(&w) / (0.03 * 3.3 * 10e-3) - 1) < 1e-9);
	assert_int_equal(mn_energy_pack_trace(&w, &packed, &size), 0);
	len = 24 * w.trace_n;
	raw = malloc(len);
	assert_int_equal(uncompress(raw, &len, packed, size), Z_OK);
	assert_int_equal(len, 24 * w.trace_n);
	assert_int_equal(raw[0], w.trace[0].tick & 0xff);
	free(raw);
	free(packed);
	mn_window_clear(&w);
	close_rig(&r);
}

static void lost_samples(void **state)
{
	struct mn_msg_result result = {.energy_reps = 1, .energy_cycles = 1800000 + 3600};
	struct mn_window w;
	struct mn_err err;
	struct rig r;

	(void)state;
	open_rig(&r, 0);
	result.energy_micros = 10020;
	send_samples(&r, 300, IDLE_NA, 0);
	send_samples(&r, 500, RUN_NA, 1);
	r.tick += 2;
	send_samples(&r, 500, RUN_NA, 1);
	send_samples(&r, 300, IDLE_NA, 0);
	assert_int_equal(mn_energy_take(r.energy, &hello, &result, &w, &err), MN_E_AGAIN);
	assert_non_null(strstr(err.msg, "2 of 1002 samples"));
	close_rig(&r);
}

static void clocks_that_disagree(void **state)
{
	struct mn_msg_result result;
	struct mn_window w;
	struct mn_err err;
	struct rig r;

	(void)state;
	open_rig(&r, 0);
	result = window(&r, 1000, 10e-3 * 1.013);
	assert_int_equal(mn_energy_take(r.energy, &hello, &result, &w, &err), MN_E_CLOCK);
	assert_non_null(strstr(err.msg, "1 % apart"));
	mn_energy_arm(r.energy, 1);
	result = window(&r, 1000, 10e-3);
	result.energy_micros = 10200; /* the board's own clocks */
	assert_int_equal(mn_energy_take(r.energy, &hello, &result, &w, &err), MN_E_CLOCK);
	mn_energy_arm(r.energy, 1);
	result = window(&r, 1000, 10e-3 * 1.009);
	assert_int_equal(mn_energy_take(r.energy, &hello, &result, &w, &err), 0);
	mn_window_clear(&w);
	close_rig(&r);
}

static void a_monitor_that_goes_away(void **state)
{
	struct mn_msg_result result = {.energy_reps = 1, .energy_cycles = 1, .energy_micros = 1};
	struct mn_window w;
	struct mn_err err;
	struct rig r;

	(void)state;
	open_rig(&r, 0);
	send_samples(&r, 300, IDLE_NA, 0);
	send_samples(&r, 10, RUN_NA, 1);
	close(r.fd);
	r.fd = -1;
	assert_int_equal(mn_energy_take(r.energy, &hello, &result, &w, &err), MN_E_CLOSED);
	assert_non_null(strstr(err.msg, "ended"));
	close_rig(&r);
}

static void refusals(void **state)
{
	const struct mn_energy_config config = {
		.meter = "virtual", .window_us = 10000, .reps = 1, .repeat = 1};
	struct mn_msg_hello real = hello;
	struct mn_energy *energy;
	struct mn_err err;

	(void)state;
	assert_int_equal(mn_energy_open(&config, &energy, &err), 0);
	assert_null(mn_energy_link(energy, "serial:/dev/ttyACM0", &err));
	assert_int_equal(err.code, MN_E_INVALID);
	real.uid0 = 1;
	assert_int_equal(mn_energy_check_board(energy, &real, &err), MN_E_INVALID);
	mn_energy_close(energy);
	mn_energy_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good),
		cmocka_unit_test(lost_samples),
		cmocka_unit_test(clocks_that_disagree),
		cmocka_unit_test(a_monitor_that_goes_away),
		cmocka_unit_test(refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
