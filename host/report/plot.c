/* SPDX-License-Identifier: MIT */
#include "plot.h"

#include <errno.h>
#include <math.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "feature.h"

extern char **environ;

enum { SERIES_MAX = 48, LINE_POINTS = 60 };

/* One fit of a series. */
struct line {
	int there;
	double value[MN_PATHS_MAX][MN_FEATURE_COUNT]; /* of each kernel path */
	uint8_t paths[MN_PATHS_MAX];
	size_t n_paths;
	double mape_pct;
	int64_t n;
};

/* What has one colour: an op, or a family of whole models. */
struct series {
	char name[80];
	int op; /* -1: whole models */
	enum mn_feature x;
	struct point {
		double x, y;
		double features; /* prediction of the features model, NAN without one */
		char *text;
	} * points;
	size_t n, size;
	double min, max;
	struct line ops, affine, features;
};

/* A kernel set and kind of the board, to choose the one with the most rows. */
struct candidate {
	char *kernels;
	enum mn_kind kind;
	size_t n;
};

struct plot {
	const struct mn_plot_options *options;
	struct candidate candidates[64];
	size_t n_candidates, n_rows;
	const struct candidate *chosen;
	double clock_hz;
	char rig_model[160];
	struct series series[SERIES_MAX];
	size_t n_series;
	struct mn_err *err;
};

/* Okabe-Ito and Tol: told apart also by the colour-blind. One colour an op in every picture. */
static const char *const op_colours[] = {
	[MN_OP_CONV_2D] = "#0072b2",
	[MN_OP_DEPTHWISE_CONV_2D] = "#d55e00",
	[MN_OP_FULLY_CONNECTED] = "#009e73",
	[MN_OP_AVERAGE_POOL_2D] = "#cc79a7",
	[MN_OP_MAX_POOL_2D] = "#882255",
	[MN_OP_MEAN] = "#56b4e9",
	[MN_OP_ADD] = "#e69f00",
	[MN_OP_SOFTMAX] = "#332288",
	[MN_OP_PAD] = "#777777",
	[MN_OP_RESHAPE] = "#117733",
	[MN_OP_MUL] = "#ddcc77",
	[MN_OP_SUB] = "#aa4499",
	[MN_OP_MAXIMUM] = "#44aa99",
	[MN_OP_MINIMUM] = "#999933",
	[MN_OP_CONCATENATION] = "#88ccee",
	[MN_OP_QUANTIZE] = "#661100",
	[MN_OP_RELU] = "#6699cc",
	[MN_OP_RELU6] = "#888888",
	[MN_OP_LOGISTIC] = "#aa4466",
	[MN_OP_TANH] = "#4477aa",
	[MN_OP_LEAKY_RELU] = "#228833",
	[MN_OP_HARD_SWISH] = "#ccbb44",
	[MN_OP_STRIDED_SLICE] = "#66ccee",
	[MN_OP_RESIZE_NEAREST_NEIGHBOR] = "#ee6677",
	[MN_OP_TRANSPOSE] = "#bbbbbb",
};
static const char *const model_colours[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
					    "#e69f00", "#56b4e9", "#332288", "#117733"};

static const char *colour(const struct plot *p, size_t i)
{
	const struct series *s = &p->series[i];

	if (s->op >= 0 && (size_t)s->op < sizeof(op_colours) / sizeof(op_colours[0]) &&
	    op_colours[s->op])
		return op_colours[s->op];
	return model_colours[i % (sizeof(model_colours) / sizeof(model_colours[0]))];
}

/* Reading */

static int drawable(const struct mn_row *row, int cold)
{
	if (row->cold != cold || !(row->latency_ms > 0) || !isfinite(row->latency_ms))
		return 0;
	if (row->layer)
		return row->layer->op != MN_OP_NOP;
	return row->ops > 0;
}

