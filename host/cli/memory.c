/* SPDX-License-Identifier: MIT */
/* `mnchar memory`: the SRAM and flash that a model takes on a board. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "board_memory.h"
#include "census.h"
#include "cmd.h"
#include "flash.h"
#include "model.h"

struct options {
	const char *file, *board, *svg, *tflm;
	int json, int8_kernels, default_build;
};

enum { KEY_SVG = 256, KEY_TFLM, KEY_INT8, KEY_BUILD };

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *my = state->input;

	switch (key) {
	case 'b':
		my->board = arg;
		return 0;
	case 'j':
		my->json = 1;
		return 0;
	case KEY_SVG:
		my->svg = arg;
		return 0;
	case KEY_TFLM:
		if (!mn_tflm_find(arg) || strlen(arg) < 7)
			argp_error(state,
				   "--tflm: '%s' is no version whose rules are known; there is %s",
				   arg, mn_tflm_find(NULL)->tflm_commit);
		my->tflm = arg;
		return 0;
	case KEY_INT8:
		my->int8_kernels = 1;
		return 0;
	case KEY_BUILD:
		if (strcmp(arg, "release") && strcmp(arg, "default"))
			argp_error(state, "--build: '%s' is none of release, default", arg);
		my->default_build = !strcmp(arg, "default");
		return 0;
	case ARGP_KEY_ARG:
		if (my->file)
			argp_error(state, "one model at a time: '%s' is too many", arg);
		my->file = arg;
		return 0;
	case ARGP_KEY_END:
		if (!my->file)
			argp_error(state, "which model?");
		if (!my->board)
			argp_error(state, "on which board? --board nucleo-f446re ...");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option options[] = {
	{"board", 'b', "BOARD", 0, "Whose memory (required): nucleo-f446re, virtual-f746zg ...", 0},
	{"json", 'j', NULL, 0, "One object", 0},
	{"svg", KEY_SVG, "FILE", 0, "Draw the arena over the layers", 0},
	{"int8-kernels", KEY_INT8, NULL, 0,
	 "Flash of a resolver that registers the int8 kernels only", 0},
	{"build", KEY_BUILD, "release|default", 0,
	 "Flash of this build of TFLM (release: without its messages)", 0},
	{"tflm", KEY_TFLM, "COMMIT", 0, "Rules of this version of TensorFlow Lite Micro", 0},
	{0},
};

const struct argp mn_argp_memory = {
	.options = options,
	.parser = parse,
	.args_doc = "MODEL.tflite",
	.doc = "Say what a model takes of a board's SRAM and flash when TensorFlow Lite Micro with "
	       "CMSIS-NN runs it: the tensor arena to the byte, the layer that sets its peak, and "
	       "the flash of the file and of the runtime that its operators need; and whether it "
	       "fits, or by how much not."
	       "\v"
	       "The arena follows the TFLM commit that is printed with it. The runtime's flash is "
	       "a model of measured links (gcc 12.2); its interval says how much of it was not "
	       "measured. An operator without a known rule makes the figures lower bounds, and "
	       "the exit code 1.\n\n"
	       "Example: mnchar memory kws.tflite --board nucleo-f446re\n"
	       "Example: mnchar memory kws.tflite -b nucleo-f446re --svg arena.svg --json",
};

/* All that is said about a model on a board. */
struct answer {
	const struct options *my;
	const struct mn_model *model;
	struct mn_board_memory board;
	struct mn_arena *arena;
	struct mn_flash flash;
	uint64_t sram_need, flash_need;
	int fits; /* -1: the figures are lower bounds and do not decide it */
};

static enum mn_flash_build build_of(const struct answer *a)
{
	int generic = !a->my->int8_kernels;

	if (strcmp(a->board.cpu, "cortex-m7") == 0)
		return generic ? MN_FLASH_M7_RELEASE_GENERIC : MN_FLASH_M7_RELEASE_INT8;
	if (a->my->default_build)
		return generic ? MN_FLASH_M4_DEFAULT_GENERIC : MN_FLASH_M4_DEFAULT_INT8;
	return generic ? MN_FLASH_M4_RELEASE_GENERIC : MN_FLASH_M4_RELEASE_INT8;
}

static const char *step_name(const struct answer *a, size_t time)
{
	const struct mn_arena_step *s = &a->arena->steps[time];

	return s->op < 0 ? "inputs"
			 : mn_operator_name(&a->model->subgraphs[s->subgraph].operators[s->op]);
}

