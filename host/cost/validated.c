/* SPDX-License-Identifier: MIT */
#include "validated.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

static double number(const json_t *o, const char *name)
{
	const json_t *v = json_object_get(o, name);

	return json_is_number(v) ? json_number_value(v) : NAN;
}

static void range(const json_t *o, const char *name, double *ret_lo, double *ret_hi)
{
	const json_t *pair = json_object_get(o, name);
	const json_t *lo = json_array_get(pair, 0), *hi = json_array_get(pair, 1);

	*ret_lo = json_is_number(lo) ? json_number_value(lo) : NAN;
	*ret_hi = json_is_number(hi) ? json_number_value(hi) : NAN;
}

static void read(const json_t *o, struct mn_validated *ret)
{
	ret->n = json_integer_value(json_object_get(o, "n"));
	ret->ratio = number(o, "ratio");
	ret->mape_pct = number(o, "mape_pct");
	ret->p95_pct = number(o, "p95_pct");
	range(o, "ratio_span", &ret->ratio_lo, &ret->ratio_hi);
	range(o, "mape_pct_span", &ret->mape_lo_pct, &ret->mape_hi_pct);
}

int mn_validated_get(const char *validation, const char *op, struct mn_validated *ret)
{
	json_t *root = validation && *validation ? json_loads(validation, 0, NULL) : NULL, *o;
	int found = 0;
	size_t i;

	json_array_foreach(json_object_get(root, "ops"), i, o)
	{
		const char *name = json_string_value(json_object_get(o, "op"));

		if (!found && name && !strcmp(name, op)) {
			read(o, ret);
			found = 1;
		}
	}
	json_decref(root);
	return found;
}

static void op_text(const struct mn_validated *v, char *buf, size_t size)
{
	size_t used;

	snprintf(buf, size, "%.2f of what was measured, MAPE %.2g %%", v->ratio, v->mape_pct);
	used = strlen(buf);
	if (!isnan(v->p95_pct) && used < size)
		snprintf(buf + used, size - used, ", p95 %.2g %%", v->p95_pct);
	used = strlen(buf);
	if (used < size)
		snprintf(buf + used, size - used, " (n %lld", (long long)v->n);
	used = strlen(buf);
	if (!isnan(v->ratio_lo) && used < size)
		snprintf(buf + used, size - used, "; %.2f to %.2f by compiler", v->ratio_lo,
			 v->ratio_hi);
	used = strlen(buf);
	if (used < size)
		snprintf(buf + used, size - used, ")");
}

void mn_validated_op_text(const char *validation, const char *op, char *buf, size_t size)
{
	struct mn_validated v;

	if (mn_validated_get(validation, op, &v))
		op_text(&v, buf, size);
	else
		snprintf(buf, size, "not validated");
}

void mn_validated_text(const char *validation, char *buf, size_t size)
{
	json_t *root = validation && *validation ? json_loads(validation, 0, NULL) : NULL, *o;
	size_t i, used = 0;

	snprintf(buf, size, "not validated");
	json_array_foreach(json_object_get(root, "ops"), i, o)
	{
		const char *name = json_string_value(json_object_get(o, "op"));
		struct mn_validated v;
		char one[160];

		if (!name || used >= size)
			continue;
		read(o, &v);
		op_text(&v, one, sizeof(one));
		used += (size_t)snprintf(buf + used, size - used, "%s%s %s", used ? ", " : "", name,
					 one);
	}
	json_decref(root);
}
