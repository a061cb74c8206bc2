/* SPDX-License-Identifier: MIT */
/* `mnchar doctor`: is everything as a sweep needs it? Each check with its remedy. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "doctor.h"

struct options {
	struct mn_doctor_config config;
	int json;
};

enum { KEY_METER = 256, KEY_VOLT, KEY_SUPPLY, KEY_JSON };

static const struct argp_option options[] = {
	{"board", 'b', "BOARD", 0, "The board to look at, as collect takes it", 0},
	{"meter", KEY_METER, "METER", 0,
	 "The power monitor on it, as collect takes it: its wiring is checked too", 0},
	{"volt", KEY_VOLT, "MV", 0, "Supply of the board in mV", 0},
	{"supply", KEY_SUPPLY, NULL, 0, "The monitor supplies the board (default: it is in series)",
	 0},
	{"json", KEY_JSON, NULL, 0, "An array of checks instead of a table", 0},
	{0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *my = state->input;

	switch (key) {
	case 'b':
		my->config.board = arg;
		return 0;
	case KEY_METER:
		my->config.meter = strcmp(arg, "none") ? arg : NULL;
		return 0;
	case KEY_VOLT:
		my->config.volt_mV = (uint32_t)mn_cmd_number(state, "--volt", arg, 0, 100000);
		return 0;
	case KEY_SUPPLY:
		my->config.source = 1;
		return 0;
	case KEY_JSON:
		my->json = 1;
		return 0;
	case ARGP_KEY_END:
		if (my->config.meter && !my->config.board)
			argp_error(state, "--meter: on which --board?");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

const struct argp mn_argp_doctor = {
	.options = options,
	.parser = parse,
	.doc = "Check what a sweep depends on, and say what to do about what is wrong: rights, "
	       "ports, who uses the power monitor; with --board its clock, its cycle counter and "
	       "how well 20 runs of 5 layers repeat; with --meter supply and range, the marker's "
	       "wiring (the marker is toggled and looked for on each line), and the monitor's "
	       "clock against the board's."
	       "\v"
	       "Exit code 1: a check failed.\n"
	       "\n"
	       "Example: mnchar doctor --board nucleo-f446re --meter ppk2 --volt 3300 --supply",
};

static const char *const words[] = {
	[MN_DOCTOR_PASS] = "pass", [MN_DOCTOR_FAIL] = "FAIL", [MN_DOCTOR_SKIP] = "skip"};

static int print_table(const struct mn_doctor_check *checks, size_t n, struct mn_err *err)
{
	static const struct mn_column columns[] = {
		{"CHECK", 0}, {"RESULT", 0}, {"FOUND", 0}, {"REMEDY", 0}};
	struct mn_table *table = mn_table_new(columns, sizeof(columns) / sizeof(columns[0]));
	int rc = table ? 0 : MN_E_NOMEM;

	for (size_t i = 0; i < n && !rc; i++)
		rc = mn_table_addf(table, "%s\t%s\t%s\t%s", checks[i].name, words[checks[i].result],
				   checks[i].found, checks[i].remedy);
	if (!rc)
		rc = mn_table_print(table);
	mn_table_free(table);
	return rc ? mn_err_set(err, MN_E_NOMEM, "out of memory") : 0;
}

static int print_json(const struct mn_doctor_check *checks, size_t n, struct mn_err *err)
{
	json_t *array = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(
			array,
			json_pack("{s:s,s:s,s:s,s:s}", "check", checks[i].name, "result",
				  checks[i].result == MN_DOCTOR_FAIL ? "fail"
								     : words[checks[i].result],
				  "found", checks[i].found, "remedy", checks[i].remedy));
	return mn_json_print(array, err);
}

int mn_cmd_doctor(int argc, char **argv)
{
	struct mn_doctor_check checks[MN_DOCTOR_CHECKS];
	struct options my = {0};
	struct mn_err err = {0};
	size_t n, failed = 0;
	int rc;

	argp_parse(&mn_argp_doctor, argc, argv, 0, NULL, &my);
	n = mn_doctor_run(&my.config, checks);
	for (size_t i = 0; i < n; i++)
		failed += checks[i].result == MN_DOCTOR_FAIL;
	rc = my.json ? print_json(checks, n, &err) : print_table(checks, n, &err);
	if (rc)
		return mn_cmd_fail(&err);
	return failed ? MN_EXIT_FAILED : MN_EXIT_OK;
}