static int count_row(const struct mn_row *row, void *arg)
{
	struct plot *p = arg;
	const struct mn_plot_options *o = p->options;
	struct candidate *c = NULL;

	p->n_rows++;
	if (!drawable(row, o->cold) || (o->kind >= 0 && (int)row->kind != o->kind) ||
	    (o->kernels && strcmp(o->kernels, row->kernels)))
		return 0;
	for (size_t i = 0; i < p->n_candidates && !c; i++)
		if (p->candidates[i].kind == row->kind &&
		    !strcmp(p->candidates[i].kernels, row->kernels))
			c = &p->candidates[i];
	if (!c) {
		if (p->n_candidates == sizeof(p->candidates) / sizeof(p->candidates[0]))
			return mn_err_set(p->err, MN_E_TOO_BIG,
					  "%s has more kernel sets than a picture can choose from: "
					  "name one with --kernels",
					  row->board);
		c = &p->candidates[p->n_candidates++];
		c->kind = row->kind;
		c->kernels = strdup(row->kernels);
		if (!c->kernels)
			return mn_err_set(p->err, MN_E_NOMEM, "out of memory while plotting");
	}
	c->n++;
	return 0;
}

static struct series *find_series(struct plot *p, int op, const char *name)
{
	struct series *s;

	for (size_t i = 0; i < p->n_series; i++)
		if (p->series[i].op == op && !strcmp(p->series[i].name, name))
			return &p->series[i];
	if (p->n_series == SERIES_MAX) {
		mn_err_set(p->err, MN_E_TOO_BIG, "more than %d ops and families in one picture",
			   SERIES_MAX);
		return NULL;
	}
	s = &p->series[p->n_series++];
	s->op = op;
	s->x = op < 0 ? MN_FEATURE_OPS : mn_feature_size((enum mn_op)op);
	s->min = INFINITY;
	snprintf(s->name, sizeof(s->name), "%s", name);
	return s;
}

static int chosen(const struct plot *p, enum mn_kind kind, const char *kernels, int cold)
{
	return p->chosen->kind == kind && !strcmp(p->chosen->kernels, kernels) &&
	       p->options->cold == cold;
}

static int take_fit(const struct mn_fit *fit, void *arg)
{
	struct plot *p = arg;
	int op = mn_op_parse(fit->op, strlen(fit->op));
	struct series *s;
	struct line *line;
	int n_paths;

	if (!chosen(p, fit->kind, fit->kernels, fit->cold) || strcmp(fit->status, "ok") ||
	    strcmp(fit->target, "latency"))
		return 0;
	s = find_series(p, op < 0 ? -1 : op, op < 0 ? fit->backbone : fit->op);
	if (!s)
		return MN_E_TOO_BIG;
	line = !strcmp(fit->model, "ops")          ? &s->ops
	       : !strcmp(fit->model, "ops-affine") ? &s->affine
						   : &s->features;
	line->there = 1;
	line->n = fit->n;
	line->mape_pct = fit->mape_pct;
	n_paths = mn_path_parse_list(fit->paths, line->paths);
	line->n_paths = n_paths < 0 ? 0 : (size_t)n_paths;
	for (uint32_t i = 0; i < fit->n_terms; i++) {
		int feature = mn_feature_parse(fit->terms[i].name), path = -1;

		for (size_t k = 0; k < line->n_paths; k++)
			if (line->paths[k] == mn_path_parse(fit->terms[i].path))
				path = (int)k;
		if (feature < 0 || path < 0)
			line->there = 0;
		else
			line->value[path][feature] = fit->terms[i].value;
	}
	return 0;
}

static double predict(const struct line *line, const struct mn_row *row)
{
	double y = 0;
	int path;

	if (!line->there || !row->layer)
		return NAN;
	path = mn_path_first(line->paths, line->n_paths, mn_path_of(row->layer));
	if (path < 0)
		return NAN;
	for (int f = 0; f < MN_FEATURE_COUNT; f++)
		y += line->value[path][f] *
		     (double)mn_feature_value((enum mn_feature)f, row->layer, &row->info);
	return y > 0 ? y : NAN;
}

static int take_row(const struct mn_row *row, void *arg)
{
	struct plot *p = arg;
	struct series *s;
	struct point *pt;
	int op = row->layer ? row->layer->op : -1;

	if (!drawable(row, p->options->cold) || !chosen(p, row->kind, row->kernels, row->cold))
		return 0;
	s = find_series(p, op, row->layer ? mn_op_name((enum mn_op)op) : row->backbone);
	if (!s)
		return MN_E_TOO_BIG;
	if (s->n == s->size) {
		struct point *more =
			realloc(s->points, (s->size ? s->size * 2 : 64) * sizeof(*more));

		if (!more)
			return mn_err_set(p->err, MN_E_NOMEM, "out of memory while plotting");
		s->points = more;
		s->size = s->size ? s->size * 2 : 64;
	}
	pt = &s->points[s->n];
	pt->x = row->layer ? (double)mn_feature_value(s->x, row->layer, &row->info)
			   : (double)row->ops;
	pt->y = row->latency_ms;
	pt->features = predict(&s->features, row);
	pt->text = strdup(row->layer ? row->layer_text : row->model);
	if (!pt->text)
		return mn_err_set(p->err, MN_E_NOMEM, "out of memory while plotting");
	s->n++;
	s->min = fmin(s->min, pt->x);
	s->max = fmax(s->max, pt->x);
	p->clock_hz = row->clock_hz;
	snprintf(p->rig_model, sizeof(p->rig_model), "%s", row->rig_model);
	return 0;
}

