/* SPDX-License-Identifier: MIT */
/* `mnchar inspect`: the layers of a .tflite file. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "census.h"
#include "cmd.h"
#include "flash.h"
#include "lower.h"
#include "model.h"

struct options {
	const char *file;
	int json;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *my = state->input;

	switch (key) {
	case 'j':
		my->json = 1;
		return 0;
	case ARGP_KEY_ARG:
		if (my->file)
			argp_error(state, "one model at a time: '%s' is too many", arg);
		my->file = arg;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "which model?");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option options[] = {
	{"json", 'j', NULL, 0, "One object: layers, totals, not_int8, unsupported", 0},
	{0},
};

const struct argp mn_argp_inspect = {
	.options = options,
	.parser = parse,
	.args_doc = "MODEL.tflite",
	.doc = "Print the layers of a model: operator, shapes, window, activation, MACs, ops (two "
	       "per MAC, taps in the padding counted) and bytes of constants; then the totals, "
	       "and by name what is not int8 and what mnchar has no kernel for."
	       "\v"
	       "Example: mnchar inspect kws.tflite\n"
	       "Example: mnchar inspect --json kws.tflite | jq .totals.macs",
};

struct totals {
	uint64_t layers, macs, weight_bytes;
};

static const char *const acts[] = {"none", "relu", "relu_n1_to_1", "relu6", "tanh", "sign_bit"};

static const char *act_name(uint8_t fused)
{
	return fused < sizeof(acts) / sizeof(acts[0]) ? acts[fused] : "?";
}

static void shape_text(const struct mn_tensor *t, char *buf, size_t size)
{
	size_t n = 0;

	snprintf(buf, size, "scalar");
	for (int i = 0; i < t->rank && n < size; i++)
		n += (size_t)snprintf(buf + n, size - n, "%s%d", i ? "x" : "", t->shape[i]);
}

/* The shapes of activations, or of constants, that an operator reads. */
static void shapes_text(const struct mn_subgraph *s, const int32_t *tensors, uint32_t n,
			int constants, char *buf, size_t size)
{
	size_t at = 0;

	buf[0] = '\0';
	for (uint32_t i = 0; i < n; i++) {
		const struct mn_tensor *t;
		char one[96];

		if (tensors[i] < 0 || (s->tensors[tensors[i]].data != NULL) != constants)
			continue;
		t = &s->tensors[tensors[i]];
		shape_text(t, one, sizeof(one));
		if (at + strlen(one) + 5 > size) {
			snprintf(buf + at, size - at, "%s", " ...");
			return;
		}
		at += (size_t)snprintf(buf + at, size - at, "%s%s", at ? " " : "", one);
	}
}

static int has_window(const struct mn_operator *op)
{
	switch (op->builtin) {
	case MN_BUILTIN_CONV_2D:
	case MN_BUILTIN_DEPTHWISE_CONV_2D:
	case MN_BUILTIN_AVERAGE_POOL_2D:
	case MN_BUILTIN_MAX_POOL_2D:
		return 1;
	default:
		return 0;
	}
}

/* Window of an operator, 0 if it has none. */
static void window(const struct mn_subgraph *s, const struct mn_operator *op, int32_t *h,
		   int32_t *w)
{
	*h = op->options.kernel_h;
	*w = op->options.kernel_w;
	if ((op->builtin == MN_BUILTIN_CONV_2D || op->builtin == MN_BUILTIN_DEPTHWISE_CONV_2D) &&
	    op->n_inputs > 1 && op->inputs[1] >= 0) {
		*h = s->tensors[op->inputs[1]].shape[1];
		*w = s->tensors[op->inputs[1]].shape[2];
	}
}

/* What is against running the operator here; "" if nothing is. */
static const char *why_not(const struct mn_subgraph *s, uint32_t op, struct mn_err *err)
{
	struct mn_lowered lowered;

	for (uint32_t part = 0; part < mn_lower_parts(s, op); part++) {
		if (mn_lower_part(s, op, part, &lowered, err) < 0)
			return err->msg;
		mn_lowered_free(&lowered);
	}
	return "";
}

/* A name may be any bytes; JSON takes only UTF-8. */
static json_t *text_json(const char *text)
{
	json_t *o = json_string(text);

	return o ? o : json_string("?");
}

