/* SPDX-License-Identifier: MIT */
/* `mnchar import-power`: windows out of another instrument's recording, and into the store. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "import.h"
#include "paths.h"
#include "recording/recording.h"
#include "store.h"
#include "window.h"

struct options {
	const char *db, *columns, *board, *kernels, *layers, *instrument, *file;
	const char *number; /* text that is being read, for its error */
	double rate_hz, volt, idle_ms;
	int json;
};

enum {
	KEY_COLUMNS = 256,
	KEY_RATE,
	KEY_VOLT,
	KEY_IDLE,
	KEY_BOARD,
	KEY_KERNELS,
	KEY_LAYERS,
	KEY_INSTRUMENT,
	KEY_JSON
};

static const struct argp_option options[] = {
	{"columns", KEY_COLUMNS, "MAP", 0,
	 "What the columns are: time=NAME:UNIT,current=NAME:UNIT,voltage=NAME:UNIT,marker=NAME", 0},
	{"rate", KEY_RATE, "HZ", 0, "Samples a second of a file without a time column", 0},
	{"volt", KEY_VOLT, "V", 0, "Supply of a file without a voltage column", 0},
	{"idle", KEY_IDLE, "MS", 0, "Idle time to take on each side of a window (default 50)", 0},
	{"board", KEY_BOARD, "BOARD", 0, "What was measured: store the windows", 0},
	{"kernels", KEY_KERNELS, "KERNELS", 0, "Kernels that ran", 0},
	{"layers", KEY_LAYERS, "FILE", 0,
	 "What ran in each window, one line a window: REPETITIONS LAYER", 0},
	{"instrument", KEY_INSTRUMENT, "TEXT", 0, "Its model and serial number, kept as the source",
	 0},
	{"json", KEY_JSON, NULL, 0, "An array of windows instead of a table", 0},
	{0},
};

static double positive(const struct argp_state *state, const char *option, const char *text)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end || !(value > 0) || value > 1e9)
		argp_error(state, "%s: '%s' is no positive number", option, text);
	return value;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *my = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = my ? &my->db : NULL;
		return 0;
	case KEY_COLUMNS:
		my->columns = arg;
		return 0;
	case KEY_RATE:
		my->rate_hz = positive(state, "--rate", arg);
		return 0;
	case KEY_VOLT:
		my->volt = positive(state, "--volt", arg);
		if (my->volt > 100)
			argp_error(state, "--volt: %s V is no supply of a board", arg);
		return 0;
	case KEY_IDLE:
		my->idle_ms = positive(state, "--idle", arg);
		if (my->idle_ms > 100000)
			argp_error(state, "--idle: at most 100000 ms");
		return 0;
	case KEY_BOARD:
		my->board = arg;
		return 0;
	case KEY_KERNELS:
		my->kernels = arg;
		return 0;
	case KEY_LAYERS:
		my->layers = arg;
		return 0;
	case KEY_INSTRUMENT:
		my->instrument = arg;
		return 0;
	case KEY_JSON:
		my->json = 1;
		return 0;
	case ARGP_KEY_ARG:
		if (my->file)
			argp_error(state, "one recording at a time");
		my->file = arg;
		return 0;
	case ARGP_KEY_END:
		if (!my->file || !my->columns)
			argp_error(state, "a FILE and --columns are needed");
		if (!!my->board != !!my->layers || !!my->board != !!my->kernels)
			argp_error(state, "--board, --kernels and --layers belong together");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_child children[] = {{&mn_argp_db, 0, NULL, 0}, {0}};

const struct argp mn_argp_import_power = {
	.options = options,
	.parser = parse,
	.children = children,
	.args_doc = "FILE",
	.doc = "Cut the marker's windows out of the recording of an instrument that mnchar does "
	       "not "
	       "drive (RocketLogger, Otii Arc, JS110, Monsoon, an oscilloscope), and store their "
	       "energy. FILE is CSV with a column each for current and marker, and if it has them "
	       "for time and voltage; - is standard input."
	       "\v"
	       "MAP names the columns as the header does, or as #1, #2, ... in a file without "
	       "one. Units: s ms us ns, A mA uA nA pA, V mV uV, or a factor (current=I1L:1e-11). "
	       "The marker is high from 0.5 up (marker=DI1:1.6 for another threshold, marker=!DI1 "
	       "if it is low in a window). Without --board the windows are printed and nothing is "
	       "stored. FILE of --layers has one line for each window: how often it ran in it and "
	       "the layer, as in \"1000 conv_2d in=1x8x8x4 out_c=8 kernel=3x3\", or \"100 model "
	       "NAME\". A window that lacks more than 0.1 % of its samples is stored with that as "
	       "the reason why it stays out of fits.\n"
	       "\n"
	       "Exit code 2: there is no window in it.\n"
	       "\n"
	       "Example: mnchar import-power --columns "
	       "'time=Time:s,current=I1:mA,voltage=V1:V,marker=DI1' rocket.csv",
};

