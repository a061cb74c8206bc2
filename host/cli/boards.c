/* SPDX-License-Identifier: MIT */
/* `mnchar boards`: what there is to measure on. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "known.h"
#include "ports.h"
#include "rig.h"
#include "target.h"

#define HELLO_MS 3000

struct options {
	int json, no_hello;
};

enum { KEY_JSON = 256, KEY_NO_HELLO };

static const struct argp_option options[] = {
	{"json", KEY_JSON, NULL, 0, "An array of objects instead of a table", 0},
	{"no-hello", KEY_NO_HELLO, NULL, 0, "Do not open any port and start no virtual board", 0},
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
	case KEY_NO_HELLO:
		my->no_hello = 1;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

const struct argp mn_argp_boards = {
	.options = options,
	.parser = parse,
	.doc = "List the boards: those that are plugged in (by the USB id and the serial number of "
	       "their "
	       "ST-LINK) and the virtual ones, with what each says of itself."
	       "\v"
	       "Exit code 2: not one board answers.\n"
	       "\n"
	       "Example: mnchar boards --json",
};

struct board {
	const char *name; /* what --board takes */
	const char *link, *serial, *product;
	int vid, pid;
	int hello_state; /* 1 there, 0 not asked, MN_E_* */
	struct mn_msg_hello hello;
	struct mn_err err;
};

/* Asks, and says whether the board may be measured on. */
static void ask(struct board *b, int no_hello)
{
	if (no_hello)
		return;
	b->hello_state = mn_target_hello(b->link, HELLO_MS, &b->hello, &b->err);
	if (!b->hello_state)
		b->hello_state = 1;
	if (b->hello_state == 1)
		(void)mn_hello_check(&b->hello, &b->err);
}

static const char *kind(const struct board *b)
{
	if (b->hello_state == 1)
		return mn_hello_is_virtual(&b->hello) ? "virtual" : "measured";
	return mn_known_find(b->name) ? "virtual" : "measured";
}

static json_t *to_json(const struct board *b)
{
	json_t *o = json_pack("{s:s,s:s,s:s}", "name", b->name, "kind", kind(b), "link", b->link);
	const struct mn_msg_hello *h = &b->hello;

	if (b->vid >= 0) {
		json_object_set_new(o, "usb", json_sprintf("%04x:%04x", b->vid, b->pid));
		json_object_set_new(o, "serial", json_string(b->serial));
		json_object_set_new(o, "product", json_string(b->product));
	}
	if (b->hello_state == 1) {
		struct mn_rig_text rig;
		json_t *j;

		mn_rig_from_hello(h, "", &rig);
		j = json_pack(
			"{s:s,s:s,s:s,s:s,s:s,s:i,s:I,s:I,s:s,s:i,s:s}", "board", rig.board, "chip",
			rig.rig.chip, "cpu", rig.rig.cpu, "uid", rig.uid, "firmware", h->firmware,
			"protocol", h->proto, "clock_set_hz", (json_int_t)h->clock_set_hz,
			"clock_measured_hz", (json_int_t)h->clock_measured_hz, "clock_source",
			rig.rig.clock_source, "wait_states", h->wait_states, "caches", rig.caches);
		json_object_update_new(j, json_pack("{s:s,s:s,s:s,s:s,s:s,s:I,s:I,s:I}", "kernels",
						    h->kernels, "compiler", h->compiler, "flags",
						    h->flags, "image", h->image, "marker_pin",
						    h->marker_pin, "arena_bytes",
						    (json_int_t)h->arena_bytes, "pool_bytes",
						    (json_int_t)h->pool_bytes, "bias_pool_bytes",
						    (json_int_t)h->bias_pool_bytes));
		json_object_set_new(o, "hello", j);
	}
	if (b->err.code)
		json_object_set_new(o, "error", json_string(b->err.msg));
	return o;
}