static void buffer_name(const struct answer *a, const struct mn_arena_buffer *b, char *buf,
			size_t size)
{
	if (b->tensor < 0)
		snprintf(buf, size, "scratch of layer %d", b->op);
	else
		snprintf(buf, size, "tensor %d %.60s", b->tensor,
			 a->model->subgraphs[b->subgraph].tensors[b->tensor].name);
}

static int alive(const struct mn_arena_buffer *b, size_t time)
{
	return b->first <= (int32_t)time && (int32_t)time <= b->last;
}

/* Of the buffers at the peak, the largest: what to shrink first. */
static const struct mn_arena_buffer *largest_at_peak(const struct mn_arena *a)
{
	const struct mn_arena_buffer *largest = NULL;

	for (size_t i = 0; i < a->n_buffers; i++)
		if (alive(&a->buffers[i], a->peak) &&
		    (!largest || a->buffers[i].reserved > largest->reserved))
			largest = &a->buffers[i];
	return largest;
}

/* The layer with the most constants: what to shrink for flash. */
struct constants {
	uint32_t subgraph, op;
	const char *name;
	uint64_t bytes;
};

static struct constants most_constants(const struct answer *a)
{
	struct constants most = {0, 0, "", 0};

	for (uint32_t g = 0; g < a->model->n_subgraphs; g++)
		for (uint32_t i = 0; i < a->model->subgraphs[g].n_operators; i++) {
			const struct mn_subgraph *s = &a->model->subgraphs[g];
			struct mn_census c;

			mn_census_of(s, i, &c);
			if (c.weight_bytes > most.bytes)
				most = (struct constants){g, i, mn_operator_name(&s->operators[i]),
							  c.weight_bytes};
		}
	return most;
}

/* JSON */

static json_t *text_json(const char *text)
{
	json_t *o = json_string(text);

	return o ? o : json_string("?");
}

static json_t *bytes(uint64_t n)
{
	return json_integer((json_int_t)n);
}

static json_t *categories_json(const struct mn_arena_category *c)
{
	json_t *o = json_object();

	for (int k = 0; k < MN_ARENA_CATEGORIES; k++)
		json_object_set_new(o, mn_arena_category_name((enum mn_arena_category_id)k),
				    json_pack("{s:o, s:o, s:o}", "requested_bytes",
					      bytes(c[k].requested_bytes), "used_bytes",
					      bytes(c[k].used_bytes), "n", bytes(c[k].n)));
	return o;
}

static json_t *buffers_json(const struct answer *a)
{
	json_t *array = json_array();

	for (size_t i = 0; i < a->arena->n_buffers; i++) {
		const struct mn_arena_buffer *b = &a->arena->buffers[i];

		json_array_append_new(array, json_pack("{s:i, s:i, s:i, s:o, s:o, s:o, s:i, s:i}",
						       "subgraph", (int)b->subgraph, "tensor",
						       (int)b->tensor, "scratch_of_op", (int)b->op,
						       "offset_bytes", bytes(b->offset), "bytes",
						       bytes(b->bytes), "reserved_bytes",
						       bytes(b->reserved), "first", (int)b->first,
						       "last", (int)b->last));
	}
	return array;
}

static json_t *layers_json(const struct answer *a)
{
	json_t *array = json_array();

	for (size_t t = 0; t < a->arena->n_steps; t++) {
		const struct mn_arena_step *s = &a->arena->steps[t];

		json_array_append_new(array, json_pack("{s:i, s:i, s:o, s:o, s:o}", "subgraph",
						       (int)s->subgraph, "index", (int)s->op, "op",
						       text_json(step_name(a, t)), "live_bytes",
						       bytes(s->live_bytes), "top_bytes",
						       bytes(s->top_bytes)));
	}
	return array;
}

static json_t *flash_json(const struct answer *a)
{
	const struct mn_flash *f = &a->flash;

	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:s, s:s, s:i, s:i, s:i, s:i}",
			 "weights", bytes(f->weights_bytes), "quantisation",
			 bytes(f->quantisation_bytes), "graph", bytes(f->graph_bytes), "runtime",
			 bytes(f->runtime_bytes), "runtime_low", bytes(f->runtime_low_bytes),
			 "runtime_high", bytes(f->runtime_high_bytes), "total",
			 bytes(f->total_bytes), "cpu", a->board.cpu, "build",
			 a->my->default_build ? "default" : "release", "kernels",
			 a->my->int8_kernels ? "int8" : "generic", "ops", (int)f->n_ops,
			 "ops_measured_in_a_group", (int)f->n_group, "ops_estimated",
			 (int)f->n_guess, "ops_missing", (int)f->n_missing);
}

