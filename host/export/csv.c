/* SPDX-License-Identifier: MIT */
/* The CSV form of a cost table: one wide sheet, the column `record` says what a row is. */
#include "export.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "validated.h"

static const char header[] =
	"record,kind,board,kernels,cold,clock_hz,image,cycle_model,op,backbone,"
	"predicts,model,preferred,feature,value,value_ci95_lo,value_ci95_hi,value_std_err,value_"
	"unit,"
	"n,r2,mape_pct,within5_pct,within10_pct,worst_pct,worst_layer,std_pct,validation,weighting,"
	"range_feature,range_min,range_max,fitted_at,"
	"layer,model_name,ops,cycles,latency_ms,energy_mJ,power_mW,"
	"excluded_latency,excluded_energy,source,measurement,path,paths,"
	"validated_n,validated_ratio,validated_mape_pct,validated_p95_pct,"
	"generator,schema,version\n";

/* A cell and the comma behind it. */
static void text(FILE *f, const char *s)
{
	if (!strpbrk(s, ",\"\r\n")) {
		fprintf(f, "%s,", s);
		return;
	}
	putc('"', f);
	for (; *s; s++) {
		if (*s == '"')
			putc('"', f);
		putc(*s, f);
	}
	fputs("\",", f);
}

/* 17 digits: the same double when read back. */
static void number(FILE *f, double value)
{
	if (isfinite(value))
		fprintf(f, "%.17g", value);
	putc(',', f);
}

static void blank(FILE *f, int n)
{
	while (n-- > 0)
		putc(',', f);
}

static void begin(FILE *f, const char *record, const struct mn_cost_rig *r, const char *image,
		  const char *op, const char *backbone)
{
	text(f, record);
	text(f, r->kind);
	text(f, r->board);
	text(f, r->kernels);
	fprintf(f, "%d,", r->cold);
	number(f, r->clock_hz);
	text(f, image);
	text(f, r->cycle_model);
	text(f, op);
	text(f, backbone);
}

/* How far the virtual board was from measured figures for that op; empty: not validated. */
static void end(FILE *f, const struct mn_cost_table *table, const struct mn_cost_rig *r,
		const char *op)
{
	struct mn_validated v;

	if (mn_validated_get(r->validation, op, &v)) {
		fprintf(f, "%lld,", (long long)v.n);
		number(f, v.ratio);
		number(f, v.mape_pct);
		number(f, v.p95_pct);
	} else {
		blank(f, 4);
	}
	text(f, table->generator);
	fprintf(f, "%s,%d\n", MN_COST_SCHEMA, MN_COST_VERSION);
}

static void write_term(FILE *f, const struct mn_cost_table *table, const struct mn_cost_rig *r,
		       const struct mn_cost_model *m, const struct mn_cost_term *t)
{
	char path[MN_PATH_TEXT_MAX];

	begin(f, "coefficient", r, r->image, m->op, m->backbone);
	text(f, mn_cost_quantity_name(m->predicts));
	text(f, m->model);
	fprintf(f, "%d,", m->preferred);
	text(f, mn_feature_name(t->feature));
	number(f, t->value);
	number(f, t->ci95_lo);
	number(f, t->ci95_hi);
	number(f, t->std_err);
	fprintf(f, "%s%s,", mn_cost_quantity_unit(m->predicts),
		t->feature == MN_FEATURE_CONST ? "" : " per 1 of the feature");
	fprintf(f, "%lld,", (long long)m->n);
	number(f, m->r2);
	number(f, m->mape_pct);
	number(f, m->within5_pct);
	number(f, m->within10_pct);
	number(f, m->worst_pct);
	text(f, m->worst_layer);
	number(f, m->std_pct);
	text(f, m->validation);
	text(f, m->weighting);
	text(f, mn_feature_name(m->range_feature));
	number(f, m->range_min);
	number(f, m->range_max);
	text(f, m->fitted_at);
	blank(f, 11);
	text(f, mn_path_format(t->path, path));
	for (uint32_t i = 0; i < m->n_paths; i++)
		fprintf(f, "%s%s", i ? " " : "", mn_path_format(m->paths[i], path));
	putc(',', f);
	end(f, table, r, m->op);
}

static void write_measured(FILE *f, const struct mn_cost_table *table, const struct mn_cost_rig *r,
			   const struct mn_cost_measured *m)
{
	char op[32] = "model";

	/* The op is the first word of the canonical text. */
	if (m->layer[0])
		snprintf(op, sizeof(op), "%.*s", (int)strcspn(m->layer, " "), m->layer);
	begin(f, m->layer[0] ? "layer" : "model", r, m->image[0] ? m->image : r->image, op,
	      m->backbone);
	blank(f, 23);
	text(f, m->layer);
	text(f, m->model);
	number(f, m->ops);
	number(f, m->cycles);
	number(f, m->latency_ms);
	number(f, m->energy_mJ);
	number(f, m->power_mW);
	text(f, m->excluded_latency);
	text(f, m->excluded_energy);
	text(f, m->source);
	fprintf(f, "%lld,", (long long)m->measurement);
	blank(f, 2);
	end(f, table, r, op);
}

int mn_export_csv(const struct mn_cost_table *table, FILE *f, struct mn_err *err)
{
	fputs(header, f);
	for (size_t i = 0; i < table->n_rigs; i++) {
		const struct mn_cost_rig *r = &table->rigs[i];

		for (size_t j = 0; j < r->n_models; j++)
			for (uint32_t k = 0; k < r->models[j].n_terms; k++)
				write_term(f, table, r, &r->models[j], &r->models[j].terms[k]);
		for (size_t j = 0; j < r->n_measured; j++)
			write_measured(f, table, r, &r->measured[j]);
	}
	if (ferror(f))
		return mn_err_set(err, MN_E_IO, "cannot write the cost table: %s", strerror(errno));
	return 0;
}