/* What ran in a window. */
struct job {
	uint64_t reps;
	char *what; /* layer text, or "model NAME" */
};

struct import {
	const struct options *my;
	struct mn_window_cutter *cutter;
	struct mn_window *windows;
	size_t n;
	struct job *jobs;
	size_t n_jobs;
};

static int collect_windows(struct import *im, struct mn_err *err)
{
	struct mn_window w;

	while (mn_window_next(im->cutter, &w)) {
		struct mn_window *more = realloc(im->windows, (im->n + 1) * sizeof(*more));

		if (!more)
			return mn_err_set(err, MN_E_NOMEM, "out of memory");
		im->windows = more;
		im->windows[im->n++] = w;
	}
	return 0;
}

static int on_samples(void *arg, const struct mn_meter_sample *samples, size_t n,
		      uint32_t period_ticks, struct mn_err *err)
{
	struct import *im = arg;
	const struct mn_window_config config = {
		.tick_hz = MN_RECORDING_TICK_HZ,
		.period_ticks = period_ticks,
		.layer_bit = 255,
		.idle_us = (uint32_t)(im->my->idle_ms * 1000),
		.guard_us = (uint32_t)(2 * (period_ticks / 1000 + 1)),
	};
	int rc = im->cutter ? 0 : mn_window_new(&config, &im->cutter, err);

	if (!rc && mn_window_feed(im->cutter, samples, n))
		rc = mn_err_set(err, MN_E_NOMEM, "out of memory");
	return rc ? rc : collect_windows(im, err);
}

static int read_recording(struct import *im, struct mn_err *err)
{
	const struct options *my = im->my;
	const struct mn_recording_config config = {.columns = my->columns,
						   .rate_hz = my->rate_hz,
						   .volt_mV = (uint32_t)lround(my->volt * 1000)};
	struct mn_recording *r = NULL;
	int rc = mn_recording_new(&config, on_samples, im, &r, err);
	static char buf[65536];
	FILE *f;
	size_t n;

	if (!rc && !mn_recording_has_marker(r))
		rc = mn_err_set(err, MN_E_INVALID,
				"which column is the marker? (--columns ...,marker=NAME)");
	if (rc) {
		mn_recording_free(r);
		return rc;
	}
	f = strcmp(my->file, "-") ? fopen(my->file, "r") : stdin;
	if (!f) {
		mn_recording_free(r);
		return mn_err_set(err, errno == ENOENT ? MN_E_NOTFOUND : MN_E_IO, "%s: %s",
				  my->file, strerror(errno));
	}
	while (!rc && (n = fread(buf, 1, sizeof(buf), f)) > 0)
		rc = mn_recording_feed(r, buf, n, err);
	if (!rc && ferror(f))
		rc = mn_err_set(err, MN_E_IO, "it cannot be read: %s", strerror(errno));
	if (!rc)
		rc = mn_recording_end(r, err);
	if (!rc && im->cutter) {
		if (mn_window_flush(im->cutter))
			mn_cmd_warn("%s: the marker is still high at the end: that window is not "
				    "counted",
				    my->file);
		rc = collect_windows(im, err);
	}
	if (f != stdin)
		fclose(f);
	mn_recording_free(r);
	return rc ? mn_err_prefix(err, rc, "%s: ", my->file) : 0;
}

