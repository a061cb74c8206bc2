/* SPDX-License-Identifier: MIT */
/* The PowerShield dialect: replies, text and binary samples, and what can go wrong in them. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lpm01a_model.h"

static struct lpm01a_model box;
static struct mn_lpm01a_decoder d;
static struct mn_meter_sample *samples;
static size_t n_samples, n_room;

static int keep(void *arg, const struct mn_meter_sample *s, size_t n)
{
	(void)arg;
	if (n_samples + n > n_room) {
		n_room = 2 * (n_samples + n);
		samples = realloc(samples, n_room * sizeof(*samples));
		assert_non_null(samples);
	}
	memcpy(samples + n_samples, s, n * sizeof(*s));
	n_samples += n;
	return 0;
}

/* 5 to 25 mA; the marker falls at 1.5 s, 3.5 s, ... */
static void board(void *arg, double t_s, double *ret_A, int *ret_d7)
{
	(void)arg;
	*ret_A = 0.015 + 0.01 * sin(20 * t_s);
	*ret_d7 = fmod(t_s + 1e-9, 2) < 1.5 && fmod(t_s + 1e-9, 2) >= 0.5;
}

static int setup(void **state)
{
	(void)state;
	lpm01a_model_init(&box, MN_LPM01A_SHIELD, board, NULL);
	n_samples = 0;
	return 0;
}

static int clean_up(void **state)
{
	(void)state;
	free(samples);
	samples = NULL;
	n_room = 0;
	return 0;
}

static int reply(const char *text, size_t n, const char *command, char *value, struct mn_err *err)
{
	return mn_lpm01a_reply(text, n, command, value, 64, err);
}

#define REPLY(text, command) reply(text, sizeof(text) - 1, command, value, &err)

static void replies(void **state)
{
	struct mn_err err;
	char value[64] = "untouched";

	(void)state;
	assert_int_equal(REPLY("", "htc"), MN_E_AGAIN);
	assert_int_equal(REPLY("PowerShield > ack htc", "htc"), MN_E_AGAIN);
	assert_string_equal(value, "untouched");
	assert_int_equal(REPLY("PowerShield > ack htc\r\n", "htc"), 0);
	assert_string_equal(value, "");
	/* Prompts on their own, glued and twice; NULs; samples of an earlier run; other acks. */
	assert_int_equal(REPLY("6409-07\r\n33930-08\r\n\0PowerShield > \r\nPowerShield > "
			       "PowerShield > ack version\0 1.0.6\r\n",
			       "version"),
			 0);
	assert_string_equal(value, "1.0.6");
	assert_int_equal(REPLY("PowerShield > ack stop\r\n", "version"), MN_E_AGAIN);
	assert_int_equal(REPLY("PowerShield > error volt 9000m\r\nError detail: out of range\r\n",
			       "volt 9000m"),
			 MN_E_PROTOCOL);
	assert_non_null(strstr(err.msg, "out of range"));
	assert_int_equal(REPLY("error: Command unknown\r\nError detail: x\r\n", "htc"),
			 MN_E_PROTOCOL);
	/* The reason is on its way. */
	assert_int_equal(REPLY("PowerShield > error pwr off\r\n", "pwr off"), MN_E_AGAIN);
}

static void voltages(void **state)
{
	static const char text[] = "calibration request handled\r\nPowerShield > ack volt get "
				   "3292-03\r\n";
	uint32_t mV = 0;

	(void)state;
	assert_int_equal(mn_lpm01a_volt(text, sizeof(text) - 1, &mV), 0);
	assert_int_equal(mV, 3292);
	assert_int_equal(mn_lpm01a_volt("ack volt get\r\n", 14, &mV), MN_E_AGAIN);
	assert_int_equal(mn_lpm01a_volt("9999-01\r\n", 9, &mV), MN_E_PROTOCOL);
}

