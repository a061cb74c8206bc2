/* SPDX-License-Identifier: MIT */
#include "doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "direct.h"
#include "doctor_watch.h"
#include "known.h"
#include "loop.h"
#include "ports.h"
#include "target.h"

#define HELLO_MS  5000
#define CLOCK_US  1200000 /* between two readings of the board's clock */
#define RUNS      20
#define SPREAD    0.01
#define WINDOWS   3
#define WINDOW_US 50000
#define IDLE_US   5000

static const char *const layers[] = {
	"conv_2d in=1x8x8x4 out_c=4 kernel=3x3 padding=same",
	"depthwise_conv_2d in=1x8x8x4 kernel=3x3 padding=same",
	"fully_connected in=1x1x1x64 out_c=32",
	"add in=1x8x8x8 in2=1x8x8x8",
	"average_pool_2d in=1x8x8x8 kernel=2x2 stride=2x2",
};
enum { LAYERS = sizeof(layers) / sizeof(layers[0]) };

struct doctor {
	const struct mn_doctor_config *config;
	struct mn_doctor_check *checks;
	size_t n;
	struct mn_target target;
	struct mn_direct *direct;
	struct mn_watch *watch; /* NULL: no monitor */
	int fds[2];             /* virtual meter: ours, the board's */
};

__attribute__((format(printf, 5, 6))) static int say(struct doctor *d, const char *name,
						     enum mn_doctor_result result,
						     const char *remedy, const char *found, ...)
{
	struct mn_doctor_check *c = &d->checks[d->n++];
	va_list ap;

	*c = (struct mn_doctor_check){.name = name, .result = result};
	va_start(ap, found);
	vsnprintf(c->found, sizeof(c->found), found, ap);
	va_end(ap);
	snprintf(c->remedy, sizeof(c->remedy), "%s", result == MN_DOCTOR_PASS ? "" : remedy);
	return result == MN_DOCTOR_FAIL;
}

/* Ports and monitors that are there but not ours to open. */
static void check_rights(struct doctor *d, const struct mn_meter_found *found, size_t n)
{
	struct mn_port *ports = NULL;
	size_t n_ports = 0, n_links = 0;
	struct mn_err err = {0};

	if (mn_ports_list(&ports, &n_ports, &err)) {
		say(d, "rights", MN_DOCTOR_FAIL, "", "%s", err.msg);
		return;
	}
	for (size_t i = 0; i < n_ports; i++) {
		if (!ports[i].is_stlink)
			continue;
		n_links++;
		if (access(ports[i].path, R_OK | W_OK) < 0) {
			say(d, "rights", MN_DOCTOR_FAIL,
			    "sudo adduser $USER dialout, and log in again; or install "
			    "60-mnchar.rules",
			    "%s: %s", ports[i].path, strerror(errno));
			goto out;
		}
	}
	for (size_t i = 0; i < n; i++)
		if (found[i].status == MN_E_PERM) {
			say(d, "rights", MN_DOCTOR_FAIL, found[i].remedy, "%s: permission denied",
			    found[i].model);
			goto out;
		}
	say(d, "rights", MN_DOCTOR_PASS, "",
	    "%zu ST-LINK ports and %zu power monitors can be opened", n_links, n);
out:
	mn_ports_free(ports, n_ports);
}

/* Busy, or in a bootloader. */
static void check_monitors(struct doctor *d, const struct mn_meter_found *found, size_t n)
{
	char list[256] = "";

	for (size_t i = 0; i < n; i++) {
		size_t used = strlen(list);

		if (found[i].status && found[i].status != MN_E_PERM) {
			say(d, "monitor owner", MN_DOCTOR_FAIL, found[i].remedy, "%s %s",
			    found[i].model, found[i].serial);
			return;
		}
		snprintf(list + used, sizeof(list) - used, "%s%s:%s", used ? ", " : "",
			 found[i].driver, found[i].serial);
	}
	if (n)
		say(d, "monitor owner", MN_DOCTOR_PASS, "", "nobody else uses %s", list);
	else
		say(d, "monitor owner", MN_DOCTOR_SKIP, "", "no USB power monitor is plugged in");
}

static int is_virtual_meter(const struct doctor *d)
{
	return d->config->meter && !strcmp(d->config->meter, "virtual");
}

