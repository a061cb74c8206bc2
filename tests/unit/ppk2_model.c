/* SPDX-License-Identifier: MIT */
#include "ppk2_model.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct mn_ppk2_calibration example = {
	.r = {1003.3506, 101.5865, 10.3027, 0.9636, 0.0564},
	.gs = {0, 112.7890, 18.0115, 2.4217, 0.0729},
	.gi = {1, 0.9695, 0.9609, 0.9519, 0.9582},
	.o = {112.9420, 75.4627, 64.6020, 50.4983, 87.2177},
	.s = {4.8e-8, 5.96e-7, 5.281e-6, 6.2577e-5, 2.940743e-3},
	.i = {-1.04e-7, -1.443e-6, 3.6439e-5, -3.74119e-4, -9.388455e-3},
	.ug = {1, 1, 1, 1, 1},
	.vdd_mV = 3000,
	.mode = 2,
	.hw = 9173,
};

void ppk2_model_init(struct ppk2_model *kit, ppk2_source *source, void *arg)
{
	memset(kit, 0, sizeof(*kit));
	kit->cal = example;
	kit->source = source;
	kit->source_arg = arg;
	kit->opcode = -1;
	kit->mode = 2;
	kit->volt_mV = 3300;
}

size_t ppk2_model_metadata(const struct ppk2_model *kit, char *buf, size_t size)
{
	const struct {
		const char *name;
		const double *values;
	} tables[] = {
		{"R", kit->cal.r}, {"GS", kit->cal.gs}, {"GI", kit->cal.gi}, {"O", kit->cal.o}};
	const struct {
		const char *name;
		const double *values;
	} more[] = {{"S", kit->cal.s}, {"I", kit->cal.i}, {"UG", kit->cal.ug}};
	FILE *f = fmemopen(buf, size, "w");
	long n;

	fprintf(f, "Calibrated: %d\n", kit->cal.calibrated);
	for (size_t t = 0; t < 4; t++)
		for (int r = 0; r < MN_PPK2_RANGES; r++)
			fprintf(f, "%s%d: %.20f\n", tables[t].name, r, tables[t].values[r]);
	fprintf(f, "VDD: %u\nHW: %d\nmode: %d\n", kit->volt_mV, kit->cal.hw, kit->mode);
	for (size_t t = 0; t < 3; t++)
		for (int r = 0; r < MN_PPK2_RANGES; r++)
			fprintf(f, "%s%d: %.20f\n", more[t].name, r, more[t].values[r]);
	fprintf(f, "IA: 56\nEND\n");
	n = ftell(f);
	fclose(f);
	return (size_t)n;
}

/* The field whose current is nearest: the conversion, a quadratic, solved for x. */
static double field_of(const struct ppk2_model *kit, double current_A, int r)
{
	const struct mn_ppk2_calibration *c = &kit->cal;
	double y = current_A / c->ug[r] - c->s[r] * (kit->volt_mV / 1000.0) - c->i[r], x;

	if (c->gs[r] > 0)
		x = (-c->gi[r] + sqrt(c->gi[r] * c->gi[r] + 4 * c->gs[r] * y)) / (2 * c->gs[r]);
	else
		x = y / c->gi[r];
	return (x * c->r[r] / (1.8 / 163840) + c->o[r]) / 4;
}

uint32_t ppk2_model_word(const struct ppk2_model *kit, double current_A, uint8_t counter,
			 uint8_t bits, double *ret_exact_A)
{
	static const double most_A[MN_PPK2_RANGES] = {50e-6, 500e-6, 5e-3, 50e-3, 1};
	unsigned field;
	double f;
	int r = 0;

	while (r < MN_PPK2_RANGES - 1 && current_A > most_A[r])
		r++;
	f = field_of(kit, current_A, r);
	field = f < 0 ? 0 : f > MN_PPK2_FIELD_MAX ? MN_PPK2_FIELD_MAX : (unsigned)lround(f);
	*ret_exact_A = mn_ppk2_current_A(&kit->cal, kit->volt_mV, (unsigned)r, field);
	return field | (uint32_t)r << 14 | (uint32_t)(counter & 63) << 18 | (uint32_t)bits << 24;
}

static void put(struct ppk2_model *kit, const void *bytes, size_t n)
{
	if (kit->n_out + n > sizeof(kit->out))
		n = 0; /* a host that does not read loses it */
	memcpy(kit->out + kit->n_out, bytes, n);
	kit->n_out += n;
}