static json_t *tensor_json(const struct mn_subgraph *s, int32_t index)
{
	const struct mn_tensor *t = index < 0 ? NULL : &s->tensors[index];
	json_t *shape, *o;

	if (!t)
		return json_null();
	shape = json_array();
	for (int i = 0; i < t->rank; i++)
		json_array_append_new(shape, json_integer(t->shape[i]));
	o = json_pack("{s:i, s:o, s:s, s:b}", "tensor", (int)index, "shape", shape, "type",
		      mn_type_name(t->type), "constant", t->data != NULL);
	json_object_set_new(o, "name", text_json(t->name));
	return o;
}

static json_t *tensors_json(const struct mn_subgraph *s, const int32_t *list, uint32_t n)
{
	json_t *array = json_array();

	for (uint32_t i = 0; i < n; i++)
		json_array_append_new(array, tensor_json(s, list[i]));
	return array;
}

static json_t *layer_json(const struct mn_subgraph *s, uint32_t graph, uint32_t index,
			  const struct mn_census *c, const char *why)
{
	const struct mn_operator *op = &s->operators[index];
	json_t *o = json_pack("{s:I, s:I, s:o, s:o, s:o}", "subgraph", (json_int_t)graph, "index",
			      (json_int_t)index, "op", text_json(mn_operator_name(op)), "inputs",
			      tensors_json(s, op->inputs, op->n_inputs), "outputs",
			      tensors_json(s, op->outputs, op->n_outputs));
	int32_t h, w;

	if (has_window(op)) {
		window(s, op, &h, &w);
		json_object_set_new(o, "kernel", json_pack("[i, i]", h, w));
		json_object_set_new(
			o, "stride",
			json_pack("[i, i]", op->options.stride_h, op->options.stride_w));
		json_object_set_new(o, "padding",
				    json_string(op->options.padding_same ? "same" : "valid"));
	}
	json_object_set_new(o, "activation", json_string(act_name(op->options.fused)));
	json_object_set_new(o, "macs", json_integer((json_int_t)c->macs));
	json_object_set_new(o, "ops", json_integer((json_int_t)(2 * c->macs)));
	json_object_set_new(o, "weight_bytes", json_integer((json_int_t)c->weight_bytes));
	json_object_set_new(o, "int8", json_boolean(c->int8));
	json_object_set_new(o, "supported", json_boolean(!*why));
	return o;
}

static int add_row(struct mn_table *table, const struct mn_subgraph *s, uint32_t index,
		   const struct mn_census *c)
{
	const struct mn_operator *op = &s->operators[index];
	char number[16], in[128], weights[128], out[128], kernel[32] = "", stride[32] = "";
	char macs[24], ops[24], bytes[24];
	const char *cells[] = {
		number, mn_operator_name(op), in, weights, out, kernel, stride, "", "", macs, ops,
		bytes};
	int32_t h, w;

	snprintf(number, sizeof(number), "%" PRIu32, index);
	shapes_text(s, op->inputs, op->n_inputs, 0, in, sizeof(in));
	shapes_text(s, op->inputs, op->n_inputs, 1, weights, sizeof(weights));
	shapes_text(s, op->outputs, op->n_outputs, 0, out, sizeof(out));
	if (has_window(op)) {
		window(s, op, &h, &w);
		snprintf(kernel, sizeof(kernel), "%dx%d", h, w);
		snprintf(stride, sizeof(stride), "%dx%d", op->options.stride_h,
			 op->options.stride_w);
		cells[7] = op->options.padding_same ? "same" : "valid";
	}
	if (op->options.fused != MN_FUSED_NONE)
		cells[8] = act_name(op->options.fused);
	snprintf(macs, sizeof(macs), "%" PRIu64, c->macs);
	snprintf(ops, sizeof(ops), "%" PRIu64, 2 * c->macs);
	snprintf(bytes, sizeof(bytes), "%" PRIu64, c->weight_bytes);
	return mn_table_add(table, cells);
}

