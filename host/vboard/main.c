/* SPDX-License-Identifier: MIT */
/* mnchar-vboard: a board that is not there. Its link is standard input and output, messages go to
 * stderr. */
#include <argp.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include "board.h"
#include "cycles.h"
#include "elf_read.h"
#include "fault.h"
#include "machine.h"
#include "port.h"
#include "power.h"
#include "soc.h"

/* Exit codes; 0: the link was closed by the host. */
#define EXIT_USAGE  2 /* arguments, board file, image */
#define EXIT_FAULT  3 /* the program faulted: report on stderr */
#define EXIT_BUDGET 4 /* no byte over the link for too many cycles */
#define EXIT_ENDED  5 /* SIGTERM: where it was is on stderr */

/* Who starts a virtual board may name a descriptor for the one line that says why it stopped. */
#define LAST_WORDS "MNCHAR_LAST_WORDS"

const char *argp_program_version = "mnchar-vboard " MNCHAR_VERSION;

struct arguments {
	const char *board, *image, *link, *trace, *power;
	int stats, describe, reference, bare, profile;
	uint64_t cycles_max;
	int cycles_max_set;
	uint32_t seed;
	struct mn_faults faults;
};

enum {
	KEY_LINK = 256,
	KEY_STATS,
	KEY_FAULT,
	KEY_DESCRIBE,
	KEY_MAX,
	KEY_SEED,
	KEY_REFERENCE,
	KEY_BARE,
	KEY_TRACE,
	KEY_PROFILE,
	KEY_POWER
};

static const struct argp_option options[] = {
	{"board", 'b', "NAME", 0,
	 "board file: virtual-f446re, virtual-f746zg, virtual-f767zi, or a path", 0},
	{"image", 'i', "ELF", 0, "firmware image (default: the one of the board)", 0},
	{"link", KEY_LINK, "LINK", 0,
	 "stdio (default), unix:PATH or tcp:PORT: waits there for the host", 0},
	{"describe", KEY_DESCRIBE, NULL, 0, "print the board and its model as JSON and exit", 0},
	{"stats", KEY_STATS, NULL, 0, "print cycles, instructions, speed and hit rates at the end",
	 0},
	{"fault", KEY_FAULT, "NAME[:N]", 0,
	 "have a fault: drop-byte:N flip-bit:N stall:N reset-mid-run:N old-protocol dead-counter "
	 "wrong-clock no-hse late-answer:MS",
	 0},
	{"cycles-max", KEY_MAX, "N", 0,
	 "stop after N cycles without a byte over the link, 0: never", 0},
	{"seed", KEY_SEED, "N", 0, "of the pseudo-random cache replacement (default 1)", 0},
	{"reference", KEY_REFERENCE, NULL, 0,
	 "step every instruction through the model (slow, equal)", 0},
	{"bare", KEY_BARE, NULL, 0, "no cycle model: one cycle an instruction", 0},
	{"trace", KEY_TRACE, "FILE", 0, "write cycle, stall causes and text of every instruction",
	 0},
	{"profile", KEY_PROFILE, NULL, 0, "print cycles by function and stall cause at the end", 0},
	{"power", KEY_POWER, "TARGET", 0,
	 "write samples of what the board draws, and its marker lines, to fd:N or a file", 0},
	{0}};

