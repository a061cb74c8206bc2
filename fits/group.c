/* SPDX-License-Identifier: MIT */
#include "group.h"

#include <fnmatch.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Texts by number. */
struct list {
	char **all;
	size_t n;
};

/* What a session says about its rows. */
struct context {
	uint16_t place; /* kind and board */
	uint16_t rig;
	uint32_t class; /* place, source and clock setting: where a newer row replaces an older one
			 */
	uint8_t wanted;
};

/* What a probe says about its rows. */
struct subject {
	uint32_t item;
	uint16_t kernels, backbone;
	uint8_t op, cold; /* op NONE: null probe */
};

enum { NONE = 255 };

struct mn_group_names {
	struct list boards, kernels;
};

struct reading {
	struct mn_group_data *data;
	const char *const *boards;
	size_t n_boards;
	struct list places, classes, backbones; /* "1 board", "1 board clock source" */
	struct context *contexts;
	size_t contexts_size;
	struct subject *subjects;
	size_t subjects_size, n_subjects;
	/* Of layers: op and index among the layers of the op. */
	uint32_t *layer_item;
	uint8_t *layer_op;
	size_t layers_size, n_layers;
	uint32_t *group_of; /* [place][kernels][op]: index of the group + 1, 0: none */
	uint64_t *seen;     /* hash set of probe << 32 | class, + 1 */
	size_t seen_size, n_seen;
	size_t groups_size;
	struct mn_err *err;
};

static int no_memory(struct reading *r)
{
	return mn_err_set(r->err, MN_E_NOMEM, "out of memory while reading the measurements");
}

static int too_many(struct reading *r, int rc, const char *what)
{
	return rc == MN_E_TOO_BIG
		       ? mn_err_set(r->err, rc, "more than %d %s are too many", UINT16_MAX, what)
		       : no_memory(r);
}

/* Returns MN_E_NOMEM from the function around it; what was there stays. */
#define RESIZE(array, n)                                                                           \
	do {                                                                                       \
		void *moved_ = realloc((array), (n) * sizeof(*(array)));                           \
                                                                                                   \
		if (!moved_)                                                                       \
			return MN_E_NOMEM;                                                         \
		(array) = moved_;                                                                  \
	} while (0)

/* The number of a text, added if it is new. */
static int number_of(struct list *list, const char *text)
{
	/* Neighbours mostly share theirs: look from the end. */
	for (size_t i = list->n; i-- > 0;)
		if (!strcmp(list->all[i], text))
			return (int)i;
	if (list->n > UINT16_MAX)
		return MN_E_TOO_BIG;
	if ((list->n & (list->n - 1)) == 0)
		RESIZE(list->all, list->n ? 2 * list->n : 1);
	list->all[list->n] = strdup(text);
	return list->all[list->n] ? (int)list->n++ : MN_E_NOMEM;
}

static void free_list(struct list *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->all[i]);
	free(list->all);
}

/* FNV-1a 64 */
static uint64_t hash(const char *text)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (; *text; text++)
		h = (h ^ (unsigned char)*text) * 0x100000001b3u;
	return h;
}

/* Items */

/* Whether a model is for one of these kernel sets. */
static int is_for_some(const struct mn_model *m, const struct list *kernels)
{
	for (size_t i = 0; i < kernels->n; i++)
		if (!m->kernels || !fnmatch(m->kernels, kernels->all[i], 0))
			return 1;
	return 0;
}

/* Features that an op needs: those of its models, and the one that says its size. */
static uint64_t wanted_features(const struct mn_models *models, const struct list *kernels, int op)
{
	uint64_t wanted =
		1ull << (op == MN_MODELS_WHOLE ? MN_FEATURE_OPS : mn_feature_size((enum mn_op)op));

	for (size_t i = 0; i < models->n; i++) {
		const struct mn_model *m = &models->all[i];

		if (!(m->ops >> op & 1) || !is_for_some(m, kernels))
			continue;
		for (size_t k = 0; k < m->n_paths; k++)
			for (uint32_t j = 0; j < m->path[k].n_terms; j++)
				wanted |= 1ull << m->path[k].terms[j];
	}
	return wanted & ~(1ull << MN_FEATURE_CONST);
}

