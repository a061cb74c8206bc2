/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "manual.h"
#include "paths.h"

#define X(verb, help)           {#verb, help, mn_cmd_##verb, &mn_argp_##verb},
#define NAMED(verb, name, help) {name, help, mn_cmd_##verb, &mn_argp_##verb},
const struct mn_verb mn_verbs[] = {MN_VERB_TABLE(X)
					   MN_VERB_NAMED_TABLE(NAMED){NULL, NULL, NULL, NULL}};
#undef X

const char *argp_program_version = "mnchar " MNCHAR_VERSION;

const struct mn_verb *mn_verb_find(const char *name)
{
	for (const struct mn_verb *v = mn_verbs; v->name; v++)
		if (!strcmp(v->name, name))
			return v;
	return NULL;
}

/* argp ends the process itself after --help and after a usage error, so the check has to be an exit
 * handler. */
static void close_stdout(void)
{
	int had_error = ferror(stdout);

	errno = 0;
	if (fclose(stdout) && errno != EBADF)
		had_error = 1;
	if (had_error) {
		fprintf(stderr, "mnchar: cannot write the output: %s\n",
			errno ? strerror(errno) : "write error");
		_exit(MN_EXIT_FAILED);
	}
}

/* A file opened as descriptor 0, 1 or 2 would get our messages: a database must not. */
static void fill_standard_fds(void)
{
	for (int fd = open("/dev/null", O_RDWR); fd >= 0; fd = dup(fd)) {
		if (fd > STDERR_FILENO) {
			close(fd);
			break;
		}
	}
}

struct chosen {
	int argc;
	char **argv;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct chosen *chosen = state->input;

	switch (key) {
	case ARGP_KEY_ARG:
		(void)arg;
		chosen->argc = state->argc - state->next + 1;
		chosen->argv = state->argv + state->next - 1;
		state->next = state->argc;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_state_help(state, stderr, ARGP_HELP_STD_ERR);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* The list of verbs, from the table. */
static char *help_filter(int key, const char *text, void *input)
{
	char *out = NULL;
	size_t size;
	FILE *f;

	(void)input;
	if (key != ARGP_KEY_HELP_PRE_DOC)
		return (char *)text;
	f = open_memstream(&out, &size);
	if (!f)
		return (char *)text;
	fprintf(f, "%s\n\nVerbs:\n", text);
	for (const struct mn_verb *v = mn_verbs; v->name; v++)
		fprintf(f, "  %-12s %s\n", v->name, v->help);
	fprintf(f, "  %-12s %s\n", "help", "the manual, or that of a verb: mnchar help VERB");
	if (fclose(f)) {
		free(out);
		return (char *)text;
	}
	return out;
}

static const struct argp top = {
	.parser = parse,
	.args_doc = "VERB [ARG...]",
	.doc = "Measure what neural-network layers cost on microcontrollers."
	       "\v"
	       "Exit codes: 0 done, 1 failed, 2 there is no such thing, 3 collect left probes "
	       "open, "
	       "64 wrong usage, 130 interrupted.",
	.help_filter = help_filter,
};

static int run_verb(const struct mn_verb *verb, int argc, char **argv)
{
	char name[64];

	snprintf(name, sizeof(name), "mnchar %s", verb->name);
	argv[0] = name;
	return verb->run(argc, argv);
}

/* On a terminal with man(1), the manual page; returns if that cannot be. */
static void show_manual(void)
{
	char page[4096];

	if (isatty(STDOUT_FILENO) &&
	    !mn_path(MN_DIR_MAN, "man1/mnchar.1", page, sizeof(page), NULL))
		execlp("man", "man", "-l", page, (char *)NULL);
}

static int run_help(int argc, char **argv)
{
	char help[] = "--help";
	char program[] = "mnchar";
	char *help_argv[] = {NULL, help, NULL};
	const struct mn_verb *verb;

	if (argc < 2) {
		show_manual();
		argp_help(&top, stdout, ARGP_HELP_STD_HELP, program);
		return MN_EXIT_OK;
	}
	if (!strcmp(argv[1], "--man")) {
		mn_manual_print();
		return MN_EXIT_OK;
	}
	verb = mn_verb_find(argv[1]);
	if (!verb) {
		fprintf(stderr, "mnchar: no verb '%s'; see mnchar --help\n", argv[1]);
		return MN_EXIT_USAGE;
	}
	return run_verb(verb, 2, help_argv);
}

int main(int argc, char **argv)
{
	struct chosen chosen = {0};
	const struct mn_verb *verb;

	fill_standard_fds();
	atexit(close_stdout);
	if (argp_parse(&top, argc, argv, ARGP_IN_ORDER, NULL, &chosen))
		return MN_EXIT_FAILED;
	if (!chosen.argc)
		return MN_EXIT_USAGE;
	if (!strcmp(chosen.argv[0], "help"))
		return run_help(chosen.argc, chosen.argv);
	verb = mn_verb_find(chosen.argv[0]);
	if (!verb) {
		fprintf(stderr, "mnchar: no verb '%s'; see mnchar --help\n", chosen.argv[0]);
		return MN_EXIT_USAGE;
	}
	return run_verb(verb, chosen.argc, chosen.argv);
}