static void answer_metadata(struct ppk2_model *kit)
{
	char text[MN_PPK2_METADATA_MAX], *line;
	size_t n;

	kit->streaming = 0;
	if (kit->faults.metadata_lost > 0) {
		kit->faults.metadata_lost--;
		return;
	}
	n = ppk2_model_metadata(kit, text, sizeof(text));
	if (kit->faults.metadata_broken > 0) {
		kit->faults.metadata_broken--;
		line = memmem(text, n, "R2:", 3);
		*line = 'X';
	}
	put(kit, text, n);
}

void ppk2_model_flush(struct ppk2_model *kit)
{
	put(kit, kit->block, kit->n_block);
	kit->n_block = 0;
}

static void command(struct ppk2_model *kit)
{
	switch (kit->opcode) {
	case MN_PPK2_START:
		kit->streaming = 1;
		kit->counter = 0;
		kit->n = 0;
		kit->charge_C = 0;
		break;
	case MN_PPK2_STOP:
		kit->streaming = 0;
		ppk2_model_flush(kit);
		break;
	case MN_PPK2_POWER:
		kit->power = kit->args[0];
		break;
	case MN_PPK2_VOLTAGE:
		kit->volt_mV = (uint32_t)kit->args[0] << 8 | kit->args[1];
		break;
	case MN_PPK2_MODE:
		kit->mode = kit->args[0];
		break;
	case MN_PPK2_GET_METADATA:
		ppk2_model_flush(kit);
		answer_metadata(kit);
		break;
	default:
		break;
	}
}

void ppk2_model_write(struct ppk2_model *kit, const void *bytes, size_t n)
{
	/* Arguments of each opcode, those of the old kit too. */
	static const uint8_t lengths[64] = {
		[0x01] = 2, [0x02] = 1, [0x03] = 2, [0x04] = 1, [0x08] = 1, [0x09] = 1, [0x0c] = 1,
		[0x0d] = 2, [0x0e] = 1, [0x0f] = 1, [0x11] = 1, [0x12] = 3, [0x25] = 5,
	};
	const uint8_t *p = bytes;

	for (size_t i = 0; i < n; i++) {
		if (kit->opcode < 0) {
			kit->opcode = p[i] & 63;
			kit->n_args = 0;
		} else {
			kit->args[kit->n_args++] = p[i];
		}
		if (kit->n_args == lengths[kit->opcode]) {
			command(kit);
			kit->opcode = -1;
		}
	}
}

static void put_word(struct ppk2_model *kit, uint32_t w)
{
	uint8_t bytes[4] = {(uint8_t)w, (uint8_t)(w >> 8), (uint8_t)(w >> 16), (uint8_t)(w >> 24)};
	size_t n = 4;

	if (kit->faults.drop_byte_at && kit->n == kit->faults.drop_byte_at) {
		memmove(bytes + kit->faults.drop_byte, bytes + kit->faults.drop_byte + 1,
			3 - kit->faults.drop_byte);
		n = 3;
	}
	memcpy(kit->block + kit->n_block, bytes, n);
	kit->n_block += n;
	if (kit->n_block + 4 > sizeof(kit->block))
		ppk2_model_flush(kit);
}

void ppk2_model_run(struct ppk2_model *kit, uint64_t samples)
{
	const struct ppk2_faults *f = &kit->faults;

	for (uint64_t i = 0; i < samples && kit->streaming; i++, kit->n++, kit->counter++) {
		double current_A = 0, exact_A;
		uint8_t bits = 0;
		uint32_t w;

		kit->source(kit->source_arg, kit->n, &current_A, &bits);
		w = ppk2_model_word(kit, current_A, kit->counter, bits, &exact_A);
		kit->charge_C += exact_A / MN_PPK2_SAMPLE_HZ;
		if (f->gap_at && kit->n >= f->gap_at && kit->n < f->gap_at + f->gap)
			continue;
		if (f->no_value_at && kit->n >= f->no_value_at &&
		    kit->n < f->no_value_at + f->no_value)
			w |= 7u << 14;
		if (f->saturate_at && kit->n == f->saturate_at)
			w |= 0x3fff;
		put_word(kit, w);
	}
}

size_t ppk2_model_read(struct ppk2_model *kit, void *buf, size_t size)
{
	size_t n = kit->n_out;

	if (!kit->streaming && kit->faults.metadata_chunk && n > kit->faults.metadata_chunk)
		n = kit->faults.metadata_chunk;
	if (kit->streaming && n > sizeof(kit->block))
		n = sizeof(kit->block);
	if (n > size)
		n = size;
	memcpy(buf, kit->out, n);
	kit->n_out -= n;
	memmove(kit->out, kit->out + n, kit->n_out);
	return n;
}
