/* SPDX-License-Identifier: MIT */
#include "tflm.h"

#include <stddef.h>
#include <string.h>

#include "model.h"

static const struct mn_tflm_op ops_90b983c2b[] = {
#define X(name, options, align, data, rule_, prepare_)                                             \
	{MN_BUILTIN_##name, options, align, data, MN_TFLM_##rule_, prepare_},
#include "tflm.def"
#undef X
};

static const struct mn_tflm versions[] = {
	{.tflm_commit = "90b983c2b3f1480642e040bbd2ddb37b998f3424",
	 .cmsis_nn_commit = "4ab83cc3cc98fb85ed6dafb55e8ca02f1628dcae",
	 .align = 16,
	 .arena_allocator = 36,
	 .memory_planner = 44,
	 .micro_allocator = 36,
	 .builtin_allocator = 8,
	 .recording_arena_allocator = 52,
	 .recording_micro_allocator = 124,
	 .subgraph = 8,
	 .eval_tensor = 12,
	 .node = 32,
	 .scratch_handle = 4,
	 .pointer = 4,
	 .tensor = 32,
	 .affine_quantization = 12,
	 .int_array = 4,
	 .scratch_request = 12,
	 .scratch_requests_per_op = 12,
	 .allocation_info = 24,
	 .planned_buffer = 40,
	 .ops = ops_90b983c2b,
	 .n_ops = sizeof(ops_90b983c2b) / sizeof(ops_90b983c2b[0])},
};

const struct mn_tflm *mn_tflm_find(const char *commit)
{
	if (!commit)
		return &versions[0];
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++)
		if (strncmp(versions[i].tflm_commit, commit, strlen(commit)) == 0)
			return &versions[i];
	return NULL;
}

const struct mn_tflm_op *mn_tflm_op(const struct mn_tflm *tflm, int32_t builtin)
{
	for (unsigned i = 0; i < tflm->n_ops; i++)
		if (tflm->ops[i].builtin == builtin)
			return &tflm->ops[i];
	return NULL;
}
