/* SPDX-License-Identifier: MIT */
#include "sampled.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backbone.h"
#include "cmd.h"
#include "paths.h"
#include "store_read.h"

#define SETS_MAX   16
#define BOARDS_MAX 64
/* A small backbone may have fewer models than are asked for: draws for each before giving up. */
#define DRAWS_MAX 50

struct drawn {
	struct mn_backbone_model *model;
	struct mn_graph_plan *plans[SETS_MAX];
	char ids[SETS_MAX][64]; /* of the kernel sets */
	size_t n_plans;
};

struct drawing {
	struct drawn *all;
	struct mn_campaign_model *jobs; /* parallel */
	size_t n;
};

/* For the campaign: the program with a kernel set, planned once. */
static int program_of(const struct mn_kernel_set *set, void *arg, struct mn_stored_program *ret,
		      struct mn_err *err)
{
	struct drawn *d = arg;
	size_t i = 0;
	int rc;

	while (i < d->n_plans && strcmp(d->ids[i], set->id) != 0)
		i++;
	if (i == SETS_MAX)
		return mn_err_set(err, MN_E_UNSUPPORTED, "more than %d kernel sets", SETS_MAX);
	if (i == d->n_plans) {
		rc = mn_graph_plan(d->model->graph, set, &d->plans[i], err);
		if (rc)
			return rc;
		snprintf(d->ids[i], sizeof(d->ids[i]), "%s", set->id);
		d->n_plans++;
	}
	*ret = (struct mn_stored_program){
		.model = d->model->name,
		.program = &d->plans[i]->program,
		.weight_bytes = d->plans[i]->weight_bytes,
	};
	return 0;
}

static int known(const struct drawing *d, const char *name)
{
	for (size_t i = 0; i < d->n; i++)
		if (!strcmp(d->all[i].model->name, name))
			return 1;
	return 0;
}

/* Members, then distinct draws; fewer where there are no more. */
static int draw_all(const struct mn_backbone *b, const struct mn_backbone_request *request,
		    struct drawing *d, struct mn_err *err)
{
	const size_t members = mn_backbone_members(b), want = members + request->models;
	struct mn_backbone_model *model;
	int rc = 0;

	d->all = calloc(want + 1, sizeof(*d->all));
	d->jobs = calloc(want + 1, sizeof(*d->jobs));
	if (!d->all || !d->jobs)
		return mn_err_set(err, MN_E_NOMEM, "out of memory");
	for (uint64_t i = 0; d->n < want && i < members + DRAWS_MAX * (uint64_t)request->models;
	     i++) {
		rc = i < members ? mn_backbone_member(b, (uint32_t)i, &model, err)
				 : mn_backbone_sample(b, request->seed, i - members, &model, err);
		if (rc)
			return rc;
		if (known(d, model->name)) {
			mn_backbone_model_free(model);
			continue;
		}
		d->all[d->n].model = model;
		d->jobs[d->n] = (struct mn_campaign_model){model->name, mn_backbone_name(b),
							   program_of, &d->all[d->n]};
		d->n++;
	}
	if (d->n < want)
		fprintf(stderr, "mnchar: %s has no more than %zu distinct models\n",
			mn_backbone_name(b), d->n);
	return 0;
}

static void drawing_free(struct drawing *d)
{
	for (size_t i = 0; i < d->n; i++) {
		for (size_t k = 0; k < d->all[i].n_plans; k++)
			mn_graph_plan_free(d->all[i].plans[k]);
		mn_backbone_model_free(d->all[i].model);
	}
	free(d->all);
	free(d->jobs);
}

/* ---- why models did not run ---- */

enum reason { SRAM, FLASH, STEPS, KERNELS, OTHER, REASONS };

static const char *const reason_names[REASONS] = {
	[SRAM] = "SRAM",       [FLASH] = "flash", [STEPS] = "too many steps",
	[KERNELS] = "kernels", [OTHER] = "other",
};

struct tally {
	const struct drawing *drawing;
	uint8_t *why; /* of each model: 1 + reason; 0: none */
};

static enum reason reason_of(const struct mn_failure_row *row)
{
	if (row->code == MN_E_UNSUPPORTED)
		return KERNELS;
	if (row->code != MN_E_TOO_BIG)
		return OTHER;
	return strstr(row->reason, "arena")         ? SRAM
	       : strstr(row->reason, "weight pool") ? FLASH
	       : strstr(row->reason, "steps")       ? STEPS
						    : OTHER;
}

static int take_failure(const struct mn_failure_row *row, void *arg)
{
	struct tally *t = arg;

	if (row->model[0])
		for (size_t i = 0; i < t->drawing->n; i++)
			if (!strcmp(t->drawing->all[i].model->name, row->model))
				t->why[i] = (uint8_t)(1 + reason_of(row));
	return 0;
}

/* "mnchar: virtual-f446re: 3 of 23 models did not run: 2 SRAM, 1 flash" */
static int print_reasons(const struct drawing *d, struct mn_store *store, const char *board,
			 struct mn_err *err)
{
	struct tally t = {d, calloc(d->n + 1, 1)};
	size_t counts[REASONS] = {0}, all = 0;
	int rc;

	if (!t.why)
		return mn_err_set(err, MN_E_NOMEM, "out of memory");
	rc = mn_store_each_failure(store, board, take_failure, &t, err);
	for (size_t i = 0; i < d->n; i++)
		if (t.why[i]) {
			counts[t.why[i] - 1]++;
			all++;
		}
	free(t.why);
	if (rc)
		return rc;
	fprintf(stderr, "mnchar: %s: %zu of %zu models did not run", board, all, d->n);
	for (int i = 0, shown = 0; i < REASONS; i++)
		if (counts[i])
			fprintf(stderr, "%s %zu %s", shown++ ? "," : ":", counts[i],
				reason_names[i]);
	fprintf(stderr, "\n");
	return 0;
}

/* A file, or the name of one that comes with mnchar. */
static int load(const char *name, struct mn_backbone **ret, struct mn_err *err)
{
	char path[4096];

	return mn_backbone_load(mn_cmd_yaml(MN_DIR_BACKBONES, name, path, sizeof(path)), ret, err);
}

int mn_backbone_collect(struct mn_campaign_config *config,
			const struct mn_backbone_request *request, const struct mn_target *targets,
			size_t n_targets, struct mn_campaign_outcome *ret, struct mn_err *err)
{
	char boards[BOARDS_MAX][40] = {0};
	struct mn_backbone *backbone = NULL;
	struct drawing drawing = {0};
	int rc = load(request->backbone, &backbone, err);

	if (!rc)
		rc = draw_all(backbone, request, &drawing, err);
	if (rc)
		goto out;
	config->sweep = NULL;
	config->models = drawing.jobs;
	config->n_models = drawing.n;
	/* As few repetitions as a measurement needs: N and 2 N runs, and a model takes long. */
	config->run = (struct mn_campaign_run){.whole = 1, .warmup = 1, .reps = 1, .seed = 1};
	config->ret_boards = boards;
	rc = mn_campaign_run(config, targets, n_targets, ret, err);
	for (size_t i = 0; i < n_targets && !rc; i++)
		if (boards[i][0])
			rc = print_reasons(&drawing, config->store, boards[i], err);
out:
	drawing_free(&drawing);
	mn_backbone_free(backbone);
	return rc;
}
