/* SPDX-License-Identifier: MIT */
#include "program.h"

#include <string.h>

#include "err.h"

/* A stretch of the arena, [at, end). */
struct range {
	uint64_t at, end;
};

/* The tensors of a step in the arena. An empty range overlaps nothing. */
struct tensors {
	struct range in, in2, out, scratch, quant;
};

static struct range range(uint32_t at, uint32_t bytes)
{
	return (struct range){at, (uint64_t)at + bytes};
}

static int overlap(struct range a, struct range b)
{
	return a.at < b.end && b.at < a.end && a.at != a.end && b.at != b.end;
}

static struct tensors tensors_of(const struct mn_step *step, const struct mn_layer_info *info)
{
	uint32_t in2_bytes = 0, in_bytes = info->input_bytes;

	if (mn_op_inputs((enum mn_op)step->layer.op) == 2) {
		/* Cannot fail: the layer has passed the check. */
		(void)mn_shape_elements(&step->layer.in2, &in2_bytes);
		in_bytes -= in2_bytes;
	}
	return (struct tensors){
		.in = range(step->in_off, in_bytes),
		.in2 = range(step->in2_off, in2_bytes),
		.out = range(step->out_off, info->output_bytes),
		.scratch = range(step->scratch_off, step->scratch_bytes),
		.quant = range(step->quant_off, info->quant_bytes),
	};
}

static uint64_t place(uint64_t *end, uint32_t bytes, uint32_t *ret_off)
{
	uint64_t at = (*end + MN_ALIGN - 1) & ~(uint64_t)(MN_ALIGN - 1);

	*ret_off = (uint32_t)at;
	if (bytes)
		*end = at + bytes;
	else
		*ret_off = 0;
	return *end;
}

int mn_program_single(const struct mn_layer *layer, uint32_t scratch_bytes, struct mn_step *step,
		      struct mn_program *ret_program)
{
	struct mn_layer_info info;
	struct mn_step s;
	struct tensors t;
	uint64_t end = 0;
	int rc = mn_layer_check(layer, &info, NULL);

	if (rc < 0)
		return rc;
	memset(&s, 0, sizeof(s));
	s.layer = *layer;
	s.scratch_bytes = scratch_bytes;
	t = tensors_of(&s, &info);
	place(&end, (uint32_t)(t.in.end - t.in.at), &s.in_off);
	place(&end, (uint32_t)(t.in2.end - t.in2.at), &s.in2_off);
	place(&end, info.output_bytes, &s.out_off);
	place(&end, scratch_bytes, &s.scratch_off);
	if (place(&end, info.quant_bytes, &s.quant_off) > UINT32_MAX)
		return MN_E_OVERFLOW;
	*step = s;
	*ret_program = (struct mn_program){1, (uint32_t)end, step};
	return 0;
}

struct fault {
	uint32_t step;
	const char *what;
	uint32_t need, have;
};

static int too_big(struct fault *f, const char *what, uint64_t need, uint32_t have)
{
	f->what = what;
	f->need = need > UINT32_MAX ? UINT32_MAX : (uint32_t)need;
	f->have = have;
	return MN_E_TOO_BIG;
}

static int check_step(const struct mn_program *p, uint32_t i, uint32_t pool_size,
		      uint32_t bias_pool_size, struct fault *f)
{
	const struct mn_step *s = &p->steps[i];
	struct mn_layer_info info;
	struct tensors t;
	int rc = mn_layer_check(&s->layer, &info, NULL);

	if (rc < 0)
		return rc;
	t = tensors_of(s, &info);
	const struct range all[] = {t.in, t.in2, t.out, t.scratch, t.quant};
	const size_t n = sizeof(all) / sizeof(all[0]);
	for (size_t j = 0; j < n; j++) {
		if (all[j].at % MN_ALIGN || all[j].end > p->arena_bytes)
			return MN_E_INVALID;
		for (size_t k = j + 1; k < n; k++) {
			/* The two inputs may be one tensor: x + x. */
			if (!(j == 0 && k == 1) && overlap(all[j], all[k]))
				return MN_E_INVALID;
		}
	}
	/* Multipliers are written once, before the first run: nothing may destroy them. */
	for (uint32_t k = 0; info.quant_bytes && k < p->n_steps; k++) {
		struct mn_layer_info other;
		struct tensors o;

		if (k == i || mn_layer_check(&p->steps[k].layer, &other, NULL) < 0)
			continue;
		o = tensors_of(&p->steps[k], &other);
		if (overlap(t.quant, o.out) || overlap(t.quant, o.scratch) ||
		    overlap(t.quant, o.quant))
			return MN_E_INVALID;
	}
	if (s->weight_off % MN_ALIGN || s->bias_off % 4)
		return MN_E_INVALID;
	if (info.weight_bytes && (uint64_t)s->weight_off + info.weight_bytes > pool_size)
		return too_big(f, "weight pool", (uint64_t)s->weight_off + info.weight_bytes,
			       pool_size);
	if (info.bias_bytes && (uint64_t)s->bias_off + info.bias_bytes > bias_pool_size)
		return too_big(f, "bias pool", (uint64_t)s->bias_off + info.bias_bytes,
			       bias_pool_size);
	return 0;
}

int mn_program_check(const struct mn_program *program, uint32_t arena_size, uint32_t pool_size,
		     uint32_t bias_pool_size, uint32_t *ret_step, const char **ret_what,
		     uint32_t *ret_need, uint32_t *ret_have)
{
	struct fault f = {0, "", 0, 0};
	int rc = 0;

	if (program->n_steps == 0 || program->n_steps > MN_PROGRAM_STEPS_MAX)
		rc = MN_E_INVALID;
	for (; rc == 0 && f.step < program->n_steps; f.step++) {
		rc = check_step(program, f.step, pool_size, bias_pool_size, &f);
		if (rc < 0)
			break;
	}
	if (rc == 0 && program->arena_bytes > arena_size) {
		f.step = 0;
		rc = too_big(&f, "arena", program->arena_bytes, arena_size);
	}
	if (rc < 0 && ret_step)
		*ret_step = f.step;
	if (rc == MN_E_TOO_BIG) {
		if (ret_what)
			*ret_what = f.what;
		if (ret_need)
			*ret_need = f.need;
		if (ret_have)
			*ret_have = f.have;
	}
	return rc;
}

uint64_t mn_program_hash(const struct mn_program *program)
{
	uint64_t hash = 0xcbf29ce484222325u;

	if (program->n_steps == 1)
		return mn_layer_hash(&program->steps[0].layer);
	for (uint32_t i = 0; i < program->n_steps; i++) {
		uint64_t layer = mn_layer_hash(&program->steps[i].layer);

		for (int byte = 0; byte < 8; byte++) {
			hash ^= (uint8_t)(layer >> 8 * byte);
			hash *= 0x100000001b3u;
		}
	}
	return hash;
}
