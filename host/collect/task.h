/* SPDX-License-Identifier: MIT */
/* What is still to be measured on one board, and how some of it becomes a batch. A task is a layer
 * alone, or a program: several steps of a model, or one of them at its place in the model's plan.
 */
#ifndef MN_TASK_H
#define MN_TASK_H

#include "client.h"
#include "kernels/kernel.h"
#include "layer.h"
#include "program.h"

/* One probe of a sweep on one board. */
struct mn_task {
	struct mn_layer layer;     /* of a program: its first */
	struct mn_program program; /* n_steps 0: the layer alone. Steps are borrowed */
	uint8_t steps;             /* also time every step, in one extra pass */
	uint32_t first_step;       /* of the model, for messages */
	const char *model;         /* likewise; NULL: a layer */
	const struct mn_kernel_set *set;
	uint8_t kernels; /* index of the set on the board */
	uint8_t cold;
	uint16_t warmup, reps;
	uint32_t seed;
	int64_t probe_id; /* in the store */

	uint8_t done;    /* has a measurement or a failure */
	uint8_t strikes; /* times the board was lost while it ran */
	uint8_t windows; /* energy windows of it that were not believed */
	double cycles;   /* rough estimate of all its repetitions */
};

/*
 * Estimate of the cycles of all repetitions: only for time-outs, progress and the size of batches.
 * A factor of 3 off is fine.
 */
double mn_task_cycles(const struct mn_task *task);

/* Steps of a program that a board takes in one probe of so many repetitions: its batch, its room
 * for results and a frame all hold them. */
uint32_t mn_task_steps_max(const struct mn_msg_hello *hello, uint16_t reps);

/* Bytes of a batch at most, whatever the board could take. */
#define MN_TASK_BATCH_BYTES 16384

/*
 * Append the records of a task to a batch: a program of one layer. Returns the bytes, or MN_E_* as
 * mn_program_single(), MN_E_TOO_BIG when buf is too small, MN_E_UNSUPPORTED when the set has no
 * kernel for it. tag is what RESULT will carry.
 */
int mn_task_pack(const struct mn_task *task, uint64_t tag, uint8_t *buf, size_t size,
		 struct mn_err *err);

/* Bytes of the result that the board has to keep, at most. */
uint32_t mn_task_result_bytes(const struct mn_task *task);

/* The sentence for a probe that the board did not take: with byte counts for MN_E_TOO_BIG. */
void mn_task_refusal(const struct mn_task *task, const struct mn_msg_hello *hello,
		     const struct mn_msg_result *result, char *buf, size_t size);

/*
 * Check a result with status 0 against what was asked and against sense. MN_E_NO_COUNTER: cycles
 * are 0 or do not grow with repetitions; MN_E_PROTOCOL: another kernel set, mode or number of
 * repetitions; MN_E_INVALID: too short for the difference of N and 2 N; MN_E_CLOCK: cycles and the
 * board's own timer disagree.
 */
int mn_task_check(const struct mn_task *task, const struct mn_msg_hello *hello,
		  const struct mn_msg_result *result, struct mn_err *err);

#endif