static int grow_items(struct mn_items *items, uint64_t wanted)
{
	size_t size = items->size ? 2 * items->size : 256;

	RESIZE(items->key, size);
	RESIZE(items->path, size);
	for (int i = 0; i < MN_LIKENESS_COUNT; i++)
		RESIZE(items->like[i], size);
	for (int f = 0; f < MN_FEATURE_COUNT; f++)
		if (wanted >> f & 1) {
			if (items->big[f])
				RESIZE(items->big[f], size);
			else
				RESIZE(items->small[f], size);
		}
	items->size = size;
	return 0;
}

static uint8_t log2_of(uint64_t x)
{
	return x ? (uint8_t)(63 - __builtin_clzll(x)) : 0;
}

static int has_feature(const struct mn_items *items, int f)
{
	return items->small[f] || items->big[f];
}

static int put_feature(struct mn_items *items, int f, size_t i, double value)
{
	if (!items->big[f] && !(value >= 0 && value <= UINT32_MAX)) {
		RESIZE(items->big[f], items->size);
		for (size_t j = 0; j < i; j++)
			items->big[f][j] = items->small[f][j];
		free(items->small[f]);
		items->small[f] = NULL;
	}
	if (items->big[f])
		items->big[f][i] = value;
	else
		items->small[f][i] = (uint32_t)value;
	return 0;
}

/* Room for one more item of an op. */
static int new_item(struct mn_group_data *data, int op, uint64_t key)
{
	struct mn_items *items = &data->items[op];

	if (items->n == items->size &&
	    grow_items(items, wanted_features(data->models, &data->names->kernels, op)))
		return MN_E_NOMEM;
	items->key[items->n] = key;
	items->path[items->n] = 0;
	for (int i = 0; i < MN_LIKENESS_COUNT; i++)
		items->like[i][items->n] = 0;
	items->n++;
	return 0;
}

static int take_layer(const struct mn_layer *layer, const struct mn_layer_info *info,
		      const char *text, uint32_t number, void *arg)
{
	struct reading *r = arg;
	uint8_t features[MN_FEATURE_COUNT];
	double values[MN_FEATURE_COUNT];
	struct mn_items *items;
	size_t i, n = 0;

	if (number >= r->layers_size) {
		r->layers_size = number < 512 ? 1024 : 2 * (size_t)number;
		RESIZE(r->layer_item, r->layers_size);
		RESIZE(r->layer_op, r->layers_size);
	}
	if (!layer || layer->op == MN_OP_NOP) {
		r->layer_op[number] = NONE;
		r->layer_item[number] = 0;
		return 0;
	}
	items = &r->data->items[layer->op];
	if (new_item(r->data, layer->op, hash(text)))
		return no_memory(r);
	i = items->n - 1;
	for (int f = 0; f < MN_FEATURE_COUNT; f++)
		if (has_feature(items, f))
			features[n++] = (uint8_t)f;
	mn_feature_values(features, n, layer, info, values);
	while (n-- > 0)
		if (put_feature(items, features[n], i, values[n]))
			return no_memory(r);
	items->path[i] = (uint8_t)mn_path_of(layer);
	items->like[MN_LIKENESS_SIZE][i] =
		log2_of((uint64_t)info->out.n * info->out.h * info->out.w) / 2;
	items->like[MN_LIKENESS_CHANNELS][i] = log2_of(layer->in.c);
	r->layer_op[number] = layer->op;
	r->layer_item[number] = (uint32_t)i;
	return 0;
}

/* Sessions and probes */

static int take_kernels(const char *kernels, void *arg)
{
	struct reading *r = arg;
	int number = number_of(&r->data->names->kernels, kernels);

	return number < 0 ? too_many(r, number, "kernel sets") : 0;
}

