/* SPDX-License-Identifier: MIT */
#include "protocol.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Words that must continue each other before an alignment is believed, and how many are looked at.
 */
#define RUN_MIN    6
#define LOOK_WORDS 12
#define LOOK_BYTES (4 * LOOK_WORDS + 3)

/* 1.8 V reference, 13 bits, gain 20. */
#define VOLT_PER_COUNT (1.8 / 163840)

#define TICK_NS  10000
#define BLOCK_NS (MN_PPK2_BLOCK * TICK_NS)
#define SLICE_NS 1000000000
/* How fast two honest clocks may drift apart: 300 ppm. */
#define DRIFT_NS 300000

void mn_ppk2_calibration_init(struct mn_ppk2_calibration *cal)
{
	static const double shunts[MN_PPK2_RANGES] = {1031.64, 101.65, 10.15, 0.94, 0.043};

	*cal = (struct mn_ppk2_calibration){.vdd_mV = -1, .mode = -1, .hw = -1};
	for (int r = 0; r < MN_PPK2_RANGES; r++) {
		cal->r[r] = shunts[r];
		cal->gs[r] = cal->gi[r] = cal->ug[r] = 1;
	}
}

/* Last occurrence of word in text[0..n), or NULL. */
static const char *find_last(const char *text, size_t n, const char *word)
{
	const char *found = NULL, *p;
	size_t len = strlen(word);

	while ((p = memmem(text, n, word, len)) != NULL) {
		found = p;
		n -= (size_t)(p + 1 - text);
		text = p + 1;
	}
	return found;
}

/* The array that a key names, and in *ret_positive whether 0 and less are refused. NULL: none. */
static double *slot(struct mn_ppk2_calibration *cal, const char *key, size_t len, int *ret_positive)
{
	const struct {
		const char *name;
		double *values;
		int positive;
	} tables[] = {
		{"R", cal->r, 1}, {"GS", cal->gs, 0}, {"GI", cal->gi, 1}, {"O", cal->o, 0},
		{"S", cal->s, 0}, {"I", cal->i, 0},   {"UG", cal->ug, 1},
	};

	if (len < 2 || key[len - 1] < '0' || key[len - 1] >= '0' + MN_PPK2_RANGES)
		return NULL;
	for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++)
		if (len - 1 == strlen(tables[t].name) && !memcmp(key, tables[t].name, len - 1)) {
			*ret_positive = tables[t].positive;
			return &tables[t].values[key[len - 1] - '0'];
		}
	return NULL;
}

static void take_int(double value, int *ret)
{
	if (value >= 0 && value <= 0xffff)
		*ret = (int)value;
}

/* One line without its end. Returns 1 << range if it was a shunt. */
static unsigned take_line(struct mn_ppk2_calibration *cal, const char *line, size_t len)
{
	const char *colon = memchr(line, ':', len);
	char number[48], *end;
	double value, *at;
	size_t key_len, n;
	int positive;

	if (!colon)
		return 0;
	key_len = (size_t)(colon - line);
	n = len - key_len - 1;
	if (n >= sizeof(number))
		return 0;
	memcpy(number, colon + 1, n);
	number[n] = '\0';
	value = strtod(number, &end);
	end += strspn(end, " \r");
	/* "-nan" is real: the kit has no such value and the default stays. */
	if (end == number || *end || !isfinite(value))
		return 0;
	at = slot(cal, line, key_len, &positive);
	if (at) {
		if (positive && value <= 0)
			return 0;
		*at = value;
		return at >= cal->r && at < cal->r + MN_PPK2_RANGES ? 1u << (at - cal->r) : 0;
	}
	if (key_len == 3 && !memcmp(line, "VDD", 3))
		take_int(value, &cal->vdd_mV);
	else if (key_len == 4 && !memcmp(line, "mode", 4))
		take_int(value, &cal->mode);
	else if (key_len == 2 && !memcmp(line, "HW", 2))
		take_int(value, &cal->hw);
	else if (key_len == 10 && !memcmp(line, "Calibrated", 10))
		take_int(value, &cal->calibrated);
	return 0;
}

int mn_ppk2_metadata_parse(const void *bytes, size_t n, struct mn_ppk2_calibration *ret_cal,
			   size_t *ret_used, struct mn_err *err)
{
	const char *text = bytes, *end = NULL, *start, *line;
	struct mn_ppk2_calibration cal;
	unsigned shunts = 0;

	if (!n)
		return MN_E_AGAIN;
	/* The end must stand on a line of its own: "END" may be among leftover samples. */
	for (const char *p = text; (p = memmem(p, n - (size_t)(p - text), "\nEND", 4)); p++) {
		start = find_last(text, (size_t)(p - text), "Calibrated:");
		if (start) {
			end = p + 1;
			break;
		}
	}
	if (!end) {
		if (n >= MN_PPK2_METADATA_MAX)
			return mn_err_set(err, MN_E_PROTOCOL,
					  "%zu bytes came and no metadata among them", n);
		return MN_E_AGAIN;
	}
	mn_ppk2_calibration_init(&cal);
	for (line = start; line < end;) {
		const char *stop = memchr(line, '\n', (size_t)(end - line));

		shunts |= take_line(&cal, line, (size_t)(stop - line));
		line = stop + 1;
	}
	if (shunts != (1u << MN_PPK2_RANGES) - 1)
		return mn_err_set(err, MN_E_PROTOCOL,
				  "the metadata lacks the shunts of some ranges");
	*ret_cal = cal;
	*ret_used = (size_t)(end + 3 - text);
	if (*ret_used < n && text[*ret_used] == '\n')
		++*ret_used;
	return 0;
}

