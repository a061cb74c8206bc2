/* SPDX-License-Identifier: MIT */
#include "exec.h"

#include <string.h>

#include "err.h"
#include "wire/wire.h"

static int is_aligned(const void *p, uintptr_t alignment)
{
	return ((uintptr_t)p & (alignment - 1)) == 0;
}

int mn_exec_bind(struct mn_exec *exec, const struct mn_program *program,
		 const struct mn_exec_mem *mem, const struct mn_kernel_set *set, uint32_t seed,
		 uint32_t *ret_step)
{
	int rc;

	rc = mn_program_check(program, mem->arena_bytes, mem->pool_bytes, mem->bias_pool_bytes,
			      ret_step, NULL, NULL, NULL);
	if (rc < 0)
		return rc;
	if (!is_aligned(mem->arena, MN_ALIGN) || !is_aligned(mem->pool, 4) ||
	    !is_aligned(mem->bias_pool, 4)) {
		if (ret_step)
			*ret_step = 0;
		return MN_E_INVALID;
	}
	for (uint32_t i = 0; i < program->n_steps; i++) {
		const struct mn_step *step = &program->steps[i];
		const struct mn_kernel *kernel = mn_kernel_find(set, (enum mn_op)step->layer.op);

		if (!kernel)
			rc = MN_E_UNSUPPORTED;
		else if (step->scratch_bytes < kernel->scratch_bytes(&step->layer))
			rc = MN_E_INVALID;
		if (rc < 0) {
			if (ret_step)
				*ret_step = i;
			return rc;
		}
	}
	*exec = (struct mn_exec){program, mem, set, seed};
	return 0;
}

/* Where the table of a step lives; NULL for ops without. */
static int8_t *table_at(const struct mn_exec *exec, const struct mn_step *step)
{
	if (!mn_op_has_table((enum mn_op)step->layer.op))
		return NULL;
	return (int8_t *)exec->mem->arena + step->quant_off;
}

/* Where the multipliers and shifts of a step live; NULL for ops without. */
static void quant_at(const struct mn_exec *exec, const struct mn_step *step, int32_t **mult,
		     int32_t **shift)
{
	*mult = *shift = NULL;
	if (step->layer.op == MN_OP_CONV_2D || step->layer.op == MN_OP_DEPTHWISE_CONV_2D) {
		*mult = (int32_t *)(void *)(exec->mem->arena + step->quant_off);
		*shift = *mult + mn_layer_out_shape(&step->layer).c;
	}
}

void mn_exec_fill(const struct mn_exec *exec)
{
	const struct mn_program *program = exec->program;
	const struct mn_step *first = &program->steps[0];
	uint32_t seed = exec->seed ? exec->seed : MN_POOL_SEED, in_bytes = 0, in2_bytes = 0;

	if (program->arena_bytes)
		memset(exec->mem->arena, 0, program->arena_bytes);
	/* These cannot fail: the layer has passed the check. */
	(void)mn_shape_elements(&first->layer.in, &in_bytes);
	(void)mn_shape_elements(&first->layer.in2, &in2_bytes);
	mn_stimulus_fill(exec->mem->arena + first->in_off, in_bytes, seed);
	mn_stimulus_fill(exec->mem->arena + first->in2_off, in2_bytes, mn_xorshift32(seed));
	for (uint32_t i = 0; i < program->n_steps; i++) {
		struct mn_quant quant;
		int8_t *table = table_at(exec, &program->steps[i]);
		int32_t *mult, *shift;

		quant_at(exec, &program->steps[i], &mult, &shift);
		mn_stimulus_quant(&program->steps[i].layer, mult, shift, &quant);
		if (table)
			mn_kernel_table((enum mn_op)program->steps[i].layer.op, &quant, table);
	}
}

void mn_exec_args(const struct mn_exec *exec, uint32_t i, struct mn_quant *quant,
		  struct mn_kernel_args *ret_args, const struct mn_kernel **ret_kernel)
{
	const struct mn_exec_mem *mem = exec->mem;
	const struct mn_step *step = &exec->program->steps[i];
	int32_t *mult, *shift;

	quant_at(exec, step, &mult, &shift);
	/* The channels' values are in the arena since mn_exec_fill(): a board binds between steps.
	 */
	mn_stimulus_quant(&step->layer, NULL, NULL, quant);
	quant->mult = mult;
	quant->shift = shift;
	quant->table = table_at(exec, step);
	*ret_args = (struct mn_kernel_args){
		.layer = &step->layer,
		.quant = quant,
		.in = (const int8_t *)mem->arena + step->in_off,
		.in2 = (const int8_t *)mem->arena + step->in2_off,
		.out = (int8_t *)mem->arena + step->out_off,
		.weights = mem->pool + step->weight_off,
		.bias = step->layer.bias ? mem->bias_pool + step->bias_off / 4 : NULL,
		.scratch = mem->arena + step->scratch_off,
	};
	*ret_kernel = mn_kernel_find(exec->set, (enum mn_op)step->layer.op);
}

int mn_exec_run(const struct mn_exec *exec)
{
	for (uint32_t i = 0; i < exec->program->n_steps; i++) {
		const struct mn_kernel *kernel;
		struct mn_kernel_args args;
		struct mn_quant quant;
		int rc;

		mn_exec_args(exec, i, &quant, &args, &kernel);
		rc = kernel->run(&args);
		if (rc < 0)
			return rc;
	}
	return 0;
}

uint32_t mn_exec_output_crc(const struct mn_exec *exec)
{
	const struct mn_step *last = &exec->program->steps[exec->program->n_steps - 1];
	const struct mn_shape out = mn_layer_out_shape(&last->layer);
	uint32_t bytes = 0;

	(void)mn_shape_elements(&out, &bytes);
	return bytes ? mn_crc32c(0, exec->mem->arena + last->out_off, bytes) : 0;
}