/* Writing */

/* Inside of '...': a quote is doubled; line ends would end the string. */
static void quoted(FILE *f, const char *text)
{
	putc('\'', f);
	for (; *text; text++) {
		if (*text == '\'')
			putc('\'', f);
		putc((unsigned char)*text < ' ' ? ' ' : *text, f);
	}
	putc('\'', f);
}

static int on_panel(const struct series *s, int panel)
{
	return s->n && (s->x == MN_FEATURE_OPS) == (panel == 0);
}

/* 1 if the features model of the series is a line over its x. */
static int is_line(const struct series *s)
{
	for (int f = 0; f < MN_FEATURE_COUNT; f++)
		if (f != MN_FEATURE_CONST && f != (int)s->x && s->features.value[0][f] != 0)
			return 0;
	return s->features.there && s->features.n_paths == 1;
}

static void write_line(FILE *f, const char *block, size_t i, const struct series *s,
		       const struct line *line)
{
	fprintf(f, "$%s%zu << EOD\n", block, i);
	for (int k = 0; k < LINE_POINTS; k++) {
		double x = s->min * pow(s->max / s->min, k / (double)(LINE_POINTS - 1));

		fprintf(f, "%.6g %.6g\n", x,
			line->value[0][s->x] * x + line->value[0][MN_FEATURE_CONST]);
	}
	fputs("EOD\n", f);
}

static void write_data(FILE *f, const struct plot *p)
{
	for (size_t i = 0; i < p->n_series; i++) {
		const struct series *s = &p->series[i];

		if (!s->n)
			continue;
		fprintf(f, "\n# %s: %s, latency_ms, predicted_ms by the features model, what\n",
			s->name, mn_feature_name(s->x));
		fprintf(f, "$points%zu << EOD\n", i);
		for (size_t k = 0; k < s->n; k++) {
			fprintf(f, "%.10g %.10g ", s->points[k].x, s->points[k].y);
			if (isnan(s->points[k].features))
				fputs("NaN", f);
			else
				fprintf(f, "%.10g", s->points[k].features);
			fprintf(f, " \"%s\"\n", s->points[k].text);
		}
		fputs("EOD\n", f);
		if (s->ops.there)
			write_line(f, "ops", i, s, &s->ops);
		if (s->affine.there)
			write_line(f, "affine", i, s, &s->affine);
		if (s->x != MN_FEATURE_OPS && is_line(s))
			write_line(f, "features", i, s, &s->features);
	}
}

/* Few points may be large. */
static const char *point_size(const struct series *s)
{
	return s->n < 40 ? "0.9" : s->n < 1000 ? "0.55" : "0.3";
}

/* Append ": 4.87 ms/Mop + 40 us (9.7 %)"; short, because a legend has one row a series. */
static void append_line(char *buf, size_t size, const char *separator, const struct line *line)
{
	double constant = line->value[0][MN_FEATURE_CONST];
	size_t len = strlen(buf);
	char text[48] = "";

	if (!line->there || len >= size)
		return;
	if (constant != 0)
		snprintf(text, sizeof(text), " + %.3g %s",
			 constant < 0.1 ? constant * 1e3 : constant, constant < 0.1 ? "us" : "ms");
	if (line->value[0][MN_FEATURE_OPS] != 0)
		snprintf(buf + len, size - len, "%s%.4g ms/Mop%s (%.1f %%)", separator,
			 line->value[0][MN_FEATURE_OPS] * 1e6, text, line->mape_pct);
	else
		snprintf(buf + len, size - len, "%sfeatures (%.1f %%)", separator, line->mape_pct);
}