double mn_ppk2_current_A(const struct mn_ppk2_calibration *cal, uint32_t volt_mV, unsigned range,
			 unsigned field)
{
	double x = (4.0 * field - cal->o[range]) * VOLT_PER_COUNT / cal->r[range];

	return cal->ug[range] * (x * (cal->gs[range] * x + cal->gi[range]) +
				 cal->s[range] * (volt_mV / 1000.0) + cal->i[range]);
}

double mn_ppk2_filter(struct mn_ppk2_filter *f, double current_A, int range)
{
	double avg_A = f->avg_A, avg4_A = f->avg4_A, out = current_A;

	if (!f->started) {
		f->started = 1;
		f->avg_A = f->avg4_A = current_A;
		f->range = range;
	} else {
		f->avg_A = 0.18 * current_A + 0.82 * f->avg_A;
		f->avg4_A = 0.06 * current_A + 0.94 * f->avg4_A;
	}
	if (range != f->range || f->after_spike > 0) {
		if (range != f->range) {
			f->consecutive = 0;
			f->after_spike = 3;
		} else {
			f->consecutive++;
		}
		if (range == 4) {
			if (f->consecutive < 2) {
				f->avg_A = avg_A;
				f->avg4_A = avg4_A;
			}
			out = f->avg4_A;
		} else {
			out = f->avg_A;
		}
		f->after_spike--;
	}
	f->range = range;
	return out;
}

void mn_ppk2_decoder_init(struct mn_ppk2_decoder *d, const struct mn_ppk2_calibration *cal,
			  uint32_t volt_mV)
{
	memset(d, 0, sizeof(*d));
	d->cal = *cal;
	d->volt_mV = volt_mV;
	d->counter = d->range = -1;
	d->tick = 1;
}