static json_t *fit_json(uint64_t need, uint64_t have)
{
	return json_pack("{s:o, s:o, s:o}", "need_bytes", bytes(need), "have_bytes", bytes(have),
			 "free_bytes", json_integer((json_int_t)have - (json_int_t)need));
}

/* Which layer to shrink where the model does not fit; null: it fits. */
static json_t *shrink_json(const struct answer *a)
{
	const struct mn_arena *r = a->arena;
	const struct mn_arena_buffer *big = largest_at_peak(r);
	const struct constants most = most_constants(a);
	json_t *sram = json_null(), *flash = json_null();

	if (a->sram_need > a->board.sram_bytes && big)
		sram = json_pack("{s:i, s:i, s:o, s:o}", "subgraph",
				 (int)r->steps[r->peak].subgraph, "index",
				 (int)r->steps[r->peak].op, "op", text_json(step_name(a, r->peak)),
				 "largest_buffer_bytes", bytes(big->bytes));
	if (a->flash_need > a->board.flash_bytes)
		flash = json_pack("{s:i, s:i, s:o, s:o}", "subgraph", (int)most.subgraph, "index",
				  (int)most.op, "op", text_json(most.name), "constants_bytes",
				  bytes(most.bytes));
	return json_pack("{s:o, s:o}", "sram", sram, "flash", flash);
}

static int print_json(const struct answer *a, struct mn_err *err)
{
	const struct mn_arena *r = a->arena;
	json_t *o = json_object(), *issues = json_array();

	for (size_t i = 0; i < r->n_issues; i++)
		json_array_append_new(issues, text_json(r->issues[i].text));
	json_object_set_new(o, "arena_used_bytes", bytes(r->used_bytes));
	json_object_set_new(o, "nonpersistent_bytes", bytes(r->nonpersistent_bytes));
	json_object_set_new(o, "persistent_bytes", bytes(r->persistent_bytes));
	json_object_set_new(o, "smallest_arena_bytes", bytes(r->smallest_bytes));
	json_object_set_new(o, "flash_bytes", flash_json(a));
	json_object_set_new(o, "fits", a->fits < 0 ? json_null() : json_boolean(a->fits));
	json_object_set_new(o, "exact", json_boolean(r->n_issues == 0));
	json_object_set_new(o, "issues", issues);
	json_object_set_new(o, "file", text_json(a->my->file));
	json_object_set_new(o, "board", json_string(a->board.board));
	json_object_set_new(o, "sram", fit_json(a->sram_need, a->board.sram_bytes));
	json_object_set_new(o, "flash", fit_json(a->flash_need, a->board.flash_bytes));
	json_object_set_new(o, "shrink", shrink_json(a));
	json_object_set_new(o, "static_ram_bytes", bytes(a->flash.static_ram_bytes));
	json_object_set_new(o, "plan_phase_bytes", bytes(r->plan_phase_bytes));
	json_object_set_new(o, "prepare_phase_bytes", bytes(r->prepare_phase_bytes));
	json_object_set_new(
		o, "peak",
		json_pack("{s:i, s:i, s:o}", "subgraph", (int)r->steps[r->peak].subgraph, "index",
			  (int)r->steps[r->peak].op, "op", text_json(step_name(a, r->peak))));
	json_object_set_new(o, "categories", categories_json(r->category));
	json_object_set_new(o, "recording",
			    json_pack("{s:o, s:o, s:o}", "arena_used_bytes",
				      bytes(r->nonpersistent_bytes + r->recording_persistent_bytes),
				      "persistent_bytes", bytes(r->recording_persistent_bytes),
				      "categories", categories_json(r->recorded)));
	json_object_set_new(o, "layers", layers_json(a));
	json_object_set_new(o, "buffers", buffers_json(a));
	json_object_set_new(o, "follows",
			    json_pack("{s:s, s:s, s:s, s:s, s:s}", "tflm", r->tflm->tflm_commit,
				      "cmsis_nn", r->tflm->cmsis_nn_commit, "flash_tflm",
				      MN_FLASH_TFLM_COMMIT, "flash_cmsis_nn",
				      MN_FLASH_CMSIS_NN_COMMIT, "flash_compiler",
				      MN_FLASH_COMPILER));
	return mn_json_print(o, err);
}