static void run(uint32_t hz, int binary, double seconds, size_t chunk)
{
	char *buf = malloc(chunk);
	size_t n;

	box.control = 1;
	box.binary = binary;
	box.events = !binary;
	box.hz = hz;
	n_samples = 0;
	mn_lpm01a_decoder_init(&d, box.kind, binary, hz, 3300, keep, NULL);
	lpm01a_model_write(&box, "start\r\n", 7);
	for (double t = 0; t < seconds; t += 1) {
		lpm01a_model_run(&box, (uint64_t)(hz * fmin(1, seconds - t)));
		if (t + 1 >= seconds)
			lpm01a_model_write(&box, "stop\r\n", 6);
		while ((n = lpm01a_model_read(&box, buf, chunk)) > 0)
			assert_int_equal(mn_lpm01a_decode(&d, buf, n), 0);
	}
	free(buf);
	for (size_t i = 1; i < n_samples; i++)
		assert_true(samples[i].tick > samples[i - 1].tick);
}

static double charge_C(void)
{
	double sum = 0;

	for (size_t i = 0; i < n_samples; i++)
		sum += (double)samples[i].current_pA * 1e-12 / box.hz;
	return sum;
}

static void documented_numbers(void **state)
{
	static const char text[] = "TimeStamp: 000s 000ms, buff 00%\r\n6409-07\r\n0000-10\r\n"
				   "33930-08 1234+00\r\n";
	static const uint8_t binary[] = {'a',  'c',  'k',  0xf0, 0xf3, 0,    0,
					 0,    0,    0,    0xff, 0xff, 0x52, 0xa0,
					 0x3b, 0xb8, 0xf0, 0xf4, 0xff, 0xff};

	(void)state;
	mn_lpm01a_decoder_init(&d, MN_LPM01A_SHIELD, 0, 1000, 3300, keep, NULL);
	assert_int_equal(mn_lpm01a_decode(&d, text, sizeof(text) - 1), 0);
	assert_int_equal(n_samples, 4);
	assert_int_equal(samples[0].current_pA, 640900000);
	assert_int_equal(samples[1].current_pA, 0);
	assert_int_equal(samples[2].current_pA, 339300000);
	assert_int_equal(samples[3].current_pA, 100000000000000);
	assert_int_equal(samples[3].flags, MN_SAMPLE_SATURATED);
	assert_int_equal(samples[0].voltage_uV, 3300000);
	n_samples = 0;
	mn_lpm01a_decoder_init(&d, MN_LPM01A_SHIELD, 1, 1000, 3300, keep, NULL);
	assert_int_equal(mn_lpm01a_decode(&d, binary, sizeof(binary)), 0);
	assert_int_equal(n_samples, 2);
	assert_true(llabs(samples[0].current_pA - 640900000) < 200000);
	assert_true(llabs(samples[1].current_pA - 732000000000) < 500000000);
	assert_int_equal(d.end, MN_LPM01A_COMPLETED);
}

static void streams_in_any_chunks(void **state)
{
	static const size_t chunks[] = {1, 7, 64, 1000, 4096};

	(void)state;
	for (size_t i = 0; i < sizeof(chunks) / sizeof(chunks[0]); i++)
		for (int binary = 0; binary < 2; binary++) {
			setup(NULL);
			box.faults.nuls = box.faults.glued_prompt = i % 2 == 0;
			run(binary ? 20000 : 5000, binary, 2, chunks[i]);
			assert_int_equal(n_samples, 2 * box.hz);
			assert_int_equal(d.stats.lost + d.stats.torn, 0);
			assert_int_equal(d.end, MN_LPM01A_COMPLETED);
			assert_true(fabs(charge_C() - box.charge_C) < 1e-9 * box.charge_C);
		}
}

static void events_are_falls(void **state)
{
	size_t at[4], n = 0;

	(void)state;
	run(1000, 0, 6, 64);
	for (size_t i = 0; i < n_samples; i++)
		if (samples[i].flags & MN_SAMPLE_FALL) {
			assert_true(n < 4);
			at[n++] = samples[i].tick;
		}
	assert_int_equal(n, 3);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(at[i], 1500 + 2000 * i + 1);
	assert_int_equal(d.stats.events, 3);
	assert_int_equal(d.stats.events_lost, 0);
	setup(NULL);
	box.faults.event_skip_at = 2000;
	run(1000, 0, 6, 64);
	assert_int_equal(d.stats.events_lost, 1);
}