static uint32_t word(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* Of the word at p. */
static int counter_of(const uint8_t *p)
{
	return p[2] >> 2;
}

static int follows(const uint8_t *p, const uint8_t *next)
{
	return counter_of(next) == ((counter_of(p) + 1) & 63);
}

/* The offset, 0 to 3, at which the words at p continue each other longest; -1: at none. */
static int best_offset(const uint8_t *p, size_t n)
{
	int best = -1, best_run = RUN_MIN - 1;

	for (int off = 0; off < 4; off++) {
		int run = 0;

		for (size_t at = (size_t)off; at + 8 <= n && follows(p + at, p + at + 4); at += 4)
			run++;
		if (run > best_run) {
			best = off;
			best_run = run;
		}
	}
	return best;
}

static int64_t to_pA(double current_A)
{
	return llround(current_A * 1e12);
}

static size_t emit(struct mn_ppk2_decoder *d, const uint8_t *p, struct mn_meter_sample *out)
{
	uint32_t w = word(p);
	unsigned field = w & 0x3fff;
	int range = (int)(w >> 14 & 7);

	if (d->counter >= 0) {
		unsigned missing = (unsigned)(counter_of(p) - d->counter - 1) & 63;

		d->tick += missing;
		d->stats.lost += missing;
	}
	d->counter = counter_of(p);
	*out = (struct mn_meter_sample){
		.tick = d->tick++,
		.voltage_uV = (int32_t)(d->volt_mV * 1000),
		.bits = (uint8_t)(w >> 24),
		.edge_q8 = 128,
	};
	if (range >= MN_PPK2_RANGES) {
		/* The slot of time is real, the value is not. */
		out->flags |= MN_SAMPLE_HELD;
		d->stats.no_value++;
	} else {
		double value = mn_ppk2_current_A(&d->cal, d->volt_mV, (unsigned)range, field);

		d->last_A = value;
		d->last_filtered_A = mn_ppk2_filter(&d->filter, value, range);
		if (field >= MN_PPK2_FIELD_MAX ||
		    (range == MN_PPK2_RANGES - 1 && value > 1.2e-6 * MN_PPK2_MAX_UA)) {
			out->flags |= MN_SAMPLE_SATURATED;
			d->stats.saturated++;
		}
		if (d->range >= 0 && range != d->range)
			out->flags |= MN_SAMPLE_RANGE;
		d->range = range;
	}
	out->current_pA = to_pA(d->last_A);
	out->filtered_pA = to_pA(d->last_filtered_A);
	d->stats.samples++;
	return 1;
}

/* A word that fits nowhere takes its place in time. */
static void skip_garbage(struct mn_ppk2_decoder *d)
{
	d->stats.garbage++;
	d->stats.lost++;
	d->tick++;
	if (d->counter >= 0)
		d->counter = (d->counter + 1) & 63;
}

/* The bytes p[0..n) as far as they can be decided; returns how many are done with. */
static size_t decode_some(struct mn_ppk2_decoder *d, const uint8_t *p, size_t n, int end,
			  struct mn_meter_sample *out, size_t *ret_samples)
{
	size_t at = 0, made = 0;

	for (;;) {
		size_t left = n - at;
		int off;

		if (d->aligned && left >= 8 && follows(p + at, p + at + 4)) {
			made += emit(d, p + at, out + made);
			at += 4;
			continue;
		}
		if (left < LOOK_BYTES + 4 && !end)
			break;
		if (!d->aligned) {
			off = best_offset(p + at, left);
			/* A stream of a few words: nothing speaks against its beginning. */
			if (off < 0 && end && d->counter < 0 && left >= 4)
				off = 0;
			if (off >= 0) {
				d->stats.realigned += off > 0;
				at += (size_t)off;
				d->aligned = 1;
			} else if (left >= 4) {
				skip_garbage(d);
				at += 4;
			} else {
				break;
			}
			continue;
		}
		/* The word at p continues what was before; what follows does not continue it. */
		if (left < 8) {
			if (left >= 4) {
				made += emit(d, p + at, out + made);
				at += 4;
			}
			break;
		}
		off = best_offset(p + at + 4, left - 4);
		if (off == 0 || (off < 0 && end)) {
			made += emit(d, p + at, out + made);
			at += 4;
			/* What is left at the end is too short to tell. */
			if (off < 0)
				break;
			/* Emit the first word after the gap with its own successor. */
			made += emit(d, p + at, out + made);
			at += 4;
			continue;
		}
		/* A byte was lost in this word or the next one: its logic lines may be another's.
		 */
		d->aligned = 0;
		if (off > 0) {
			d->stats.realigned++;
			d->aligned = 1;
			at += 4 + (size_t)off;
		} else {
			skip_garbage(d);
			at += 4;
		}
	}
	*ret_samples = made;
	return at;
}

static size_t decode_pending(struct mn_ppk2_decoder *d, int end, struct mn_meter_sample *out)
{
	size_t made, used = decode_some(d, d->pending, d->n_pending, end, out, &made);

	d->n_pending -= used;
	memmove(d->pending, d->pending + used, d->n_pending);
	return made;
}

size_t mn_ppk2_decode(struct mn_ppk2_decoder *d, const void *bytes, size_t n,
		      struct mn_meter_sample *out)
{
	const uint8_t *p = bytes;
	size_t made = 0;

	while (n) {
		size_t part = sizeof(d->pending) - d->n_pending;

		if (part > n)
			part = n;
		memcpy(d->pending + d->n_pending, p, part);
		d->n_pending += part;
		p += part;
		n -= part;
		made += decode_pending(d, 0, out + made);
	}
	return made;
}

size_t mn_ppk2_decode_end(struct mn_ppk2_decoder *d, struct mn_meter_sample *out)
{
	size_t made = decode_pending(d, 1, out);

	d->n_pending = 0;
	return made;
}

/* The second is over: its smallest delay against the one of before. */
static uint64_t end_slice(struct mn_ppk2_decoder *d)
{
	int64_t rise = d->slice_min_ns - d->floor_ns, blocks;

	if (!d->has_floor || rise <= 0) {
		d->floor_ns = d->slice_min_ns;
		d->has_floor = 1;
		return 0;
	}
	blocks = (rise + BLOCK_NS / 2) / BLOCK_NS;
	d->floor_ns += rise < DRIFT_NS ? rise : DRIFT_NS;
	return (uint64_t)blocks * MN_PPK2_BLOCK;
}

uint64_t mn_ppk2_arrived(struct mn_ppk2_decoder *d, uint64_t host_ns)
{
	uint64_t device_ns = (d->tick + d->n_pending / 4) * TICK_NS, missing = 0;
	int64_t delay = (int64_t)(host_ns - device_ns);

	if (d->in_slice && host_ns - d->slice_start_ns >= SLICE_NS) {
		missing = end_slice(d);
		d->in_slice = 0;
		d->tick += missing;
		d->stats.overrun += missing;
		delay -= (int64_t)(missing * TICK_NS);
	}
	if (!d->in_slice) {
		d->in_slice = 1;
		d->slice_start_ns = host_ns;
		d->slice_min_ns = delay;
	} else if (delay < d->slice_min_ns) {
		d->slice_min_ns = delay;
	}
	return missing;
}
