/* SPDX-License-Identifier: MIT */
/* The PPK2's bytes: conversion, filter, metadata and the sample stream with what can go wrong in
 * it. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "ppk2_model.h"

static struct ppk2_model kit;

/* A board that draws 12 to 58 mA in steps, with a marker on line 0 from sample 5000 to 14999. */
static void board(void *arg, uint64_t n, double *ret_A, uint8_t *ret_bits)
{
	(void)arg;
	*ret_A = 0.012 + 0.0002 * (double)(n / 37 % 231);
	*ret_bits = n >= 5000 && n < 15000 ? 0xa1 : 0xa0;
}

static int setup(void **state)
{
	(void)state;
	ppk2_model_init(&kit, board, NULL);
	return 0;
}

static void assert_near(double a, double b, double relative)
{
	if (!(fabs(a - b) <= relative * fabs(b)))
		fail_msg("%.12g is not %.12g within %g", a, b, relative);
}

/* facts/ppk2.md, "Test vectors": 3300 mV, uA. */
static void conversion_vectors(void **state)
{
	static const unsigned fields[] = {0, 50, 500, 1500, 2047};
	static const double expected_uA[MN_PPK2_RANGES][5] = {
		{-1.182274270, 1.007653782, 20.717006250, 64.515567292, 88.473380181},
		{-7.380878095, 13.601873716, 207.195642351, 668.008698818, 937.934100785},
		{-12.243297363, 192.978661754, 2113.708190667, 6857.157145752, 9729.124145094},
		{-714.866781075, 1461.952929254, 22186.602929734, 75544.693068114,
		 108993.726062394},
		{-15942.206217573, 21402.077303343, 367458.739758170, 1200648.036820226,
		 1693854.328773978},
	};

	(void)state;
	for (unsigned r = 0; r < MN_PPK2_RANGES; r++)
		for (int i = 0; i < 5; i++)
			assert_near(mn_ppk2_current_A(&kit.cal, 3300, r, fields[i]) * 1e6,
				    expected_uA[r][i], 1e-9);
	/* As ppk2-rs quotes Nordic's application, for its inputs in single precision. */
	assert_near(mn_ppk2_current_A(&kit.cal, 3741, 0, 27) * 1e6, 0.021454880761611544, 1e-6);
}

/* The same section: words, and what Nordic's filter makes of them. */
static void filter_vector(void **state)
{
	static const struct {
		uint32_t word;
		double raw_uA, filtered_uA;
	} rows[] = {
		{0xa5008190, 1675.410000, 1675.410000},
		{0xa504819a, 1718.944892, 1718.944892},
		{0xa508c12c, 12723.809017, 3670.547573},
		{0xa50cc136, 13187.378855, 5383.577204},
		{0xa510c131, 12955.468017, 6746.517550},
		{0xa514c131, 12955.468017, 12955.468017},
		{0xa51900c8, 134762.675968, 4151.364090},
		{0xa51d00d2, 142390.862445, 4151.364090},
		{0xa52100cd, 138575.662750, 12216.822010},
		{0xa52500cd, 138575.662750, 138575.662750},
		{0xa52900cd, 138575.662750, 138575.662750},
		{0xa52c44b0, 525.332380, 54629.074427},
		{0xa53044ba, 530.027048, 44891.245898},
		{0xa53444b5, 527.679186, 36905.803890},
		{0xa53844b0, 525.332380, 525.332380},
	};
	enum { N = sizeof(rows) / sizeof(rows[0]) };
	struct mn_meter_sample out[MN_PPK2_OUT(4 * N) + MN_PPK2_OUT(0)];
	static struct mn_ppk2_decoder d;
	uint8_t bytes[4 * N];
	size_t n;

	(void)state;
	for (int i = 0; i < N; i++)
		for (int k = 0; k < 4; k++)
			bytes[4 * i + k] = (uint8_t)(rows[i].word >> 8 * k);
	mn_ppk2_decoder_init(&d, &kit.cal, 3300);
	n = mn_ppk2_decode(&d, bytes, sizeof(bytes), out);
	n += mn_ppk2_decode_end(&d, out + n);
	assert_int_equal(n, N);
	for (int i = 0; i < N; i++) {
		assert_int_equal(out[i].tick, i + 1);
		assert_int_equal(out[i].bits, 0xa5);
		assert_true(fabs((double)out[i].current_pA / 1e6 - rows[i].raw_uA) < 1.1e-6);
		assert_true(fabs((double)out[i].filtered_pA / 1e6 - rows[i].filtered_uA) < 1.1e-6);
	}
	assert_int_equal(out[2].flags, MN_SAMPLE_RANGE);
	assert_int_equal(out[3].flags, 0);
}