/* The virtual board gets a side channel for its samples. */
static int add_side_channel(struct doctor *d, struct mn_err *err)
{
	char *link;

	if (strncmp(d->target.link, "exec:", 5) || !strstr(d->target.link, "mnchar-vboard"))
		return mn_err_set(err, MN_E_INVALID,
				  "the virtual meter sees virtual boards only; %s is none",
				  d->target.name);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, d->fds))
		return mn_err_set(err, MN_E_IO, "cannot make a socket pair: %s", strerror(errno));
	(void)fcntl(d->fds[1], F_SETFD, 0);
	(void)fcntl(d->fds[0], F_SETFL, O_NONBLOCK);
	if (asprintf(&link, "%s --power fd:%d", d->target.link, d->fds[1]) < 0)
		return mn_err_set(err, MN_E_NOMEM, "out of memory");
	free(d->target.link);
	d->target.link = link;
	return 0;
}

/* Voltage, range and whether it starts: before anything is sent to the board. */
static int check_supply(struct doctor *d)
{
	const struct mn_known_board *known =
		mn_known_find(d->direct ? mn_direct_hello(d->direct)->board : d->config->board);
	const struct mn_meter_config config = {
		.mode = d->config->source ? MN_METER_SOURCE : MN_METER_AMMETER,
		.volt_mV = d->config->volt_mV,
		.range = -1,
		.board_uA = known ? known->max_uA : 0,
		.board_fd = d->fds[0],
	};
	struct mn_err err = {0};

	if (mn_watch_open(d->config->meter, &config, &d->watch, &err))
		return say(d, "supply", MN_DOCTOR_FAIL,
			   "see `mnchar meters`, and give --volt in mV and --supply if the monitor "
			   "supplies the board",
			   "%s", err.msg);
	if (known)
		return say(d, "supply", MN_DOCTOR_PASS, "",
			   "%s is ready for the up to %.0f mA of a %s", d->config->meter,
			   config.board_uA / 1e3, known->board);
	return say(d, "supply", MN_DOCTOR_PASS, "", "%s is ready", d->config->meter);
}

static int check_port(struct doctor *d)
{
	struct mn_err err = {0};
	int rc = mn_target_resolve(d->config->board, &d->target, &err);

	if (!rc && is_virtual_meter(d))
		rc = add_side_channel(d, &err);
	/* A monitor that supplies the board is on before the board is asked. */
	if (!rc && d->config->meter && !is_virtual_meter(d) && check_supply(d))
		return 1;
	if (!rc)
		rc = mn_direct_open(d->target.link, HELLO_MS, &d->direct, &err);
	if (d->fds[1] >= 0)
		close(d->fds[1]);
	d->fds[1] = -1;
	if (rc)
		return say(d, "port", MN_DOCTOR_FAIL,
			   "is it plugged in, powered and flashed (mnchar flash)?", "%s", err.msg);
	say(d, "port", MN_DOCTOR_PASS, "", "%s answers on %s", mn_direct_hello(d->direct)->board,
	    d->target.link);
	return is_virtual_meter(d) ? check_supply(d) : 0;
}

static int check_clock(struct doctor *d)
{
	const struct mn_msg_hello *hello = mn_direct_hello(d->direct);
	struct mn_clock_sample first, second;
	struct mn_err err = {0};
	double hz, uncertainty;
	int64_t until;
	int rc = mn_hello_check(hello, &err);

	if (rc == MN_E_CLOCK)
		return say(d, "board clock", MN_DOCTOR_FAIL,
			   "check the 8 MHz clock from the ST-LINK and its solder bridges", "%s",
			   err.msg);
	if (mn_hello_is_virtual(hello))
		return say(
			d, "board clock", MN_DOCTOR_PASS, "",
			"%.3f MHz as set; it is simulated, so this computer's clock says nothing",
			hello->clock_set_hz / 1e6);
	rc = mn_direct_ping(d->direct, &first, &err);
	/* Readings further apart are a finer measure: the board is asked until they are. */
	for (until = mn_loop_now_us() + CLOCK_US; !rc;) {
		rc = mn_direct_ping(d->direct, &second, &err);
		if (mn_loop_now_us() >= until)
			break;
	}
	if (!rc)
		rc = mn_clock_check(hello, &first, &second, &hz, &uncertainty, &err);
	if (rc)
		return say(d, "board clock", MN_DOCTOR_FAIL,
			   "a clock that is off gives wrong times: check its source", "%s",
			   err.msg);
	return say(d, "board clock", MN_DOCTOR_PASS, "", "%.3f MHz by this computer, %.3f as set",
		   hz / 1e6, hello->clock_set_hz / 1e6);
}

static int make_task(const char *text, uint16_t reps, struct mn_task *ret)
{
	const char *why;
	size_t column;

	*ret = (struct mn_task){.set = mn_kernel_sets[0], .warmup = 1, .reps = reps, .seed = 7};
	return mn_layer_parse(text, strlen(text), &ret->layer, &column, &why);
}