static int is_wanted(const struct reading *r, const char *board)
{
	for (size_t i = 0; i < r->n_boards; i++)
		if (!strcmp(r->boards[i], board))
			return 1;
	return !r->boards;
}

static int rig_number(struct mn_group_data *data, const struct mn_scan_session *session)
{
	struct mn_group_rig *rig;

	for (size_t i = data->n_rigs; i-- > 0;)
		if (data->rigs[i].clock_hz == session->clock_hz &&
		    !strcmp(data->rigs[i].image, session->image) &&
		    !strcmp(data->rigs[i].model, session->rig_model))
			return (int)i;
	if (data->n_rigs > UINT16_MAX)
		return MN_E_TOO_BIG;
	RESIZE(data->rigs, data->n_rigs + 1);
	rig = &data->rigs[data->n_rigs];
	rig->clock_hz = session->clock_hz;
	rig->image = strdup(session->image);
	rig->model = strdup(session->rig_model);
	data->n_rigs++;
	return rig->image && rig->model ? (int)data->n_rigs - 1 : MN_E_NOMEM;
}

static int take_session(const struct mn_scan_session *session, uint32_t number, void *arg)
{
	struct reading *r = arg;
	char *place = NULL, *class = NULL;
	int place_number, rig, class_number;

	if (number >= r->contexts_size) {
		r->contexts_size = number ? 2 * (size_t)number : 64;
		RESIZE(r->contexts, r->contexts_size);
	}
	if (asprintf(&place, "%s %s", mn_kind_name(session->kind), session->board) < 0)
		return no_memory(r);
	place_number = number_of(&r->places, place);
	free(place);
	if (place_number < 0)
		return too_many(r, place_number, "boards");
	rig = rig_number(r->data, session);
	if (rig < 0)
		return too_many(r, rig, "rigs");
	if (asprintf(&class, "%d %lld %s", place_number, (long long)session->clock_set_hz,
		     session->source) < 0)
		return no_memory(r);
	class_number = number_of(&r->classes, class);
	free(class);
	if (class_number < 0)
		return too_many(r, class_number, "sources");
	r->contexts[number] = (struct context){
		.place = (uint16_t)place_number,
		.rig = (uint16_t)rig,
		.class = (uint32_t)class_number,
		.wanted = (uint8_t)is_wanted(r, session->board),
	};
	return 0;
}

static int take_probe(const struct mn_scan_probe *probe, uint32_t number, void *arg)
{
	struct reading *r = arg;
	int kernels = number_of(&r->data->names->kernels, probe->kernels);
	int backbone = number_of(&r->backbones, probe->backbone);
	struct subject *s;

	if (kernels < 0)
		return too_many(r, kernels, "kernel sets");
	if (backbone < 0)
		return too_many(r, backbone, "backbones");
	if (number >= r->subjects_size) {
		r->subjects_size = number < 512 ? 1024 : 2 * (size_t)number;
		RESIZE(r->subjects, r->subjects_size);
	}
	r->n_subjects = number + 1;
	s = &r->subjects[number];
	*s = (struct subject){
		.kernels = (uint16_t)kernels,
		.backbone = (uint16_t)backbone,
		.cold = (uint8_t)probe->cold,
	};
	if (probe->layer != MN_SCAN_NONE) {
		s->op = r->layer_op[probe->layer];
		s->item = r->layer_item[probe->layer];
		return s->op == NONE ? MN_SCAN_NULL_PROBE : 0;
	}
	s->op = MN_MODELS_WHOLE;
	s->item = (uint32_t)r->data->items[MN_MODELS_WHOLE].n;
	if (new_item(r->data, MN_MODELS_WHOLE, hash(probe->model)))
		return no_memory(r);
	return put_feature(&r->data->items[MN_MODELS_WHOLE], MN_FEATURE_OPS, s->item,
			   (double)probe->ops);
}

/* Rows */