static int number(const char *text, uint64_t max, uint64_t *ret)
{
	char *end;
	unsigned long long v = strtoull(text, &end, 0);

	if (end == text || *end || text[0] == '-' || v > max)
		return -1;
	*ret = v;
	return 0;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *a = state->input;
	struct mn_err err;
	uint64_t v = 0;

	switch (key) {
	case 'b':
		a->board = arg;
		return 0;
	case 'i':
		a->image = arg;
		return 0;
	case KEY_LINK:
		a->link = arg;
		return 0;
	case KEY_STATS:
		a->stats = 1;
		return 0;
	case KEY_DESCRIBE:
		a->describe = 1;
		return 0;
	case KEY_REFERENCE:
		a->reference = 1;
		return 0;
	case KEY_BARE:
		a->bare = 1;
		return 0;
	case KEY_PROFILE:
		a->profile = 1;
		return 0;
	case KEY_POWER:
		a->power = arg;
		return 0;
	case KEY_TRACE:
		a->trace = arg;
		return 0;
	case KEY_FAULT:
		if (mn_fault_add(&a->faults, arg, &err))
			argp_error(state, "%s", err.msg);
		return 0;
	case KEY_MAX:
		if (number(arg, UINT64_MAX, &a->cycles_max))
			argp_error(state, "--cycles-max: a number expected, not %s", arg);
		a->cycles_max_set = 1;
		return 0;
	case KEY_SEED:
		if (number(arg, UINT32_MAX, &v))
			argp_error(state, "--seed: a 32-bit number expected, not %s", arg);
		a->seed = (uint32_t)v;
		return 0;
	case ARGP_KEY_END:
		if (!a->board)
			argp_error(state, "which board? --board virtual-f446re, for example");
		if (a->bare && (a->reference || a->profile || a->trace))
			argp_error(state, "--bare has no model to look into");
		if (a->bare && a->power)
			argp_error(state, "--bare has no model of what is drawn");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	options,
	parse,
	NULL,
	"Execute the firmware image of a board, with a cycle model, as a virtual board.\v"
	"Normally started by mnchar itself. By hand:\n"
	"  mnchar collect --board 'exec:mnchar-vboard --board virtual-f446re --stats'\n"
	"Exit status: 0 link closed, 2 usage or bad image, 3 the program faulted, 4 endless loop, "
	"5 ended by SIGTERM.\n"
	"MNCHAR_DATA names a folder with boards/ and firmware/ that is used instead of the "
	"installed ones.",
	NULL,
	NULL,
	NULL};

/*
 * `name` in folder `dir` ("boards", "firmware") of MNCHAR_DATA, of the prefix, of the build tree
 * or, for board files, of the source tree that this program was built from.
 */
static int find_file(const char *dir, const char *name, char *path, size_t size)
{
	const char *data = getenv("MNCHAR_DATA");
	char exe[PATH_MAX], *bin;
	ssize_t n;

	if (data && *data) {
		snprintf(path, size, "%s/%s/%s", data, dir, name);
		return access(path, R_OK);
	}
	n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	if (n < 0)
		return -1;
	exe[n] = '\0';
	bin = dirname(exe);
	snprintf(path, size, "%s/../share/mnchar/%s/%s", bin, dir, name);
	if (access(path, R_OK) == 0)
		return 0;
	snprintf(path, size, "%s/../%s/%s", bin, dir, name);
	if (access(path, R_OK) == 0)
		return 0;
#ifdef MN_SOURCE_DATA
	snprintf(path, size, "%s/%s/%s", MN_SOURCE_DATA, dir, name);
	if (access(path, R_OK) == 0)
		return 0;
#endif
	snprintf(path, size, "%s/../share/mnchar/%s/%s", bin, dir, name);
	return -1;
}

static int read_file(const char *path, uint8_t **ret_bytes, size_t *ret_len)
{
	FILE *f = fopen(path, "rb");
	uint8_t *bytes = NULL;
	size_t len = 0, room = 0, n;

	if (!f)
		return -1;
	do {
		if (len == room) {
			uint8_t *grown = realloc(bytes, room = room ? room * 2 : 1u << 20);

			if (!grown)
				break;
			bytes = grown;
		}
		n = fread(bytes + len, 1, room - len, f);
		len += n;
	} while (n);
	fclose(f);
	*ret_bytes = bytes;
	*ret_len = len;
	return bytes ? 0 : -1;
}

static int describe(const struct mn_board *b)
{
	char hash[17];
	json_t *root;

	snprintf(hash, sizeof(hash), "%016" PRIx64, b->file_hash);
	root = json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:s, s:s}", "kind", "virtual", "board",
			 b->board, "chip", b->chip, "cpu", mn_cpu_name(b->cpu), "model",
			 b->model->name, "model_version", (int)b->model->version,
			 "parameters_fnv1a", hash, "program", "mnchar-vboard " MNCHAR_VERSION);
	if (!root || json_dumpf(root, stdout, JSON_INDENT(2)) || putchar('\n') == EOF) {
		json_decref(root);
		return 1;
	}
	json_decref(root);
	return 0;
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void print_stats(const struct mn_machine *m, const struct mn_soc *soc, int bare, double cpu)
{
	struct mn_machine_stats s;
	uint64_t n, executed;

	mn_machine_stats(m, &s);
	n = s.insns ? s.insns : 1;
	executed = s.cycles - mn_soc_skipped(soc);
	fprintf(stderr, "simulated_cycles %" PRIu64 "%s\n", executed,
		bare ? " (no model: instructions)" : "");
	fprintf(stderr, "skipped_cycles %" PRIu64 " (waiting for the link)\n", mn_soc_skipped(soc));
	fprintf(stderr, "instructions %" PRIu64 "\n", s.insns);
	fprintf(stderr, "marker_cycles %" PRIu64 " in %" PRIu32 " edges\n",
		mn_soc_marker_cycles(soc), mn_soc_marker_edges(soc));
	fprintf(stderr, "cpu_s %.3f\n", cpu);
	fprintf(stderr, "speed %.1f Mcycles/s, %.1f Minstructions/s\n",
		(double)executed / cpu / 1e6, (double)s.insns / cpu / 1e6);
	if (bare)
		return;
	fprintf(stderr, "blocks %" PRIu64 ", %.2f %% with known addresses\n", s.blocks,
		s.blocks ? 100.0 * (double)s.fast / (double)s.blocks : 0.0);
	fprintf(stderr, "segments %" PRIu64 ", stepped %.2f %%, pipeline states %" PRIu32 "\n",
		s.segments, s.segments ? 100.0 * (double)s.stepped / (double)s.segments : 0.0,
		s.states);
	fprintf(stderr, "i_misses %" PRIu64 " (%.3f per 1000 instructions)\n", s.model.i_misses,
		1000.0 * (double)s.model.i_misses / (double)n);
	fprintf(stderr, "d_hits %.3f %% of %" PRIu64 " cacheable accesses\n",
		s.model.d_lookups
			? 100.0 - 100.0 * (double)s.model.d_misses / (double)s.model.d_lookups
			: 100.0,
		s.model.d_lookups);
	fprintf(stderr, "branches %" PRIu64 ", %.3f %% mispredicted\n", s.model.branches,
		s.model.branches ? 100.0 * (double)s.model.mispredicts / (double)s.model.branches
				 : 0.0);
	if (s.resets)
		fprintf(stderr, "resets %" PRIu32 "\n", s.resets);
}