/* What is missing between two of the device's stamps is lost, and time stays right. */
static void losses(void **state)
{
	(void)state;
	box.faults.torn_at = 700;
	run(1000, 0, 3, 100);
	assert_int_equal(d.stats.torn, 1);
	assert_int_equal(d.stats.lost, 1);
	assert_int_equal(n_samples, 2999);
	assert_int_equal(samples[n_samples - 1].tick, 3000);
	setup(NULL);
	box.faults.missing_at = 1200;
	box.faults.missing = 17;
	run(1000, 0, 3, 100);
	assert_int_equal(d.stats.lost, 17);
	assert_int_equal(samples[n_samples - 1].tick, 3000);
	setup(NULL);
	box.faults.missing_at = 12000;
	box.faults.missing = 3000;
	run(100000, 1, 1, 4096);
	assert_in_range(d.stats.lost, 2900, 3000);
	assert_in_range(samples[n_samples - 1].tick, 99900, 100000);
}

/* A byte lost in binary: nothing between those two stamps is believed. */
static void lost_byte_in_binary(void **state)
{
	(void)state;
	box.faults.torn_at = 2500;
	run(100000, 1, 1, 777);
	assert_int_equal(d.stats.torn, 1);
	assert_int_equal(d.stats.lost, 1000);
	assert_int_equal(n_samples, 99000);
	assert_int_equal(samples[1999].tick, 2000);
	assert_int_equal(samples[2000].tick, 3001);
	for (size_t i = 0; i < n_samples; i++) {
		double A;
		int d7;

		board(NULL, (double)(samples[i].tick - 1) / 100000, &A, &d7);
		assert_true(fabs((double)samples[i].current_pA * 1e-12 -
				 lpm01a_model_quantize(A, 1)) < 1e-9);
	}
}

static void ends_and_warnings(void **state)
{
	(void)state;
	box.faults.overcurrent_at = 500;
	run(1000, 0, 1, 64);
	assert_int_equal(d.end, MN_LPM01A_OVERCURRENT);
	setup(NULL);
	box.faults.overcurrent_at = 500;
	run(1000, 1, 1, 64);
	assert_int_equal(d.end, MN_LPM01A_OVERCURRENT);
	setup(NULL);
	box.kind = MN_LPM01A_V3PWR;
	box.faults.overcurrent_at = 500;
	run(1000, 1, 1, 64);
	assert_int_equal(d.end, MN_LPM01A_OVERCURRENT);
	setup(NULL);
	box.faults.error_at = 500;
	run(1000, 1, 1, 64);
	assert_int_equal(d.end, MN_LPM01A_ERROR);
	assert_non_null(strstr(d.message, "something is wrong"));
	setup(NULL);
	box.faults.target_off_at = 500;
	run(1000, 1, 1, 64);
	assert_int_equal(d.end, MN_LPM01A_TARGET_OFF);
	setup(NULL);
	box.faults.fill_pct = 99;
	run(1000, 0, 3, 64);
	assert_int_equal(d.stats.buffer_full, 3);
}

static void seconds_wrap(void **state)
{
	char text[64];

	(void)state;
	mn_lpm01a_decoder_init(&d, MN_LPM01A_SHIELD, 0, 1, 3300, keep, NULL);
	for (int s = 0; s < 2500; s++) {
		int n = snprintf(text, sizeof(text), "TimeStamp: %03ds 000ms, buff 00%%\n1000-05\n",
				 s % 1000);

		assert_int_equal(mn_lpm01a_decode(&d, text, (size_t)n), 0);
	}
	assert_int_equal(n_samples, 2500);
	assert_int_equal(d.stats.lost, 0);
	assert_int_equal(samples[2499].tick, 2500);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, clean_up)
	const struct CMUnitTest tests[] = {
		T(replies),          T(voltages), T(documented_numbers),  T(streams_in_any_chunks),
		T(events_are_falls), T(losses),   T(lost_byte_in_binary), T(ends_and_warnings),
		T(seconds_wrap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
