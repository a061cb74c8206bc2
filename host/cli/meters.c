/* SPDX-License-Identifier: MIT */
/* `mnchar meters`: what there is to measure energy with. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "meter.h"

struct options {
	int json, no_open;
};

enum { KEY_JSON = 256, KEY_NO_OPEN };

static const struct argp_option options[] = {
	{"json", KEY_JSON, NULL, 0, "An array of objects instead of a table", 0},
	{"no-open", KEY_NO_OPEN, NULL, 0,
	 "Open none of them: the firmware is then the USB release number", 0},
	{0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *my = state->input;

	(void)arg;
	switch (key) {
	case KEY_JSON:
		my->json = 1;
		return 0;
	case KEY_NO_OPEN:
		my->no_open = 1;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

const struct argp mn_argp_meters = {
	.options = options,
	.parser = parse,
	.doc = "List the power monitors that are plugged in: name for --meter, model, serial "
	       "number, firmware, and what stands in the way of using it. What virtual boards draw "
	       "is measured with --meter virtual and not listed."
	       "\v"
	       "Exit code 2: there is none that can be used.\n"
	       "\n"
	       "Example: mnchar meters --json",
};

struct row {
	char name[2 * MN_METER_TEXT];
	struct mn_meter_found found;
	char note[512];
	int usable;
	char calibration[1024];
};

/* A device that is free tells more when it is open; it is left as it was found. */
static void look(struct row *row, int no_open)
{
	struct mn_err err = {0};
	struct mn_meter *m;

	snprintf(row->name, sizeof(row->name), "%s%s%s", row->found.driver,
		 *row->found.serial ? ":" : "", row->found.serial);
	snprintf(row->note, sizeof(row->note), "%s", row->found.remedy);
	row->usable = !row->found.status;
	if (!row->usable || no_open)
		return;
	if (mn_meter_open(row->name, &m, &err)) {
		row->usable = 0;
		snprintf(row->note, sizeof(row->note), "%s", err.msg);
		return;
	}
	memcpy(row->found.firmware, m->info.firmware, sizeof(row->found.firmware));
	memcpy(row->calibration, m->info.calibration, sizeof(row->calibration));
	mn_meter_close(m);
}

static int print_json(const struct row *rows, size_t n, struct mn_err *err)
{
	json_t *array = json_array();

	for (size_t i = 0; i < n; i++) {
		const struct row *r = &rows[i];
		json_t *o = json_pack("{s:s,s:s,s:s,s:s,s:s,s:b}", "name", r->name, "driver",
				      r->found.driver, "model", r->found.model, "serial",
				      r->found.serial, "firmware", r->found.firmware, "usable",
				      r->usable);

		if (*r->calibration)
			json_object_set_new(o, "calibration", json_string(r->calibration));
		if (*r->note)
			json_object_set_new(o, "error", json_string(r->note));
		json_array_append_new(array, o);
	}
	return mn_json_print(array, err);
}

static int print_table(const struct row *rows, size_t n, struct mn_err *err)
{
	static const struct mn_column columns[] = {
		{"NAME", 0}, {"MODEL", 0}, {"SERIAL", 0}, {"FIRMWARE", 0}, {"NOTE", 0}};
	struct mn_table *table = mn_table_new(columns, sizeof(columns) / sizeof(columns[0]));
	int rc = table ? 0 : MN_E_NOMEM;

	for (size_t i = 0; i < n && !rc; i++)
		rc = mn_table_addf(table, "%s\t%s\t%s\t%s\t%s", rows[i].name, rows[i].found.model,
				   rows[i].found.serial, rows[i].found.firmware, rows[i].note);
	if (!rc)
		rc = mn_table_print(table);
	mn_table_free(table);
	return rc ? mn_err_set(err, MN_E_NOMEM, "out of memory") : 0;
}

int mn_cmd_meters(int argc, char **argv)
{
	struct mn_meter_found *found = NULL;
	struct options my = {0};
	struct row *rows = NULL;
	struct mn_err err = {0};
	size_t n = 0, usable = 0;
	int rc;

	argp_parse(&mn_argp_meters, argc, argv, 0, NULL, &my);
	rc = mn_meter_list(&found, &n, &err);
	if (rc)
		return mn_cmd_fail(&err);
	rows = calloc(n + 1, sizeof(*rows));
	if (!rows)
		rc = mn_err_set(&err, MN_E_NOMEM, "out of memory");
	for (size_t i = 0; i < n && !rc; i++) {
		rows[i].found = found[i];
		look(&rows[i], my.no_open);
		usable += (size_t)rows[i].usable;
	}
	if (!rc)
		rc = my.json ? print_json(rows, n, &err) : print_table(rows, n, &err);
	free(rows);
	free(found);
	if (rc)
		return mn_cmd_fail(&err);
	if (!n && !my.json)
		mn_cmd_warn("no power monitor is plugged in");
	return usable ? MN_EXIT_OK : MN_EXIT_EMPTY;
}