static void last_words(const char *text)
{
	const char *fd = getenv(LAST_WORDS);

	fprintf(stderr, "mnchar-vboard: %s\n", text);
	if (fd && *fd)
		dprintf((int)strtol(fd, NULL, 10), "%s\n", text);
}

static int fail(const struct mn_err *err)
{
	last_words(err->msg);
	return EXIT_USAGE;
}

static struct mn_machine *running;

static void on_term(int number)
{
	(void)number;
	if (running)
		mn_machine_interrupt(running);
}

/*
 * Why the board stopped: registers first, at the end of stderr the line that says it all. A program
 * that reports a fault itself goes on reporting until the link is closed.
 */
static int say_end(const struct mn_board *board, struct mn_machine *machine,
		   const struct mn_faults *faults, const struct mn_machine_result *result)
{
	static const int codes[] = {[MN_END_CLOSED] = 0,
				    [MN_END_FAULT] = EXIT_FAULT,
				    [MN_END_BUDGET] = EXIT_BUDGET,
				    [MN_END_INTERRUPTED] = EXIT_ENDED};
	const struct mn_msg_fault *f = &faults->report;
	char text[640], where[256], reason[200];
	uint32_t pc = result->pc;

	if (result->end == MN_END_CLOSED && !faults->has_report)
		return 0;
	snprintf(reason, sizeof(reason), "%s", result->reason);
	if (faults->has_report && result->end != MN_END_FAULT) {
		pc = f->pc & ~1u;
		if (f->cfsr || f->hfsr)
			snprintf(reason, sizeof(reason),
				 "the program reports a fault (cfsr %08" PRIx32 " hfsr %08" PRIx32
				 " address %08" PRIx32 " lr %08" PRIx32 ")",
				 f->cfsr, f->hfsr, f->address, f->lr);
		else
			snprintf(reason, sizeof(reason),
				 "the program reports that its stack ran over its end at "
				 "0x%08" PRIx32,
				 f->address);
	}
	mn_machine_where(machine, pc, where, sizeof(where));
	snprintf(text, sizeof(text), "%s stopped: %s; %s", board->board, reason, where);
	fputs(result->report, stderr);
	last_words(text);
	return faults->has_report ? EXIT_FAULT : codes[result->end];
}

