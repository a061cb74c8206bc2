/* SPDX-License-Identifier: MIT */
#include "window.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A gap of more than this many periods is lost samples, less is a clock that is not exact. */
#define GAP_PERIODS 1.5
/* Slots that the history has beyond the times asked for. */
#define SLACK 64u

enum state { BEFORE_FIRST_LOW, LOW, HIGH, AFTER };

/* A sample with the start of the time it stands for. */
struct slot {
	struct mn_meter_sample s;
	double start;
};

struct queue {
	struct mn_window window;
	struct queue *next;
};

struct mn_window_cutter {
	struct mn_window_config config;
	struct slot *ring; /* the newest is ring[(head - 1) % room] */
	size_t room, head, used;
	enum state state;
	struct mn_window current;
	double segment_from; /* edge that began the segment */
	uint32_t segment;
	size_t trace_room;
	struct queue *first, **last;
};

static double ticks(const struct mn_window_cutter *c, uint32_t us)
{
	return us * 1e-6 * c->config.tick_hz;
}

/* What lies in [from, to) of a slot. 1 if any does. */
static int add(struct mn_window_sum *sum, const struct mn_window_config *config,
	       const struct slot *slot, double from, double to)
{
	double a = slot->start > from ? slot->start : from;
	double b = (double)slot->s.tick < to ? (double)slot->s.tick : to;
	double dt, amps;

	if (b <= a)
		return 0;
	dt = (b - a) / config->tick_hz;
	amps = (double)slot->s.current_pA * 1e-12;
	sum->covered_s += dt;
	sum->charge_C += amps * dt;
	sum->energy_J += amps * (slot->s.voltage_uV * 1e-6) * dt;
	sum->filtered_J += (double)slot->s.filtered_pA * 1e-12 * (slot->s.voltage_uV * 1e-6) * dt;
	sum->received++;
	return 1;
}

static void count_flags(struct mn_window *w, const struct slot *slot)
{
	w->saturated += !!(slot->s.flags & MN_SAMPLE_SATURATED);
	w->held += !!(slot->s.flags & MN_SAMPLE_HELD);
	w->range_changes += !!(slot->s.flags & MN_SAMPLE_RANGE);
}

static const struct slot *slot_at(const struct mn_window_cutter *c, size_t age)
{
	return &c->ring[(c->head + c->room - 1 - age) % c->room];
}

static const struct slot *oldest(const struct mn_window_cutter *c)
{
	return slot_at(c, c->used - 1);
}

/* Idle out of the history: whatever of [from, to) is still there. */
static void add_idle(struct mn_window_cutter *c, double from, double to)
{
	struct mn_window_sum *idle = &c->current.idle;

	if (!c->used || to <= from)
		return;
	if (from < oldest(c)->start)
		from = oldest(c)->start;
	if (to <= from)
		return;
	for (size_t age = c->used; age-- > 0;)
		add(idle, &c->config, slot_at(c, age), from, to);
	idle->duration_s += (to - from) / c->config.tick_hz;
}

int mn_window_new(const struct mn_window_config *config, struct mn_window_cutter **ret_cutter,
		  struct mn_err *err)
{
	struct mn_window_cutter *c;
	double span;

	if (!config->tick_hz || !config->period_ticks || config->window_bit > 7 ||
	    (config->layer_bit > 7 && config->layer_bit != 255))
		return mn_err_set(err, MN_E_INVALID,
				  "a window cutter needs a sample rate and marker lines 0 to 7");
	c = calloc(1, sizeof(*c));
	if (!c)
		return mn_err_set(err, MN_E_NOMEM, "out of memory");
	c->config = *config;
	span = ticks(c, config->idle_us) + ticks(c, config->guard_us);
	if (ticks(c, config->history_us) > span)
		span = ticks(c, config->history_us);
	c->room = (size_t)(span / config->period_ticks) + SLACK;
	c->ring = calloc(c->room, sizeof(*c->ring));
	c->last = &c->first;
	if (!c->ring) {
		free(c);
		return mn_err_set(err, MN_E_NOMEM, "out of memory");
	}
	*ret_cutter = c;
	return 0;
}

void mn_window_clear(struct mn_window *window)
{
	free(window->segments);
	free(window->trace);
	memset(window, 0, sizeof(*window));
}

void mn_window_free(struct mn_window_cutter *c)
{
	struct queue *next;

	if (!c)
		return;
	for (struct queue *q = c->first; q; q = next) {
		next = q->next;
		mn_window_clear(&q->window);
		free(q);
	}
	mn_window_clear(&c->current);
	free(c->ring);
	free(c);
}

void mn_window_segments(struct mn_window_cutter *c, uint32_t n_segments)
{
	c->config.n_segments = n_segments;
}