static int read_jobs(struct import *im, struct mn_err *err)
{
	FILE *f = fopen(im->my->layers, "r");
	char *line = NULL, *end;
	size_t size = 0;
	int number = 0, rc = 0;

	if (!f)
		return mn_err_set(err, errno == ENOENT ? MN_E_NOTFOUND : MN_E_IO, "%s: %s",
				  im->my->layers, strerror(errno));
	while (!rc && getline(&line, &size, f) >= 0) {
		struct job *more;
		unsigned long long reps;

		number++;
		line[strcspn(line, "\r\n")] = '\0';
		if (!*line || *line == '#')
			continue;
		errno = 0;
		reps = strtoull(line, &end, 10);
		if (errno || end == line || *end != ' ' || !reps || reps > 1000000000) {
			rc = mn_err_set(err, MN_E_SYNTAX,
					"%s:%d: a line is REPETITIONS LAYER, as in \"1000 conv_2d "
					"...\"",
					im->my->layers, number);
			break;
		}
		more = realloc(im->jobs, (im->n_jobs + 1) * sizeof(*more));
		if (more) {
			im->jobs = more;
			more[im->n_jobs].reps = reps;
			more[im->n_jobs].what = strdup(end + strspn(end, " "));
			if (!more[im->n_jobs++].what)
				more = NULL;
		}
		if (!more)
			rc = mn_err_set(err, MN_E_NOMEM, "out of memory");
	}
	free(line);
	fclose(f);
	if (!rc && im->n_jobs != im->n)
		rc = mn_err_set(err, MN_E_INVALID,
				"%s has %zu windows and %s %zu lines: nothing is stored",
				im->my->file, im->n, im->my->layers, im->n_jobs);
	return rc;
}

/* A text as a CSV field. */
static void quote(FILE *f, const char *text)
{
	fputc('"', f);
	for (; *text; text++) {
		if (*text == '"')
			fputc('"', f);
		fputc(*text, f);
	}
	fputs("\",", f);
}

/* One row for each window, in the form that `mnchar import` takes: checked and stored by it. */
static void write_rows(const struct import *im, FILE *f)
{
	const struct options *my = im->my;

	fputs("kind,board,kernels,layer,model,latency_ns,energy_nJ,excluded_energy,note,source,"
	      "power_uW\n",
	      f);
	for (size_t i = 0; i < im->n; i++) {
		const struct mn_window *w = &im->windows[i];
		const struct job *job = &im->jobs[i];
		int is_model = !strncmp(job->what, "model ", 6);
		double reps = (double)job->reps, net_J = mn_window_net_J(w);
		char reason[256] = "", note[512], source[512];

		(void)mn_window_bad(w, reason, sizeof(reason));
		snprintf(note, sizeof(note),
			 "window %zu: %" PRIu64 " repetitions in %.9g s, %" PRIu64
			 " samples of %" PRIu64 ", net of idle %.6g mJ a run",
			 i + 1, job->reps, w->gross.duration_s, w->gross.received, w->expected,
			 isnan(net_J) ? NAN : net_J * 1e3 / reps);
		snprintf(source, sizeof(source), "%s%srecording %s",
			 my->instrument ? my->instrument : "", my->instrument ? ", " : "",
			 my->file);
		fprintf(f, "%s,", strncmp(my->board, "virtual-", 8) ? "measured" : "virtual");
		quote(f, my->board);
		quote(f, my->kernels);
		quote(f, is_model ? "" : job->what);
		quote(f, is_model ? job->what + 6 : "");
		fprintf(f, "%.0f,%.0f,", w->gross.duration_s * 1e9 / reps,
			w->gross.energy_J * 1e9 / reps);
		quote(f, reason);
		quote(f, note);
		quote(f, source);
		fprintf(f, "%.0f\n", w->gross.energy_J / w->gross.covered_s * 1e6);
	}
}

static int store_windows(const struct import *im, struct mn_err *err)
{
	struct mn_import_result result = {0};
	struct mn_store *store = NULL;
	char schema[PATH_MAX], *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);
	int rc;

	if (!f)
		return mn_err_set(err, MN_E_NOMEM, "out of memory");
	write_rows(im, f);
	fputc('\0', f); /* the importer puts its own end there */
	if (fclose(f)) {
		free(text);
		return mn_err_set(err, MN_E_NOMEM, "out of memory");
	}
	rc = mn_path(MN_DIR_SCHEMA, NULL, schema, sizeof(schema), err);
	if (!rc)
		rc = mn_store_open(im->my->db, MN_STORE_CREATE, schema, &store, err);
	if (!rc)
		rc = mn_import_text(store, im->my->layers, text, size - 1, &result, err);
	mn_store_close(store);
	free(text);
	if (!rc)
		fprintf(stderr, "%s: %" PRIu64 " windows, %" PRIu64 " new in %s\n", im->my->file,
			result.rows, result.added, im->my->db);
	return rc;
}