/* Fibonacci hashing; size is a power of 2. */
static size_t slot(uint64_t entry, size_t size)
{
	return (size_t)((entry ^ entry >> 32) * 0x9e3779b97f4a7c15u >>
			(64 - __builtin_ctzll(size)));
}

/* 1: this probe and class are new, 0: seen before; MN_E_NOMEM. */
static int see(struct reading *r, uint32_t probe, uint32_t class)
{
	const uint64_t entry = ((uint64_t)probe << 32 | class) + 1;
	size_t at;

	if (2 * r->n_seen >= r->seen_size) {
		size_t size = r->seen_size ? 2 * r->seen_size : 1024;
		uint64_t *table, *old = r->seen;

		while (size < 2 * r->n_subjects)
			size *= 2;
		table = calloc(size, sizeof(*table));
		if (!table)
			return MN_E_NOMEM;
		for (size_t i = 0; i < r->seen_size; i++) {
			if (!old[i])
				continue;
			at = slot(old[i], size);
			while (table[at])
				at = (at + 1) & (size - 1);
			table[at] = old[i];
		}
		free(old);
		r->seen = table;
		r->seen_size = size;
	}
	at = slot(entry, r->seen_size);
	for (; r->seen[at]; at = (at + 1) & (r->seen_size - 1))
		if (r->seen[at] == entry)
			return 0;
	r->seen[at] = entry;
	r->n_seen++;
	return 1;
}

static int new_group(struct reading *r, const struct context *c, const struct subject *s)
{
	struct mn_group_data *data = r->data;
	const char *place = r->places.all[c->place];
	size_t kind = strcspn(place, " ");
	struct mn_group *g;

	if (data->n_groups == r->groups_size) {
		r->groups_size = r->groups_size ? 2 * r->groups_size : 64;
		RESIZE(data->groups, r->groups_size);
	}
	g = &data->groups[data->n_groups++];
	*g = (struct mn_group){
		.board = place + kind + 1,
		.kernels = data->names->kernels.all[s->kernels],
		.op = s->op,
		.items = &data->items[s->op],
	};
	for (int k = MN_KIND_MEASURED; k <= MN_KIND_PUBLISHED; k++)
		if (!strncmp(place, mn_kind_name((enum mn_kind)k), kind))
			g->kind = (enum mn_kind)k;
	return 0;
}

static int find_group(struct reading *r, const struct context *c, const struct subject *s,
		      struct mn_group **ret_group)
{
	const size_t ops = MN_MODELS_WHOLE + 1, n_kernels = r->data->names->kernels.n;
	uint32_t *entry;

	if (!r->group_of) {
		r->group_of = calloc(r->places.n * n_kernels * ops, sizeof(*r->group_of));
		if (!r->group_of)
			return MN_E_NOMEM;
	}
	entry = &r->group_of[(c->place * n_kernels + s->kernels) * ops + s->op];
	if (!*entry) {
		if (new_group(r, c, s))
			return MN_E_NOMEM;
		*entry = (uint32_t)r->data->n_groups;
	}
	*ret_group = &r->data->groups[*entry - 1];
	return 0;
}

static int grow_group(struct mn_group *g)
{
	size_t size = g->size ? 2 * g->size : 64;

	RESIZE(g->id, size);
	RESIZE(g->item, size);
	RESIZE(g->rig, size);
	RESIZE(g->backbone, size);
	RESIZE(g->cold, size);
	for (int t = 0; t < MN_TARGET_COUNT; t++)
		if (g->value[t])
			RESIZE(g->value[t], size);
	g->size = size;
	return 0;
}

static double figure(double value, int excluded)
{
	if (value < 0)
		return MN_GROUP_ABSENT;
	if (excluded)
		return MN_GROUP_EXCLUDED;
	return value > 0 && isfinite(value) ? value : MN_GROUP_BAD;
}

static int put_value(struct mn_group *g, enum mn_target target, double value)
{
	if (value == MN_GROUP_ABSENT && !g->value[target])
		return 0;
	if (!g->value[target]) {
		RESIZE(g->value[target], g->size);
		for (size_t i = 0; i < g->n; i++)
			g->value[target][i] = MN_GROUP_ABSENT;
	}
	g->value[target][g->n] = value;
	return 0;
}

