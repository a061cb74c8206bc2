/* SPDX-License-Identifier: MIT */
/*
 * meter.decode: samples of a PPK2 that one core aligns, converts, filters and cuts into windows in
 * a second, against the 100000 that the device sends in one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "ppk2/protocol.h"
#include "window.h"

enum { BLOCK = 2048, BLOCKS = 20000 };

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void fill(uint8_t *bytes, uint32_t first)
{
	for (uint32_t i = 0; i < BLOCK / 4; i++) {
		uint32_t n = first + i, marker = n / 30000 % 2;
		uint32_t w = (500 + n % 97) | 3u << 14 | (n & 63) << 18 | marker << 24;

		for (int k = 0; k < 4; k++)
			bytes[4 * i + (uint32_t)k] = (uint8_t)(w >> 8 * k);
	}
}

int main(void)
{
	const struct mn_window_config config = {.tick_hz = MN_PPK2_SAMPLE_HZ,
						.period_ticks = 1,
						.layer_bit = 255,
						.idle_us = 100000,
						.guard_us = 1000};
	static struct mn_meter_sample out[MN_PPK2_OUT(BLOCK)];
	static struct mn_ppk2_decoder decoder;
	static uint8_t bytes[64 * BLOCK];
	struct mn_ppk2_calibration cal;
	struct mn_window_cutter *cutter;
	struct mn_window window;
	uint64_t samples = 0, windows = 0;
	double start, taken;

	mn_ppk2_calibration_init(&cal);
	mn_ppk2_decoder_init(&decoder, &cal, 3300);
	if (mn_window_new(&config, &cutter, NULL))
		return 1;
	/* 64 blocks are a multiple of the counter: repeated, they are one stream. */
	for (uint32_t i = 0; i < 64; i++)
		fill(bytes + i * BLOCK, i * BLOCK / 4);
	start = now_s();
	for (uint32_t i = 0; i < BLOCKS; i++) {
		size_t n = mn_ppk2_decode(&decoder, bytes + i % 64 * BLOCK, BLOCK, out);

		if (mn_window_feed(cutter, out, n))
			return 1;
		while (mn_window_next(cutter, &window)) {
			mn_window_clear(&window);
			windows++;
		}
		samples += n;
	}
	taken = now_s() - start;
	mn_window_free(cutter);
	if (decoder.stats.lost || !windows) {
		fprintf(stderr, "bench_meter_decode: %llu samples lost, %llu windows\n",
			(unsigned long long)decoder.stats.lost, (unsigned long long)windows);
		return 1;
	}
	printf("{\"name\": \"meter.decode\", \"value\": %.0f, \"unit\": \"samples/s\", "
	       "\"reference\": %d, \"ratio\": %.1f, \"reference_is\": \"what a PPK2 sends\", "
	       "\"windows\": %llu}\n",
	       (double)samples / taken, MN_PPK2_SAMPLE_HZ,
	       (double)samples / taken / MN_PPK2_SAMPLE_HZ, (unsigned long long)windows);
	return 0;
}
