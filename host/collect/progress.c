/* SPDX-License-Identifier: MIT */
#include "progress.h"

#include <stdio.h>
#include <string.h>

#define LINE_US 10000000
#define BAR     24

static void format_time(double us, char *buf, size_t size)
{
	long s = (long)(us / 1e6 + 0.5);

	if (us < 0)
		snprintf(buf, size, "-");
	else if (s >= 3600)
		snprintf(buf, size, "%ldh%02ldm", s / 3600, s / 60 % 60);
	else
		snprintf(buf, size, "%ldm%02lds", s / 60, s % 60);
}

static const char *state(enum mn_runner_status status, const struct mn_runner_progress *p)
{
	switch (status) {
	case MN_RUNNER_DONE:
		return "done";
	case MN_RUNNER_LOST:
		return "lost";
	case MN_RUNNER_FAILED:
		return "failed";
	case MN_RUNNER_INTERRUPTED:
		return "stopped";
	default:
		return p->running ? "" : "connecting";
	}
}

static void show_one(const struct mn_progress *progress, const struct mn_runner *runner,
		     int64_t now)
{
	enum mn_runner_status status = mn_runner_status(runner);
	struct mn_runner_progress p;
	char eta[32], bar[BAR + 1];
	double share;
	int fill;

	mn_runner_progress(runner, now, &p);
	share = p.cycles_total > 0 ? p.cycles_done / p.cycles_total
				   : (status == MN_RUNNER_DONE ? 1 : 0);
	fill = (int)(share * BAR + 0.5);
	memset(bar, '.', BAR);
	memset(bar, '#', (size_t)(fill < 0 ? 0 : fill > BAR ? BAR : fill));
	bar[BAR] = '\0';
	format_time(p.eta_us, eta, sizeof(eta));
	if (progress->mode == MN_PROGRESS_BARS)
		fprintf(stderr, "\r\033[K%-16s [%s] %3.0f %%  %zu/%zu", mn_runner_name(runner), bar,
			100 * share, p.done, p.total);
	else
		fprintf(stderr, "%s: %zu of %zu probes, %.0f %%", mn_runner_name(runner), p.done,
			p.total, 100 * share);
	if (p.failed)
		fprintf(stderr, "  %zu failed", p.failed);
	if (*state(status, &p))
		fprintf(stderr, "  %s", state(status, &p));
	else
		fprintf(stderr, "  %s left", eta);
	fputc('\n', stderr);
}

void mn_progress_show(struct mn_progress *progress, struct mn_runner *const *runners, size_t n,
		      int64_t now_us)
{
	if (progress->mode == MN_PROGRESS_NONE)
		return;
	if (progress->mode == MN_PROGRESS_LINES) {
		/* Not at the very start, where there is nothing to say. */
		if (!progress->next_us)
			progress->next_us = now_us + LINE_US;
		if (now_us < progress->next_us)
			return;
		progress->next_us = now_us + LINE_US;
	} else if (progress->bars) {
		fprintf(stderr, "\033[%zuA", progress->bars);
	}
	for (size_t i = 0; i < n; i++)
		show_one(progress, runners[i], now_us);
	progress->bars = n;
}

void mn_progress_note(struct mn_progress *progress, const char *name, const char *text)
{
	/* Over the bars; the next show draws them again below. */
	if (progress->mode == MN_PROGRESS_BARS && progress->bars)
		fprintf(stderr, "\033[%zuA\r\033[J", progress->bars);
	progress->bars = 0;
	fprintf(stderr, "%s: %s\n", name, text);
}

void mn_progress_end(struct mn_progress *progress)
{
	progress->bars = 0;
}