static int take_row(const struct mn_scan_row *row, void *arg)
{
	struct reading *r = arg;
	const struct context *c = &r->contexts[row->session];
	const struct subject *s = &r->subjects[row->probe];
	struct mn_group *g = NULL;
	int is_new;

	if (!c->wanted)
		return 0;
	is_new = see(r, row->probe, c->class);
	if (is_new < 0)
		return no_memory(r);
	r->data->rows += is_new;
	if (s->op == NONE)
		return 0;
	if (find_group(r, c, s, &g))
		return no_memory(r);
	if (!is_new) {
		g->n_older[s->cold]++;
		return 0;
	}
	if (g->n == g->size && grow_group(g))
		return no_memory(r);
	g->id[g->n] = row->id;
	g->item[g->n] = s->item;
	g->rig[g->n] = c->rig;
	g->backbone[g->n] = s->backbone;
	g->cold[g->n] = s->cold;
	if (put_value(g, MN_TARGET_LATENCY,
		      figure(row->figures.latency_ms, row->excluded_latency)) ||
	    put_value(g, MN_TARGET_ENERGY, figure(row->figures.energy_mJ, row->excluded_energy)) ||
	    put_value(g, MN_TARGET_POWER, figure(row->figures.power_mW, row->excluded_energy)))
		return no_memory(r);
	g->n++;
	return 0;
}

static const char *op_name(int op)
{
	return op == MN_MODELS_WHOLE ? "model" : mn_op_name((enum mn_op)op);
}

static int by_key(const void *a, const void *b)
{
	const struct mn_group *x = a, *y = b;
	int order = strcmp(mn_kind_name(x->kind), mn_kind_name(y->kind));

	if (!order)
		order = strcmp(x->board, y->board);
	if (!order)
		order = strcmp(x->kernels, y->kernels);
	return order ? order : strcmp(op_name(x->op), op_name(y->op));
}

int mn_group_read(struct mn_group_data *data, struct mn_store *store,
		  const struct mn_models *models, const char *const *boards, size_t n_boards,
		  struct mn_err *err)
{
	struct reading r = {.data = data, .boards = boards, .n_boards = n_boards, .err = err};
	const struct mn_scan scan = {take_kernels, take_session, take_layer,
				     take_probe,   take_row,     &r};
	int rc;

	*data = (struct mn_group_data){.models = models};
	data->names = calloc(1, sizeof(*data->names));
	rc = data->names ? mn_store_scan(store, &scan, err) : no_memory(&r);
	if (rc == MN_E_NOMEM)
		rc = no_memory(&r);
	if (data->n_groups)
		qsort(data->groups, data->n_groups, sizeof(*data->groups), by_key);
	data->backbones = r.backbones.all;
	data->n_backbones = r.backbones.n;
	if (data->names)
		data->names->boards = r.places;
	else
		free_list(&r.places);
	free_list(&r.classes);
	free(r.contexts);
	free(r.subjects);
	free(r.layer_item);
	free(r.layer_op);
	free(r.group_of);
	free(r.seen);
	return rc;
}

static void free_columns(struct mn_group *g)
{
	free(g->id);
	free(g->item);
	free(g->rig);
	free(g->backbone);
	free(g->cold);
	for (int t = 0; t < MN_TARGET_COUNT; t++)
		free(g->value[t]);
}

