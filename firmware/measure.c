/* SPDX-License-Identifier: MIT */
#include "measure.h"

#include "cycles.h"
#include "elapsed.h"
#include "err.h"

/* Enough for the loop, its branch prediction and its cache lines to be as in a long window. */
#define OVERHEAD_REPS 8u

typedef int run_fn(const struct mn_kernel_args *args);

struct window {
	const struct mn_exec *exec;
	run_fn *run;                /* one layer: its kernel, or the empty one */
	run_fn *instead;            /* program: the empty kernel, or NULL */
	struct mn_kernel_args args; /* one layer */
	struct mn_quant quant;
	int cold;
	uint32_t reps;
	uint32_t *values; /* reps entries */
	int status;       /* of the last repetition */
	uint64_t cycles;
	uint32_t micros;
	uint32_t warmup; /* repetitions before a marked window */
	uint32_t marker; /* lines of a timed window */
};

static int run_nothing(const struct mn_kernel_args *args)
{
	(void)args;
	return 0;
}

static int run_steps(const struct mn_exec *exec, run_fn *instead)
{
	uint32_t n = exec->program->n_steps;
	struct mn_kernel_args args;
	struct mn_quant quant;
	const struct mn_kernel *kernel;
	int status = 0;

	for (uint32_t i = 0; i < n && !status; i++) {
		run_fn *run;

		mn_exec_args(exec, i, &quant, &args, &kernel);
		run = instead ? instead : kernel->run;
		status = run(&args);
	}
	return status;
}

/*
 * The timed loops. Each is one function that the empty kernel goes through as well, so that both
 * see the same instructions at the same addresses: hence noinline, and no specialised copies
 * (noclone).
 */
#ifdef __clang__
#define TIMED __attribute__((noinline))
#else
#define TIMED __attribute__((noinline, noclone))
#endif

TIMED static uint32_t time_layer(run_fn *run, const struct mn_kernel_args *args, uint32_t *stamps,
				 uint32_t reps, int *ret_status)
{
	uint32_t start;
	int status = 0;

	start = mn_cycles();
	for (uint32_t i = 0; i < reps; i++) {
		status = run(args);
		stamps[i] = mn_cycles();
	}
	*ret_status = status;
	return start;
}

TIMED static uint32_t time_program(const struct mn_exec *exec, run_fn *instead, uint32_t *stamps,
				   uint32_t reps, int *ret_status)
{
	uint32_t start;
	int status = 0;

	start = mn_cycles();
	for (uint32_t i = 0; i < reps; i++) {
		status = run_steps(exec, instead);
		stamps[i] = mn_cycles();
	}
	*ret_status = status;
	return start;
}

static uint32_t time_reps(struct window *w, uint32_t *stamps, uint32_t reps)
{
	if (w->exec->program->n_steps == 1)
		return time_layer(w->run, &w->args, stamps, reps, &w->status);
	return time_program(w->exec, w->instead, stamps, reps, &w->status);
}

/* w->values becomes the cycles of each repetition; cycles and micros those of the window. */
static void window_run(struct window *w)
{
	uint32_t hz = mn_board_facts()->clock_set_hz;
	uint32_t start, before;

	w->cycles = 0;
	w->micros = 0;
	if (!w->cold) {
		before = mn_board_micros();
		start = time_reps(w, w->values, w->reps);
		w->micros = mn_board_micros() - before;
		w->cycles = mn_elapsed_cycles(w->values[w->reps - 1] - start, w->micros, hz);
		for (uint32_t i = 0; i < w->reps; i++) {
			uint32_t stamp = w->values[i];

			w->values[i] = stamp - start;
			start = stamp;
		}
		return;
	}
	for (uint32_t i = 0; i < w->reps; i++) {
		uint32_t micros;

		mn_board_caches_invalidate();
		before = mn_board_micros();
		start = time_reps(w, &w->values[i], 1);
		micros = mn_board_micros() - before;
		w->values[i] -= start;
		w->cycles += mn_elapsed_cycles(w->values[i], micros, hz);
		w->micros += micros;
	}
}

static void window_marked(struct window *w, uint32_t reps, uint32_t *values)
{
	uint32_t scratch;

	/* Not even the code between two windows may tell: it computes with times, so its branches
	 * vary. */
	mn_board_caches_invalidate();
	for (uint32_t i = 0; i < w->warmup; i++)
		time_reps(w, &scratch, 1);
	w->reps = reps;
	w->values = values;
	mn_board_marker(w->marker);
	window_run(w);
	mn_board_marker(0);
}

/* ---- energy ---- */

static uint64_t asleep;

uint64_t mn_measure_asleep(void)
{
	uint64_t cycles = asleep;

	asleep = 0;
	return cycles;
}

