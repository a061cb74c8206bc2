/* SPDX-License-Identifier: MIT */
#include "protocol.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char prompt[] = "PowerShield > ";

int mn_lpm01a_has_rate(uint32_t hz)
{
	static const uint32_t rates[] = {100000, 50000, 20000, 10000, 5000, 2000, 1000, 500,
					 200,    100,   50,    20,    10,   5,    2,    1};

	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++)
		if (rates[i] == hz)
			return 1;
	return 0;
}

/* Copies a line without prompts, NULs, CRs and the blanks at both ends. */
static size_t clean(const char *from, size_t n, char *to, size_t size)
{
	size_t len = 0;

	for (size_t i = 0; i < n;) {
		if (n - i >= sizeof(prompt) - 1 && !memcmp(from + i, prompt, sizeof(prompt) - 1)) {
			i += sizeof(prompt) - 1;
			continue;
		}
		/* Also as the last thing on a line, where its blank may be gone. */
		if (n - i == sizeof(prompt) - 2 && !memcmp(from + i, prompt, n - i))
			break;
		if (from[i] && from[i] != '\r' && len < size - 1 && (len || from[i] != ' '))
			to[len++] = from[i];
		i++;
	}
	while (len && to[len - 1] == ' ')
		len--;
	to[len] = '\0';
	return len;
}

static int starts(const char *line, const char *word)
{
	return !strncmp(line, word, strlen(word));
}

int mn_lpm01a_reply(const void *bytes, size_t n, const char *command, char *value, size_t size,
		    struct mn_err *err)
{
	const char *p = bytes, *end = p + n, *eol;
	char line[MN_LPM01A_LINE_MAX], refused[MN_LPM01A_LINE_MAX] = "";

	for (; p < end && (eol = memchr(p, '\n', (size_t)(end - p))) != NULL; p = eol + 1) {
		const char *echo;

		clean(p, (size_t)(eol - p), line, sizeof(line));
		if (*refused && *line) {
			const char *colon = starts(line, "Error detail:") ? line + 13 : line;

			return mn_err_set(err, MN_E_PROTOCOL, "it refuses '%s': %s", command,
					  colon + strspn(colon, " "));
		}
		echo = strstr(line, command);
		if (starts(line, "ack") && echo) {
			echo += strlen(command);
			snprintf(value, size, "%s", echo + strspn(echo, " "));
			return 0;
		}
		if (starts(line, "error") && (echo || starts(line, "error:")))
			memcpy(refused, line, sizeof(refused));
	}
	return MN_E_AGAIN;
}

/* A sample "DDDD-EE" (four or five digits) at s: its length, 0 if there is none. */
static size_t number(const char *s, double *ret)
{
	size_t digits = strspn(s, "0123456789");
	int exponent;

	if (digits < 4 || digits > 5 || (s[digits] != '+' && s[digits] != '-') ||
	    !isdigit((unsigned char)s[digits + 1]) || !isdigit((unsigned char)s[digits + 2]) ||
	    isdigit((unsigned char)s[digits + 3]))
		return 0;
	exponent = (s[digits + 1] - '0') * 10 + (s[digits + 2] - '0');
	*ret = (double)strtol(s, NULL, 10) * pow(10, s[digits] == '-' ? -exponent : exponent);
	return digits + 3;
}

int mn_lpm01a_volt(const void *bytes, size_t n, uint32_t *ret_mV)
{
	const char *p = bytes, *end = p + n, *eol;
	char line[MN_LPM01A_LINE_MAX];
	int found = MN_E_AGAIN;

	/* By its form, not by its place: service lines come between. */
	for (; p < end && (eol = memchr(p, '\n', (size_t)(end - p))) != NULL; p = eol + 1) {
		clean(p, (size_t)(eol - p), line, sizeof(line));
		for (const char *s = line; *s; s++) {
			double volt;

			if ((s == line || !isdigit((unsigned char)s[-1])) && number(s, &volt)) {
				found = MN_E_PROTOCOL;
				if (volt >= 0.5 && volt <= 6) {
					*ret_mV = (uint32_t)lround(volt * 1000);
					return 0;
				}
			}
		}
	}
	return found;
}