void mn_group_free(struct mn_group_data *data)
{
	for (size_t op = 0; op <= MN_MODELS_WHOLE; op++) {
		struct mn_items *items = &data->items[op];

		free(items->key);
		free(items->path);
		for (int i = 0; i < MN_LIKENESS_COUNT; i++)
			free(items->like[i]);
		for (int f = 0; f < MN_FEATURE_COUNT; f++) {
			free(items->small[f]);
			free(items->big[f]);
		}
	}
	for (size_t i = 0; i < data->n_groups; i++) {
		free_columns(&data->groups[i]);
	}
	free(data->groups);
	for (size_t i = 0; i < data->n_rigs; i++) {
		free(data->rigs[i].image);
		free(data->rigs[i].model);
	}
	free(data->rigs);
	for (size_t i = 0; i < data->n_backbones; i++)
		free(data->backbones[i]);
	free(data->backbones);
	for (size_t i = 0; i < data->n_pooled; i++)
		free(data->pooled[i]);
	free(data->pooled);
	if (data->names) {
		free_list(&data->names->boards);
		free_list(&data->names->kernels);
	}
	free(data->names);
	memset(data, 0, sizeof(*data));
}

/* The number of a pooled rig, by what people call it. */
static int pooled_rig(struct mn_group_data *data, const struct mn_group *g, size_t row)
{
	const struct mn_group_rig *rig = &data->rigs[g->rig[row]];
	struct list list = {data->pooled, data->n_pooled};
	char *name;
	int number;

	if (asprintf(&name, "%s %s %s %.0f MHz%s%s", mn_kind_name(g->kind), g->board, g->kernels,
		     rig->clock_hz / 1e6, rig->image[0] ? " " : "", rig->image) < 0)
		return MN_E_NOMEM;
	number = number_of(&list, name);
	free(name);
	data->pooled = list.all;
	data->n_pooled = list.n;
	return number;
}

static int append(struct mn_group_data *data, struct mn_group *to, const struct mn_group *from)
{
	uint16_t last = UINT16_MAX;
	int rig = 0;

	for (size_t i = 0; i < from->n; i++) {
		if (i == 0 || from->rig[i] != last)
			rig = pooled_rig(data, from, i);
		if (rig < 0)
			return rig;
		last = from->rig[i];
		if (to->n == to->size && grow_group(to))
			return MN_E_NOMEM;
		to->id[to->n] = from->id[i];
		to->item[to->n] = from->item[i];
		to->rig[to->n] = (uint16_t)rig;
		to->backbone[to->n] = from->backbone[i];
		to->cold[to->n] = from->cold[i];
		for (int t = 0; t < MN_TARGET_COUNT; t++)
			if (put_value(to, (enum mn_target)t,
				      from->value[t] ? from->value[t][i] : MN_GROUP_ABSENT))
				return MN_E_NOMEM;
		to->n++;
	}
	for (int cold = 0; cold < 2; cold++)
		to->n_older[cold] += from->n_older[cold];
	return 0;
}

int mn_group_pool(struct mn_group_data *data)
{
	struct mn_group *pooled = calloc(MN_MODELS_WHOLE + 1, sizeof(*pooled));
	size_t n = 0;
	int rc = 0;

	if (!pooled)
		return MN_E_NOMEM;
	for (int op = 0; op <= MN_MODELS_WHOLE && !rc; op++) {
		struct mn_group *to = NULL;

		for (size_t i = 0; i < data->n_groups && !rc; i++) {
			const struct mn_group *from = &data->groups[i];

			if (from->op != op)
				continue;
			if (!to) {
				to = &pooled[n++];
				*to = (struct mn_group){.kind = from->kind,
							.board = "pooled",
							.kernels = from->kernels,
							.op = op,
							.items = from->items};
			} else if (strcmp(to->kernels, from->kernels) != 0) {
				to->kernels = "pooled";
			}
			rc = append(data, to, from);
		}
	}
	for (size_t i = 0; i < data->n_groups; i++)
		free_columns(&data->groups[i]);
	free(data->groups);
	data->groups = pooled;
	data->n_groups = n;
	return rc;
}

int mn_group_same_rig(const struct mn_group_rig *a, const struct mn_group_rig *b)
{
	return fabs(a->clock_hz - b->clock_hz) <= 0.01 * fmax(a->clock_hz, b->clock_hz) &&
	       !strcmp(a->image, b->image) && !strcmp(a->model, b->model);
}
