/* SPDX-License-Identifier: MIT */
/*
 * Layer text from anywhere: never a crash; what parses is canonical after one round, and its counts
 * are within what kernels may rely on.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "exec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int condition)
{
	if (!condition)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[MN_LAYER_TEXT_MAX], again[MN_LAYER_TEXT_MAX];
	struct mn_layer layer, copy;
	struct mn_layer_info info;
	struct mn_shape out;
	const char *why = NULL;
	size_t column = 0;
	int len;

	if (mn_layer_parse((const char *)data, size, &layer, &column, &why) < 0) {
		check(why && column >= 1 && column <= size + 1);
		return 0;
	}
	check(mn_layer_check(&layer, &info, NULL) == 0);
	len = mn_layer_format(&layer, text, sizeof(text));
	check(len > 0 && strlen(text) == (size_t)len);
	check(mn_layer_parse(text, (size_t)len, &copy, NULL, NULL) == 0);
	check(!memcmp(&layer, &copy, sizeof(layer)));
	check(mn_layer_format(&copy, again, sizeof(again)) == len && !strcmp(text, again));
	check(mn_layer_hash(&layer) == mn_layer_hash(&copy) && mn_layer_hash(&layer) != 0);

	out = mn_layer_out_shape(&layer);
	check(!memcmp(&out, &info.out, sizeof(out)));
	check(info.output_bytes <= INT32_MAX && info.weight_bytes <= INT32_MAX);
	check(info.bias_bytes <= INT32_MAX && info.quant_bytes <= INT32_MAX);
	check(info.ops == 2 * info.macs && info.macs <= INT64_MAX);
	for (int dim = 0; dim < 2; dim++)
		check(mn_layer_pad_before(&layer, dim) < 1u << 31);
	for (uint32_t i = 0; i < mn_kernel_sets_count(); i++) {
		uint32_t scratch = mn_kernel_find(mn_kernel_sets[i], (enum mn_op)layer.op)
					   ->scratch_bytes(&layer);
		struct mn_program program;
		struct mn_step step;

		/* Two columns of int16 and a table of channels: a wrapped size would be less. */
		if (i == 0 && layer.op == MN_OP_CONV_2D)
			check(scratch >= 4ull * layer.kernel_h * layer.kernel_w * layer.in.c +
						 12ull * layer.out_c);
		if (mn_program_single(&layer, scratch, &step, &program) == 0)
			check(mn_program_check(&program, UINT32_MAX, INT32_MAX, INT32_MAX, NULL,
					       NULL, NULL, NULL) == 0);
	}
	return 0;
}