/* Points and line in one entry of the legend: gnuplot cannot keep several in one row. */
static void write_legend(FILE *f, const struct plot *p, size_t i, const char *text, int line)
{
	fprintf(f, ", \\\n\tNaN with %s pt 7 ps 0.9 lc rgb '%s' title ",
		line ? "linespoints lw 2" : "points", colour(p, i));
	quoted(f, text);
}

static void write_points(FILE *f, const struct plot *p, size_t i, const char **comma)
{
	fprintf(f, "%s\\\n\t$points%zu using 1:2 with points pt 7 ps %s lc rgb '%s' notitle",
		*comma, i, point_size(&p->series[i]), colour(p, i));
	*comma = ", ";
}

static void write_ops_series(FILE *f, const struct plot *p, size_t i, const char **comma)
{
	const struct series *s = &p->series[i];
	char title[256];

	write_points(f, p, i, comma);
	if (s->ops.there)
		fprintf(f, ", \\\n\t$ops%zu with lines lw 2 lc rgb '%s' notitle", i, colour(p, i));
	if (s->affine.there)
		fprintf(f, ", \\\n\t$affine%zu with lines lw 1.5 dt 2 lc rgb '%s' notitle", i,
			colour(p, i));
	snprintf(title, sizeof(title), "%s n=%zu", s->name[0] ? s->name : "no family", s->n);
	append_line(title, sizeof(title), ": ", &s->ops);
	append_line(title, sizeof(title), s->ops.there ? " | " : ": ", &s->affine);
	append_line(title, sizeof(title), " | ", &s->features);
	write_legend(f, p, i, title, s->ops.there || s->affine.there);
}

static void write_other_series(FILE *f, const struct plot *p, size_t i, const char **comma)
{
	const struct series *s = &p->series[i];
	char title[256];

	write_points(f, p, i, comma);
	if (is_line(s))
		fprintf(f, ", \\\n\t$features%zu with lines lw 2 lc rgb '%s' notitle", i,
			colour(p, i));
	else if (s->features.there)
		fprintf(f,
			", \\\n\t$points%zu using 1:3 with points pt 2 ps 0.7 lc rgb '%s' "
			"notitle",
			i, colour(p, i));
	snprintf(title, sizeof(title), "%s n=%zu", s->name, s->n);
	append_line(title, sizeof(title), ": ", &s->features);
	write_legend(f, p, i, title, is_line(s));
}

/* Half a decade of room around the points: whole decades leave most of a panel empty. */
static void write_ranges(FILE *f, const struct plot *p, int panel)
{
	double x0 = INFINITY, x1 = 0, y0 = INFINITY, y1 = 0;

	for (size_t i = 0; i < p->n_series; i++)
		for (size_t k = 0; on_panel(&p->series[i], panel) && k < p->series[i].n; k++) {
			x0 = fmin(x0, p->series[i].points[k].x);
			x1 = fmax(x1, p->series[i].points[k].x);
			y0 = fmin(y0, p->series[i].points[k].y);
			y1 = fmax(y1, p->series[i].points[k].y);
		}
	fprintf(f, "set xrange [%.4g:%.4g]\nset yrange [%.4g:%.4g]\n", x0 / 1.6, x1 * 1.6, y0 / 2,
		y1 * 2.5);
}

static void write_panel(FILE *f, const struct plot *p, int panel, int n_panels, int slot,
			double bottom)
{
	double left = slot == 1 ? 0.60 : n_panels == 2 ? 0.055 : 0.09;
	double right = n_panels == 2 && slot == 0 ? 0.545 : 0.985;
	const char *comma = "";
	int n = 0, models = 0;

	for (size_t i = 0; i < p->n_series; i++)
		if (on_panel(&p->series[i], panel)) {
			n++;
			models += p->series[i].op < 0;
		}
	fprintf(f,
		"\nset lmargin at screen %.3f\nset rmargin at screen %.3f\n"
		"set tmargin at screen 0.86\nset bmargin at screen %.3f\n"
		"set key at screen %.3f,%.3f left top vertical maxcols %d maxrows %d\n",
		left, right, bottom, left - 0.02, bottom - 0.075, panel == 0 ? 1 : 2,
		panel == 0 ? n : (n + 1) / 2);
	write_ranges(f, p, panel);
	if (panel == 0) {
		fprintf(f, "set xlabel 'ops of the %s (2 x MACs)'\n",
			models == n ? "model" : "layer");
		fputs("set label 1 'lines: ops through the origin (solid), affine (dashed)' at "
		      "graph 0.02,0.96 font ',11' tc rgb '#666666'\n",
		      f);
	} else {
		fputs("set xlabel 'output elements of the layer'\n", f);
		fputs("set label 1 'lines and crosses: features model' at graph 0.02,0.96 "
		      "font ',11' tc rgb '#666666'\n",
		      f);
	}
	fputs("plot ", f);
	for (size_t i = 0; i < p->n_series; i++)
		if (on_panel(&p->series[i], panel)) {
			if (panel == 0)
				write_ops_series(f, p, i, &comma);
			else
				write_other_series(f, p, i, &comma);
		}
	fputc('\n', f);
}

