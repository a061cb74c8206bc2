/* SPDX-License-Identifier: MIT */
#include "arena.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flatbuf.h"
#include "planner.h"

#define STEPS_MAX      (1 << 20)
#define CALL_DEPTH_MAX 64
#define BYTES_MAX      ((uint64_t)1 << 60) /* of one buffer: no sum below overflows */
#define OFFLINE_PLAN   "OfflineMemoryAllocation"

const char *mn_arena_category_name(enum mn_arena_category_id id)
{
	static const char *const names[] = {
#define X(name, text) text,
		MN_ARENA_CATEGORY_TABLE(X)
#undef X
	};

	return names[id];
}

struct life {
	int32_t first, last;
};

/* The persistent end of an arena. */
struct tail {
	uint64_t bytes;
	struct mn_arena_category *category;
};

/* What stands while mn_arena_plan() works. */
struct plan {
	const struct mn_model *model;
	const struct mn_tflm *tflm;
	struct mn_arena *arena;
	const struct mn_tflm_op **rules;   /* by operator, subgraph after subgraph; NULL: none */
	struct mn_tflm_requests *requests; /* likewise */
	uint32_t *first_scratch;           /* likewise: index of its first scratch request */
	size_t *tensor_base, *op_base;     /* by subgraph */
	struct life *tensor_life, *scratch_life;
	size_t n_tensors, n_ops, n_scratch;
	const uint8_t *offline; /* int32 by tensor, NULL: no offline plan */
	uint8_t *running;       /* by subgraph: being walked */
	size_t steps_size;
	struct mn_err *err;
};

static uint64_t round_up(uint64_t n, uint64_t align)
{
	return align > 1 ? (n + align - 1) / align * align : n;
}

static void tail_take(struct tail *tail, enum mn_arena_category_id id, uint64_t bytes,
		      uint64_t align, uint64_t n)
{
	uint64_t to = round_up(tail->bytes + bytes, align);
	struct mn_arena_category *c = &tail->category[id];

	c->requested_bytes += bytes;
	c->used_bytes += to - tail->bytes;
	c->n += n;
	tail->bytes = to;
}

static int issue(struct plan *p, uint32_t subgraph, uint32_t op, const char *verdict,
		 const char *what)
{
	struct mn_arena_issue *more =
		realloc(p->arena->issues, (p->arena->n_issues + 1) * sizeof(*more));
	const struct mn_operator *o = &p->model->subgraphs[subgraph].operators[op];

	if (!more)
		return mn_err_set(p->err, MN_E_NOMEM, "out of memory");
	p->arena->issues = more;
	more += p->arena->n_issues++;
	more->subgraph = subgraph;
	more->op = op;
	/* A custom name is as long as the file likes. */
	snprintf(more->text, sizeof(more->text), "operator %u, %.60s: %s%s", op,
		 mn_operator_name(o), verdict, what);
	return 0;
}

/* Rules and requests of every operator. */
static int ask_operators(struct plan *p)
{
	size_t i = 0;

	for (uint32_t s = 0; s < p->model->n_subgraphs; s++) {
		const struct mn_subgraph *graph = &p->model->subgraphs[s];

		for (uint32_t op = 0; op < graph->n_operators; op++, i++) {
			int rc;

			p->first_scratch[i] = (uint32_t)p->n_scratch;
			p->rules[i] = mn_tflm_op(p->tflm, graph->operators[op].builtin);
			if (!p->rules[i]) {
				rc = issue(p, s, op, "no kernel in TensorFlow Lite Micro ",
					   "that this version of mnchar knows the memory of");
				if (rc < 0)
					return rc;
				continue;
			}
			rc = mn_tflm_requests(p->rules[i], graph, op, &p->requests[i], p->err);
			if (rc == 0 && p->requests[i].refused)
				rc = issue(p, s, op, "TensorFlow Lite Micro refuses ",
					   p->requests[i].refused);
			if (rc < 0)
				return rc;
			for (unsigned k = 0; k < p->requests[i].n_scratch; k++)
				if (p->requests[i].scratch[k] > BYTES_MAX)
					return mn_err_set(p->err, MN_E_OVERFLOW,
							  "operator %u, %s: its scratch buffer "
							  "would be over 2^60 bytes",
							  op,
							  mn_builtin_name(p->rules[i]->builtin));
			p->n_scratch += p->requests[i].n_scratch;
		}
	}
	return 0;
}

