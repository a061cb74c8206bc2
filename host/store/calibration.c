/* SPDX-License-Identifier: MIT */
/*
 * Measured layers as others published them: three tables of their own, recognised by their header.
 * A layer is believed only if our own count of it agrees with the table's; what the tables do not
 * say (bias, most activations) is taken as int8 TFLite converts it: with bias.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "import_row.h"

enum { FORMAT_NONE, FORMAT_BENCH, FORMAT_SWEEP, FORMAT_ENERGY, N_FORMATS };

/* clang-format off */
static const char *const headers[N_FORMATS][MN_CALIBRATION_COLUMNS] = {
	[FORMAT_BENCH] = {
		"board", "cpu", "freq_MHz", "kernel_lib", "op", "in_h", "in_w", "in_c", "out_h",
		"out_w", "out_c", "k_h", "k_w", "stride_h", "stride_w", "dilation", "padding",
		"activation", "macs", "op_cycles", "invoke_cycles", "arena_bytes", "tflite_bytes",
		"source"},
	[FORMAT_SWEEP] = {
		"board", "cpu", "freq_MHz", "sweep", "model", "kernels", "layer_idx", "op", "in_h",
		"in_w", "in_c", "out_h", "out_w", "out_c", "k_h", "k_w", "stride", "padding",
		"macs", "latency_us", "latency_std_us", "model_latency_ms", "model_power_mW",
		"model_energy_mJ", "source", "cycles_per_mac", "flag"},
	[FORMAT_ENERGY] = {
		"board", "cpu", "freq_MHz", "model", "dtype", "kernels", "opt", "layer_idx", "op",
		"in_shape", "out_shape", "kernel", "stride", "padding", "macs", "latency_ms",
		"latency_std_ms", "current_mA", "power_mW", "energy_uJ", "energy_std_uJ", "note",
		"source"},
};
/* clang-format on */

int mn_calibration_find(const struct mn_csv_field *header, size_t n)
{
	for (int format = 1; format < N_FORMATS; format++) {
		size_t i = 0;

		while (i < n && i < MN_CALIBRATION_COLUMNS && headers[format][i] &&
		       !strcmp(header[i].text, headers[format][i]))
			i++;
		if (i == n && (i == MN_CALIBRATION_COLUMNS || !headers[format][i]))
			return format;
	}
	return FORMAT_NONE;
}

/* A record with its format: fields by name. */
struct record {
	int format;
	const struct mn_csv_field *field;
	size_t blame;
	const char *why;
};

/* The field of that name; "" if the format has none. The next complaint is about it. */
static const char *get(struct record *r, const char *name)
{
	for (size_t i = 0; i < MN_CALIBRATION_COLUMNS && headers[r->format][i]; i++)
		if (!strcmp(headers[r->format][i], name)) {
			r->blame = i;
			return r->field[i].text;
		}
	return "";
}

/* A whole number; empty: `empty`. MN_E_INVALID, and why. */
static int whole(struct record *r, const char *name, int64_t empty, uint32_t max, uint32_t *ret)
{
	const char *text = get(r, name);
	int64_t value = empty;

	r->why = text[0] ? mn_import_number(text, 0, 1, &value) : NULL;
	if (!r->why && value > max)
		r->why = "this number is too big";
	if (r->why)
		return MN_E_INVALID;
	*ret = (uint32_t)value;
	return 0;
}

static int whole16(struct record *r, const char *name, uint16_t *ret)
{
	uint32_t value = 1;
	int rc = whole(r, name, 1, UINT16_MAX, &value);

	if (rc == 0)
		*ret = (uint16_t)value;
	return rc;
}

/* "1x32x32x3", filled from the right: "1x10" is 1x1x1x10. */
static int shape(struct record *r, const char *name, struct mn_shape *ret)
{
	uint32_t dims[4] = {1, 1, 1, 1}, n = 0, found[4];
	const char *p = get(r, name);

	do {
		char *end;
		unsigned long value = strtoul(p, &end, 10);

		if (n == 4 || end == p || *p == '-' || *p == '+' || value > INT32_MAX ||
		    (*end && *end != 'x')) {
			r->why = "this is no shape: write it like 1x32x32x3";
			return MN_E_INVALID;
		}
		found[n++] = (uint32_t)value;
		p = *end ? end + 1 : end;
	} while (*p);
	/* A batch of one stays in front. */
	for (uint32_t i = 0; i < n; i++)
		dims[4 - n + i] = found[i];
	*ret = (struct mn_shape){dims[0], dims[1], dims[2], dims[3]};
	return 0;
}

/* "3x3"; empty: 1x1 */
static int pair(struct record *r, const char *name, uint16_t *ret_h, uint16_t *ret_w)
{
	const char *text = get(r, name);
	unsigned h = 1, w = 1;
	char rest;

	if (text[0] &&
	    (sscanf(text, "%5ux%5u%c", &h, &w, &rest) != 2 || h > UINT16_MAX || w > UINT16_MAX)) {
		r->why = "this is no size: write it like 3x3";
		return MN_E_INVALID;
	}
	*ret_h = (uint16_t)h;
	*ret_w = (uint16_t)w;
	return 0;
}