/* Pictures */

#define PICTURE_COLUMNS 96
#define PICTURE_ROWS    16

static const char marks[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/* Time from left to right, addresses upward. A tensor has a letter, scratch a '#'. */
static void print_picture(const struct answer *a)
{
	const struct mn_arena *r = a->arena;
	size_t per_column = (r->n_steps + PICTURE_COLUMNS - 1) / PICTURE_COLUMNS;
	size_t columns = (r->n_steps + per_column - 1) / per_column;
	char line[PICTURE_COLUMNS + 1];

	if (r->nonpersistent_bytes == 0)
		return;
	printf("\nNon-persistent arena over the layers (letters: tensors, #: scratch%s)\n",
	       per_column > 1 ? "; several layers a column" : "");
	for (int row = PICTURE_ROWS - 1; row >= 0; row--) {
		uint64_t at =
			(r->nonpersistent_bytes * (2 * (uint64_t)row + 1)) / (2 * PICTURE_ROWS);

		memset(line, ' ', columns);
		line[columns] = '\0';
		for (size_t i = 0; i < r->n_buffers; i++) {
			const struct mn_arena_buffer *b = &r->buffers[i];

			if (at < b->offset || at >= b->offset + b->reserved || b->last < 0)
				continue;
			for (int32_t t = b->first < 0 ? 0 : b->first; t <= b->last; t++)
				line[(size_t)t / per_column] =
					b->tensor < 0 ? '#' : marks[i % (sizeof(marks) - 1)];
		}
		printf("%10" PRIu64 " |%s\n", at, line);
	}
	memset(line, ' ', columns);
	line[r->peak / per_column] = '^';
	printf("%10s +", "");
	for (size_t i = 0; i < columns; i++)
		putchar('-');
	printf("\n%10s  %s peak\n", "bytes", line);
}

static void svg_text(FILE *f, const char *text)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '<' || c == '>' || c == '&' || c == '"' || c < 0x20 || c >= 0x7f)
			fprintf(f, "&#%u;", c < 0x20 || c >= 0x7f ? (unsigned)'?' : c);
		else
			fputc(c, f);
	}
}

static int write_svg(const struct answer *a, struct mn_err *err)
{
	static const char *const colours[] = {"#4e79a7", "#f28e2b", "#59a14f", "#edc948",
					      "#b07aa1", "#9c755f", "#76b7b2", "#ff9da7"};
	const struct mn_arena *r = a->arena;
	double width = 900, height = 420, left = 80, top = 50;
	double dx = width / (double)(r->n_steps ? r->n_steps : 1);
	double dy = r->nonpersistent_bytes ? height / (double)r->nonpersistent_bytes : 0;
	FILE *f = fopen(a->my->svg, "w");
	int bad;

	if (!f)
		return mn_err_set(err, MN_E_IO, "%s: %s", a->my->svg, strerror(errno));
	fprintf(f,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 1010 540\" "
		"font-family=\"sans-serif\" font-size=\"12\">\n"
		"<rect width=\"1010\" height=\"540\" fill=\"white\"/>\n<text x=\"%g\" y=\"24\" "
		"font-size=\"15\">",
		left);
	svg_text(f, a->my->file);
	fprintf(f, ": %" PRIu64 " bytes non-persistent, peak at layer %d ", r->nonpersistent_bytes,
		(int)r->steps[r->peak].op);
	svg_text(f, step_name(a, r->peak));
	fprintf(f,
		"</text>\n<text x=\"%g\" y=\"40\" fill=\"#555\">TFLM %.9s, CMSIS-NN %.9s</text>\n",
		left, r->tflm->tflm_commit, r->tflm->cmsis_nn_commit);
	fprintf(f, "<rect x=\"%g\" y=\"%g\" width=\"%g\" height=\"%g\" fill=\"#eee\"/>\n",
		left + dx * (double)r->peak, top, dx, height);
	for (size_t i = 0; i < r->n_buffers; i++) {
		const struct mn_arena_buffer *b = &r->buffers[i];
		double first = b->first < 0 ? 0 : b->first;
		char name[96];

		if (b->last < 0 || b->reserved == 0)
			continue;
		buffer_name(a, b, name, sizeof(name));
		fprintf(f,
			"<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" fill=\"%s\" "
			"stroke=\"white\" stroke-width=\"0.6\"><title>",
			left + dx * first, top + height - dy * (double)(b->offset + b->reserved),
			dx * (b->last + 1 - first), dy * (double)b->reserved,
			b->tensor < 0 ? "#444" : colours[i % 8]);
		svg_text(f, name);
		fprintf(f, ", %" PRIu64 " bytes at %" PRIu64 "</title></rect>\n", b->bytes,
			b->offset);
	}
	for (int i = 0; i <= 4; i++)
		fprintf(f, "<text x=\"%g\" y=\"%.1f\" text-anchor=\"end\">%" PRIu64 "</text>\n",
			left - 6, top + height - height * i / 4 + 4,
			r->nonpersistent_bytes * (uint64_t)i / 4);
	fprintf(f,
		"<text x=\"%g\" y=\"%g\">layers in the order of execution (%zu steps); bytes "
		"upward; dark: scratch</text>\n</svg>\n",
		left, top + height + 24, r->n_steps);
	bad = ferror(f);
	if (fclose(f) != 0 || bad)
		return mn_err_set(err, MN_E_IO, "%s: %s", a->my->svg, strerror(errno));
	return 0;
}

