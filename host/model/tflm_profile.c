/* SPDX-License-Identifier: MIT */
#include "tflm_profile.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "census.h"
#include "lower.h"

#define CSV_HEADER  "\"Event\",\"Tag\",\"Ticks\""
#define SUMS_HEADER "\"Unique Tag\",\"Total ticks across all events with that tag.\""
#define SUMS_TOTAL  "\"total number of ticks\""

enum form { FORM_LOG, FORM_CSV, FORM_SUMS };

struct reader {
	const char *name, *p, *end; /* of the current line, without its end */
	uint32_t line;
	int64_t tick_hz;
	enum form form;
	uint64_t next;        /* LogCsv: number of the next event */
	uint64_t sum;         /* LogTicksPerTagCsv: so far */
	const char *sum_line; /* its header, until the total has come */
	size_t room;
	struct mn_profile *profile;
	struct mn_err *err;
};

static int wrong(const struct reader *r, const char *at, int code, const char *why)
{
	return mn_err_set(r->err, code, "%s:%" PRIu32 ":%zu: %s", r->name, r->line,
			  (size_t)(at - r->p) + 1, why);
}

static int is_line(const struct reader *r, const char *text)
{
	return (size_t)(r->end - r->p) == strlen(text) && !memcmp(r->p, text, strlen(text));
}

/* The last place of `text` in [from, r->end), or NULL. */
static const char *last(const struct reader *r, const char *from, const char *text)
{
	size_t n = strlen(text);

	if ((size_t)(r->end - from) < n)
		return NULL;
	for (const char *p = r->end - n; p >= from; p--)
		if (!memcmp(p, text, n))
			return p;
	return NULL;
}

/* A whole number in [p, end), all of it, up to max; NULL or why not. */
static const char *number(const char *p, const char *end, uint64_t max, uint64_t *ret)
{
	uint64_t value = 0;

	if (p == end)
		return "a whole number is missing here";
	for (; p < end; p++) {
		if (*p < '0' || *p > '9')
			return "this is no whole number";
		value = 10 * value + (uint64_t)(*p - '0');
		if (value > max)
			return "this number is too big";
	}
	*ret = value;
	return NULL;
}

/* Ticks of an event. TFLM prints them unsigned, or as an int where it is built with CMSIS-NN. */
static int ticks_of(const struct reader *r, const char *p, const char *end, uint64_t *ret)
{
	const char *why;

	if (end - p == 2 && p[0] == '-' && p[1] == '1')
		return wrong(r, p, MN_E_INVALID, "this event has no end");
	if (p < end && *p == '-')
		return wrong(r, p, MN_E_INVALID,
			     "negative: too many ticks for the int that TFLM prints");
	why = number(p, end, UINT32_MAX, ret);
	if (why)
		return wrong(r, p, MN_E_SYNTAX, why);
	if (*ret == UINT32_MAX)
		return wrong(r, p, MN_E_INVALID, "this event has no end");
	return 0;
}

static int add(struct reader *r, const char *tag, const char *tag_end, const char *ticks_at,
	       uint64_t ticks)
{
	struct mn_profile *profile = r->profile;

	if (tag == tag_end)
		return wrong(r, tag, MN_E_SYNTAX, "the tag is empty");
	if (profile->n_events == r->room) {
		size_t room = r->room ? 2 * r->room : 64;
		void *more = realloc(profile->events, room * sizeof(*profile->events));

		if (!more)
			return mn_err_set(r->err, MN_E_NOMEM, "%s: out of memory", r->name);
		profile->events = more;
		r->room = room;
	}
	profile->events[profile->n_events++] = (struct mn_profile_event){
		.tag = tag,
		.tag_len = (size_t)(tag_end - tag),
		.ticks = (uint32_t)ticks,
		.line = r->line,
		.tag_column = (uint32_t)(tag - r->p) + 1,
		.ticks_column = (uint32_t)(ticks_at - r->p) + 1,
	};
	return 0;
}

/*
 * The milliseconds that TFLM makes of the ticks say what it takes a tick for; ticks_per_second() of
 * 0, the default, prints ticks * 1000.
 */
static int check_ms(const struct reader *r, const char *at, uint64_t ticks, uint64_t ms)
{
	uint64_t want;

	if (!r->tick_hz || ms == 0 || ms >= ticks)
		return 0;
	want = ticks * 1000 / (uint64_t)r->tick_hz;
	if (ms > want + 1 + want / 1000 || want > ms + 1 + ms / 1000)
		return mn_err_set(r->err, MN_E_INVALID,
				  "%s:%" PRIu32 ":%zu: %" PRIu64 " ticks in %" PRIu64
				  " ms are not ticks of %" PRId64
				  " Hz: give the clock, or --tick-hz",
				  r->name, r->line, (size_t)(at - r->p) + 1, ticks, ms, r->tick_hz);
	return 0;
}