static int shapes(struct record *r, struct mn_shape *in, struct mn_shape *out)
{
	int rc;

	*in = *out = (struct mn_shape){.n = 1};
	if (r->format == FORMAT_ENERGY)
		return (rc = shape(r, "in_shape", in)) ? rc : shape(r, "out_shape", out);
	if ((rc = whole(r, "in_h", 1, INT32_MAX, &in->h)) ||
	    (rc = whole(r, "in_w", 1, INT32_MAX, &in->w)) ||
	    (rc = whole(r, "in_c", 1, INT32_MAX, &in->c)) ||
	    (rc = whole(r, "out_h", 1, INT32_MAX, &out->h)) ||
	    (rc = whole(r, "out_w", 1, INT32_MAX, &out->w)))
		return rc;
	return whole(r, "out_c", 1, INT32_MAX, &out->c);
}

static int windows(struct record *r, struct mn_layer *l)
{
	const char *padding;
	uint16_t dilation = 1;
	int rc;

	if (r->format == FORMAT_ENERGY) {
		rc = pair(r, "kernel", &l->kernel_h, &l->kernel_w);
		if (!rc)
			rc = pair(r, "stride", &l->stride_h, &l->stride_w);
	} else {
		rc = whole16(r, "k_h", &l->kernel_h);
		if (!rc)
			rc = whole16(r, "k_w", &l->kernel_w);
		if (!rc && r->format == FORMAT_BENCH)
			rc = whole16(r, "stride_h", &l->stride_h);
		if (!rc && r->format == FORMAT_BENCH)
			rc = whole16(r, "stride_w", &l->stride_w);
		if (!rc && r->format == FORMAT_BENCH)
			rc = whole16(r, "dilation", &dilation);
		if (!rc && r->format == FORMAT_SWEEP)
			rc = whole16(r, "stride", &l->stride_h);
		if (r->format == FORMAT_SWEEP)
			l->stride_w = l->stride_h;
	}
	if (rc)
		return rc;
	l->dilation_h = l->dilation_w = dilation;
	padding = get(r, "padding");
	if (strcasecmp(padding, "same") && strcasecmp(padding, "valid")) {
		r->why = "padding must be SAME or VALID";
		return MN_E_INVALID;
	}
	l->padding = !strcasecmp(padding, "same") ? MN_PADDING_SAME : MN_PADDING_VALID;
	return 0;
}

static int activation(struct record *r, struct mn_layer *l)
{
	const char *text = get(r, "activation");

	if (!strcmp(text, "relu"))
		l->act = MN_ACT_RELU;
	else if (!strcmp(text, "relu6"))
		l->act = MN_ACT_RELU6;
	else if (text[0] && strcmp(text, "none")) {
		r->why = "activation must be relu, relu6, none or empty";
		return MN_E_INVALID;
	}
	return 0;
}

/* 0: the layer as the record describes it; 1: an op that is no layer of ours. */
static int layer_of(struct record *r, struct mn_layer *l, struct mn_shape *out)
{
	const char *name = get(r, "op");
	char lower[32];
	struct mn_shape in;
	size_t n = 0;
	int op, rc;

	for (; name[n] && n + 1 < sizeof(lower); n++)
		lower[n] = (char)(name[n] >= 'A' && name[n] <= 'Z' ? name[n] - 'A' + 'a' : name[n]);
	lower[n] = '\0';
	op = mn_op_parse(lower, n);
	/* Nor do these tables say enough of pad and of the ops that came after reshape. */
	if (op < 0 || op == MN_OP_NOP || op == MN_OP_PAD || op > MN_OP_RESHAPE)
		return 1;
	rc = shapes(r, &in, out);
	if (rc)
		return rc;
	mn_layer_init(l, (enum mn_op)op);
	l->in = in;
	switch (op) {
	case MN_OP_CONV_2D:
		l->out_c = out->c;
		break;
	case MN_OP_DEPTHWISE_CONV_2D:
		l->multiplier = (uint16_t)(in.c ? out->c / in.c : 0);
		break;
	case MN_OP_FULLY_CONNECTED:
		l->out_c = out->c;
		return activation(r, l);
	case MN_OP_ADD:
		l->in2 = in;
		return activation(r, l);
	case MN_OP_MEAN:
		l->axes = MN_AXIS_H | MN_AXIS_W;
		return 0;
	case MN_OP_RESHAPE:
		l->shape = *out;
		return 0;
	case MN_OP_SOFTMAX:
		return 0;
	default:
		break;
	}
	rc = windows(r, l);
	return rc ? rc : activation(r, l);
}

/* A figure; 0 and empty are none. *ret_zero: it was 0. */
static int figure(struct record *r, const char *name, int exponent, int64_t *ret, int *ret_zero)
{
	const char *text = get(r, name);
	int64_t value = -1;

	r->why = text[0] ? mn_import_number(text, exponent, 0, &value) : NULL;
	if (r->why)
		return MN_E_INVALID;
	if (ret_zero)
		*ret_zero = value == 0;
	*ret = value == 0 ? -1 : value;
	return 0;
}