/* Text */

static int print_layers(const struct answer *a, struct mn_err *err)
{
	static const struct mn_column columns[] = {
		{"layer", 1}, {"op", 0}, {"live_bytes", 1}, {"top_bytes", 1}, {"", 0}};
	struct mn_table *table = mn_table_new(columns, 5);
	int rc = table ? 0 : MN_E_NOMEM;

	for (size_t t = 0; t < a->arena->n_steps && rc == 0; t++) {
		const struct mn_arena_step *s = &a->arena->steps[t];
		char number[32], live[24], top[24];
		const char *cells[] = {number, step_name(a, t), live, top,
				       t == a->arena->peak ? "peak" : ""};

		if (s->subgraph)
			snprintf(number, sizeof(number), "%u:%d", s->subgraph, s->op);
		else
			snprintf(number, sizeof(number), "%d", s->op);
		if (s->op < 0)
			number[0] = '\0';
		snprintf(live, sizeof(live), "%" PRIu64, s->live_bytes);
		snprintf(top, sizeof(top), "%" PRIu64, s->top_bytes);
		rc = mn_table_add(table, cells);
	}
	if (rc == 0)
		rc = mn_table_print(table);
	mn_table_free(table);
	return rc < 0 ? mn_err_set(err, rc, "out of memory") : 0;
}

static void print_verdict(const struct answer *a, const char *what, uint64_t need, uint64_t have)
{
	const char *least = a->arena->n_issues ? "at least " : "";

	if (need <= have)
		printf("%s: %s%" PRIu64 " of %" PRIu64 " bytes, %" PRIu64 " free%s\n", what, least,
		       need, have, have - need, *least ? " at most" : "");
	else
		printf("%s: %s%" PRIu64 " bytes, %" PRIu64 " more than the board's %" PRIu64 "\n",
		       what, least, need, need - have, have);
}

