/* SPDX-License-Identifier: MIT */
#include "loop.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

/* epoll data of what is not a board. */
#define TAG_SIGNAL UINT64_MAX
#define TAG_TIMER  (UINT64_MAX - 1)

int64_t mn_loop_now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

struct loop {
	int epoll, timer, signals;
};

static int add(int epoll, int fd, uint32_t events, uint64_t tag)
{
	struct epoll_event ev = {.events = events, .data.u64 = tag};

	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev);
}

/* Tell epoll what a board waits for now. A closed descriptor has left epoll by itself, and its
 * number may be another file. */
static int watch(const struct loop *loop, const struct mn_runner *runner, size_t i)
{
	int fd = mn_runner_fd(runner);
	struct epoll_event ev = {
		.events = EPOLLIN | (mn_runner_wants_write(runner) ? (uint32_t)EPOLLOUT : 0),
		.data.u64 = i,
	};

	if (fd < 0 || !epoll_ctl(loop->epoll, EPOLL_CTL_MOD, fd, &ev))
		return 0;
	return errno == ENOENT ? epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &ev) : -1;
}

static int set_timer(int timer, int64_t at_us)
{
	struct itimerspec spec = {0};

	if (at_us != INT64_MAX) {
		if (at_us < 1)
			at_us = 1; /* 0 would switch it off */
		spec.it_value.tv_sec = at_us / 1000000;
		spec.it_value.tv_nsec = at_us % 1000000 * 1000;
	}
	return timerfd_settime(timer, TFD_TIMER_ABSTIME, &spec, NULL);
}

static void stop_all(struct mn_runner *const *runners, size_t n)
{
	for (size_t i = 0; i < n; i++)
		mn_runner_stop(runners[i]);
}

static int all_ended(struct mn_runner *const *runners, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (mn_runner_status(runners[i]) == MN_RUNNER_BUSY)
			return 0;
	return 1;
}

static int turn(const struct loop *loop, struct mn_runner *const *runners, size_t n,
		int64_t wake_us, int *signals)
{
	struct epoll_event events[16];
	struct signalfd_siginfo info;
	uint64_t expired;
	int got;

	for (size_t i = 0; i < n; i++) {
		int64_t at = mn_runner_deadline(runners[i]);

		if (watch(loop, runners[i], i))
			return -1;
		if (at < wake_us)
			wake_us = at;
	}
	if (set_timer(loop->timer, wake_us))
		return -1;
	do
		got = epoll_wait(loop->epoll, events, 16, -1);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return -1;
	for (int e = 0; e < got; e++) {
		uint64_t tag = events[e].data.u64;

		if (tag == TAG_SIGNAL) {
			while (read(loop->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
				(*signals)++;
				stop_all(runners, n);
			}
		} else if (tag == TAG_TIMER) {
			(void)!read(loop->timer, &expired, sizeof(expired));
		} else if (mn_runner_fd(runners[tag]) >= 0) {
			mn_runner_io(runners[tag], mn_loop_now_us());
		}
	}
	return 0;
}

int mn_loop_run(struct mn_runner *const *runners, size_t n, const struct mn_loop_config *config,
		int *ret_signals, struct mn_err *err)
{
	struct loop loop;
	int64_t next_progress = 0;
	int signals = 0, stopped = 0, ret = 0;
	sigset_t set, old;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, &old);
	loop.epoll = epoll_create1(EPOLL_CLOEXEC);
	loop.timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	loop.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (loop.epoll < 0 || loop.timer < 0 || loop.signals < 0 ||
	    add(loop.epoll, loop.timer, EPOLLIN, TAG_TIMER) ||
	    add(loop.epoll, loop.signals, EPOLLIN, TAG_SIGNAL)) {
		ret = mn_err_set(err, MN_E_IO, "cannot make an event loop: %s", strerror(errno));
		goto out;
	}
	for (;;) {
		int64_t now = mn_loop_now_us(), wake = INT64_MAX;

		for (size_t i = 0; i < n; i++)
			mn_runner_tick(runners[i], now);
		if (!stopped && config->stopped && config->stopped(config->arg)) {
			stopped = 1;
			stop_all(runners, n);
			stop_all(runners, n);
		}
		if (config->progress) {
			if (now >= next_progress) {
				config->progress(runners, n, now, config->arg);
				next_progress = now + config->period_us;
			}
			wake = next_progress;
		}
		if (all_ended(runners, n))
			break;
		if (turn(&loop, runners, n, wake, &signals)) {
			ret = mn_err_set(err, MN_E_IO, "cannot wait for the boards: %s",
					 strerror(errno));
			goto out;
		}
	}
	if (config->progress)
		config->progress(runners, n, mn_loop_now_us(), config->arg);
	*ret_signals = signals;
out:
	if (loop.epoll >= 0)
		close(loop.epoll);
	if (loop.timer >= 0)
		close(loop.timer);
	if (loop.signals >= 0)
		close(loop.signals);
	sigprocmask(SIG_SETMASK, &old, NULL);
	return ret;
}
