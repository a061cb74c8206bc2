/* SPDX-License-Identifier: MIT */
/*
 * What the verbs of `mnchar` share: the table of verbs, exit codes, common options, tables and
 * JSON.
 *
 * To add a verb: write host/cli/<verb>.c with
 *     const struct argp mn_argp_<verb> = {...};
 *     int mn_cmd_<verb>(int argc, char **argv);    argv[0] is "mnchar <verb>"; returns enum mn_exit
 * add the file to host/cli/CMakeLists.txt and one line to MN_VERB_TABLE. `mnchar --help`, `mnchar
 * help VERB` and `mnchar completion bash` all come from that line and from the argp tables, so an
 * option that is not in a table does not exist.
 *
 * Habits: results go to stdout, everything else to stderr. A verb never checks its own writes to
 * stdout: main() flushes at the end and turns a full disk into MN_EXIT_FAILED. SIGPIPE keeps its
 * default, so that `mnchar query | head` ends quietly; collect ignores it while boards are open.
 */
#ifndef MN_CMD_H
#define MN_CMD_H

#include <argp.h>
#include <jansson.h>
#include <stddef.h>

#include "err.h"
#include "paths.h"

/* In the order in which help shows them. verb, one line of help */
#define MN_VERB_TABLE(X)                                                                           \
	X(boards, "list the boards that are plugged in, and the virtual ones")                     \
	X(meters, "list the power monitors that are plugged in")                                   \
	X(doctor, "check rights, ports, clocks and the wiring, and say what to do")                \
	X(flash, "write the sweep firmware to a board")                                            \
	X(collect, "measure a sweep on boards, into the database")                                 \
	X(import, "put figures from elsewhere (CSV) into the database")                            \
	X(fit, "fit cost models to what was measured")                                             \
	X(query, "print the fitted costs with their errors")                                       \
	X(export, "write cost tables for a search")                                                \
	X(plot, "draw latency against ops")                                                        \
	X(inspect, "print the layers of a model")                                                  \
	X(bench, "run a model on boards, whole and layer by layer")                                \
	X(memory, "say what a model takes of a board's SRAM and flash")                            \
	X(predict, "predict what a model costs on a board")                                        \
	X(completion, "print a completion script for the shell")

/* Verbs whose name is no C word. verb, name, one line of help */
#define MN_VERB_NAMED_TABLE(X)                                                                     \
	X(import_power, "import-power", "cut the windows out of another instrument's recording")

/* Exit codes are an interface: scripts rely on them. Append only. */
enum mn_exit {
	MN_EXIT_OK = 0,
	MN_EXIT_FAILED = 1, /* something went wrong; stderr has a sentence */
	MN_EXIT_EMPTY =
		2, /* nothing was wrong, but there is no such thing: no board, no row, no fit */
	MN_EXIT_INCOMPLETE = 3,    /* collect: probes are left open; running it again continues */
	MN_EXIT_USAGE = 64,        /* the command line is wrong (EX_USAGE, argp's own value) */
	MN_EXIT_INTERRUPTED = 130, /* SIGINT; what was measured is in the store */
};

struct mn_verb {
	const char *name;
	const char *help;
	int (*run)(int argc, char **argv);
	const struct argp *argp;
};

/* All verbs, NULL name at the end. */
extern const struct mn_verb mn_verbs[];
/* NULL if there is none of that name. */
const struct mn_verb *mn_verb_find(const char *name);

#define X(verb, help)                                                                              \
	int mn_cmd_##verb(int argc, char **argv);                                                  \
	extern const struct argp mn_argp_##verb;
MN_VERB_TABLE(X)
#undef X
#define X(verb, name, help)                                                                        \
	int mn_cmd_##verb(int argc, char **argv);                                                  \
	extern const struct argp mn_argp_##verb;
MN_VERB_NAMED_TABLE(X)
#undef X

/*
 * Options that most verbs take: --db FILE. Use as an argp child:
 *     const struct argp_child children[] = {{&mn_argp_db, 0, NULL, 0}, {0}};
 * and in the verb's parser, at ARGP_KEY_INIT: state->child_inputs[0] = &my->db, a `const char *`
 * that keeps MN_DB_DEFAULT when the option is not given.
 */
#define MN_DB_DEFAULT "mnchar.db"
extern const struct argp mn_argp_db;

/*
 * Argument labels carry meaning for completion: FILE and DIR complete to paths, BOARD, KERNELS,
 * KIND, SWEEP and VERB to the words that there are, and "svg|png" to its alternatives.
 */

/* Report on stderr: "mnchar: sentence". Returns the exit code that fits err->code. */
int mn_cmd_fail(const struct mn_err *err);
/* "mnchar: " + printf-style sentence on stderr. */
void mn_cmd_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Decimal number of an option inside [min, max]; otherwise usage error that names the option; does
 * not return. */
long long mn_cmd_number(const struct argp_state *state, const char *option, const char *text,
			long long min, long long max);

/* The path of a YAML file: `name` itself, or, if it is one that comes with mnchar ("quick" of the
 * sweeps), that file's, in buf. */
const char *mn_cmd_yaml(enum mn_dir dir, const char *name, char *buf, size_t size);

/*
 * A table for people, printed to stdout with aligned columns and a header. Cells are copied; NULL
 * is an empty cell. Not truncated, whatever the width of the terminal.
 */
struct mn_table;
struct mn_column {
	const char *name; /* with its unit: "latency_ms" */
	int right;        /* 1: numbers */
};
/* NULL: out of memory. */
struct mn_table *mn_table_new(const struct mn_column *columns, size_t n_columns);
/* cells has n_columns entries. */
int mn_table_add(struct mn_table *table, const char *const *cells);
/* One printf-style text of all cells, '\t' between them: a cell must not hold a tab. */
int mn_table_addf(struct mn_table *table, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
size_t mn_table_rows(const struct mn_table *table);
int mn_table_print(struct mn_table *table);
void mn_table_free(struct mn_table *table);

/*
 * JSON to stdout: indented, members in the order they were set, doubles with 17 digits, one newline
 * at the end. Takes the reference, also on failure. NULL (jansson ran out of memory while it was
 * built) gives MN_E_NOMEM.
 */
int mn_json_print(json_t *root, struct mn_err *err);
/* A number, or null for NAN and the infinities, which JSON lacks. */
json_t *mn_json_real(double value);

#endif
