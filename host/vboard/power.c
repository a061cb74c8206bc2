/* SPDX-License-Identifier: MIT */
#include "power.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cycles.h"

#define RECORD_BYTES 16u
#define RECORDS      1024u

struct mn_power {
	struct mn_power_params p;
	int fd, owned;
	int broken; /* nobody reads it any more */
	uint64_t period_ps;

	uint64_t cycle; /* up to which all is drawn */
	uint64_t rest;  /* of the division of cycles into ps */
	uint64_t insns, i_misses, d_misses;
	uint64_t at_ps;     /* in the sample that is being filled */
	uint64_t charge_fC; /* in it */
	uint64_t index;     /* of the last complete sample */
	uint8_t lines, edge_q8;

	uint32_t used;
	uint8_t out[RECORDS * RECORD_BYTES];
};

static void put(uint8_t *p, uint64_t v, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

static int write_all(struct mn_power *w, const uint8_t *p, size_t len)
{
	while (len) {
		ssize_t n = write(w->fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

void mn_power_flush(struct mn_power *w)
{
	/* A meter that went away does not end the board. */
	if (!w->broken && w->used && write_all(w, w->out, w->used))
		w->broken = 1;
	w->used = 0;
}

int mn_power_open(const struct mn_power_params *params, const char *target,
		  struct mn_power **ret_power, struct mn_err *err)
{
	uint8_t header[16] = "mnpower1";
	struct mn_power *w;

	if (!params->sample_hz || params->sample_hz > 1000000 || 1000000 % params->sample_hz)
		return mn_err_set(err, MN_E_INVALID,
				  "power: sample_hz must divide 1000000, %u does not",
				  params->sample_hz);
	w = calloc(1, sizeof(*w));
	if (!w)
		return mn_err_set(err, MN_E_NOMEM, "out of memory");
	w->p = *params;
	w->period_ps = 1000000000000ull / params->sample_hz;
	if (strncmp(target, "fd:", 3) == 0) {
		char *end;
		long fd = strtol(target + 3, &end, 10);

		w->fd = *end || end == target + 3 || fd < 0 || fd > 65535 ? -1 : (int)fd;
	} else {
		w->fd = open(target, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
		w->owned = 1;
	}
	put(header + 8, params->sample_hz, 4);
	put(header + 12, params->supply_mV, 4);
	if (w->fd < 0 || write_all(w, header, sizeof(header))) {
		mn_err_set(err, MN_E_IO, "power: %s cannot be written: %s", target,
			   strerror(w->fd < 0 && !w->owned ? EBADF : errno));
		mn_power_close(w);
		return MN_E_IO;
	}
	*ret_power = w;
	return 0;
}

void mn_power_close(struct mn_power *w)
{
	if (!w)
		return;
	if (w->fd >= 0)
		mn_power_flush(w);
	if (w->owned && w->fd >= 0)
		close(w->fd);
	free(w);
}

static void end_sample(struct mn_power *w)
{
	/* fC in one sample of 1 / hz s: nA = fC * hz / 10^6. */
	uint64_t nA = w->charge_fC * w->p.sample_hz / 1000000u;
	uint8_t *p = w->out + w->used;

	put(p, ++w->index, 8);
	put(p + 8, nA > UINT32_MAX ? UINT32_MAX : nA, 4);
	p[12] = w->lines;
	p[13] = w->edge_q8;
	put(p + 14, 0, 2);
	w->charge_fC = 0;
	w->at_ps = 0;
	w->edge_q8 = 0;
	w->used += RECORD_BYTES;
	if (w->used == sizeof(w->out))
		mn_power_flush(w);
}

/* charge, spread evenly over ps: what falls into a sample is the difference of two exact sums. */
static void spread(struct mn_power *w, uint64_t ps, uint64_t charge)
{
	uint64_t done = 0, given = 0;

	while (done < ps) {
		uint64_t left = w->period_ps - w->at_ps;
		uint64_t piece = ps - done < left ? ps - done : left, sum;

		done += piece;
		sum = (uint64_t)((unsigned __int128)charge * done / ps);
		w->charge_fC += sum - given;
		given = sum;
		w->at_ps += piece;
		if (w->at_ps == w->period_ps)
			end_sample(w);
	}
}

void mn_power_advance(struct mn_power *w, uint64_t now, uint32_t hclk_hz, int asleep,
		      const struct mn_cycles_stats *stats)
{
	const struct mn_power_params *p = &w->p;
	uint64_t cycles = now - w->cycle, khz = hclk_hz / 1000u, ps, charge;
	unsigned __int128 num;

	if (!cycles || !khz)
		return;
	num = (unsigned __int128)cycles * 1000000000u + w->rest;
	ps = (uint64_t)(num / khz);
	w->rest = (uint64_t)(num % khz);
	/* uA * ps = 10^-18 C = 10^-3 fC; uA / MHz = pC a cycle = 1000 fC. */
	charge = (uint64_t)((unsigned __int128)p->base_uA * ps / 1000u) +
		 cycles * (asleep ? p->sleep_uA_per_MHz : p->run_uA_per_MHz) * 1000u +
		 (stats->insns - w->insns) * p->insn_fC +
		 (stats->i_misses - w->i_misses) * p->i_line_fC +
		 (stats->d_misses - w->d_misses) * p->d_line_fC;
	w->cycle = now;
	w->insns = stats->insns;
	w->i_misses = stats->i_misses;
	w->d_misses = stats->d_misses;
	spread(w, ps, charge);
}

void mn_power_lines(struct mn_power *w, uint8_t lines)
{
	if (lines != w->lines)
		w->edge_q8 = (uint8_t)(w->at_ps * 256u / w->period_ps);
	w->lines = lines;
}