/* TAG took N ticks (M ms). */
static int log_line(struct reader *r)
{
	static const char form[] = "this line is not as MicroProfiler prints them: "
				   "TAG took N ticks (M ms).";
	const char *took = last(r, r->p, " took "), *at, *stop, *ms;
	uint64_t ticks, millis;
	const char *why;
	int rc;

	if (!took)
		return wrong(r, r->p, MN_E_SYNTAX, form);
	at = took + strlen(" took ");
	stop = last(r, at, " ticks (");
	if (!stop)
		return wrong(r, at, MN_E_SYNTAX, form);
	rc = ticks_of(r, at, stop, &ticks);
	if (rc < 0)
		return rc;
	ms = stop + strlen(" ticks (");
	stop = last(r, ms, " ms)");
	if (!stop || (r->end - stop != 4 && (r->end - stop != 5 || stop[4] != '.')))
		return wrong(r, ms, MN_E_SYNTAX, form);
	/* An overflown conversion is negative: no information. */
	why = number(ms + (*ms == '-'), stop, UINT64_MAX / 16, &millis);
	if (why)
		return wrong(r, ms, MN_E_SYNTAX, why);
	rc = *ms == '-' ? 0 : check_ms(r, ms, ticks, millis);
	return rc < 0 ? rc : add(r, r->p, took, at, ticks);
}

/* I,TAG,N */
static int csv_line(struct reader *r)
{
	const char *first = memchr(r->p, ',', (size_t)(r->end - r->p)), *second;
	uint64_t index, ticks;
	const char *why;
	int rc;

	second = first ? last(r, first + 1, ",") : NULL;
	if (!second)
		return wrong(r, r->p, MN_E_SYNTAX, "three fields are due: event,tag,ticks");
	why = number(r->p, first, UINT32_MAX, &index);
	if (why)
		return wrong(r, r->p, MN_E_SYNTAX, why);
	if (index != r->next)
		return mn_err_set(r->err, MN_E_INVALID,
				  "%s:%" PRIu32 ":1: event %" PRIu64 " is due here, not %" PRIu64
				  ": a line is missing",
				  r->name, r->line, r->next, index);
	r->next++;
	rc = ticks_of(r, second + 1, r->end, &ticks);
	return rc < 0 ? rc : add(r, first + 1, second, second + 1, ticks);
}

/* TAG, N */
static int sums_line(struct reader *r)
{
	const char *comma = last(r, r->p, ", ");
	uint64_t ticks;
	int rc;

	if (!r->sum_line)
		return wrong(r, r->p, MN_E_SYNTAX, "nothing is due after the total");
	if (!comma)
		return wrong(r, r->p, MN_E_SYNTAX, "two fields are due: tag, ticks");
	rc = ticks_of(r, comma + 2, r->end, &ticks);
	if (rc < 0)
		return rc;
	if ((size_t)(comma - r->p) == strlen(SUMS_TOTAL) &&
	    !memcmp(r->p, SUMS_TOTAL, strlen(SUMS_TOTAL))) {
		r->sum_line = NULL;
		if (ticks != r->sum)
			return wrong(r, comma + 2, MN_E_INVALID,
				     "this is not the sum of the lines before it");
		return 0;
	}
	r->sum += ticks;
	return add(r, r->p, comma, comma + 2, ticks);
}

static int read_line(struct reader *r)
{
	if (r->p == r->end)
		return 0;
	if (is_line(r, CSV_HEADER)) {
		if (r->profile->sums)
			return wrong(r, r->p, MN_E_SYNTAX,
				     "events and sums in one file: keep the events");
		r->form = FORM_CSV;
		r->next = 0;
		return 0;
	}
	if (is_line(r, SUMS_HEADER)) {
		if (r->profile->n_events)
			return wrong(r, r->p, MN_E_SYNTAX,
				     r->profile->sums
					     ? "a second table of sums: one run a file"
					     : "events and sums in one file: keep the events");
		r->form = FORM_SUMS;
		r->profile->sums = true;
		r->sum_line = r->p;
		return 0;
	}
	return r->form == FORM_LOG ? log_line(r) : r->form == FORM_CSV ? csv_line(r) : sums_line(r);
}

int mn_profile_parse(const char *name, const char *text, size_t len, int64_t tick_hz,
		     struct mn_profile *ret, struct mn_err *err)
{
	struct mn_profile profile = {0};
	struct reader r = {.name = name, .tick_hz = tick_hz, .profile = &profile, .err = err};
	const char *p = text, *const stop = text + len;
	int rc = 0;

	while (p < stop && rc == 0) {
		const char *end = memchr(p, '\n', (size_t)(stop - p));

		r.line++;
		r.p = p;
		r.end = end ? end : stop;
		p = end ? end + 1 : stop;
		if (r.end > r.p && r.end[-1] == '\r')
			r.end--;
		rc = read_line(&r);
	}
	if (rc == 0 && r.sum_line)
		rc = mn_err_set(err, MN_E_SYNTAX, "%s:%" PRIu32 ":1: the total is missing", name,
				r.line + 1);
	if (rc == 0 && profile.n_events == 0)
		rc = mn_err_set(err, MN_E_SYNTAX,
				"%s: nothing that MicroProfiler prints is in this file", name);
	if (rc < 0)
		mn_profile_free(&profile);
	else
		*ret = profile;
	return rc;
}

void mn_profile_free(struct mn_profile *profile)
{
	if (!profile)
		return;
	free(profile->events);
	profile->events = NULL;
	profile->n_events = 0;
}
