/* SPDX-License-Identifier: MIT */
#include "lpm01a_model.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void lpm01a_model_init(struct lpm01a_model *box, enum mn_lpm01a_kind kind, lpm01a_source *source,
		       void *arg)
{
	memset(box, 0, sizeof(*box));
	box->kind = kind;
	box->source = source;
	box->source_arg = arg;
	box->hz = 100;
	box->volt_mV = 3300;
}

static void put(struct lpm01a_model *box, const void *bytes, size_t n)
{
	if (box->n_out + n > sizeof(box->out))
		return;
	memcpy(box->out + box->n_out, bytes, n);
	box->n_out += n;
}

__attribute__((format(printf, 2, 3))) static void say(struct lpm01a_model *box, const char *fmt,
						      ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	put(box, text, strlen(text));
}

static void ack(struct lpm01a_model *box, const char *value)
{
	if (box->faults.nuls)
		put(box, "\0\0", 2);
	say(box, "%sPowerShield > %sack %s%s%s\r\n", box->faults.glued_prompt ? "" : "\r\n",
	    box->faults.glued_prompt ? "PowerShield > " : "", box->line, *value ? " " : "", value);
	say(box, "PowerShield > ");
}

static void refuse(struct lpm01a_model *box, const char *detail)
{
	say(box, "\r\nPowerShield > error %s\r\nError detail: %s\r\n", box->line, detail);
}

/* Four digits and an exponent; the largest mantissa below 10000. */
static void decimal(double current_A, int *ret_digits, int *ret_exponent)
{
	int exponent = current_A > 0 ? (int)floor(log10(current_A)) - 3 : -10;

	if (exponent < -10)
		exponent = -10;
	*ret_digits = (int)lround(current_A / pow(10, exponent));
	if (*ret_digits > 9999) {
		exponent++;
		*ret_digits = (int)lround(current_A / pow(10, exponent));
	}
	*ret_exponent = exponent;
}

static unsigned hexa(double current_A)
{
	int e = 0;

	while (e < 14 && current_A * pow(16, e + 1) < 4096)
		e++;
	return (unsigned)e << 12 | (unsigned)lround(fmin(current_A * pow(16, e), 4095));
}

double lpm01a_model_quantize(double current_A, int binary)
{
	int digits, exponent;
	unsigned w;

	if (binary) {
		w = hexa(current_A);
		return (w & 0xfff) * pow(16, -(int)(w >> 12));
	}
	decimal(current_A, &digits, &exponent);
	return digits * pow(10, exponent);
}

static void end_acquisition(struct lpm01a_model *box)
{
	if (!box->running)
		return;
	box->running = 0;
	if (box->binary)
		put(box, "\xf0\xf4\xff\xff", 4);
	say(box, "end\r\nsummary beg\r\nAverage 1234-05\r\nsummary end\r\n"
		 "Acquisition completed\r\n");
}

static void set_rate(struct lpm01a_model *box, const char *text)
{
	char *end;
	unsigned long hz = strtoul(text, &end, 10);

	if (*end == 'k')
		hz *= 1000;
	if (!mn_lpm01a_has_rate((uint32_t)hz)) {
		refuse(box, "Parameter out of range");
		return;
	}
	box->hz = (uint32_t)hz;
	ack(box, "");
}

static void set_volt(struct lpm01a_model *box, const char *text)
{
	unsigned long mV = strtoul(text, NULL, 10);
	char value[32];

	if (!strcmp(text, "get")) {
		if (box->faults.service_line)
			say(box, "calibration request handled\r\n");
		snprintf(value, sizeof(value), "%04u-03", box->volt_mV - 8);
		ack(box, value);
	} else if (mV < 1800 || mV > 3300) {
		refuse(box, "Parameter out of range");
	} else {
		box->volt_mV = (uint32_t)mV;
		ack(box, "");
	}
}

static int is(const char *line, const char *word)
{
	return !strncmp(line, word, strlen(word));
}

static void run_command(struct lpm01a_model *box)
{
	const char *line = box->line;

	if (box->faults.silent || !*line)
		return;
	if (box->faults.stale) {
		while (box->faults.stale--)
			say(box, "33930-08\r\n6409-07\r\n");
		box->faults.stale = 0;
	}
	if (is(line, "htc")) {
		if (box->faults.first_htc_refused) {
			box->faults.first_htc_refused = 0;
			say(box, "error: Command unknown\r\nError detail: buffer\r\n");
			return;
		}
		box->control = 1;
		ack(box, "");
	} else if (is(line, "stop")) {
		end_acquisition(box);
	} else if (!box->control) {
		refuse(box, "no control");
	} else if (is(line, "hrc")) {
		box->control = 0;
		ack(box, "");
	} else if (is(line, "powershield")) {
		ack(box, box->kind == MN_LPM01A_SHIELD ? "PowerShield present 2061398A4D43"
						       : "STLINK-V3PWR V4");
	} else if (is(line, "version")) {
		ack(box, "1.0.6");
	} else if (is(line, "freq ")) {
		set_rate(box, line + 5);
	} else if (is(line, "volt ")) {
		set_volt(box, line + 5);
	} else if (is(line, "format ")) {
		box->binary = is(line + 7, "bin");
		ack(box, "");
	} else if (is(line, "eventsrc d7")) {
		if (box->faults.old_firmware) {
			refuse(box, "Command unknown");
			return;
		}
		box->events = 1;
		ack(box, "");
	} else if (is(line, "pwr ")) {
		box->power = is(line + 4, "on");
		ack(box, "");
	} else if (is(line, "start")) {
		ack(box, "");
		box->running = 1;
		box->n = 0;
		box->event = 0;
		box->charge_C = 0;
	} else if (is(line, "acq") || is(line, "trig") || is(line, "output current")) {
		ack(box, "");
	} else {
		refuse(box, "Command unknown");
	}
}