/* As time_layer() and time_program(), with nothing to remember of each repetition. */
TIMED static int draw_layer(run_fn *run, const struct mn_kernel_args *args, uint32_t reps)
{
	int status = 0;

	for (uint32_t i = 0; i < reps; i++)
		status = run(args);
	return status;
}

TIMED static int draw_program(const struct mn_exec *exec, uint32_t reps)
{
	uint32_t n = exec->program->n_steps, lines = MN_MARKER_WINDOW;
	struct mn_kernel_args args;
	struct mn_quant quant;
	const struct mn_kernel *kernel;
	int status = 0;

	for (uint32_t left = reps; left; left--) {
		for (uint32_t i = 0; i < n; i++) {
			mn_exec_args(exec, i, &quant, &args, &kernel);
			status = kernel->run(&args);
			/* The last step ends with the window. */
			if (left > 1 || i + 1 < n)
				mn_board_marker(lines ^= MN_MARKER_LAYER);
		}
	}
	return status;
}

/* rep_cycles: about what a repetition takes. */
static int energy_window(struct window *w, const struct mn_measure_energy *energy,
			 uint64_t rep_cycles, struct mn_msg_result *result)
{
	uint32_t hz = mn_board_facts()->clock_set_hz, scratch, start, micros;
	uint64_t cycles = (uint64_t)energy->min_us * (hz / 1000000u), reps;
	int status;

	/* Without the reading of the counter a repetition is shorter than it was in the timed
	 * windows, at most by all of their overhead. A program's overhead is mostly binding, which
	 * stays. */
	if (w->exec->program->n_steps == 1)
		rep_cycles -=
			rep_cycles > result->overhead_cycles ? result->overhead_cycles : rep_cycles;
	rep_cycles -= rep_cycles / 64;
	if (rep_cycles < 8)
		rep_cycles = 8;
	reps = (cycles + rep_cycles - 1) / rep_cycles;
	if (reps < energy->min_reps)
		reps = energy->min_reps;
	if (!reps || reps > UINT32_MAX)
		return MN_E_OVERFLOW;
	mn_board_caches_invalidate();
	for (uint32_t i = 0; i < w->warmup; i++)
		time_reps(w, &scratch, 1);
	asleep += mn_board_idle(energy->idle_us);
	mn_board_marker(MN_MARKER_WINDOW);
	micros = mn_board_micros();
	start = mn_cycles();
	status = w->exec->program->n_steps == 1 ? draw_layer(w->run, &w->args, (uint32_t)reps)
						: draw_program(w->exec, (uint32_t)reps);
	start = mn_cycles() - start;
	micros = mn_board_micros() - micros;
	mn_board_marker(0);
	asleep += mn_board_idle(energy->idle_us);
	result->energy_reps = (uint32_t)reps;
	result->energy_cycles = mn_elapsed_cycles(start, micros, hz);
	result->energy_micros = micros;
	return status;
}

static uint32_t overhead(const struct window *real)
{
	uint32_t values[OVERHEAD_REPS];
	struct window w = *real;

	w.run = run_nothing;
	w.instead = run_nothing;
	w.reps = OVERHEAD_REPS;
	w.values = values;
	window_run(&w);
	return values[OVERHEAD_REPS - 1];
}

static void time_steps(const struct mn_exec *exec, int cold, uint32_t *values)
{
	struct mn_kernel_args args;
	struct mn_quant quant;
	const struct mn_kernel *kernel;
	uint32_t start;
	int status;

	mn_exec_fill(exec);
	if (cold)
		mn_board_caches_invalidate();
	for (uint32_t i = 0; i < exec->program->n_steps; i++) {
		mn_exec_args(exec, i, &quant, &args, &kernel);
		start = time_layer(kernel->run, &args, &values[i], 1, &status);
		values[i] -= start;
	}
}

static int output_crc(const struct mn_exec *exec, uint32_t *ret_crc)
{
	int r = 0;

	if (exec->program->n_steps > 1) {
		mn_exec_fill(exec);
		r = mn_exec_run(exec);
	}
	if (!r)
		*ret_crc = mn_exec_output_crc(exec);
	return r;
}

/* Everything that can be refused before a cycle is spent. */
static int bind(const struct mn_rec_probe *probe, const struct mn_program *program,
		struct mn_exec *exec, struct mn_msg_result *result)
{
	const struct mn_exec_mem *mem = mn_board_memory();
	const struct mn_kernel_set *set;
	uint32_t step = 0;
	int r;