static void metadata_whole_split_and_stale(void **state)
{
	char text[MN_PPK2_METADATA_MAX], *stale;
	size_t n = ppk2_model_metadata(&kit, text, sizeof(text)), used = 0;
	struct mn_ppk2_calibration cal;

	(void)state;
	for (size_t have = 0; have < n - 1; have++)
		assert_int_equal(mn_ppk2_metadata_parse(text, have, &cal, &used, NULL), MN_E_AGAIN);
	assert_int_equal(mn_ppk2_metadata_parse(text, n, &cal, &used, NULL), 0);
	assert_int_equal(used, n);
	assert_memory_equal(cal.r, kit.cal.r, sizeof(cal.r));
	assert_memory_equal(cal.gs, kit.cal.gs, sizeof(cal.gs));
	assert_memory_equal(cal.gi, kit.cal.gi, sizeof(cal.gi));
	assert_memory_equal(cal.o, kit.cal.o, sizeof(cal.o));
	assert_memory_equal(cal.ug, kit.cal.ug, sizeof(cal.ug));
	assert_int_equal(cal.vdd_mV, 3300);
	assert_int_equal(cal.mode, 2);
	assert_int_equal(cal.hw, 9173);

	/* Samples before it, an "END" among them, and half of an earlier answer. */
	stale = malloc(2 * n + 1000);
	memset(stale, 0xa5, 1000);
	memcpy(stale + 100, "\nEND", 4);
	memcpy(stale + 1000, text, n / 2);
	memcpy(stale + 1000 + n / 2, text, n);
	assert_int_equal(mn_ppk2_metadata_parse(stale, 1000 + n / 2 + n, &cal, &used, NULL), 0);
	assert_int_equal(used, 1000 + n / 2 + n);
	assert_memory_equal(cal.r, kit.cal.r, sizeof(cal.r));
	free(stale);
}

static void metadata_that_lies(void **state)
{
	static const char nan[] = "Calibrated: 0\nR0: 1000.5\nR1: 100\nR2: -nan\nR3: 1\nR4: 0.05\n"
				  "GS0: -nan\nGI1: 0\nUG2: 0.0\nVDD: -nan\nEND\n";
	static const char some[] = "Calibrated: 1\nR0: 1000\nR1: 100\nR2: 10\nR3: 1\nR4: 0.05\n"
				   "GS0: -nan\nGI1: 0\nUG2: 0.0\nVDD: 99999999\nO1: -3e1\nEND\n";
	struct mn_ppk2_calibration cal = {.hw = 77};
	char *junk = calloc(1, MN_PPK2_METADATA_MAX);
	struct mn_err err;
	size_t used;

	(void)state;
	assert_int_equal(mn_ppk2_metadata_parse(nan, strlen(nan), &cal, &used, &err),
			 MN_E_PROTOCOL);
	assert_int_equal(cal.hw, 77);
	assert_int_equal(mn_ppk2_metadata_parse(some, strlen(some), &cal, &used, NULL), 0);
	assert_true(cal.gs[0] == 1 && cal.gi[1] == 1 && cal.ug[2] == 1 && cal.o[1] == -30);
	assert_int_equal(cal.vdd_mV, -1);
	assert_int_equal(cal.calibrated, 1);
	assert_int_equal(mn_ppk2_metadata_parse(junk, MN_PPK2_METADATA_MAX, &cal, &used, &err),
			 MN_E_PROTOCOL);
	free(junk);
}

struct result {
	struct mn_meter_sample *samples;
	size_t n;
	struct mn_ppk2_stats stats;
};

/* All that the kit makes of so many samples, decoded in chunks of a size. */
static struct result decode(uint64_t samples, size_t chunk)
{
	static const uint8_t start = MN_PPK2_START, stop = MN_PPK2_STOP;
	static struct mn_ppk2_decoder d;
	struct result r = {.samples = malloc((samples + 64) * sizeof(*r.samples))};
	uint8_t *buf = malloc(chunk);
	size_t got;

	assert_non_null(r.samples);
	mn_ppk2_decoder_init(&d, &kit.cal, kit.volt_mV);
	ppk2_model_write(&kit, &start, 1);
	ppk2_model_run(&kit, samples);
	ppk2_model_write(&kit, &stop, 1);
	while ((got = ppk2_model_read(&kit, buf, chunk)) > 0)
		r.n += mn_ppk2_decode(&d, buf, got, r.samples + r.n);
	r.n += mn_ppk2_decode_end(&d, r.samples + r.n);
	r.stats = d.stats;
	free(buf);
	for (size_t i = 1; i < r.n; i++)
		assert_true(r.samples[i].tick > r.samples[i - 1].tick);
	return r;
}