static int figures(struct record *r, struct mn_import_row *row)
{
	const char *flag;
	int zero = 0, rc = figure(r, "freq_MHz", 6, &row->number[CLOCK], NULL);

	if (!rc && r->format == FORMAT_BENCH)
		rc = figure(r, "op_cycles", 0, &row->number[CYCLES], &zero);
	if (!rc && r->format == FORMAT_SWEEP)
		rc = figure(r, "latency_us", 3, &row->number[LATENCY], &zero);
	if (!rc && r->format == FORMAT_ENERGY)
		rc = figure(r, "latency_ms", 6, &row->number[LATENCY], &zero);
	if (!rc && r->format == FORMAT_ENERGY)
		rc = figure(r, "energy_uJ", 3, &row->number[ENERGY], NULL);
	if (!rc && r->format == FORMAT_ENERGY)
		rc = figure(r, "power_mW", 3, &row->number[POWER], NULL);
	if (rc)
		return rc;
	if (zero)
		row->text[EXCLUDED_LATENCY] = "published as 0: below what could be measured";
	else if (row->number[CYCLES] < 0 && row->number[LATENCY] < 0)
		row->text[EXCLUDED_LATENCY] = "not published";
	if (zero && r->format == FORMAT_ENERGY)
		row->text[EXCLUDED_ENERGY] = "published with a latency of 0";
	flag = get(r, "flag");
	if (flag[0]) {
		snprintf(row->made[0], sizeof(row->made[0]), "flagged by the source: %s", flag);
		row->text[EXCLUDED_LATENCY] = row->made[0];
	}
	if (get(r, "note")[0])
		row->text[EXCLUDED_ENERGY] = get(r, "note");
	return 0;
}

/* Our count of the layer against the table's. */
static int agree(struct record *r, struct mn_import_row *row, const struct mn_shape *out)
{
	struct mn_layer_info info;
	uint32_t macs = 0;
	int rc = mn_layer_check(&row->layer, &info, &r->why);

	if (rc == 0)
		rc = mn_layer_format(&row->layer, row->layer_text, sizeof(row->layer_text));
	if (rc < 0) {
		get(r, "op");
		return rc;
	}
	rc = whole(r, "macs", 0, UINT32_MAX, &macs);
	if (rc)
		return rc;
	if (info.out.h != out->h || info.out.w != out->w || info.out.c != out->c ||
	    (info.macs && info.macs != macs && macs)) {
		snprintf(row->made[0], sizeof(row->made[0]),
			 "published as output %ux%ux%u, %u MACs: by our count %ux%ux%u, %llu",
			 (unsigned)out->h, (unsigned)out->w, (unsigned)out->c, (unsigned)macs,
			 (unsigned)info.out.h, (unsigned)info.out.w, (unsigned)info.out.c,
			 (unsigned long long)info.macs);
		row->text[EXCLUDED_LATENCY] = row->text[EXCLUDED_ENERGY] = row->made[0];
	}
	return 0;
}

int mn_calibration_row(int format, const struct mn_csv_field *field, struct mn_import_row *row,
		       size_t *ret_field, const char **ret_why)
{
	struct record r = {.format = format, .field = field};
	struct mn_shape out;
	int rc;

	mn_import_row_init(row);
	rc = layer_of(&r, &row->layer, &out);
	if (rc == 1) {
		*ret_why = get(&r, "op")[0] ? get(&r, "op") : "rows without an op";
		return 0;
	}
	if (rc < 0)
		goto out;
	if (get(&r, "dtype")[0] && strcmp(get(&r, "dtype"), "int8")) {
		*ret_why = get(&r, "dtype");
		return 0;
	}
	row->text[KIND] = "published";
	row->text[BOARD] = get(&r, "board");
	row->text[CPU] = get(&r, "cpu");
	row->text[FLAGS] = get(&r, "opt");
	row->text[KERNELS] = get(&r, format == FORMAT_BENCH ? "kernel_lib" : "kernels");
	row->text[SOURCE] = get(&r, "source");
	if (get(&r, "model")[0]) {
		snprintf(row->made[1], sizeof(row->made[1]), "layer %s of %.200s",
			 get(&r, "layer_idx"), get(&r, "model"));
		row->text[NOTE] = row->made[1];
	}
	rc = figures(&r, row);
	if (rc == 0)
		rc = agree(&r, row, &out);
	if (rc == 0) {
		static const enum mn_import_what needed[] = {BOARD, KERNELS, SOURCE};

		for (size_t i = 0; i < 3 && rc == 0; i++)
			if (!row->text[needed[i]][0]) {
				get(&r, i == 0                   ? "board"
					: i == 2                 ? "source"
					: format == FORMAT_BENCH ? "kernel_lib"
								 : "kernels");
				r.why = "this must not be empty";
				rc = MN_E_INVALID;
			}
	}
out:
	*ret_field = r.blame;
	*ret_why = r.why;
	return rc < 0 ? rc : 1;
}