static int add_row(struct mn_table *table, const struct board *b)
{
	const struct mn_msg_hello *h = &b->hello;
	const char *serial = b->serial && *b->serial ? b->serial : "-";

	if (b->hello_state != 1)
		return mn_table_addf(table, "%s\t%s\t%s\t%s\t\t\t\t%s", b->name, kind(b), serial,
				     b->link, b->err.code ? b->err.msg : "");
	return mn_table_addf(table, "%s\t%s\t%s\t%s\t%s\t%.3f\t%s\t%s", b->name, kind(b), serial,
			     b->link, h->board,
			     (h->clock_measured_hz ? h->clock_measured_hz : h->clock_set_hz) / 1e6,
			     h->kernels, b->err.code ? b->err.msg : "");
}

static int show(const struct board *boards, size_t n, int json)
{
	static const struct mn_column columns[] = {
		{"NAME", 0},  {"KIND", 0},      {"SERIAL", 0},  {"LINK", 0},
		{"BOARD", 0}, {"CLOCK_MHZ", 1}, {"KERNELS", 0}, {"NOTE", 0},
	};
	struct mn_table *table = NULL;
	struct mn_err err = {0};
	json_t *array = NULL;
	int ret = 0;

	if (json) {
		array = json_array();
		for (size_t i = 0; i < n; i++)
			json_array_append_new(array, to_json(&boards[i]));
		return mn_json_print(array, &err) ? mn_cmd_fail(&err) : MN_EXIT_OK;
	}
	table = mn_table_new(columns, sizeof(columns) / sizeof(columns[0]));
	for (size_t i = 0; i < n && table && !ret; i++)
		ret = add_row(table, &boards[i]);
	if (!table || ret || mn_table_print(table)) {
		mn_err_set(&err, MN_E_NOMEM, "out of memory");
		ret = mn_cmd_fail(&err);
	}
	mn_table_free(table);
	return ret;
}

int mn_cmd_boards(int argc, char **argv)
{
	struct options my = {0};
	struct mn_port *ports = NULL;
	struct board *boards = NULL;
	struct mn_err err = {0};
	size_t n_ports = 0, n = 0, answered = 0, n_virtual = 0;
	int ret;

	argp_parse(&mn_argp_boards, argc, argv, 0, NULL, &my);
	ret = mn_ports_list(&ports, &n_ports, &err);
	if (ret)
		return mn_cmd_fail(&err);
	while (mn_known_boards[n_virtual].board)
		n_virtual++;
	boards = calloc(n_ports + n_virtual, sizeof(*boards));
	if (!boards) {
		mn_err_set(&err, MN_E_NOMEM, "out of memory");
		ret = mn_cmd_fail(&err);
		goto out;
	}
	for (size_t i = 0; i < n_ports; i++) {
		struct board *b = &boards[n];
		char *link;

		/* Other serial ports are not ours to open. */
		if (!ports[i].is_stlink)
			continue;
		if (asprintf(&link, "serial:%s", ports[i].path) < 0)
			continue;
		*b = (struct board){.name = *ports[i].serial ? ports[i].serial : ports[i].path,
				    .link = link,
				    .serial = ports[i].serial,
				    .product = ports[i].product,
				    .vid = ports[i].vid,
				    .pid = ports[i].pid};
		ask(b, my.no_hello);
		n++;
	}
	for (const struct mn_known_board *k = mn_known_boards; k->board; k++) {
		struct board *b = &boards[n];
		char *link;

		*b = (struct board){.name = k->virt, .vid = -1};
		b->hello_state = mn_target_virtual_link(k->virt, &link, &b->err);
		b->link = b->hello_state ? strdup("") : link;
		if (!b->hello_state)
			ask(b, my.no_hello);
		n++;
	}
	for (size_t i = 0; i < n; i++)
		answered += boards[i].hello_state == 1;
	ret = show(boards, n, my.json);
	if (!ret && !answered && !my.no_hello)
		ret = MN_EXIT_EMPTY;
out:
	for (size_t i = 0; boards && i < n; i++)
		free((char *)boards[i].link);
	free(boards);
	mn_ports_free(ports, n_ports);
	return ret;
}