static void write_title(FILE *f, const struct plot *p)
{
	static const char *const banners[] = {
		[MN_KIND_MEASURED] = "MEASURED on silicon",
		[MN_KIND_VIRTUAL] = "VIRTUAL: the firmware image on a modelled CPU, not silicon",
		[MN_KIND_PUBLISHED] = "PUBLISHED: figures from papers, not our measurement",
	};
	static const char *const colours[] = {
		[MN_KIND_MEASURED] = "#117733",
		[MN_KIND_VIRTUAL] = "#aa3377",
		[MN_KIND_PUBLISHED] = "#555555",
	};
	char text[400], clock[48] = "";
	int kind = (int)p->chosen->kind;

	if (p->clock_hz > 0)
		snprintf(clock, sizeof(clock), ", %.4g MHz", p->clock_hz / 1e6);
	snprintf(text, sizeof(text), "%s: latency against size", p->options->board);
	fputs("set label 10 ", f);
	quoted(f, text);
	fputs(" at screen 0.5,0.965 center noenhanced font ',19'\nset label 11 ", f);
	quoted(f, banners[kind]);
	fprintf(f, " at screen 0.5,0.925 center noenhanced font ',14' tc rgb '%s'\nset label 12 ",
		colours[kind]);
	snprintf(text, sizeof(text), "kernels %s%s, %s caches, n = %zu, (%%): out-of-fold MAPE%s%s",
		 p->chosen->kernels, clock, p->options->cold ? "cold" : "warm", p->chosen->n,
		 p->rig_model[0] ? ", cycle model " : "", p->rig_model);
	quoted(f, text);
	fputs(" at screen 0.5,0.89 center noenhanced font ',11' tc rgb '#444444'\n", f);
}

/* Share of the height that the legend takes: a row a series, two series a row beside it. */
static double legend_height(const struct plot *p)
{
	int n[2] = {0, 0}, rows;

	for (size_t i = 0; i < p->n_series; i++)
		for (int panel = 0; panel < 2; panel++)
			n[panel] += on_panel(&p->series[i], panel);
	rows = n[0] > (n[1] + 1) / 2 ? n[0] : (n[1] + 1) / 2;
	return fmin(0.6, 0.09 + 0.0265 * rows);
}

static int write_script(FILE *f, const struct plot *p, int png)
{
	int panels[2] = {0, 0}, n_panels;

	for (size_t i = 0; i < p->n_series; i++)
		for (int panel = 0; panel < 2; panel++)
			panels[panel] |= on_panel(&p->series[i], panel);
	n_panels = panels[0] + panels[1];
	fputs("# SPDX-License-Identifier: MIT\n# drawn by mnchar " MNCHAR_VERSION
	      " plot; the data are inline: gnuplot THIS_FILE draws it again\n",
	      f);
	fprintf(f, "set terminal %s size %d,800 enhanced font 'sans,12' background rgb 'white'\n",
		png ? "pngcairo" : "svg", n_panels == 2 ? 1640 : 1000);
	fputs("set output ", f);
	quoted(f, p->options->out);
	fputs("\nset encoding utf8\nset logscale xy\n"
	      "set format x '10^{%L}'\nset format y '10^{%L}'\n"
	      "set ylabel 'latency (ms)'\n"
	      "set grid xtics ytics mxtics mytics lt 1 lc rgb '#bbbbbb' lw 0.8, lt 1 lc rgb "
	      "'#e8e8e8' lw 0.6\nset grid back\n"
	      "set border lc rgb '#666666'\nset tics tc rgb '#333333'\n"
	      "set key Left reverse noenhanced samplen 2 spacing 1.2 font "
	      "',11'\nset xlabel offset 0,0.3\n",
	      f);
	write_data(f, p);
	fputs("\nset multiplot\n", f);
	write_title(f, p);
	for (int panel = 0, slot = 0; panel < 2; panel++)
		if (panels[panel]) {
			write_panel(f, p, panel, n_panels, slot++, legend_height(p));
			/* The title once. */
			fputs("unset label 10\nunset label 11\nunset label 12\n", f);
		}
	fputs("unset multiplot\nunset output\n", f);
	return ferror(f) ? MN_E_IO : 0;
}