static int keep_trace(struct mn_window_cutter *c, const struct mn_meter_sample *s)
{
	struct mn_window *w = &c->current;

	if (!c->config.keep_trace)
		return 0;
	if (w->trace_n == c->trace_room) {
		size_t room = c->trace_room ? 2 * c->trace_room : 4096;
		struct mn_meter_sample *trace = realloc(w->trace, room * sizeof(*trace));

		if (!trace)
			return MN_E_NOMEM;
		w->trace = trace;
		c->trace_room = room;
	}
	w->trace[w->trace_n++] = *s;
	return 0;
}

static int finish(struct mn_window_cutter *c)
{
	struct queue *q = malloc(sizeof(*q));

	if (!q)
		return MN_E_NOMEM;
	q->window = c->current;
	q->next = NULL;
	memset(&c->current, 0, sizeof(c->current));
	*c->last = q;
	c->last = &q->next;
	c->trace_room = 0;
	c->state = LOW;
	return 0;
}

static int rise(struct mn_window_cutter *c, double at, int lost)
{
	struct mn_window *w = &c->current;

	memset(w, 0, sizeof(*w));
	c->trace_room = 0;
	if (c->config.n_segments && c->config.layer_bit != 255) {
		w->segments = calloc(c->config.n_segments, sizeof(*w->segments));
		if (!w->segments)
			return MN_E_NOMEM;
		w->n_segments = c->config.n_segments;
	}
	w->from_tick = at;
	w->edge_lost = lost;
	c->segment = 0;
	c->segment_from = at;
	if (c->config.idle_us) {
		double to = at - ticks(c, c->config.guard_us);

		add_idle(c, to - ticks(c, c->config.idle_us), to);
	}
	for (size_t age = c->used; age-- > 0;) {
		int status = keep_trace(c, &slot_at(c, age)->s);

		if (status)
			return status;
	}
	c->state = HIGH;
	return 0;
}

static void end_segment(struct mn_window_cutter *c, double at)
{
	struct mn_window *w = &c->current;

	if (!w->n_segments)
		return;
	w->segments[c->segment].sum.duration_s += (at - c->segment_from) / c->config.tick_hz;
	w->segments[c->segment].n++;
	c->segment = (c->segment + 1) % w->n_segments;
	c->segment_from = at;
}

static void add_segment(struct mn_window_cutter *c, const struct slot *slot, double from, double to)
{
	struct mn_window *w = &c->current;

	if (w->n_segments)
		add(&w->segments[c->segment].sum, &c->config, slot, from, to);
}

static void fall(struct mn_window_cutter *c, double at, int lost)
{
	struct mn_window *w = &c->current;

	w->to_tick = at;
	w->edge_lost |= lost;
	w->gross.duration_s = (at - w->from_tick) / c->config.tick_hz;
	w->expected = (uint64_t)((at - w->from_tick) / c->config.period_ticks + 0.5);
	end_segment(c, at);
	c->state = AFTER;
}

/* Samples missing before this slot, as far as they lie in the window. */
static uint64_t missing(const struct mn_window_cutter *c, double from, double gap_from,
			double gap_to)
{
	double a = gap_from > from ? gap_from : from;

	return gap_to <= a ? 0 : (uint64_t)((gap_to - a) / c->config.period_ticks + 0.5);
}

/* The idle time after the fall has passed, or ends here because the marker rises again. */
static int close_idle(struct mn_window_cutter *c, double until)
{
	double from = c->current.to_tick + ticks(c, c->config.guard_us);
	double to = from + ticks(c, c->config.idle_us);

	add_idle(c, from, to < until ? to : until);
	return finish(c);
}