static int inspect(const struct mn_model *model, const struct options *my, struct mn_err *err)
{
	static const struct mn_column columns[] = {
		{"layer", 1},  {"op", 0},     {"input", 0},  {"constants", 0},
		{"output", 0}, {"kernel", 0}, {"stride", 0}, {"padding", 0},
		{"act", 0},    {"macs", 1},   {"ops", 1},    {"weight_bytes", 1}};
	struct mn_table *table = mn_table_new(columns, sizeof(columns) / sizeof(columns[0]));
	json_t *layers = json_array(), *not_int8 = json_array(), *unsupported = json_array();
	struct totals sum = {0};
	struct mn_flash flash = {0};
	int rc = 0;

	if (!table || !layers || !not_int8 || !unsupported)
		rc = mn_err_set(err, MN_E_NOMEM, "out of memory");
	/* Layers may share a constant; the file has it once. */
	if (rc == 0)
		rc = mn_flash_of(model, MN_FLASH_M4_RELEASE_INT8, &flash, err);
	sum.weight_bytes = flash.weights_bytes;
	for (uint32_t g = 0; g < model->n_subgraphs && rc == 0; g++)
		for (uint32_t i = 0; i < model->subgraphs[g].n_operators && rc == 0; i++) {
			const struct mn_subgraph *s = &model->subgraphs[g];
			const char *name = mn_operator_name(&s->operators[i]);
			struct mn_err reason = {0};
			const char *why = why_not(s, i, &reason);
			struct mn_census c;

			mn_census_of(s, i, &c);
			sum.layers++;
			sum.macs += c.macs;
			if (!c.int8)
				json_array_append_new(not_int8, json_pack("{s:I, s:I, s:o}",
									  "subgraph", (json_int_t)g,
									  "index", (json_int_t)i,
									  "op", text_json(name)));
			if (*why)
				json_array_append_new(
					unsupported,
					json_pack("{s:I, s:I, s:o, s:o}", "subgraph", (json_int_t)g,
						  "index", (json_int_t)i, "op", text_json(name),
						  "why", text_json(why)));
			if (my->json)
				json_array_append_new(layers, layer_json(s, g, i, &c, why));
			else if (add_row(table, s, i, &c) < 0)
				rc = mn_err_set(err, MN_E_NOMEM, "out of memory");
		}
	if (rc < 0)
		goto out;
	if (my->json) {
		rc = mn_json_print(
			json_pack("{s:o, s:I, s:O, s:{s:I, s:I, s:I, s:I}, s:O, s:O}", "file",
				  text_json(my->file), "file_bytes", (json_int_t)model->size,
				  "layers", layers, "totals", "layers", (json_int_t)sum.layers,
				  "macs", (json_int_t)sum.macs, "ops", (json_int_t)(2 * sum.macs),
				  "weight_bytes", (json_int_t)sum.weight_bytes, "not_int8",
				  not_int8, "unsupported", unsupported),
			err);
		goto out;
	}
	rc = mn_table_print(table);
	printf("\n%" PRIu64 " layers, %" PRIu64 " MACs, %" PRIu64 " ops, %" PRIu64
	       " bytes of constants in a file of %zu\n",
	       sum.layers, sum.macs, 2 * sum.macs, sum.weight_bytes, model->size);
	for (size_t i = 0; i < json_array_size(not_int8); i++) {
		json_t *o = json_array_get(not_int8, i);

		printf("not int8: layer %" JSON_INTEGER_FORMAT " %s\n",
		       json_integer_value(json_object_get(o, "index")),
		       json_string_value(json_object_get(o, "op")));
	}
	for (size_t i = 0; i < json_array_size(unsupported); i++) {
		json_t *o = json_array_get(unsupported, i);

		printf("not supported: layer %" JSON_INTEGER_FORMAT " %s: %s\n",
		       json_integer_value(json_object_get(o, "index")),
		       json_string_value(json_object_get(o, "op")),
		       json_string_value(json_object_get(o, "why")));
	}
out:
	mn_table_free(table);
	json_decref(layers);
	json_decref(not_int8);
	json_decref(unsupported);
	return rc;
}

int mn_cmd_inspect(int argc, char **argv)
{
	struct options my = {0};
	struct mn_model *model = NULL;
	struct mn_err err = {0};
	int rc;

	argp_parse(&mn_argp_inspect, argc, argv, 0, NULL, &my);
	rc = mn_model_open(my.file, &model, &err);
	if (rc == 0)
		rc = inspect(model, &my, &err);
	mn_model_free(model);
	return rc < 0 ? mn_cmd_fail(&err) : MN_EXIT_OK;
}