static void free_plot(struct plot *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->n_candidates; i++)
		free(p->candidates[i].kernels);
	for (size_t i = 0; i < p->n_series; i++) {
		for (size_t k = 0; k < p->series[i].n; k++)
			free(p->series[i].points[k].text);
		free(p->series[i].points);
	}
	free(p);
}

static int has_suffix(const char *text, const char *suffix)
{
	size_t n = strlen(text), m = strlen(suffix);

	return n >= m && !strcmp(text + n - m, suffix);
}

int mn_plot_script(struct mn_store *store, const struct mn_plot_options *options, FILE *script,
		   struct mn_plot_summary *ret_summary, struct mn_err *err)
{
	const struct mn_row_filter rows = {.board = options->board, .kind = -1, .latest_only = 1};
	const struct mn_fit_filter fits = {.board = options->board, .kind = -1};
	struct plot *p;
	int rc;

	if (!has_suffix(options->out, ".svg") && !has_suffix(options->out, ".png"))
		return mn_err_set(err, MN_E_INVALID, "%s: a picture's name ends in .svg or .png",
				  options->out);
	p = calloc(1, sizeof(*p));
	if (!p)
		return mn_err_set(err, MN_E_NOMEM, "out of memory while plotting");
	p->options = options;
	p->err = err;
	rc = mn_store_each_row(store, &rows, count_row, p, err);
	for (size_t i = 0; i < p->n_candidates; i++)
		if (!p->chosen || p->candidates[i].n > p->chosen->n)
			p->chosen = &p->candidates[i];
	if (!rc && !p->chosen)
		rc = mn_err_set(err, MN_E_NOTFOUND,
				"%s has nothing to draw: run `mnchar collect --board %s` and "
				"`mnchar fit` first",
				options->board, options->board);
	/* Fits first: the features model is evaluated on each row. */
	if (!rc)
		rc = mn_store_each_fit(store, &fits, take_fit, p, err);
	if (!rc)
		rc = mn_store_each_row(store, &rows, take_row, p, err);
	if (!rc && write_script(script, p, has_suffix(options->out, ".png")))
		rc = mn_err_set(err, MN_E_IO, "cannot write the gnuplot script: %s",
				strerror(errno));
	if (!rc && ret_summary) {
		ret_summary->n_rows = p->chosen->n;
		ret_summary->n_other_rows = p->n_rows - p->chosen->n;
		snprintf(ret_summary->kernels, sizeof(ret_summary->kernels), "%s",
			 p->chosen->kernels);
	}
	free_plot(p);
	return rc;
}

int mn_plot_run(FILE *script, struct mn_err *err)
{
	char name[] = "gnuplot", dash[] = "-";
	char *argv[] = {name, dash, NULL};
	posix_spawn_file_actions_t actions;
	int rc, status;
	pid_t pid;

	rewind(script);
	if (posix_spawn_file_actions_init(&actions))
		return mn_err_set(err, MN_E_NOMEM, "out of memory");
	rc = posix_spawn_file_actions_adddup2(&actions, fileno(script), STDIN_FILENO);
	if (!rc)
		rc = posix_spawnp(&pid, name, &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (rc == ENOENT)
		return mn_err_set(err, MN_E_NOTFOUND,
				  "gnuplot is not installed: apt-get install gnuplot-nox, or keep "
				  "the script with --keep FILE.gp and draw it elsewhere");
	if (rc)
		return mn_err_set(err, MN_E_IO, "cannot start gnuplot: %s", strerror(rc));
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return mn_err_set(err, MN_E_IO, "gnuplot is lost: %s", strerror(errno));
	if (!WIFEXITED(status) || WEXITSTATUS(status) == 127)
		return mn_err_set(err, MN_E_NOTFOUND, "gnuplot could not be started");
	if (WEXITSTATUS(status))
		return mn_err_set(err, MN_E_IO, "gnuplot failed with exit code %d",
				  WEXITSTATUS(status));
	return 0;
}