int main(int argc, char **argv)
{
	static struct arguments a;
	struct mn_board *board = NULL;
	struct mn_cycles *cycles = NULL;
	struct mn_port *port = NULL;
	struct mn_soc *soc = NULL;
	struct mn_machine *machine = NULL;
	struct mn_power *power = NULL;
	struct mn_machine_options o = {0};
	struct mn_machine_result result = {0};
	struct mn_elf elf = {0};
	struct sigaction term = {.sa_handler = on_term};
	struct mn_err err;
	uint8_t *file = NULL;
	size_t len = 0;
	char path[PATH_MAX], name[256];
	double start;
	int rc = EXIT_USAGE;

	mn_fault_init(&a.faults);
	a.link = "stdio";
	a.seed = 1;
	argp_err_exit_status = EXIT_USAGE;
	argp_parse(&argp, argc, argv, 0, NULL, &a);
	signal(SIGPIPE, SIG_IGN);

	if (strchr(a.board, '/')) {
		snprintf(path, sizeof(path), "%s", a.board);
	} else {
		snprintf(name, sizeof(name), "%s.yaml", a.board);
		if (find_file("boards", name, path, sizeof(path))) {
			fprintf(stderr, "mnchar-vboard: there is no board %s (no %s)\n", a.board,
				path);
			return EXIT_USAGE;
		}
	}
	if (mn_board_load(path, &board, &err))
		return fail(&err);
	if (a.describe) {
		rc = describe(board);
		goto out;
	}
	if (a.image)
		snprintf(path, sizeof(path), "%s", a.image);
	if ((!a.image && find_file("firmware", board->image, path, sizeof(path))) ||
	    read_file(path, &file, &len)) {
		mn_err_set(&err, MN_E_NOTFOUND, "the image %s cannot be read%s", path,
			   a.image ? "" : "; was it built? It needs arm-none-eabi-gcc");
		fail(&err);
		goto out;
	}
	if (mn_elf_read(file, len, board, &elf, &err)) {
		mn_err_prefix(&err, err.code, "%s: ", path);
		fail(&err);
		goto out;
	}
	if (a.trace) {
		o.trace = fopen(a.trace, "w");
		if (!o.trace) {
			fprintf(stderr, "mnchar-vboard: %s cannot be written\n", a.trace);
			goto out;
		}
	}
	o.reference = a.reference;
	o.bare = a.bare;
	o.profile = a.profile;
	if (mn_cycles_new(board, a.seed, &cycles, &err) || mn_port_open(a.link, &port, &err) ||
	    mn_soc_new(board, cycles, port, &a.faults, &soc, &err)) {
		fail(&err);
		goto out;
	}
	if (a.power && !board->model->power) {
		fprintf(stderr, "mnchar-vboard: %s has no model of what it draws\n", board->board);
		goto out;
	}
	if (a.power && mn_power_open(board->model->power, a.power, &power, &err)) {
		fail(&err);
		goto out;
	}
	mn_soc_set_power(soc, power);
	/* The longest clock that the board can have is not known yet: take what RCC can give at
	 * most. */
	o.cycles_max =
		a.cycles_max_set ? a.cycles_max : (uint64_t)board->cycles_max_seconds * 216000000u;
	if (mn_machine_new(board, &elf, file, cycles, soc, &o, &machine, &err)) {
		fail(&err);
		rc = 1;
		goto out;
	}
	start = seconds();
	running = machine;
	sigaction(SIGTERM, &term, NULL);
	if (mn_machine_run(machine, &result, &err)) {
		fail(&err);
		rc = 1;
		goto out;
	}
	if (a.stats)
		print_stats(machine, soc, a.bare, seconds() - start);
	if (a.profile)
		mn_machine_profile(machine, stderr);
	rc = say_end(board, machine, &a.faults, &result);
out:
	running = NULL;
	free(result.report);
	mn_machine_free(machine);
	mn_power_close(power);
	mn_soc_free(soc);
	mn_port_close(port);
	mn_cycles_free(cycles);
	mn_elf_free(&elf);
	free(file);
	mn_board_free(board);
	if (o.trace)
		fclose(o.trace);
	return rc;
}
