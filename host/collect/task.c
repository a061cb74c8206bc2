/* SPDX-License-Identifier: MIT */
#include "task.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Of a probe and a step on the wire, and of a result without its values. */
#define PROBE_BYTES  24
#define STEP_BYTES   103
#define RESULT_BYTES 128

uint32_t mn_task_steps_max(const struct mn_msg_hello *hello, uint16_t reps)
{
	const uint32_t values = 4u * 3 * reps;
	const uint32_t room[] = {hello->batch_bytes < MN_TASK_BATCH_BYTES ? hello->batch_bytes
									  : MN_TASK_BATCH_BYTES,
				 hello->result_bytes, MN_WIRE_PAYLOAD_MAX};
	const uint32_t fixed[] = {PROBE_BYTES, RESULT_BYTES + values, RESULT_BYTES + values};
	const uint32_t step[] = {STEP_BYTES, 4, 4};
	uint32_t max = MN_PROGRAM_STEPS_MAX;

	for (int i = 0; i < 3; i++) {
		uint32_t n = room[i] > fixed[i] ? (room[i] - fixed[i]) / step[i] : 0;

		max = n < max ? n : max;
	}
	return max ? max : 1;
}

/* One run of a layer. */
static double layer_cycles(const struct mn_layer *layer, int simd)
{
	/* Cycles a MAC and a touched element, with SIMD and without; guesses of the right order. */
	static const struct {
		double mac_dsp, mac_ref, element;
	} ops[MN_OP_COUNT] = {
		[MN_OP_CONV_2D] = {3, 12, 10},
		[MN_OP_DEPTHWISE_CONV_2D] = {8, 16, 10},
		[MN_OP_FULLY_CONNECTED] = {2, 8, 5},
		[MN_OP_AVERAGE_POOL_2D] = {0, 0, 10},
		[MN_OP_MAX_POOL_2D] = {0, 0, 10},
		[MN_OP_MEAN] = {0, 0, 10},
		[MN_OP_ADD] = {0, 0, 20},
		[MN_OP_SOFTMAX] = {0, 0, 150},
		[MN_OP_PAD] = {0, 0, 5},
		[MN_OP_RESHAPE] = {0, 0, 2},
	};
	double elements, element;
	struct mn_layer_info info;

	if (mn_layer_check(layer, &info, NULL))
		return 0;
	element = ops[layer->op].element > 0 ? ops[layer->op].element : 10;
	elements = (double)info.input_bytes + info.output_bytes;
	if (layer->op == MN_OP_AVERAGE_POOL_2D || layer->op == MN_OP_MAX_POOL_2D)
		elements += (double)info.out_elements * layer->kernel_h * layer->kernel_w;
	return 1000 + element * elements +
	       (double)info.macs * (simd ? ops[layer->op].mac_dsp : ops[layer->op].mac_ref);
}

double mn_task_cycles(const struct mn_task *task)
{
	double runs = (double)task->warmup + 3.0 * task->reps, once = task->cold ? 50000 : 0;
	int simd = strstr(task->set->id, "/dsp") != NULL;

	if (!task->program.n_steps)
		return runs * (once + layer_cycles(&task->layer, simd));
	/* A program is run twice more for its output, and once to time its steps; filling its
	 * memory costs a little each time. */
	if (task->program.n_steps > 1)
		runs += 2 + task->steps;
	once += task->program.arena_bytes / 4.0;
	for (uint32_t i = 0; i < task->program.n_steps; i++)
		once += layer_cycles(&task->program.steps[i].layer, simd);
	return runs * once;
}

static uint8_t task_mode(const struct mn_task *task)
{
	return (uint8_t)((task->cold ? MN_PROBE_COLD : 0) | (task->steps ? MN_PROBE_STEPS : 0));
}

/* u32 values of step_cycles. */
static uint32_t n_step_values(const struct mn_task *task)
{
	return !task->steps ? 0 : task->program.n_steps ? task->program.n_steps : 1;
}

int mn_task_pack(const struct mn_task *task, uint64_t tag, uint8_t *buf, size_t size,
		 struct mn_err *err)
{
	const struct mn_kernel *kernel = mn_kernel_find(task->set, task->layer.op);
	struct mn_program program = task->program;
	struct mn_rec_probe probe;
	struct mn_rec_step rec;
	struct mn_step step;
	int n, m, ret = 0;