/* Cycles of one run in each probe. */
struct runs {
	double cycles[RUNS];
	size_t n;
	int status;
	double energy_s; /* of all windows, by the board's timer */
	size_t n_windows;
};

static void on_result(void *arg, const struct mn_msg_result *r)
{
	struct runs *runs = arg;

	if (r->status)
		runs->status = r->status;
	else if (runs->n < RUNS && r->reps && r->n2_cycles > r->n_cycles)
		runs->cycles[runs->n++] = (double)(r->n2_cycles - r->n_cycles) / r->reps;
	runs->energy_s += r->energy_micros * 1e-6;
	runs->n_windows += r->energy_reps > 0;
}

/* The self-test of the firmware, and that a layer takes any cycles at all. */
static int check_counter(struct doctor *d)
{
	static const char remedy[] =
		"the cycle counter (DWT) must run: reset the board; a debugger "
		"that is attached may have stopped it";
	const struct mn_msg_hello *hello = mn_direct_hello(d->direct);
	struct runs runs = {.n = 0};
	struct mn_err err = {0};
	struct mn_task task;

	if (hello->counter_status)
		return say(d, "counter", MN_DOCTOR_FAIL, remedy, "its self-test says: %s",
			   mn_err_text(hello->counter_status));
	if (make_task(layers[0], 2, &task) ||
	    mn_direct_run(d->direct, &task, 1, NULL, on_result, &runs, &err))
		return say(d, "counter", MN_DOCTOR_FAIL, remedy, "%s", err.msg);
	if (!runs.n)
		return say(d, "counter", MN_DOCTOR_FAIL, remedy,
			   "a convolution took no cycles at all (%s)", mn_err_text(runs.status));
	return say(d, "counter", MN_DOCTOR_PASS, "",
		   "%u cycles against %u of SysTick; %s: %.0f cycles", hello->counter_cycles,
		   hello->counter_reference, layers[0], runs.cycles[0]);
}

/* The line that was high as long as the board says, or -1. */
static int find_marker(const struct mn_watch_lines *w, double expected_s)
{
	for (int i = 0; i < w->n_lines; i++)
		if (w->line[i].rises == WINDOWS &&
		    fabs(w->line[i].high_s - expected_s) < 0.05 * expected_s)
			return i;
	return -1;
}

static int check_lines(struct doctor *d, const struct mn_watch_lines *w, double expected_s)
{
	const struct mn_msg_hello *hello = mn_direct_hello(d->direct);
	int at = find_marker(w, expected_s), layer = -1;
	char seen[256] = "no line moved";

	for (int i = 0; i < w->n_lines; i++)
		if (i != at && w->line[i].edges > 0) {
			layer = layer < 0 ? i : layer;
			snprintf(seen, sizeof(seen),
				 "line %d rose %zu times and was high for %.1f ms", i,
				 w->line[i].rises, 1e3 * w->line[i].high_s);
		}
	if (at < 0)
		return say(d, "marker", MN_DOCTOR_FAIL,
			   "connect the board's marker pin, and GND, to the monitor's first logic "
			   "line (a PPK2 needs VCC of its logic port, too)",
			   "the marker %s was high %d times, %.1f ms in all; %s", hello->marker_pin,
			   WINDOWS, 1e3 * expected_s, seen);
	if (at > 0)
		return say(d, "marker", MN_DOCTOR_FAIL,
			   "move the wire of the marker to the monitor's line 0 (D0)",
			   "the marker %s is on the monitor's line %d and belongs on line 0",
			   hello->marker_pin, at);
	say(d, "marker", MN_DOCTOR_PASS, "", "%s is on line 0: %d windows", hello->marker_pin,
	    WINDOWS);
	if (w->n_lines > 1 && layer == 1)
		say(d, "layer line", MN_DOCTOR_PASS, "", "%s is on line 1", hello->layer_pin);
	else if (layer > 1)
		say(d, "layer line", MN_DOCTOR_FAIL,
		    "move the wire of the layer line to the monitor's line 1 (D1)",
		    "%s is on the monitor's line %d and belongs on line 1", hello->layer_pin,
		    layer);
	else
		say(d, "layer line", MN_DOCTOR_SKIP,
		    "connect it to line 1 (D1) for energy by layer of whole models",
		    "not seen: %s moves in programs of several layers only", hello->layer_pin);
	if (fabs(w->line[0].high_s - expected_s) > 0.01 * expected_s)
		return say(d, "monitor clock", MN_DOCTOR_FAIL,
			   "one of the two clocks is wrong, or the monitor loses samples: another "
			   "USB port, no hub",
			   "%.3f ms by the monitor and %.3f ms by the board",
			   1e3 * w->line[0].high_s, 1e3 * expected_s);
	return say(d, "monitor clock", MN_DOCTOR_PASS, "",
		   "%.3f ms by the monitor and %.3f ms by the "
		   "board",
		   1e3 * w->line[0].high_s, 1e3 * expected_s);
}