void lpm01a_model_write(struct lpm01a_model *box, const void *bytes, size_t n)
{
	const char *p = bytes;

	for (size_t i = 0; i < n; i++) {
		if (p[i] == '\r')
			continue;
		if (p[i] != '\n') {
			if (box->n_line < sizeof(box->line) - 1)
				box->line[box->n_line++] = p[i];
			continue;
		}
		box->line[box->n_line] = '\0';
		box->n_line = 0;
		run_command(box);
	}
}

static void put_stamp(struct lpm01a_model *box)
{
	uint64_t ms = box->n * 1000 / box->hz;
	uint8_t record[9] = {0xf0,
			     0xf3,
			     (uint8_t)(ms >> 24),
			     (uint8_t)(ms >> 16),
			     (uint8_t)(ms >> 8),
			     (uint8_t)ms,
			     (uint8_t)box->faults.fill_pct,
			     0xff,
			     0xff};

	if (box->binary) {
		put(box, record, sizeof(record));
		return;
	}
	say(box, "TimeStamp:%c%03us %03ums, buff %02u%%\r\n", box->n % 3 ? '<' : ' ',
	    (unsigned)(ms / 1000 % 1000), (unsigned)(ms % 1000), box->faults.fill_pct);
	if (box->faults.nuls)
		put(box, "\0", 1);
}

static void put_sample(struct lpm01a_model *box, double current_A)
{
	int torn = box->faults.torn_at && box->n == box->faults.torn_at;
	int digits, exponent;
	char text[24];
	uint8_t bytes[2];
	unsigned w;

	if (box->binary) {
		w = hexa(current_A);
		bytes[0] = (uint8_t)(w >> 8);
		bytes[1] = (uint8_t)w;
		put(box, bytes + torn, (size_t)(2 - torn));
		return;
	}
	decimal(current_A, &digits, &exponent);
	snprintf(text, sizeof(text), "%04d%c%02d\r\n", digits, exponent < 0 ? '-' : '+',
		 abs(exponent));
	put(box, text + 3 * torn, strlen(text) - 3 * (size_t)torn);
}

static void put_event(struct lpm01a_model *box)
{
	int skipped = box->faults.event_skip_at && box->n >= box->faults.event_skip_at;

	say(box, "event %02d ris\r\n", (box->event++ + skipped) % 100);
}

static void put_faults(struct lpm01a_model *box)
{
	const struct lpm01a_faults *f = &box->faults;

	if (f->error_at && box->n == f->error_at) {
		if (box->binary)
			put(box,
			    "\xf0\xf1"
			    "something is wrong\r\n\xff\xff",
			    24);
		else
			say(box, "error\r\n");
	}
	if (f->overcurrent_at && box->n == f->overcurrent_at) {
		if (!box->binary)
			say(box, "Overcurrent detected\r\n");
		else if (box->kind == MN_LPM01A_SHIELD)
			put(box, "\xf0\xf5\xff\xff", 4);
		else
			put(box, "\xf0\xf5\1\2\3\4\xff\xff", 8);
	}
	if (f->target_off_at && box->n == f->target_off_at && box->binary)
		put(box, "\xf0\xf6\xff\xff", 4);
}

void lpm01a_model_run(struct lpm01a_model *box, uint64_t samples)
{
	const struct lpm01a_faults *f = &box->faults;
	/* Each second as text, every 1000 samples in binary. */
	uint32_t every = box->binary ? 1000 : box->hz;

	for (uint64_t i = 0; i < samples && box->running; i++, box->n++) {
		double current_A = 0;
		int d7 = 0;

		if (box->n % every == 0)
			put_stamp(box);
		put_faults(box);
		box->source(box->source_arg, (double)box->n / box->hz, &current_A, &d7);
		if (box->events && !box->binary && box->d7 && !d7)
			put_event(box);
		box->d7 = d7;
		box->charge_C += lpm01a_model_quantize(current_A, box->binary) / box->hz;
		if (f->missing_at && box->n >= f->missing_at && box->n < f->missing_at + f->missing)
			continue;
		put_sample(box, current_A);
	}
}

size_t lpm01a_model_read(struct lpm01a_model *box, void *buf, size_t size)
{
	size_t n = box->n_out < size ? box->n_out : size;

	memcpy(buf, box->out, n);
	box->n_out -= n;
	memmove(box->out, box->out + n, box->n_out);
	return n;
}