static json_t *window_json(const struct import *im, size_t i)
{
	const struct mn_window *w = &im->windows[i];
	char reason[256] = "";
	json_t *o;

	(void)mn_window_bad(w, reason, sizeof(reason));
	o = json_pack("{s:i,s:o,s:o,s:o,s:o,s:o,s:I,s:I,s:I,s:s}", "window", (int)i + 1, "from_s",
		      mn_json_real(w->from_tick / MN_RECORDING_TICK_HZ), "duration_s",
		      mn_json_real(w->gross.duration_s), "energy_mJ",
		      mn_json_real(w->gross.energy_J * 1e3), "net_energy_mJ",
		      mn_json_real(mn_window_net_J(w) * 1e3), "mean_mA",
		      mn_json_real(w->gross.charge_C / w->gross.covered_s * 1e3), "samples",
		      (json_int_t)w->gross.received, "samples_expected", (json_int_t)w->expected,
		      "dropped", (json_int_t)w->dropped, "bad", reason);
	if (o && im->jobs) {
		json_object_set_new(o, "what", json_string(im->jobs[i].what));
		json_object_set_new(o, "repetitions", json_integer((json_int_t)im->jobs[i].reps));
	}
	return o;
}

static int print_windows(const struct import *im, struct mn_err *err)
{
	static const struct mn_column columns[] = {
		{"WINDOW", 1}, {"FROM_S", 1},  {"DURATION_S", 1}, {"MEAN_MA", 1}, {"ENERGY_MJ", 1},
		{"NET_MJ", 1}, {"SAMPLES", 1}, {"DROPPED", 1},    {"NOTE", 0}};
	struct mn_table *table = mn_table_new(columns, sizeof(columns) / sizeof(columns[0]));
	int rc = table ? 0 : MN_E_NOMEM;

	for (size_t i = 0; i < im->n && !rc; i++) {
		const struct mn_window *w = &im->windows[i];
		char reason[256] = "", net[32] = "";

		(void)mn_window_bad(w, reason, sizeof(reason));
		if (!isnan(mn_window_net_J(w)))
			snprintf(net, sizeof(net), "%.6g", mn_window_net_J(w) * 1e3);
		rc = mn_table_addf(
			table, "%zu\t%.6f\t%.6f\t%.5g\t%.6g\t%s\t%" PRIu64 "\t%" PRIu64 "\t%s",
			i + 1, w->from_tick / MN_RECORDING_TICK_HZ, w->gross.duration_s,
			w->gross.charge_C / w->gross.covered_s * 1e3, w->gross.energy_J * 1e3, net,
			w->gross.received, w->dropped, reason);
	}
	if (!rc)
		rc = mn_table_print(table);
	mn_table_free(table);
	return rc ? mn_err_set(err, MN_E_NOMEM, "out of memory") : 0;
}

int mn_cmd_import_power(int argc, char **argv)
{
	struct options my = {.idle_ms = 50};
	struct import im = {.my = &my};
	struct mn_err err = {0};
	json_t *array;
	int rc;

	argp_parse(&mn_argp_import_power, argc, argv, 0, NULL, &my);
	rc = read_recording(&im, &err);
	if (!rc && my.layers)
		rc = read_jobs(&im, &err);
	if (!rc && my.layers)
		rc = store_windows(&im, &err);
	if (!rc && my.json) {
		array = json_array();
		for (size_t i = 0; i < im.n; i++)
			json_array_append_new(array, window_json(&im, i));
		rc = mn_json_print(array, &err);
	} else if (!rc && im.n) {
		rc = print_windows(&im, &err);
	}
	if (!rc && !im.n)
		mn_cmd_warn("%s: the marker never rises and falls in it", my.file);
	for (size_t i = 0; i < im.n; i++)
		mn_window_clear(&im.windows[i]);
	for (size_t i = 0; i < im.n_jobs; i++)
		free(im.jobs[i].what);
	mn_window_free(im.cutter);
	free(im.windows);
	free(im.jobs);
	if (rc)
		return mn_cmd_fail(&err);
	return im.n ? MN_EXIT_OK : MN_EXIT_EMPTY;
}
