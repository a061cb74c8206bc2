/* SPDX-License-Identifier: MIT */
/* Progress on stderr: a bar a board on a terminal, else a line a board every 10 s. */
#ifndef MN_PROGRESS_H
#define MN_PROGRESS_H

#include <stddef.h>
#include <stdint.h>

#include "runner.h"

enum mn_progress_mode { MN_PROGRESS_NONE, MN_PROGRESS_LINES, MN_PROGRESS_BARS };

struct mn_progress {
	enum mn_progress_mode mode;
	int64_t next_us; /* LINES */
	size_t bars;     /* on the screen, above the cursor */
};

void mn_progress_show(struct mn_progress *progress, struct mn_runner *const *runners, size_t n,
		      int64_t now_us);
/* A line of its own above the bars. */
void mn_progress_note(struct mn_progress *progress, const char *name, const char *text);
/* Leave what is shown on the screen and go below it. */
void mn_progress_end(struct mn_progress *progress);

#endif