void mn_lpm01a_decoder_init(struct mn_lpm01a_decoder *d, enum mn_lpm01a_kind kind, int binary,
			    uint32_t hz, uint32_t volt_mV, mn_lpm01a_emit *emit, void *arg)
{
	memset(d, 0, sizeof(*d));
	d->kind = kind;
	d->binary = binary;
	d->hz = hz;
	d->volt_mV = volt_mV;
	d->event = -1;
	d->tick = 1;
	d->emit = emit;
	d->arg = arg;
}

static void hand_over(struct mn_lpm01a_decoder *d)
{
	if (d->n_batch && !d->status)
		d->status = d->emit(d->arg, d->batch, d->n_batch);
	d->n_batch = 0;
}

static void add_sample(struct mn_lpm01a_decoder *d, double current_A)
{
	struct mn_meter_sample *s = &d->batch[d->n_batch++];

	/* The largest that the format can say is 10^98: anything beyond 100 A is nonsense. */
	if (!(fabs(current_A) < 100))
		current_A = 100;
	*s = (struct mn_meter_sample){
		.tick = d->tick++,
		.current_pA = llround(current_A * 1e12),
		.voltage_uV = (int32_t)(d->volt_mV * 1000),
		.edge_q8 = 128,
	};
	s->filtered_pA = s->current_pA;
	if (d->fell)
		s->flags |= MN_SAMPLE_FALL;
	d->fell = 0;
	if (current_A > (d->kind == MN_LPM01A_SHIELD ? 0.05 : 0.5))
		s->flags |= MN_SAMPLE_SATURATED;
	d->stats.samples++;
	if (d->n_batch == sizeof(d->batch) / sizeof(d->batch[0]))
		hand_over(d);
}

/*
 * The device's own time: what is missing at a stamp was lost before it. slack: samples that a stamp
 * in whole ms leaves open.
 */
static void stamp(struct mn_lpm01a_decoder *d, uint64_t ms, uint64_t slack, unsigned fill_pct)
{
	uint64_t expected;

	d->stats.buffer_full += fill_pct >= 90;
	if (!d->has_base) {
		d->has_base = 1;
		d->base = d->tick;
		d->base_ms = d->last_ms = ms;
		return;
	}
	if (ms < d->last_ms)
		return;
	d->last_ms = ms;
	expected = d->base + (ms - d->base_ms) * d->hz / 1000;
	if (d->tick + slack < expected) {
		d->stats.lost += expected - d->tick;
		d->tick = expected;
	} else if (d->tick > expected + slack) {
		/* More than it says it took: from now on this is its time. */
		d->base = d->tick;
		d->base_ms = ms;
	}
}

static void finish(struct mn_lpm01a_decoder *d, enum mn_lpm01a_end end, const char *message)
{
	if (d->end != MN_LPM01A_RUNS)
		return;
	d->end = end;
	snprintf(d->message, sizeof(d->message), "%.*s", (int)sizeof(d->message) - 1, message);
}

/* "event 07 ris": two digits, whatever edge was asked for it says ris. */
static void take_event(struct mn_lpm01a_decoder *d, const char *line)
{
	int event = (int)strtol(line + 6, NULL, 10) % 100;
	int lost = d->event >= 0 ? (event - d->event - 1 + 100) % 100 : 0;

	/* A counter that went back was started again. */
	if (lost < 50)
		d->stats.events_lost += (uint64_t)lost;
	d->event = event;
	d->stats.events++;
	d->fell = 1;
}