static double charge_C(const struct result *r)
{
	double sum = 0;

	for (size_t i = 0; i < r->n; i++)
		sum += (double)r->samples[i].current_pA * 1e-12 / MN_PPK2_SAMPLE_HZ;
	return sum;
}

/* Every sample that came is the one that the board made at its tick. */
static void assert_true_to_board(const struct result *r)
{
	for (size_t i = 0; i < r->n; i++) {
		double A, exact;
		uint8_t bits;

		board(NULL, r->samples[i].tick - 1, &A, &bits);
		ppk2_model_word(&kit, A, 0, 0, &exact);
		if (r->samples[i].bits != bits)
			fail_msg("tick %llu: lines %02x", (unsigned long long)r->samples[i].tick,
				 r->samples[i].bits);
		if (!(r->samples[i].flags & (MN_SAMPLE_HELD | MN_SAMPLE_SATURATED)))
			assert_near((double)r->samples[i].current_pA, exact * 1e12, 1e-9);
	}
}

static void stream_in_any_chunks(void **state)
{
	static const size_t chunks[] = {1, 3, 7, 64, 509, 2048, 16384};

	(void)state;
	for (size_t i = 0; i < sizeof(chunks) / sizeof(chunks[0]); i++) {
		struct result r;

		setup(NULL);
		r = decode(20000, chunks[i]);
		assert_int_equal(r.n, 20000);
		assert_int_equal(r.stats.lost + r.stats.realigned + r.stats.garbage, 0);
		assert_near(charge_C(&r), kit.charge_C, 1e-9);
		assert_true_to_board(&r);
		free(r.samples);
	}
}

static void lost_byte_is_found_and_aligned(void **state)
{
	(void)state;
	for (unsigned byte = 0; byte < 4; byte++)
		for (uint64_t at = 4997; at < 5004; at++) {
			struct result r;

			setup(NULL);
			kit.faults.drop_byte_at = at;
			kit.faults.drop_byte = byte;
			r = decode(20000, 2048);
			assert_int_equal(r.stats.realigned, 1);
			/* The word itself, and at most the one beside it. */
			assert_in_range(r.stats.lost, 1, 2);
			assert_int_equal(r.n + r.stats.lost, 20000);
			assert_true_to_board(&r);
			free(r.samples);
		}
	/* In the very first word too. */
	setup(NULL);
	kit.faults.drop_byte_at = 1;
	kit.faults.drop_byte = 2;
	{
		struct result r = decode(2000, 64);

		assert_int_equal(r.stats.realigned, 1);
		free(r.samples);
	}
}

static void gaps_are_counted(void **state)
{
	static const uint64_t gaps[] = {1, 5, 62, 63};

	(void)state;
	for (size_t i = 0; i < sizeof(gaps) / sizeof(gaps[0]); i++) {
		struct result r;

		setup(NULL);
		kit.faults.gap_at = 9000;
		kit.faults.gap = gaps[i];
		r = decode(20000, 2048);
		assert_int_equal(r.stats.lost, gaps[i]);
		assert_int_equal(r.n, 20000 - gaps[i]);
		assert_int_equal(r.samples[9000].tick - r.samples[8999].tick, gaps[i] + 1);
		assert_true_to_board(&r);
		free(r.samples);
	}
	/* Multiples of 64 are invisible in the counter: one short by 64, as it must look. */
	setup(NULL);
	kit.faults.gap_at = 9000;
	kit.faults.gap = 65;
	{
		struct result r = decode(20000, 2048);

		assert_int_equal(r.stats.lost, 1);
		free(r.samples);
	}
}

static void two_faults_close_together(void **state)
{
	struct result r;

	(void)state;
	kit.faults.gap_at = 9000;
	kit.faults.gap = 7;
	kit.faults.drop_byte_at = 9012;
	kit.faults.drop_byte = 1;
	r = decode(20000, 100);
	assert_int_equal(r.stats.realigned, 1);
	assert_in_range(r.stats.lost, 8, 24);
	assert_int_equal(r.n + r.stats.lost, 20000);
	assert_true_to_board(&r);
	free(r.samples);
}

