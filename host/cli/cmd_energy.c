/* SPDX-License-Identifier: MIT */
#include "cmd_energy.h"

#include <string.h>

#include "cmd.h"

enum {
	KEY_METER = 512,
	KEY_VOLT,
	KEY_WINDOW,
	KEY_REPEAT,
	KEY_SUPPLY,
	KEY_OPTIONAL,
	KEY_TRACE,
	KEY_MLPERF
};

/* facts of MLPerf Tiny: every window at least 10 s and 10 inferences, the median of 5 */
#define MLPERF_US     10000000u
#define MLPERF_REPS   10u
#define MLPERF_REPEAT 5u

static const struct argp_option options[] = {
	{"meter", KEY_METER, "METER", 0,
	 "Measure energy, too, with this power monitor: virtual, or one of those that mnchar "
	 "meters "
	 "lists, as ppk2 or ppk2:SERIAL; none (default)",
	 0},
	{"volt", KEY_VOLT, "MV", 0,
	 "Supply of the board in mV: what the monitor is to give (--supply), or what the board is "
	 "supplied with",
	 0},
	{"supply", KEY_SUPPLY, NULL, 0, "The monitor supplies the board (default: it is in series)",
	 0},
	{"window", KEY_WINDOW, "MS", 0,
	 "Loop each layer for at least so long in a marked window (default 300). Virtual meters "
	 "are exact in a few ms",
	 0},
	{"repeat", KEY_REPEAT, "N", 0,
	 "Windows of each layer (default 1, at most 9): the median counts", 0},
	{"mlperf", KEY_MLPERF, NULL, 0,
	 "Windows of at least 10 s and 10 inferences, and the median of 5, as MLPerf Tiny asks", 0},
	{"allow-no-energy", KEY_OPTIONAL, NULL, 0,
	 "Go on with latency alone when the monitor cannot be used or goes away", 0},
	{"raw-trace", KEY_TRACE, NULL, 0, "Store the samples of each window, too", 0},
	{0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct mn_cmd_energy *my = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		if (my) {
			my->config.window_us = 300000;
			my->config.reps = 1;
			my->config.repeat = 1;
		}
		return 0;
	case KEY_METER:
		my->config.meter = strcmp(arg, "none") ? arg : NULL;
		return 0;
	case KEY_VOLT:
		my->config.volt_mV = (uint32_t)mn_cmd_number(state, "--volt", arg, 0, 100000);
		return 0;
	case KEY_WINDOW:
		my->config.window_us =
			1000 * (uint32_t)mn_cmd_number(state, "--window", arg, 1, 600000);
		return 0;
	case KEY_REPEAT:
		my->config.repeat =
			(uint32_t)mn_cmd_number(state, "--repeat", arg, 1, MN_ENERGY_REPEAT_MAX);
		return 0;
	case KEY_SUPPLY:
		my->config.source = 1;
		return 0;
	case KEY_OPTIONAL:
		my->config.optional = 1;
		return 0;
	case KEY_TRACE:
		my->config.trace = 1;
		return 0;
	case KEY_MLPERF:
		my->config.window_us = MLPERF_US;
		my->config.reps = MLPERF_REPS;
		my->config.repeat = MLPERF_REPEAT;
		my->mlperf = 1;
		return 0;
	case ARGP_KEY_END:
		if (!my->config.meter &&
		    (my->config.volt_mV || my->config.source || my->config.trace || my->mlperf))
			argp_error(state, "which power monitor? --meter virtual, for example");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

const struct argp mn_argp_energy = {.options = options, .parser = parse};

int mn_cmd_energy_check(const struct mn_cmd_energy *energy, size_t n_boards, struct mn_err *err)
{
	if (energy->config.meter && n_boards > 1 && strcmp(energy->config.meter, "virtual"))
		return mn_err_set(err, MN_E_INVALID,
				  "--meter %s watches one board: give one --board",
				  energy->config.meter);
	return 0;
}

const struct mn_energy_config *mn_cmd_energy_config(const struct mn_cmd_energy *energy)
{
	return energy->config.meter ? &energy->config : NULL;
}