/* "TimeStamp: 003s 000ms, buff 00%"; the seconds wrap at 1000. */
static void take_stamp(struct mn_lpm01a_decoder *d, const char *line)
{
	unsigned s, ms, fill;
	uint64_t now;

	if (sscanf(line, "TimeStamp:%*[ ><]%3us %3ums, buff %3u%%", &s, &ms, &fill) != 3) {
		d->stats.torn++;
		return;
	}
	now = s * UINT64_C(1000) + ms;
	while (d->has_base && now + 500000 < d->last_ms)
		now += 1000000;
	stamp(d, now, 0, fill);
}

static void take_samples(struct mn_lpm01a_decoder *d, const char *line)
{
	int torn = 0;

	while (*line) {
		double current_A;
		size_t len = number(line, &current_A);

		if (len) {
			add_sample(d, current_A);
			torn = 0;
		} else {
			/* What is left of a sample takes its time; its value is lost. */
			if (*line != ' ' && !torn) {
				torn = 1;
				d->stats.torn++;
				d->stats.lost++;
				d->tick++;
			}
			len = 1;
		}
		line += len;
	}
}

static void take_line(struct mn_lpm01a_decoder *d, const char *bytes, size_t n)
{
	char line[MN_LPM01A_LINE_MAX];

	if (!clean(bytes, n, line, sizeof(line)))
		return;
	if (strstr(line, "Acquisition completed")) {
		finish(d, MN_LPM01A_COMPLETED, "");
	} else if (strstr(line, "summary beg")) {
		d->summary = 1;
	} else if (strstr(line, "summary end")) {
		d->summary = 0;
	} else if (d->summary || d->end != MN_LPM01A_RUNS) {
		return;
	} else if (starts(line, "TimeStamp")) {
		take_stamp(d, line);
	} else if (starts(line, "event ") && isdigit((unsigned char)line[6])) {
		take_event(d, line);
	} else if (starts(line, "error") || starts(line, "Error detail")) {
		finish(d, MN_LPM01A_ERROR, line);
	} else if (strcasestr(line, "overcurrent") || strcasestr(line, "over current")) {
		finish(d, MN_LPM01A_OVERCURRENT, line);
	} else if (!strpbrk(line, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")) {
		take_samples(d, line);
	}
	/* Anything else is a word of service. */
}

static void decode_text(struct mn_lpm01a_decoder *d, const uint8_t *p, size_t n)
{
	while (n && !d->status) {
		const uint8_t *eol = memchr(p, '\n', n);
		size_t len = eol ? (size_t)(eol - p) : n;

		if (d->n_held + len <= MN_LPM01A_LINE_MAX) {
			memcpy(d->held + d->n_held, p, len);
			d->n_held += len;
		} else {
			/* Longer than any line: torn, and dropped up to its end. */
			d->n_held = MN_LPM01A_LINE_MAX + 1;
		}
		if (!eol)
			break;
		if (d->n_held > MN_LPM01A_LINE_MAX)
			d->stats.torn++;
		else
			take_line(d, (const char *)d->held, d->n_held);
		d->n_held = 0;
		p = eol + 1;
		n -= len + 1;
	}
}

/* Bytes of the record at p, 0 if more are needed, -1 if it is none. */
static int record_length(const struct mn_lpm01a_decoder *d, const uint8_t *p, size_t n)
{
	static const uint8_t lengths[2][16] = {
		[MN_LPM01A_SHIELD] = {[3] = 9, [4] = 4, [5] = 4, [6] = 4, [7] = 6},
		[MN_LPM01A_V3PWR] = {[3] = 9,
				     [4] = 4,
				     [5] = 8,
				     [6] = 4,
				     [7] = 6,
				     [8] = 6,
				     [9] = 5,
				     [10] = 4,
				     [11] = 4},
	};
	size_t length;

	if (n < 2)
		return 0;
	if (p[0] != 0xf0 || (p[1] & 0xf0) != 0xf0)
		return -1;
	if (p[1] == 0xf1 || p[1] == 0xf2) {
		/* Text up to FF FF. */
		for (length = 4; length <= n && length < 256; length++)
			if (p[length - 2] == 0xff && p[length - 1] == 0xff)
				return (int)length;
		return n < 256 ? 0 : -1;
	}
	length = lengths[d->kind][p[1] & 15];
	if (!length)
		return -1;
	if (n < length)
		return 0;
	return p[length - 2] == 0xff && p[length - 1] == 0xff ? (int)length : -1;
}

static void take_record(struct mn_lpm01a_decoder *d, const uint8_t *p, size_t n)
{
	char text[128] = "";
	uint32_t ms;

	switch (p[1]) {
	case 0xf1:
		for (size_t i = 2, k = 0; i < n - 2 && k < sizeof(text) - 1; i++)
			if (p[i] >= ' ' && p[i] <= '~')
				text[k++] = (char)p[i];
		finish(d, MN_LPM01A_ERROR, text);
		break;
	case 0xf3:
		ms = (uint32_t)p[2] << 24 | (uint32_t)p[3] << 16 | (uint32_t)p[4] << 8 | p[5];
		d->stats.buffer_full += ms >> 31;
		stamp(d, ms & 0x7fffffff, d->hz / 1000 + 1, p[6]);
		break;
	case 0xf4:
		finish(d, MN_LPM01A_COMPLETED, "");
		break;
	case 0xf5:
		finish(d, MN_LPM01A_OVERCURRENT, "overcurrent");
		break;
	case 0xf6:
		finish(d, MN_LPM01A_TARGET_OFF, "it has switched the board off");
		break;
	default:
		break;
	}
}

/* Samples between two records, or a part of them that is whole. */
static void take_binary(struct mn_lpm01a_decoder *d, const uint8_t *p, size_t n)
{
	/* What comes before the first stamp is the reply to "start". */
	if (!d->has_base || d->end != MN_LPM01A_RUNS)
		return;
	if (n % 2) {
		/* A byte is missing: which samples are whole cannot be told, their time is
		 * given back by the next stamp. */
		d->stats.torn++;
		return;
	}
	for (size_t i = 0; i + 2 <= n; i += 2) {
		unsigned w = (unsigned)p[i] << 8 | p[i + 1];

		add_sample(d, ldexp((double)(w & 0xfff), -4 * (int)(w >> 12)));
	}
}

/*
 * F0 Fx cannot stand in samples, aligned or not: their first byte's upper half is never F. So what
 * lies between two records is whole if its number of bytes is even.
 */
static void decode_binary(struct mn_lpm01a_decoder *d, const uint8_t *p, size_t n)
{
	while (n && !d->status) {
		size_t part = sizeof(d->held) - d->n_held, from = 0, at = 0;

		if (part > n)
			part = n;
		memcpy(d->held + d->n_held, p, part);
		d->n_held += part;
		p += part;
		n -= part;
		while (at < d->n_held) {
			int length;

			if (d->held[at] != 0xf0) {
				at++;
				continue;
			}
			length = record_length(d, d->held + at, d->n_held - at);
			if (length == 0)
				break;
			if (length < 0) {
				at++;
				continue;
			}
			take_binary(d, d->held + from, at - from);
			take_record(d, d->held + at, (size_t)length);
			at += (size_t)length;
			from = at;
		}
		/* No record for as long as fits: take it as it is. */
		if (from == 0 && d->n_held == sizeof(d->held)) {
			from = sizeof(d->held) / 2;
			take_binary(d, d->held, from);
		}
		d->n_held -= from;
		memmove(d->held, d->held + from, d->n_held);
	}
}

int mn_lpm01a_decode(struct mn_lpm01a_decoder *d, const void *bytes, size_t n)
{
	if (d->binary)
		decode_binary(d, bytes, n);
	else
		decode_text(d, bytes, n);
	hand_over(d);
	return d->status;
}