static int print_text(const struct answer *a, struct mn_err *err)
{
	const struct mn_arena *r = a->arena;
	const struct mn_flash *f = &a->flash;
	const struct mn_arena_buffer *big = largest_at_peak(r);
	const struct constants most = most_constants(a);
	char name[96];
	int rc = print_layers(a, err);

	if (rc < 0)
		return rc;
	print_picture(a);
	printf("\nArena as TFLM %.9s with CMSIS-NN %.9s plans it%s\n", r->tflm->tflm_commit,
	       r->tflm->cmsis_nn_commit, r->n_issues ? " (lower bounds, see below)" : "");
	printf("  used            %10" PRIu64 "\n  non-persistent  %10" PRIu64
	       "\n  persistent      %10" PRIu64 "\n  smallest arena  %10" PRIu64 "%s\n",
	       r->used_bytes, r->nonpersistent_bytes, r->persistent_bytes, r->smallest_bytes,
	       r->smallest_bytes > (r->used_bytes + 15) / 16 * 16
		       ? "  (set by temporary structs while tensors are allocated)"
		       : "");
	for (int k = 0; k < MN_ARENA_CATEGORIES; k++)
		if (r->category[k].used_bytes)
			printf("    %-24s %8" PRIu64 " in %" PRIu64 "\n",
			       mn_arena_category_name((enum mn_arena_category_id)k),
			       r->category[k].used_bytes, r->category[k].n);
	printf("Flash as links of TFLM %.9s with CMSIS-NN %.9s measured it, %s kernels, %s build, "
	       "%s\n",
	       MN_FLASH_TFLM_COMMIT, MN_FLASH_CMSIS_NN_COMMIT,
	       a->my->int8_kernels ? "int8" : "generic",
	       a->my->default_build ? "default" : "release", MN_FLASH_COMPILER);
	printf("  weights         %10" PRIu64 "\n  quantisation    %10" PRIu64
	       "\n  graph           %10" PRIu64 "\n  runtime         %10" PRIu64
	       "  (modelled, %" PRIu64 " to %" PRIu64 ")\n",
	       f->weights_bytes, f->quantisation_bytes, f->graph_bytes, f->runtime_bytes,
	       f->runtime_low_bytes, f->runtime_high_bytes);
	if (f->n_guess || f->n_missing)
		printf("  of %u operators %u are estimated, %u have no figure\n", f->n_ops,
		       f->n_guess, f->n_missing);
	printf("\n%s: peak at layer %d, %s\n", a->board.board, r->steps[r->peak].op,
	       step_name(a, r->peak));
	print_verdict(a, "SRAM (arena and the runtime's own, no stack)", a->sram_need,
		      a->board.sram_bytes);
	print_verdict(a, "flash", a->flash_need, a->board.flash_bytes);
	if (a->sram_need > a->board.sram_bytes && big) {
		buffer_name(a, big, name, sizeof(name));
		printf("to fit the SRAM, shrink layer %d, %s: its largest buffer is %s, %" PRIu64
		       " bytes\n",
		       r->steps[r->peak].op, step_name(a, r->peak), name, big->bytes);
	}
	if (a->flash_need > a->board.flash_bytes)
		printf("to fit the flash, shrink layer %u, %s: its constants are the most, %" PRIu64
		       " bytes\n",
		       most.op, most.name, most.bytes);
	for (size_t i = 0; i < r->n_issues; i++)
		printf("not exact: %s\n", r->issues[i].text);
	return 0;
}

int mn_cmd_memory(int argc, char **argv)
{
	struct options my = {0};
	struct answer a = {.my = &my};
	struct mn_model *model = NULL;
	struct mn_err err = {0};
	int rc, issues = 0;

	argp_parse(&mn_argp_memory, argc, argv, 0, NULL, &my);
	rc = mn_board_memory_load(my.board, &a.board, &err);
	if (rc == 0 && my.default_build && strcmp(a.board.cpu, "cortex-m7") == 0)
		rc = mn_err_set(&err, MN_E_UNSUPPORTED,
				"no op set was measured in a default build on a Cortex-M7; leave "
				"--build out");
	if (rc == 0)
		rc = mn_model_open(my.file, &model, &err);
	if (rc < 0)
		goto out;
	a.model = model;
	rc = mn_arena_plan(model, mn_tflm_find(my.tflm), &a.arena, &err);
	if (rc == 0)
		rc = mn_flash_of(model, build_of(&a), &a.flash, &err);
	if (rc < 0)
		goto out;
	issues = a.arena->n_issues > 0;
	a.sram_need = a.arena->smallest_bytes + a.flash.static_ram_bytes;
	a.flash_need = a.flash.total_bytes;
	a.fits = a.sram_need <= a.board.sram_bytes && a.flash_need <= a.board.flash_bytes;
	if (a.fits && issues)
		a.fits = -1;
	if (my.svg)
		rc = write_svg(&a, &err);
	if (rc == 0)
		rc = my.json ? print_json(&a, &err) : print_text(&a, &err);
	for (size_t i = 0; i < a.arena->n_issues && rc == 0; i++)
		mn_cmd_warn("%s", a.arena->issues[i].text);
out:
	mn_arena_free(a.arena);
	mn_model_free(model);
	if (rc < 0)
		return mn_cmd_fail(&err);
	return issues ? MN_EXIT_FAILED : MN_EXIT_OK;
}