	if (mn_board_facts()->counter_status)
		return mn_board_facts()->counter_status;
	if (probe->mode & ~(MN_PROBE_COLD | MN_PROBE_STEPS))
		return MN_E_UNSUPPORTED;
	if (probe->kernels >= mn_kernel_sets_count())
		return MN_E_UNSUPPORTED;
	if (!program->n_steps || !probe->reps || probe->reps > MN_MEASURE_REPS_MAX)
		return MN_E_INVALID;
	set = mn_kernel_sets[probe->kernels];
	r = mn_program_check(program, mem->arena_bytes, mem->pool_bytes, mem->bias_pool_bytes,
			     &step, NULL, &result->need, &result->have);
	if (!r)
		r = mn_exec_bind(exec, program, mem, set, probe->seed, &step);
	if (r)
		result->step = (uint16_t)step;
	if (r && !result->need) {
		/* Scratch is the one size that only the kernel knows. */
		const struct mn_step *s = &program->steps[step];
		const struct mn_kernel *kernel = mn_kernel_find(set, (enum mn_op)s->layer.op);

		if (kernel && !mn_layer_check(&s->layer, NULL, NULL) &&
		    kernel->scratch_bytes(&s->layer) > s->scratch_bytes) {
			result->need = kernel->scratch_bytes(&s->layer);
			result->have = s->scratch_bytes;
			r = MN_E_TOO_BIG;
		}
	}
	return r;
}

/* Of both windows. At one place, as is the step of a single layer, so that a figure does not depend
 * on where in its batch a probe stands. */
static uint32_t stamps[3 * MN_MEASURE_REPS_MAX];

static int measure(const struct mn_rec_probe *probe, const struct mn_exec *exec,
		   const struct mn_measure_energy *energy, uint32_t *values,
		   struct mn_msg_result *result)
{
	const struct mn_kernel *kernel;
	struct window w = {.exec = exec,
			   .cold = probe->mode & MN_PROBE_COLD,
			   .warmup = probe->warmup,
			   .marker = energy->min_us ? 0 : MN_MARKER_WINDOW};
	uint32_t n = probe->reps, crc;
	uint64_t sum = 0;
	int r;

	mn_exec_fill(exec);
	mn_exec_args(exec, 0, &w.quant, &w.args, &kernel);
	w.run = kernel->run;
	mn_board_caches_invalidate();
	result->overhead_cycles = overhead(&w);
	window_marked(&w, n, stamps);
	if (w.status)
		return w.status;
	result->n_cycles = w.cycles;
	result->n_micros = w.micros;
	r = output_crc(exec, &result->output_crc);
	if (r)
		return r;
	window_marked(&w, 2 * n, stamps + n);
	result->n2_cycles = w.cycles;
	result->n2_micros = w.micros;
	r = output_crc(exec, &crc);
	if (r)
		return r;
	if (crc != result->output_crc)
		return MN_E_CRC;
	if (energy->min_us && !w.cold) {
		r = energy_window(&w, energy, result->n2_cycles / (2 * n), result);
		if (!r)
			r = output_crc(exec, &crc);
		if (r)
			return r;
		if (crc != result->output_crc)
			return MN_E_CRC;
	}
	for (uint32_t i = 0; i < 3 * n; i++) {
		values[i] = stamps[i];
		sum += values[i];
	}
	if (sum == result->n_cycles + result->n2_cycles) {
		result->rep_cycles = (const uint8_t *)values;
		result->rep_cycles_len = (uint16_t)(3 * n * sizeof(values[0]));
	}
	if (probe->mode & MN_PROBE_STEPS) {
		time_steps(exec, w.cold, values + 3 * n);
		result->step_cycles = (const uint8_t *)(values + 3 * n);
		result->step_cycles_len = (uint16_t)(exec->program->n_steps * sizeof(values[0]));
	}
	return 0;
}

void mn_measure_probe(const struct mn_rec_probe *probe, const struct mn_program *program,
		      const struct mn_measure_energy *energy, uint32_t *values,
		      struct mn_msg_result *result)
{
	struct mn_program single = *program;
	struct mn_exec exec;
	struct mn_step step;

	if (program->n_steps == 1) {
		step = program->steps[0];
		single.steps = &step;
	}
	*result = (struct mn_msg_result){
		.tag = probe->tag,
		.kernels = probe->kernels,
		.mode = probe->mode,
		.reps = probe->reps,
	};
	result->status = bind(probe, &single, &exec, result);
	if (!result->status) {
		uint32_t irq = mn_board_irq_off();

		result->status = measure(probe, &exec, energy, values, result);
		mn_board_irq_restore(irq);
	}
	if (result->status) {
		/* No figure travels with a failure. */
		result->n_cycles = result->n2_cycles = 0;
		result->n_micros = result->n2_micros = 0;
		result->overhead_cycles = result->output_crc = 0;
		result->rep_cycles_len = result->step_cycles_len = 0;
		result->energy_reps = result->energy_micros = 0;
		result->energy_cycles = 0;
	}
}
