/* SPDX-License-Identifier: MIT */
#include "rig.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "known.h"

/* Of every board that we have images for. */
#define HSE_HZ 8e6

int mn_hello_is_virtual(const struct mn_msg_hello *hello)
{
	return hello->uid0 == MN_UID0_VIRTUAL;
}

int mn_hello_check(const struct mn_msg_hello *hello, struct mn_err *err)
{
	const struct mn_known_board *known = mn_known_find(hello->board);

	/* An image may well run on a relative's chip; its figures are not that board's. A chip that
	 * says 0 does not say. */
	if (known && hello->chip_id && (hello->chip_id & 0xfff) != known->dev_id)
		return mn_err_set(
			err, MN_E_INVALID,
			"the image is one for %s, but the chip (DEV_ID 0x%03x) is not an %s: "
			"it has the wrong image",
			hello->board, hello->chip_id & 0xfff, known->chip);
	if (hello->counter_status)
		return mn_err_set(
			err, hello->counter_status,
			"%s: no measuring on this board: %s (self-test: %u cycles counted, %u "
			"expected)",
			hello->board, mn_err_text(hello->counter_status), hello->counter_cycles,
			hello->counter_reference);
	if (!hello->clock_set_hz)
		return mn_err_set(err, MN_E_CLOCK, "%s: the board does not know its clock",
				  hello->board);
	if (hello->clock_measured_hz) {
		double off = fabs((double)hello->clock_measured_hz - hello->clock_set_hz) * 1000 /
			     hello->clock_set_hz;

		if (off > MN_CLOCK_TOLERANCE_PERMILLE)
			return mn_err_set(
				err, MN_E_CLOCK,
				"%s: the clock is set to %u Hz but runs at %u Hz, %.1f %% off: no "
				"number of this board can be used",
				hello->board, hello->clock_set_hz, hello->clock_measured_hz,
				off / 10);
	}
	/* Counted against the chip's own RC oscillator, which is good for 1 %: enough to see a
	 * wrong crystal. */
	if (hello->hse_measured_hz && fabs(hello->hse_measured_hz - HSE_HZ) > HSE_HZ * 0.03)
		return mn_err_set(
			err, MN_E_CLOCK,
			"%s: the ST-LINK's 8 MHz are %.2f MHz by the chip's own oscillator: no "
			"number of this board can be used",
			hello->board, hello->hse_measured_hz / 1e6);
	if (!hello->image[0] || !hello->kernels[0])
		return mn_err_set(err, MN_E_PROTOCOL,
				  "%s: the board does not say what image it runs", hello->board);
	return 0;
}

int mn_clock_check(const struct mn_msg_hello *hello, const struct mn_clock_sample *first,
		   const struct mn_clock_sample *second, double *ret_hz,
		   double *ret_uncertainty_permille, struct mn_err *err)
{
	double us = (double)(second->sent_us + second->received_us) / 2 -
		    (double)(first->sent_us + first->received_us) / 2;
	double half = (double)(first->received_us - first->sent_us + second->received_us -
			       second->sent_us) /
		      2;
	double cycles = (double)(second->cycles - first->cycles);
	double hz, off, uncertainty, allowed;

	if (us < 1e6)
		return mn_err_set(err, MN_E_INVALID, "the clock samples are less than 1 s apart");
	if (second->cycles == first->cycles)
		return mn_err_set(err, MN_E_NO_COUNTER, "%s: the cycle counter stands still",
				  hello->board);
	hz = cycles * 1e6 / us;
	uncertainty = half * 1000 / us;
	allowed = MN_CLOCK_TOLERANCE_PERMILLE + uncertainty;
	if (hello->clock_source == MN_CLOCK_HSI)
		allowed += 10;
	off = fabs(hz - hello->clock_set_hz) * 1000 / hello->clock_set_hz;
	if (off > allowed)
		return mn_err_set(err, MN_E_CLOCK,
				  "%s: the clock is set to %u Hz but is %.0f Hz by this computer's "
				  "clock, %.1f %% off",
				  hello->board, hello->clock_set_hz, hz, off / 10);
	*ret_hz = hz;
	*ret_uncertainty_permille = uncertainty;
	return 0;
}

void mn_caches_format(uint8_t caches, char *buf, size_t size)
{
	static const struct {
		uint8_t bit;
		const char *name;
	} names[] = {
		{MN_CACHE_ART_I, "art-i"},       {MN_CACHE_ART_D, "art-d"},
		{MN_CACHE_PREFETCH, "prefetch"}, {MN_CACHE_L1_I, "l1-i"},
		{MN_CACHE_L1_D, "l1-d"},
	};
	size_t used = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (caches & names[i].bit && used < size)
			used += (size_t)snprintf(buf + used, size - used, "%s%s", used ? " " : "",
						 names[i].name);
}

void mn_rig_from_hello(const struct mn_msg_hello *hello, const char *model, struct mn_rig_text *ret)
{
	const struct mn_known_board *known = mn_known_find(hello->board);
	int virt = mn_hello_is_virtual(hello);

	memset(ret, 0, sizeof(*ret));
	ret->hello = *hello;
	if (virt && known)
		snprintf(ret->board, sizeof(ret->board), "%s", known->virt);
	else if (virt)
		snprintf(ret->board, sizeof(ret->board), "virtual-%s", hello->board);
	else
		snprintf(ret->board, sizeof(ret->board), "%s", hello->board);
	snprintf(ret->uid, sizeof(ret->uid), "%08x%08x%08x", hello->uid0, hello->uid1, hello->uid2);
	mn_caches_format(hello->caches, ret->caches, sizeof(ret->caches));
	if (virt)
		snprintf(ret->model, sizeof(ret->model), "%s", *model ? model : "not reported");
	ret->rig = (struct mn_rig){
		.kind = virt ? MN_KIND_VIRTUAL : MN_KIND_MEASURED,
		.board = ret->board,
		.chip = known ? known->chip : "",
		.uid = ret->uid,
		.cpu = known ? known->cpu : "",
		.clock_set_hz = hello->clock_set_hz,
		.clock_measured_hz = hello->clock_measured_hz,
		.clock_source = hello->clock_source == MN_CLOCK_HSE_BYPASS ? "hse-bypass" : "hsi",
		.wait_states = hello->wait_states,
		.caches = ret->caches,
		.image = ret->hello.image,
		.firmware = ret->hello.firmware,
		.protocol = hello->proto,
		.compiler = ret->hello.compiler,
		.flags = ret->hello.flags,
		.model = ret->model,
	};
}