/* Toggles the marker and looks for it on each line. */
static int check_marker(struct doctor *d)
{
	const struct mn_client_energy energy = {.us = WINDOW_US, .reps = 1, .idle_us = IDLE_US};
	struct runs runs = {.n = 0};
	struct mn_watch_lines w;
	struct mn_err err = {0};
	struct mn_task task;
	int rc = make_task(layers[0], 2, &task);

	mn_watch_begin(d->watch);
	if (!rc)
		rc = mn_direct_run(d->direct, &task, WINDOWS, &energy, on_result, &runs, &err);
	if (!rc && runs.n_windows != WINDOWS)
		rc = mn_err_set(&err, MN_E_UNSUPPORTED,
				"the firmware makes no energy windows: flash this version's");
	if (!rc)
		rc = mn_watch_end(d->watch, WINDOWS, &w, &err);
	if (rc)
		return say(d, "marker", MN_DOCTOR_FAIL, "mnchar flash; then see `mnchar meters`",
			   "%s", err.msg);
	if (w.saturated)
		say(d, "range", MN_DOCTOR_FAIL, "use a monitor for higher currents",
		    "%zu samples are at the end of the monitor's range", w.saturated);
	else
		say(d, "range", MN_DOCTOR_PASS, "", "%.1f mA on the mean while layers ran",
		    w.mean_A * 1e3);
	if (w.n_lines)
		return check_lines(d, &w, runs.energy_s);
	if (w.marks_falls && w.falls == WINDOWS)
		return say(d, "marker", MN_DOCTOR_PASS, "", "%s: %d falling edges on D7",
			   mn_direct_hello(d->direct)->marker_pin, WINDOWS);
	return say(d, "marker", MN_DOCTOR_FAIL,
		   w.marks_falls ? "connect the board's marker pin to the monitor's D7"
				 : "choose a monitor or a sample rate with logic lines",
		   "%zu falling edges came of %d", w.falls, WINDOWS);
}

static int by_size(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static int check_repeatability(struct doctor *d)
{
	double worst = -1;
	const char *which = "";

	for (int i = 0; i < LAYERS; i++) {
		struct runs runs = {.n = 0};
		struct mn_err err = {0};
		struct mn_task task;
		double spread;

		if (make_task(layers[i], 2, &task) ||
		    mn_direct_run(d->direct, &task, RUNS, NULL, on_result, &runs, &err) ||
		    runs.n != RUNS)
			return say(d, "repeatability", MN_DOCTOR_FAIL, "reset the board",
				   "%s: %zu of %d runs. %s", layers[i], runs.n, RUNS, err.msg);
		qsort(runs.cycles, RUNS, sizeof(*runs.cycles), by_size);
		spread = (runs.cycles[RUNS - 1] - runs.cycles[0]) / runs.cycles[RUNS / 2];
		if (spread > worst) {
			worst = spread;
			which = layers[i];
		}
	}
	return say(
		d, "repeatability", worst <= SPREAD ? MN_DOCTOR_PASS : MN_DOCTOR_FAIL,
		"nothing else may run on the board: is a debugger attached, is the clock an HSI, "
		"is the supply stable?",
		"%d runs of %d layers: worst spread %.3f %% (%s)", RUNS, LAYERS, 100 * worst,
		which);
}

static void check_board(struct doctor *d)
{
	if (check_port(d) || check_clock(d) || check_counter(d))
		return;
	if (d->watch)
		check_marker(d);
	check_repeatability(d);
}

size_t mn_doctor_run(const struct mn_doctor_config *config,
		     struct mn_doctor_check checks[MN_DOCTOR_CHECKS])
{
	struct doctor d = {.config = config, .checks = checks, .fds = {-1, -1}};
	struct mn_meter_found *found = NULL;
	struct mn_err err = {0};
	size_t n = 0;

	if (mn_meter_list(&found, &n, &err))
		say(&d, "rights", MN_DOCTOR_FAIL, "", "%s", err.msg);
	else
		check_rights(&d, found, n);
	check_monitors(&d, found, n);
	free(found);
	if (config->board)
		check_board(&d);
	mn_direct_close(d.direct);
	mn_watch_close(d.watch);
	for (int i = 0; i < 2; i++)
		if (d.fds[i] >= 0)
			close(d.fds[i]);
	mn_target_clear(&d.target);
	return d.n;
}
