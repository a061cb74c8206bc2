/* SPDX-License-Identifier: MIT */
/*
 * fake_peer.c on stdin and stdout, in real time: what `exec:` starts in tests of collect. Arguments
 * are name=number, or board=TEXT, kernels=TEXT, image=TEXT.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fake_peer.h"

static struct fake_peer fake;
static long exit_at;

static int64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static int set(const char *arg)
{
	const char *value = strchr(arg, '=');
	size_t len = value ? (size_t)(value - arg) : 0;
	long number = value ? strtol(value + 1, NULL, 0) : 0;

#define IS(name) (len == strlen(name) && !strncmp(arg, name, len))
	if (IS("board")) {
		snprintf(fake.hello.board, sizeof(fake.hello.board), "%s", value + 1);
		fake.hello.chip_id = 0; /* not that of the default board */
	} else if (IS("kernels"))
		snprintf(fake.hello.kernels, sizeof(fake.hello.kernels), "%s", value + 1);
	else if (IS("image"))
		snprintf(fake.hello.image, sizeof(fake.hello.image), "%s", value + 1);
	else if (IS("uid0"))
		fake.hello.uid0 = (uint32_t)number;
	else if (IS("counter"))
		fake.hello.counter_status = (int32_t)number;
	else if (IS("measured_hz"))
		fake.hello.clock_measured_hz = (uint32_t)number;
	else if (IS("proto"))
		fake.hello.proto = (uint8_t)number;
	else if (IS("version"))
		fake.answers_version = (int)number;
	else if (IS("probe_us"))
		fake.probe_us = number;
	else if (IS("reset_at"))
		fake.reset_at = (int)number;
	else if (IS("reset_tag"))
		fake.reset_tag = (int)number;
	else if (IS("fault_at"))
		fake.fault_at = (int)number;
	else if (IS("fault_tag"))
		fake.fault_tag = (int)number;
	else if (IS("refuse_tag"))
		fake.refuse_at = (int)number;
	else if (IS("exit_at"))
		exit_at = number;
	else if (IS("clock_permille"))
		fake.clock_factor = (double)number / 1000;
	else
		return -1;
	return 0;
}

int main(int argc, char **argv)
{
	fake_peer_init(&fake);
	fake.probe_us = 100;
	for (int i = 1; i < argc; i++) {
		if (set(argv[i])) {
			fprintf(stderr, "what is %s?\n", argv[i]);
			return 64;
		}
	}
	for (;;) {
		struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
		struct timespec wait = {0};
		int64_t at = fake_peer_deadline(&fake), left = at - now_us();
		uint8_t buf[4096];

		if (left > 0) {
			wait.tv_sec = left / 1000000;
			wait.tv_nsec = left % 1000000 * 1000;
		}
		if (ppoll(&p, 1, at == INT64_MAX ? NULL : &wait, NULL) > 0) {
			ssize_t n = read(STDIN_FILENO, buf, sizeof(buf));

			if (n <= 0)
				return 0;
			for (ssize_t i = 0; i < n; i++)
				fake_peer_input(&fake, buf[i], 0, now_us());
		}
		fake_peer_tick(&fake, now_us());
		if (exit_at && fake.started >= (uint32_t)exit_at)
			return 0;
		for (uint32_t done = 0; done < fake.out_len;) {
			ssize_t n = write(STDOUT_FILENO, fake.out + done, fake.out_len - done);

			if (n <= 0)
				return 0;
			done += (uint32_t)n;
		}
		fake.out_len = 0;
	}
}