static void range_seven_and_the_end_of_a_range(void **state)
{
	struct result r;

	(void)state;
	kit.faults.no_value_at = 700;
	kit.faults.no_value = 3;
	kit.faults.saturate_at = 800;
	r = decode(2000, 2048);
	assert_int_equal(r.n, 2000);
	assert_int_equal(r.stats.no_value, 3);
	assert_int_equal(r.stats.saturated, 1);
	for (int i = 700; i < 703; i++) {
		assert_int_equal(r.samples[i].flags, MN_SAMPLE_HELD);
		assert_int_equal(r.samples[i].current_pA, r.samples[699].current_pA);
	}
	assert_int_equal(r.samples[703].flags & MN_SAMPLE_HELD, 0);
	assert_int_equal(r.samples[800].flags & MN_SAMPLE_SATURATED, MN_SAMPLE_SATURATED);
	free(r.samples);
}

/* Noise is counted as lost time, and the stream is found again behind it. */
static void noise_in_the_stream(void **state)
{
	struct mn_meter_sample out[MN_PPK2_OUT(8192)];
	static struct mn_ppk2_decoder d;
	uint8_t bytes[8192];
	size_t n = 0;
	double exact;

	(void)state;
	for (int i = 0; i < 2048; i++) {
		uint32_t w = ppk2_model_word(&kit, 0.02, (uint8_t)i, 0x55, &exact);

		if (i >= 500 && i < 600)
			w = (uint32_t)i * 2654435761u;
		for (int k = 0; k < 4; k++)
			bytes[4 * i + k] = (uint8_t)(w >> 8 * k);
	}
	mn_ppk2_decoder_init(&d, &kit.cal, 3300);
	n = mn_ppk2_decode(&d, bytes, sizeof(bytes), out);
	n += mn_ppk2_decode_end(&d, out + n);
	assert_in_range(d.stats.garbage, 80, 101);
	for (size_t i = 0; i < n; i++)
		assert_near((double)out[i].current_pA, exact * 1e12, 1e-9);
	assert_int_equal(n + d.stats.lost, 2048);
	assert_int_equal(out[n - 1].tick, 2048);
}

/*
 * 512 samples lost are invisible in the counter; the host's clock sees them, through the jitter of
 * a busy machine and a drift of 100 ppm, and sees nothing else.
 */
static void lost_block_is_found_by_time(void **state)
{
	static const uint8_t start = MN_PPK2_START;
	static struct mn_ppk2_decoder d;
	struct mn_meter_sample out[MN_PPK2_OUT(2048)];
	uint64_t lost_at = 3000000, made = 0, found = 0, last_ns = 0;
	uint32_t seed = 12345;
	uint8_t buf[2048];

	(void)state;
	mn_ppk2_decoder_init(&d, &kit.cal, 3300);
	ppk2_model_write(&kit, &start, 1);
	kit.faults.gap_at = lost_at;
	kit.faults.gap = 2 * MN_PPK2_BLOCK;
	while (made < 6000000) {
		size_t got;
		uint64_t ns, missing;

		ppk2_model_run(&kit, MN_PPK2_BLOCK);
		made += MN_PPK2_BLOCK;
		got = ppk2_model_read(&kit, buf, sizeof(buf));
		if (!got)
			continue;
		mn_ppk2_decode(&d, buf, got, out);
		seed = seed * 1664525 + 1013904223;
		/* Up to 4 ms late, now and then 400 ms. */
		ns = 1000000000 + made * 10001 + (seed >> 10);
		if (seed % 1009 == 0)
			ns += 400000000;
		/* What comes after it is not earlier. */
		if (ns < last_ns)
			ns = last_ns;
		last_ns = ns;
		missing = mn_ppk2_arrived(&d, ns);
		if (missing) {
			assert_int_equal(missing, 2 * MN_PPK2_BLOCK);
			assert_in_range(made, lost_at, lost_at + 300000);
			found++;
		}
	}
	assert_int_equal(found, 1);
	assert_int_equal(d.stats.overrun, 2 * MN_PPK2_BLOCK);
	assert_in_range(d.tick, made - 16, made + 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(conversion_vectors, setup),
		cmocka_unit_test_setup(filter_vector, setup),
		cmocka_unit_test_setup(metadata_whole_split_and_stale, setup),
		cmocka_unit_test_setup(metadata_that_lies, setup),
		cmocka_unit_test_setup(stream_in_any_chunks, setup),
		cmocka_unit_test_setup(lost_byte_is_found_and_aligned, setup),
		cmocka_unit_test_setup(gaps_are_counted, setup),
		cmocka_unit_test_setup(two_faults_close_together, setup),
		cmocka_unit_test_setup(range_seven_and_the_end_of_a_range, setup),
		cmocka_unit_test_setup(noise_in_the_stream, setup),
		cmocka_unit_test_setup(lost_block_is_found_by_time, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