	if (!kernel)
		return mn_err_set(err, MN_E_UNSUPPORTED, "the kernels %s have no %s", task->set->id,
				  mn_op_name(task->layer.op));
	if (!program.n_steps)
		ret = mn_program_single(&task->layer, kernel->scratch_bytes(&task->layer), &step,
					&program);
	if (ret)
		return mn_err_set(err, ret, "the layer cannot be laid out in memory: %s",
				  mn_err_text(ret));
	probe = (struct mn_rec_probe){
		.tag = tag,
		.kernels = task->kernels,
		.mode = task_mode(task),
		.warmup = task->warmup,
		.reps = task->reps,
		.seed = task->seed,
		.arena_bytes = program.arena_bytes,
		.n_steps = (uint16_t)program.n_steps,
	};
	n = mn_wire_pack_probe(&probe, buf, size);
	for (uint32_t i = 0; i < program.n_steps && n >= 0; i++) {
		mn_wire_step_to_rec(&program.steps[i], &rec);
		m = mn_wire_pack_step(&rec, buf + n, size - (size_t)n);
		n = m < 0 ? m : n + m;
	}
	return n < 0 ? MN_E_TOO_BIG : n;
}

uint32_t mn_task_result_bytes(const struct mn_task *task)
{
	return (uint32_t)sizeof(struct mn_msg_result) + 16 + 4u * 3 * task->reps +
	       4u * n_step_values(task);
}

void mn_task_refusal(const struct mn_task *task, const struct mn_msg_hello *hello,
		     const struct mn_msg_result *result, char *buf, size_t size)
{
	const struct mn_kernel *kernel = mn_kernel_find(task->set, task->layer.op);
	const char *what = NULL;
	struct mn_program program = task->program;
	struct mn_step step;
	uint32_t need, have;

	if (result->status != MN_E_TOO_BIG) {
		snprintf(buf, size, "the board refuses it: %s", mn_err_text(result->status));
		return;
	}
	/* The board counts; only the name of the memory is worked out here, by the same function.
	 */
	if (kernel && (program.n_steps ||
		       !mn_program_single(&task->layer, kernel->scratch_bytes(&task->layer), &step,
					  &program)))
		(void)mn_program_check(&program, hello->arena_bytes, hello->pool_bytes,
				       hello->bias_pool_bytes, NULL, &what, &need, &have);
	/* All fits, but the kernel on the board wants more scratch than this program planned. */
	if (!what)
		snprintf(buf, size,
			 "it does not fit: its kernel needs %u bytes of scratch, the plan has %u",
			 result->need, result->have);
	else
		snprintf(buf, size, "it does not fit: needs %u bytes of %s, the board has %u",
			 result->need, what, result->have);
}

int mn_task_check(const struct mn_task *task, const struct mn_msg_hello *hello,
		  const struct mn_msg_result *result, struct mn_err *err)
{
	double board_us, cycles_us;

	if (result->kernels != task->kernels || result->reps != task->reps ||
	    result->mode != task_mode(task) ||
	    result->step_cycles_len != 4u * n_step_values(task) ||
	    (result->rep_cycles_len && result->rep_cycles_len != 4u * 3 * task->reps))
		return mn_err_set(err, MN_E_PROTOCOL,
				  "the board measured something else than was asked");
	if (!result->n_cycles || !result->n2_cycles || result->n2_cycles == result->n_cycles)
		return mn_err_set(err, MN_E_NO_COUNTER,
				  "the cycle counter gave %llu cycles for %u runs and %llu for %u",
				  (unsigned long long)result->n_cycles, task->reps,
				  (unsigned long long)result->n2_cycles, 2u * task->reps);
	if (result->n2_cycles < result->n_cycles)
		return mn_err_set(
			err, MN_E_INVALID,
			"too short to be told from the measuring itself (%llu cycles for %u runs, "
			"%llu for %u): it needs more repetitions",
			(unsigned long long)result->n_cycles, task->reps,
			(unsigned long long)result->n2_cycles, 2u * task->reps);
	/* The board's own 1 MHz timer, once a window is long enough; a cold one is a sum, 1 us
	 * coarse each. */
	board_us = result->n2_micros;
	cycles_us = (double)result->n2_cycles * 1e6 / hello->clock_set_hz;
	if (cycles_us > 10000 && fabs(board_us - cycles_us) > cycles_us * 0.02 + 2.0 * task->reps)
		return mn_err_set(err, MN_E_CLOCK,
				  "%.0f us by the cycle counter are %.0f us by the board's timer",
				  cycles_us, board_us);
	return 0;
}
