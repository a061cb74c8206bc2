/* SPDX-License-Identifier: MIT */
/*
 * mnchar(1), written from the same argp tables as --help and the completion, so that the three
 * cannot disagree. The build runs `mnchar help --man` and installs what it prints.
 */
#include <stdio.h>
#include <string.h>

#include "cmd.h"
#include "manual.h"

/* Text as man(7) wants it: no control lines by accident, minus signs that can be copied. */
static void put(const char *text)
{
	int start = 1;

	for (const char *p = text; *p; p++) {
		if (start && (*p == '.' || *p == '\''))
			fputs("\\&", stdout);
		if (*p == '\\')
			fputs("\\e", stdout);
		else if (*p == '-')
			fputs("\\-", stdout);
		else
			putchar(*p);
		start = *p == '\n';
	}
}

/* Paragraphs of an argp doc: indented lines stay as they are, "Example:" texts among them. */
static void put_doc(const char *text, size_t len)
{
	char line[1024];
	int literal = 0;

	while (len) {
		const char *end = memchr(text, '\n', len);
		size_t n = end ? (size_t)(end - text) : len;
		size_t copy = n < sizeof(line) - 1 ? n : sizeof(line) - 1;
		int wants = n && text[0] == ' ';

		memcpy(line, text, copy);
		line[copy] = '\0';
		if (wants != literal && n) {
			puts(wants ? ".PP\n.nf" : ".fi\n.PP");
			literal = wants;
		}
		if (n)
			put(line);
		else
			fputs(literal ? "" : ".PP", stdout);
		putchar('\n');
		text += n + (end ? 1 : 0);
		len -= n + (end ? 1 : 0);
	}
	if (literal)
		puts(".fi");
}

static void put_argument(const char *arg, int optional, const char *before)
{
	if (!arg)
		return;
	fputs(optional ? "[" : "", stdout);
	fputs(before, stdout);
	fputs("\\fI", stdout);
	put(arg);
	fputs("\\fR", stdout);
	fputs(optional ? "]" : "", stdout);
}

static void put_options(const struct argp *argp)
{
	for (const struct argp_option *o = argp->options; o && (o->name || o->key || o->doc); o++) {
		int optional = o->flags & OPTION_ARG_OPTIONAL;

		if (!o->name || o->flags & (OPTION_HIDDEN | OPTION_DOC | OPTION_ALIAS))
			continue;
		fputs(".TP\n", stdout);
		if (o->key > ' ' && o->key < 127)
			printf("\\fB\\-%c\\fR, ", o->key);
		fputs("\\fB\\-\\-", stdout);
		put(o->name);
		fputs("\\fR", stdout);
		put_argument(o->arg, optional, "=");
		putchar('\n');
		if (o->doc)
			put(o->doc);
		putchar('\n');
	}
	for (const struct argp_child *c = argp->children; c && c->argp; c++)
		put_options(c->argp);
}

static void put_verb(const struct mn_verb *verb)
{
	const char *doc = verb->argp->doc ? verb->argp->doc : verb->help;
	const char *after = strchr(doc, '\v');

	printf(".SS mnchar %s", verb->name);
	if (verb->argp->args_doc) {
		putchar(' ');
		put(verb->argp->args_doc);
	}
	putchar('\n');
	put_doc(doc, after ? (size_t)(after - doc) : strlen(doc));
	put_options(verb->argp);
	if (after) {
		puts(".PP");
		put_doc(after + 1, strlen(after + 1));
	}
}

void mn_manual_print(void)
{
	puts(".TH MNCHAR 1 \"\" \"mnchar " MNCHAR_VERSION "\" \"User Commands\"\n"
	     ".SH NAME\n"
	     "mnchar \\- measure and model what neural\\-network layers cost on microcontrollers\n"
	     ".SH SYNOPSIS\n"
	     ".B mnchar\n"
	     ".I verb\n"
	     "[\\fIoption\\fR]...\n"
	     ".SH DESCRIPTION\n"
	     "A board, or a virtual board that runs the same firmware image, times int8 layers "
	     "with its\n"
	     "cycle counter.\n"
	     ".B mnchar collect\n"
	     "stores every repetition in an SQLite file,\n"
	     ".B mnchar fit\n"
	     "makes cost models of them,\n"
	     ".B mnchar query\n"
	     "prints these with their errors, and\n"
	     ".B mnchar export\n"
	     "writes cost tables for an architecture search.\n"
	     ".PP\n"
	     "Every figure has a kind:\n"
	     ".B measured\n"
	     "on a board,\n"
	     ".B virtual\n"
	     "on a virtual board, or\n"
	     ".B published\n"
	     "by somebody else. Kinds are never mixed.\n"
	     ".SH VERBS");
	for (const struct mn_verb *v = mn_verbs; v->name; v++)
		put_verb(v);
	puts(".SH LINKS\n"
	     "What a board can be connected through:\n"
	     ".TP\n.BI serial: /dev/ttyACM0\na serial port, 8N1; \\fB@\\fIrate\\fR may follow\n"
	     ".TP\n.BI tcp: host : port\na raw socket, such as ser2net offers\n"
	     ".TP\n.BI unix: path\na stream socket\n"
	     ".TP\n.BI exec: command\na program that speaks on its standard input and output\n"
	     ".SH EXIT STATUS\n"
	     ".TP\n0\ndone\n"
	     ".TP\n1\nsomething failed; standard error says what\n"
	     ".TP\n2\nthere is no such thing: no board, no row, no fit\n"
	     ".TP\n3\n\\fBcollect\\fR left probes open; running it again continues\n"
	     ".TP\n64\nthe command line is wrong\n"
	     ".TP\n130\ninterrupted; what was measured is in the store\n"
	     ".SH ENVIRONMENT\n"
	     ".TP\n.B MNCHAR_DATA\n"
	     "Folder with firmware/, boards/, schema/, sweeps/ and published/ to use instead of "
	     "the\n"
	     "installed ones.\n"
	     ".SH FILES\n"
	     ".TP\n.I mnchar.db\nthe default database, in the current folder\n"
	     ".TP\n.I PREFIX/share/mnchar\nfirmware images, board descriptions, sweeps, schema,\n"
	     "published figures\n"
	     ".SH EXAMPLES\n"
	     ".nf\n"
	     "mnchar collect \\-\\-board virtual\\-f446re \\-\\-sweep quick\n"
	     "mnchar fit\n"
	     "mnchar query \\-\\-op conv_2d\n"
	     "mnchar export \\-\\-format csv \\-\\-out cost.csv\n"
	     ".fi\n"
	     ".SH SEE ALSO\n"
	     ".BR openocd (1),\n"
	     ".BR st\\-flash (1),\n"
	     ".BR sqlite3 (1)");
}
