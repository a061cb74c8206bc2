/* SPDX-License-Identifier: MIT */
/*
 * `mnchar completion bash`: walks the argp tables of all verbs. The script is static text:
 * completing does not start mnchar.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "cmd.h"

static error_t parse(int key, char *arg, struct argp_state *state)
{
	switch (key) {
	case ARGP_KEY_ARG:
		if (state->arg_num > 0 || strcmp(arg, "bash"))
			argp_error(state, "only bash is known");
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "which shell? mnchar completion bash");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

const struct argp mn_argp_completion = {
	.parser = parse,
	.args_doc = "bash",
	.doc = "Print a completion script."
	       "\v"
	       "Example: source <(mnchar completion bash)",
};

/* What an argument label completes to. */
static const struct {
	const char *label;
	const char *words; /* NULL: files */
	int dirs;
} labels[] = {
	{"FILE", NULL, 0},
	{"DIR", NULL, 1},
	{"BOARD",
	 "virtual-f446re virtual-f746zg virtual-f767zi nucleo-f446re nucleo-f746zg nucleo-f767zi",
	 0},
	{"KERNELS", "dsp ref all", 0},
	{"KIND", "measured virtual published", 0},
	{"LINK", "serial: tcp: unix: exec:", 0},
};

/* The bash command that fills COMPREPLY for a label, without a newline. */
static void print_compreply(const char *label)
{
	size_t len = 0;

	while (isupper((unsigned char)label[len]))
		len++;
	if (strchr(label, '|') || (len == 0 && *label)) {
		fputs("COMPREPLY=($(compgen -W '", stdout);
		for (const char *p = label; *p; p++)
			putchar(*p == '|' || *p == '\'' ? ' ' : *p);
		fputs("' -- \"$cur\"))", stdout);
		return;
	}
	if (len == 5 && !strncmp(label, "SWEEP", len)) {
		fputs("COMPREPLY=($(compgen -W 'quick full extra null' -- \"$cur\") $(compgen -f "
		      "-- "
		      "\"$cur\"))",
		      stdout);
		return;
	}
	for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++) {
		if (strlen(labels[i].label) != len || strncmp(labels[i].label, label, len))
			continue;
		if (labels[i].words)
			printf("COMPREPLY=($(compgen -W '%s' -- \"$cur\"))", labels[i].words);
		else
			printf("COMPREPLY=($(compgen -%c -- \"$cur\"))",
			       labels[i].dirs ? 'd' : 'f');
		return;
	}
	fputs("COMPREPLY=()", stdout);
}

static void print_words(const struct argp *argp)
{
	for (const struct argp_option *o = argp->options; o && (o->name || o->key || o->doc); o++)
		if (o->name && !(o->flags & (OPTION_HIDDEN | OPTION_DOC)))
			printf("--%s ", o->name);
	for (const struct argp_child *c = argp->children; c && c->argp; c++)
		print_words(c->argp);
}

static void print_arguments(const char *verb, const struct argp *argp)
{
	const char *label = NULL;

	for (const struct argp_option *o = argp->options; o && (o->name || o->key || o->doc); o++) {
		if (!(o->flags & OPTION_ALIAS))
			label = o->arg;
		if (!label || (o->flags & (OPTION_DOC | OPTION_ARG_OPTIONAL)))
			continue;
		if (o->name)
			printf("\t%s:--%s", verb, o->name);
		if (o->key > ' ' && o->key < 127)
			printf("%s%s:-%c", o->name ? "|" : "\t", verb, o->key);
		fputs(") ", stdout);
		print_compreply(label);
		fputs("; return;;\n", stdout);
	}
	for (const struct argp_child *c = argp->children; c && c->argp; c++)
		print_arguments(verb, c->argp);
}

int mn_cmd_completion(int argc, char **argv)
{
	argp_parse(&mn_argp_completion, argc, argv, 0, NULL, NULL);
	fputs("# bash completion of mnchar " MNCHAR_VERSION ", made by: mnchar completion bash\n"
	      "_mnchar()\n{\n"
	      "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} verb= i\n"
	      "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	      "\t\tcase ${COMP_WORDS[i]} in -*) ;; *) verb=${COMP_WORDS[i]}; break;; esac\n"
	      "\tdone\n"
	      "\tcase $verb:$prev in\n",
	      stdout);
	for (const struct mn_verb *v = mn_verbs; v->name; v++)
		print_arguments(v->name, v->argp);
	fputs("\tesac\n\tcase $verb in\n\t'') COMPREPLY=($(compgen -W '", stdout);
	for (const struct mn_verb *v = mn_verbs; v->name; v++)
		printf("%s ", v->name);
	fputs("help --help --version' -- \"$cur\"));;\n", stdout);
	for (const struct mn_verb *v = mn_verbs; v->name; v++) {
		printf("\t%s)\n\t\tif [[ $cur == -* ]]; then COMPREPLY=($(compgen -W '", v->name);
		print_words(v->argp);
		fputs("--help --usage' -- \"$cur\"))\n\t\telse ", stdout);
		print_compreply(v->argp->args_doc ? v->argp->args_doc : "");
		fputs("; fi;;\n", stdout);
	}
	fputs("\thelp) COMPREPLY=($(compgen -W '", stdout);
	for (const struct mn_verb *v = mn_verbs; v->name; v++)
		printf("%s ", v->name);
	fputs("' -- \"$cur\"));;\n\tesac\n}\ncomplete -o filenames -F _mnchar mnchar\n", stdout);
	return MN_EXIT_OK;
}