static int new_step(struct plan *p, uint32_t subgraph, int32_t op)
{
	struct mn_arena *a = p->arena;

	if (a->n_steps == STEPS_MAX)
		return mn_err_set(p->err, MN_E_TOO_BIG, "the model runs over %d operators",
				  STEPS_MAX);
	if (a->n_steps == p->steps_size) {
		size_t size = p->steps_size ? 2 * p->steps_size : 64;
		struct mn_arena_step *more = realloc(a->steps, size * sizeof(*more));

		if (!more)
			return mn_err_set(p->err, MN_E_NOMEM, "out of memory");
		a->steps = more;
		p->steps_size = size;
	}
	a->steps[a->n_steps++] = (struct mn_arena_step){.subgraph = subgraph, .op = op};
	return 0;
}

static int32_t now(const struct plan *p)
{
	return (int32_t)p->arena->n_steps - 1;
}

static void created(struct life *life, int32_t time)
{
	if (life->first == -1)
		life->first = time;
}

static int walk(struct plan *p, uint32_t subgraph, int depth);

/* The subgraphs that a control-flow operator runs, each in a time of its own. */
static int walk_called(struct plan *p, const struct mn_operator *op, int depth)
{
	for (int k = 0; k < 2; k++) {
		int32_t called = op->options.subgraphs[k];
		int rc;

		if (called < 0)
			continue;
		if ((uint32_t)called >= p->model->n_subgraphs)
			return mn_err_set(p->err, MN_E_INVALID, "%s calls subgraph %d of %u",
					  mn_operator_name(op), called, p->model->n_subgraphs);
		rc = new_step(p, (uint32_t)called, -1);
		if (rc == 0)
			rc = walk(p, (uint32_t)called, depth + 1);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* Lifetimes of a subgraph's tensors and of its operators' scratch buffers. */
static int walk(struct plan *p, uint32_t subgraph, int depth)
{
	const struct mn_subgraph *graph = &p->model->subgraphs[subgraph];
	struct life *life = p->tensor_life + p->tensor_base[subgraph];

	if (p->running[subgraph] || depth > CALL_DEPTH_MAX)
		return mn_err_set(p->err, MN_E_INVALID,
				  p->running[subgraph] ? "subgraph %u calls itself"
						       : "subgraph %u is called too deep",
				  subgraph);
	p->running[subgraph] = 1;
	for (uint32_t i = 0; i < graph->n_inputs; i++) {
		if (graph->inputs[i] < 0)
			continue;
		created(&life[graph->inputs[i]], now(p));
		life[graph->inputs[i]].last = now(p);
	}
	for (uint32_t i = 0; i < graph->n_operators; i++) {
		const struct mn_operator *op = &graph->operators[i];
		size_t index = p->op_base[subgraph] + i;
		int32_t start;
		int rc = new_step(p, subgraph, (int32_t)i);

		if (rc < 0)
			return rc;
		start = now(p);
		for (uint32_t n = 0; n < op->n_outputs; n++)
			created(&life[op->outputs[n]], start);
		rc = walk_called(p, op, depth);
		if (rc < 0)
			return rc;
		for (uint32_t n = 0; n < op->n_inputs; n++)
			if (op->inputs[n] >= 0)
				life[op->inputs[n]].last = now(p);
		for (uint32_t n = 0; n < op->n_outputs; n++)
			life[op->outputs[n]].last = now(p);
		for (unsigned n = 0; n < p->requests[index].n_scratch; n++) {
			struct life *scratch = &p->scratch_life[p->first_scratch[index] + n];

			created(scratch, start);
			scratch->last = now(p);
		}
	}
	for (uint32_t i = 0; i < graph->n_outputs; i++) {
		if (graph->outputs[i] < 0)
			continue;
		created(&life[graph->outputs[i]], now(p));
		life[graph->outputs[i]].last = now(p);
	}
	p->running[subgraph] = 0;
	return 0;
}

/* The offsets that came with the model, for all tensors of all subgraphs. */
static int read_offline_plan(struct plan *p)
{
	for (uint32_t i = 0; i < p->model->n_metadata; i++) {
		const struct mn_metadata *m = &p->model->metadata[i];
		uint32_t n;

		if (strcmp(m->name, OFFLINE_PLAN) != 0)
			continue;
		/* Version, number of subgraphs, number of tensors, an offset for each. */
		n = m->data && m->data_bytes >= 12 ? mn_fb_le32(m->data + 8) : 0;
		if (!m->data || n != p->n_tensors || m->data_bytes < 12 + 4 * (uint64_t)n)
			return mn_err_set(p->err, MN_E_INVALID,
					  "the offline plan in the metadata is for %u tensors, the "
					  "model has %zu",
					  n, p->n_tensors);
		p->offline = m->data + 12;
	}
	return 0;
}

static int32_t offline_offset(const struct plan *p, size_t tensor)
{
	return p->offline ? (int32_t)mn_fb_le32(p->offline + 4 * tensor) : MN_PLANNER_ONLINE;
}

static int plan_buffers(struct plan *p)
{
	struct mn_arena *a = p->arena;
	size_t most = p->n_tensors + p->n_scratch, i = 0;
	struct mn_plan_buffer *wanted = calloc(most + 1, sizeof(*wanted));
	uint64_t *offsets = calloc(most + 1, sizeof(*offsets));
	int rc = 0;

	a->buffers = calloc(most + 1, sizeof(*a->buffers));
	if (!wanted || !offsets || !a->buffers) {
		rc = mn_err_set(p->err, MN_E_NOMEM, "out of memory for %zu buffers", most);
		goto out;
	}
	for (uint32_t s = 0; s < p->model->n_subgraphs; s++)
		for (uint32_t t = 0; t < p->model->subgraphs[s].n_tensors; t++) {
			const struct mn_tensor *tensor = &p->model->subgraphs[s].tensors[t];
			size_t index = p->tensor_base[s] + t;
			int32_t offline = offline_offset(p, index);

			if ((tensor->data && tensor->data_bytes) || tensor->bytes == 0 ||
			    (tensor->is_variable && offline == MN_PLANNER_ONLINE))
				continue;
			a->buffers[i] =
				(struct mn_arena_buffer){.subgraph = s,
							 .tensor = (int32_t)t,
							 .op = -1,
							 .bytes = tensor->bytes,
							 .first = p->tensor_life[index].first,
							 .last = p->tensor_life[index].last};
			wanted[i++].offline_offset = offline;
		}
	for (uint32_t s = 0; s < p->model->n_subgraphs; s++)
		for (uint32_t op = 0; op < p->model->subgraphs[s].n_operators; op++) {
			size_t index = p->op_base[s] + op;

			for (unsigned n = 0; n < p->requests[index].n_scratch; n++) {
				const struct life *life =
					&p->scratch_life[p->first_scratch[index] + n];

				a->buffers[i] = (struct mn_arena_buffer){
					.subgraph = s,
					.tensor = -1,
					.op = (int32_t)op,
					.bytes = p->requests[index].scratch[n],
					.first = life->first,
					.last = life->last};
				wanted[i++].offline_offset = MN_PLANNER_ONLINE;
			}
		}
	a->n_buffers = i;
	for (i = 0; i < a->n_buffers; i++) {
		struct mn_arena_buffer *b = &a->buffers[i];

		b->reserved = round_up(b->bytes, p->tflm->align);
		wanted[i].bytes = b->reserved;
		wanted[i].first = b->first;
		wanted[i].last = b->last;
	}
	rc = mn_planner_greedy(wanted, a->n_buffers, offsets, &a->nonpersistent_bytes, p->err);
	for (i = 0; i < a->n_buffers && rc == 0; i++)
		a->buffers[i].offset = offsets[i];
out:
	free(wanted);
	free(offsets);
	return rc;
}

/* What is alive at each time, and when the arena is at its highest. */
static void fill_steps(struct mn_arena *a)
{
	for (size_t i = 0; i < a->n_buffers; i++) {
		const struct mn_arena_buffer *b = &a->buffers[i];

		for (int32_t t = b->first < 0 ? 0 : b->first; t <= b->last; t++) {
			a->steps[t].live_bytes += b->reserved;
			if (b->offset + b->reserved > a->steps[t].top_bytes)
				a->steps[t].top_bytes = b->offset + b->reserved;
		}
	}
	for (size_t t = 1; t < a->n_steps; t++) {
		const struct mn_arena_step *best = &a->steps[a->peak], *s = &a->steps[t];

		if (s->top_bytes > best->top_bytes ||
		    (s->top_bytes == best->top_bytes && s->live_bytes > best->live_bytes))
			a->peak = t;
	}
}

/* A temporary TfLiteTensor with what it points to. */
static uint64_t temporary_bytes(const struct plan *p, const struct mn_tensor *t)
{
	uint64_t bytes = p->tflm->tensor;

	if (t->n_scales && t->n_zero_points)
		bytes += p->tflm->affine_quantization + p->tflm->int_array +
			 4 * (uint64_t)t->n_scales;
	return bytes;
}

static void raise_to(uint64_t *most, uint64_t bytes)
{
	if (bytes > *most)
		*most = bytes;
}

/* Run an operator's prepare(): its persistent buffers into the tail; the arena that it takes, with
 * the temporary structs in between, raises *most. */
static void prepare(const struct plan *p, uint32_t subgraph, uint32_t op, struct tail *tail,
		    uint64_t *most)
{
	const struct mn_subgraph *graph = &p->model->subgraphs[subgraph];
	const struct mn_operator *o = &graph->operators[op];
	size_t index = p->op_base[subgraph] + op;
	const struct mn_tflm_requests *r = &p->requests[index];
	uint64_t head = p->tflm->scratch_request *
			((uint64_t)p->first_scratch[index] + p->tflm->scratch_requests_per_op);
	uint64_t temporary = 0;

	raise_to(most, head + tail->bytes);
	if (!p->rules[index])
		return;
	for (const char *c = p->rules[index]->prepare; *c; c++) {
		uint32_t from = 0, to = 0;
		int is_input = *c == 'i' || *c == 'I';

		switch (*c) {
		case 'P':
			for (unsigned k = 0; k < r->n_persistent; k++)
				tail_take(tail, MN_ARENA_PERSISTENT_BUFFER, r->persistent[k],
					  p->tflm->align, 1);
			raise_to(most, head + tail->bytes);
			continue;
		case 'I':
			to = o->n_inputs;
			break;
		case 'q':
			if (!o->n_inputs || o->inputs[0] < 0 ||
			    graph->tensors[o->inputs[0]].type != MN_TYPE_INT8)
				continue;
			/* fall through */
		case 'i':
		case 'o':
			from = (uint32_t)(c[1] - '0');
			to = from + 1;
			break;
		default: /* digits and blanks */
			continue;
		}
		for (uint32_t n = from; n < to; n++) {
			int32_t t = -1;

			if (is_input && n < o->n_inputs)
				t = o->inputs[n];
			else if (!is_input && n < o->n_outputs)
				t = o->outputs[n];
			if (t >= 0)
				temporary += temporary_bytes(p, &graph->tensors[t]);
			raise_to(most, head + temporary + tail->bytes);
		}
	}
}

/* The structs of the model's inputs or outputs that stay. */
static void keep_ends(const struct plan *p, const int32_t *ends, uint32_t n, struct tail *tail)
{
	const struct mn_tflm *v = p->tflm;

	tail_take(tail, MN_ARENA_PERSISTENT_BUFFER, v->pointer * (uint64_t)n, v->align, 1);
	for (uint32_t i = 0; i < n; i++) {
		const struct mn_tensor *t;

		if (ends[i] < 0)
			continue;
		t = &p->model->subgraphs[0].tensors[ends[i]];
		tail_take(tail, MN_ARENA_PERSISTENT_TENSOR, v->tensor, 4, 1);
		if (!t->n_scales || !t->n_zero_points)
			continue;
		tail_take(tail, MN_ARENA_PERSISTENT_TENSOR_QUANT, v->affine_quantization, 4, 1);
		tail_take(tail, MN_ARENA_PERSISTENT_TENSOR_QUANT,
			  v->int_array + 4 * (uint64_t)t->n_scales, 4, 1);
	}
}

/*
 * The persistent end, in the order in which AllocateTensors() takes it, and the two phases that
 * need more room for a while. op_bytes may be NULL.
 */
static void fill_tail(const struct plan *p, int recording, struct tail *tail, uint64_t *ret_prepare,
		      uint64_t *ret_plan, uint32_t *op_bytes)
{
	const struct mn_tflm *v = p->tflm;
	const struct mn_model *m = p->model;
	uint64_t before;
	size_t i = 0;

	*ret_prepare = 0;
	tail_take(tail, MN_ARENA_OTHER,
		  recording ? v->recording_arena_allocator : v->arena_allocator, 4, 1);
	tail_take(tail, MN_ARENA_OTHER, v->memory_planner, 4, 1);
	tail_take(tail, MN_ARENA_OTHER,
		  recording ? v->recording_micro_allocator : v->micro_allocator, 4, 1);
	tail_take(tail, MN_ARENA_OTHER, v->builtin_allocator, 4, 1);
	tail_take(tail, MN_ARENA_OTHER, v->subgraph * (uint64_t)m->n_subgraphs, 4, 1);
	for (uint32_t s = 0; s < m->n_subgraphs; s++)
		tail_take(tail, MN_ARENA_EVAL_TENSOR,
			  v->eval_tensor * (uint64_t)m->subgraphs[s].n_tensors, 4,
			  m->subgraphs[s].n_tensors);
	for (uint32_t s = 0; s < m->n_subgraphs; s++)
		tail_take(tail, MN_ARENA_NODE_REGISTRATION,
			  v->node * (uint64_t)m->subgraphs[s].n_operators, 4,
			  m->subgraphs[s].n_operators);
	for (i = 0; i < p->n_ops; i++) {
		before = tail->bytes;
		if (p->rules[i] && p->rules[i]->options_bytes)
			tail_take(tail, MN_ARENA_OTHER, p->rules[i]->options_bytes,
				  p->rules[i]->options_align, 1);
		if (op_bytes)
			op_bytes[i] = (uint32_t)(tail->bytes - before);
	}
	for (i = 0; i < p->n_ops; i++) {
		before = tail->bytes;
		if (p->rules[i] && p->rules[i]->data_bytes)
			tail_take(tail, MN_ARENA_PERSISTENT_BUFFER, p->rules[i]->data_bytes,
				  v->align, 1);
		if (op_bytes)
			op_bytes[i] += (uint32_t)(tail->bytes - before);
	}
	for (uint32_t s = 0; s < m->n_subgraphs; s++)
		for (uint32_t op = 0; op < m->subgraphs[s].n_operators; op++) {
			before = tail->bytes;
			prepare(p, s, op, tail, ret_prepare);
			if (op_bytes)
				op_bytes[p->op_base[s] + op] += (uint32_t)(tail->bytes - before);
		}
	if (p->n_scratch)
		tail_take(tail, MN_ARENA_OTHER, v->scratch_handle * (uint64_t)p->n_scratch, 4, 1);
	for (uint32_t s = 0; s < m->n_subgraphs; s++)
		for (uint32_t t = 0; t < m->subgraphs[s].n_tensors; t++) {
			const struct mn_tensor *tensor = &m->subgraphs[s].tensors[t];

			/* TFLM looks into the plan by the subgraph's own tensor number. */
			if (tensor->is_variable && offline_offset(p, t) == MN_PLANNER_ONLINE)
				tail_take(tail, MN_ARENA_VARIABLE, tensor->bytes, v->align, 1);
		}
	*ret_plan = round_up(v->scratch_request *
					     ((uint64_t)p->n_scratch + v->scratch_requests_per_op) +
				     4 * (uint64_t)m->n_subgraphs +
				     v->allocation_info * (uint64_t)(p->n_tensors + p->n_scratch),
			     v->align) +
		    v->planned_buffer * (uint64_t)p->arena->n_buffers +
		    round_up(tail->bytes, v->align);
	keep_ends(p, m->subgraphs[0].inputs, m->subgraphs[0].n_inputs, tail);
	keep_ends(p, m->subgraphs[0].outputs, m->subgraphs[0].n_outputs, tail);
}

static int count(struct plan *p)
{
	const struct mn_model *m = p->model;

	p->tensor_base = calloc(m->n_subgraphs, sizeof(*p->tensor_base));
	p->op_base = calloc(m->n_subgraphs, sizeof(*p->op_base));
	p->running = calloc(m->n_subgraphs, 1);
	if (!p->tensor_base || !p->op_base || !p->running)
		return mn_err_set(p->err, MN_E_NOMEM, "out of memory");
	for (uint32_t s = 0; s < m->n_subgraphs; s++) {
		p->tensor_base[s] = p->n_tensors;
		p->op_base[s] = p->n_ops;
		p->n_tensors += m->subgraphs[s].n_tensors;
		p->n_ops += m->subgraphs[s].n_operators;
	}
	p->rules = calloc(p->n_ops + 1, sizeof(*p->rules));
	p->requests = calloc(p->n_ops + 1, sizeof(*p->requests));
	p->first_scratch = calloc(p->n_ops + 1, sizeof(*p->first_scratch));
	p->tensor_life = malloc((p->n_tensors + 1) * sizeof(*p->tensor_life));
	p->arena->op_persistent_bytes =
		calloc(p->n_ops + 1, sizeof(*p->arena->op_persistent_bytes));
	p->arena->n_ops = p->n_ops;
	if (!p->rules || !p->requests || !p->first_scratch || !p->tensor_life ||
	    !p->arena->op_persistent_bytes)
		return mn_err_set(p->err, MN_E_NOMEM, "out of memory");
	for (size_t i = 0; i < p->n_tensors; i++)
		p->tensor_life[i] = (struct life){-1, -1};
	return 0;
}

int mn_arena_plan(const struct mn_model *model, const struct mn_tflm *tflm,
		  struct mn_arena **ret_arena, struct mn_err *err)
{
	struct plan p = {.model = model, .tflm = tflm ? tflm : mn_tflm_find(NULL), .err = err};
	struct mn_arena *a = calloc(1, sizeof(*a));
	struct tail tail = {0}, recording = {0};
	uint64_t ignored_prepare, ignored_plan;
	int rc;

	if (!a)
		return mn_err_set(err, MN_E_NOMEM, "out of memory");
	p.arena = a;
	a->tflm = p.tflm;
	rc = count(&p);
	if (rc == 0)
		rc = read_offline_plan(&p);
	if (rc == 0)
		rc = ask_operators(&p);
	if (rc < 0)
		goto out;
	p.scratch_life = malloc((p.n_scratch + 1) * sizeof(*p.scratch_life));
	if (!p.scratch_life) {
		rc = mn_err_set(err, MN_E_NOMEM, "out of memory");
		goto out;
	}
	for (size_t i = 0; i < p.n_scratch; i++)
		p.scratch_life[i] = (struct life){-1, -1};
	rc = new_step(&p, 0, -1);
	if (rc == 0)
		rc = walk(&p, 0, 0);
	if (rc == 0)
		rc = plan_buffers(&p);
	if (rc < 0)
		goto out;
	fill_steps(a);

	tail.category = a->category;
	recording.category = a->recorded;
	fill_tail(&p, 0, &tail, &a->prepare_phase_bytes, &a->plan_phase_bytes,
		  a->op_persistent_bytes);
	fill_tail(&p, 1, &recording, &ignored_prepare, &ignored_plan, NULL);
	a->persistent_bytes = tail.bytes;
	a->recording_persistent_bytes = recording.bytes;
	a->used_bytes = a->nonpersistent_bytes + a->persistent_bytes;
	a->smallest_bytes = a->used_bytes;
	raise_to(&a->smallest_bytes, a->plan_phase_bytes);
	raise_to(&a->smallest_bytes, a->prepare_phase_bytes);
	a->smallest_bytes = round_up(a->smallest_bytes, p.tflm->align);
	*ret_arena = a;
	a = NULL;
out:
	mn_arena_free(a);
	free(p.rules);
	free(p.requests);
	free(p.first_scratch);
	free(p.tensor_base);
	free(p.op_base);
	free(p.tensor_life);
	free(p.scratch_life);
	free(p.running);
	return rc;
}

void mn_arena_free(struct mn_arena *arena)
{
	if (!arena)
		return;
	free(arena->buffers);
	free(arena->steps);
	free(arena->op_persistent_bytes);
	free(arena->issues);
	free(arena);
}