static int feed_one(struct mn_window_cutter *c, const struct mn_meter_sample *s)
{
	const struct mn_window_config *config = &c->config;
	const struct slot *before = c->used ? slot_at(c, 0) : NULL;
	struct slot slot = {.s = *s, .start = (double)s->tick - config->period_ticks};
	uint8_t changed = before ? before->s.bits ^ s->bits : 0;
	int high = s->bits >> config->window_bit & 1, lost = 0, status = 0;
	double edge, gap_from = slot.start;

	if (before) {
		if (s->tick <= before->s.tick)
			return MN_E_INVALID;
		lost = (double)(s->tick - before->s.tick) > GAP_PERIODS * config->period_ticks;
		gap_from = (double)before->s.tick;
		if (!lost)
			slot.start = gap_from;
	}
	edge = slot.start + ((double)s->tick - slot.start) * s->edge_q8 / 256.0;

	if (c->state == AFTER && high)
		status = close_idle(c, edge - ticks(c, config->guard_us));
	if (!status && c->state == BEFORE_FIRST_LOW && !high)
		c->state = LOW;
	if (!status && c->state == LOW && high)
		status = rise(c, edge, lost);
	if (status)
		return status;
	if (c->state == HIGH) {
		struct mn_window *w = &c->current;
		double to = high ? (double)s->tick : edge;
		/* At the window's own edges the layer line only returns to its start. */
		int toggled = high && config->layer_bit != 255 &&
			      (changed >> config->layer_bit & 1) &&
			      !(changed >> config->window_bit & 1);

		if (lost)
			w->dropped += missing(c, w->from_tick, gap_from, slot.start);
		if (add(&w->gross, config, &slot, w->from_tick, to))
			count_flags(w, &slot);
		if (toggled) {
			add_segment(c, &slot, w->from_tick, edge);
			w->n_toggles++;
			end_segment(c, edge);
			add_segment(c, &slot, edge, (double)s->tick);
		} else {
			add_segment(c, &slot, w->from_tick, to);
		}
		if (!high)
			fall(c, edge, lost);
	}
	c->ring[c->head] = slot;
	c->head = (c->head + 1) % c->room;
	c->used += c->used < c->room;
	if (c->state == HIGH || c->state == AFTER)
		status = keep_trace(c, s);
	if (!status && c->state == AFTER &&
	    (double)s->tick >=
		    c->current.to_tick + ticks(c, config->guard_us) + ticks(c, config->idle_us))
		status = close_idle(c, (double)s->tick);
	return status;
}

int mn_window_feed(struct mn_window_cutter *c, const struct mn_meter_sample *samples, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int status = feed_one(c, &samples[i]);

		if (status)
			return status;
	}
	return 0;
}

int mn_window_next(struct mn_window_cutter *c, struct mn_window *ret_window)
{
	struct queue *q = c->first;

	if (!q)
		return 0;
	*ret_window = q->window;
	c->first = q->next;
	if (!c->first)
		c->last = &c->first;
	free(q);
	return 1;
}

int mn_window_flush(struct mn_window_cutter *c)
{
	if (c->state == HIGH)
		return MN_E_AGAIN;
	if (c->state == AFTER)
		return close_idle(c, (double)slot_at(c, 0)->s.tick);
	return 0;
}

int mn_window_cut(struct mn_window_cutter *c, double from_tick, double to_tick,
		  struct mn_window *ret_window)
{
	const struct mn_window_config *config = &c->config;
	struct mn_window w = {.from_tick = from_tick, .to_tick = to_tick}, saved = c->current;
	double guard = ticks(c, config->guard_us), idle = ticks(c, config->idle_us);

	if (!(to_tick > from_tick) || !c->used || oldest(c)->start > from_tick ||
	    (double)slot_at(c, 0)->s.tick < to_tick)
		return MN_E_AGAIN;
	for (size_t age = c->used; age-- > 0;) {
		const struct slot *slot = slot_at(c, age);

		if (age + 1 < c->used) {
			double end = (double)slot_at(c, age + 1)->s.tick;
			double gap_to = slot->start < to_tick ? slot->start : to_tick;

			w.dropped += missing(c, from_tick, end, gap_to);
		}
		if (add(&w.gross, config, slot, from_tick, to_tick))
			count_flags(&w, slot);
	}
	w.gross.duration_s = (to_tick - from_tick) / config->tick_hz;
	w.expected = (uint64_t)((to_tick - from_tick) / config->period_ticks + 0.5);
	c->current = w;
	if (idle > 0) {
		double end = (double)slot_at(c, 0)->s.tick;

		add_idle(c, from_tick - guard - idle, from_tick - guard);
		add_idle(c, to_tick + guard,
			 to_tick + guard + idle < end ? to_tick + guard + idle : end);
	}
	*ret_window = c->current;
	c->current = saved;
	return 0;
}

double mn_window_net_J(const struct mn_window *w)
{
	if (!(w->idle.covered_s > 0))
		return NAN;
	return w->gross.energy_J - w->idle.energy_J / w->idle.covered_s * w->gross.covered_s;
}

int mn_window_bad(const struct mn_window *w, char *reason, size_t size)
{
	if (w->saturated) {
		snprintf(
			reason, size,
			"%llu of %llu samples of the window were at the end of the monitor's range",
			(unsigned long long)w->saturated, (unsigned long long)w->expected);
		return 1;
	}
	if (w->edge_lost) {
		snprintf(reason, size, "samples were lost around an edge of the marker");
		return 1;
	}
	if (w->dropped && (double)w->dropped > MN_WINDOW_DROP_MAX * (double)w->expected) {
		snprintf(reason, size,
			 "%llu of %llu samples of the window were lost (more than 0.1 %%)",
			 (unsigned long long)w->dropped, (unsigned long long)w->expected);
		return 1;
	}
	return 0;
}
