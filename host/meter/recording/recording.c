/* SPDX-License-Identifier: MIT */
#include "recording.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_MAX_BYTES = 4096, NAME_MAX_BYTES = 64, LEARN = 64, BATCH = 512 };

enum role { TIME, CURRENT, VOLTAGE, MARKER, ROLES };

static const char *const role_names[ROLES] = {"time", "current", "voltage", "marker"};

struct column {
	int mapped;
	char name[NAME_MAX_BYTES];
	int index; /* from 0; -1: the header tells */
	double factor;
	int low_active;
};

struct mn_recording {
	struct column columns[ROLES];
	double rate_hz;
	uint32_t volt_mV;
	mn_recording_emit *emit;
	void *arg;
	char separator; /* 0: not known yet */
	int named;      /* columns are given by name */
	int has_header; /* found, or none is needed */
	uint64_t line, rows;
	char text[LINE_MAX_BYTES + 1];
	size_t n_text;
	/* Time in ns since the first row, as the file has it. */
	long double first;
	uint64_t last_ns;
	uint32_t period_ns; /* 0: not known yet; then samples wait in batch */
	struct mn_meter_sample batch[BATCH];
	size_t n_batch;
};

struct unit {
	const char *name;
	double factor;
};

static const struct unit units[ROLES][6] = {
	[TIME] = {{"s", 1}, {"ms", 1e-3}, {"us", 1e-6}, {"ns", 1e-9}, {NULL, 0}},
	[CURRENT] = {{"A", 1}, {"mA", 1e-3}, {"uA", 1e-6}, {"nA", 1e-9}, {"pA", 1e-12}, {NULL, 0}},
	[VOLTAGE] = {{"V", 1}, {"mV", 1e-3}, {"uV", 1e-6}, {NULL, 0}},
	[MARKER] = {{NULL, 0}},
};

static int find_unit(enum role role, const char *text, double *ret)
{
	char *end;
	double value;

	for (const struct unit *u = units[role]; u->name; u++)
		if (!strcmp(u->name, text)) {
			*ret = u->factor;
			return 1;
		}
	value = strtod(text, &end);
	if (end == text || *end || !isfinite(value) || (role != MARKER && value == 0))
		return 0;
	*ret = value;
	return 1;
}

/* "current=I1:uA" */
static int map_one(struct mn_recording *r, const char *text, size_t len, struct mn_err *err)
{
	char item[NAME_MAX_BYTES + 64], *name, *unit;
	struct column *c = NULL;
	enum role role;

	if (len >= sizeof(item))
		return mn_err_set(err, MN_E_SYNTAX, "'%.20s...' is too long for a column", text);
	memcpy(item, text, len);
	item[len] = '\0';
	name = strchr(item, '=');
	if (name)
		*name++ = '\0';
	for (role = 0; role < ROLES && strcmp(item, role_names[role]); role++)
		;
	if (!name || !*name || role == ROLES)
		return mn_err_set(
			err, MN_E_SYNTAX,
			"'%s' is no column: time=NAME:UNIT, current=, voltage= and marker= "
			"are known",
			item);
	c = &r->columns[role];
	if (c->mapped)
		return mn_err_set(err, MN_E_SYNTAX, "%s is given twice", item);
	c->mapped = 1;
	c->index = -1;
	c->factor = role == MARKER ? 0.5 : 1;
	if (role == MARKER && *name == '!') {
		c->low_active = 1;
		name++;
	}
	/* The unit is behind the last colon, if that is one: names may hold colons. */
	unit = strrchr(name, ':');
	if (unit && find_unit(role, unit + 1, &c->factor))
		*unit = '\0';
	else if (unit)
		return mn_err_set(err, MN_E_SYNTAX, "'%s' is no unit of %s", unit + 1, item);
	if (!*name || strlen(name) >= sizeof(c->name))
		return mn_err_set(err, MN_E_SYNTAX, "%s: the name is empty or too long", item);
	memcpy(c->name, name, strlen(name) + 1);
	if (*name == '#') {
		char *end;
		long n = strtol(name + 1, &end, 10);

		if (*end || n < 1 || n > MN_RECORDING_COLUMNS)
			return mn_err_set(err, MN_E_SYNTAX, "'%s' is no column from #1 to #%d",
					  name, MN_RECORDING_COLUMNS);
		c->index = (int)n - 1;
	}
	return 0;
}

static int check_mapping(struct mn_recording *r, struct mn_err *err)
{
	int named = 0, numbered = 0;

	if (!r->columns[CURRENT].mapped)
		return mn_err_set(err, MN_E_INVALID, "which column is the current?");
	if (!r->columns[TIME].mapped && !(r->rate_hz > 0))
		return mn_err_set(err, MN_E_INVALID,
				  "which column is the time, or what is the sample rate?");
	if (r->rate_hz > 1e8)
		return mn_err_set(err, MN_E_INVALID, "no sample rate is over 100 MHz");
	if (!r->columns[VOLTAGE].mapped && !r->volt_mV)
		return mn_err_set(
			err, MN_E_INVALID,
			"which column is the voltage, or what was the board supplied with?");
	for (int i = 0; i < ROLES; i++) {
		named += r->columns[i].mapped && r->columns[i].index < 0;
		numbered += r->columns[i].mapped && r->columns[i].index >= 0;
	}
	if (named && numbered)
		return mn_err_set(err, MN_E_INVALID,
				  "columns are given either all by name or all "
				  "by number");
	r->named = named > 0;
	r->has_header = !named;
	return 0;
}

int mn_recording_new(const struct mn_recording_config *config, mn_recording_emit *emit, void *arg,
		     struct mn_recording **ret_recording, struct mn_err *err)
{
	struct mn_recording *r = calloc(1, sizeof(*r));
	int rc = 0;

	if (!r)
		return mn_err_set(err, MN_E_NOMEM, "out of memory");
	r->rate_hz = config->rate_hz;
	r->volt_mV = config->volt_mV;
	r->emit = emit;
	r->arg = arg;
	for (const char *p = config->columns; *p && !rc;) {
		size_t len = strcspn(p, ",");

		rc = map_one(r, p, len, err);
		p += len;
		p += *p == ',';
	}
	if (!rc)
		rc = check_mapping(r, err);
	if (rc) {
		free(r);
		return rc;
	}
	if (!r->columns[TIME].mapped)
		r->period_ns = (uint32_t)llround(1e9 / r->rate_hz);
	*ret_recording = r;
	return 0;
}

void mn_recording_free(struct mn_recording *r)
{
	free(r);
}

uint64_t mn_recording_rows(const struct mn_recording *r)
{
	return r->rows;
}

int mn_recording_has_marker(const struct mn_recording *r)
{
	return r->columns[MARKER].mapped;
}

static int bad_line(const struct mn_recording *r, struct mn_err *err, const char *why)
{
	return mn_err_set(err, MN_E_SYNTAX, "line %llu: %s", (unsigned long long)r->line, why);
}

/* Cuts a line into fields, without blanks and quotes around them. */
static int split(char *line, char separator, char **fields)
{
	int n = 0;

	while (line && n < MN_RECORDING_COLUMNS) {
		char *next = strchr(line, separator), *end;

		if (next)
			*next++ = '\0';
		line += strspn(line, " \"");
		end = line + strlen(line);
		while (end > line && strchr(" \"\r", end[-1]))
			*--end = '\0';
		fields[n++] = line;
		line = next;
	}
	return n;
}

static char separator_of(const char *line)
{
	static const char known[] = ",;\t";
	char best = ',';
	size_t most = 0;

	for (const char *k = known; *k; k++) {
		size_t n = 0;

		for (const char *p = line; *p; p++)
			n += *p == *k;
		if (n > most) {
			most = n;
			best = *k;
		}
	}
	return best;
}

/* If all names are in this line, it is the header; lines before it are the instrument's own. */
static void try_header(struct mn_recording *r, char *line)
{
	char separator = separator_of(line), *fields[MN_RECORDING_COLUMNS];
	int at[ROLES], n;

	if (!strncmp(line, "\xef\xbb\xbf", 3)) /* byte order mark */
		line += 3;
	n = split(line, separator, fields);

	for (int i = 0; i < ROLES; i++) {
		at[i] = -1;
		for (int k = 0; k < n && at[i] < 0; k++)
			if (r->columns[i].mapped && !strcmp(fields[k], r->columns[i].name))
				at[i] = k;
		if (r->columns[i].mapped && at[i] < 0)
			return;
	}
	for (int i = 0; i < ROLES; i++)
		r->columns[i].index = at[i];
	r->separator = separator;
	r->has_header = 1;
}

static int field(const struct mn_recording *r, char **fields, int n, enum role role,
		 long double *ret, struct mn_err *err)
{
	const struct column *c = &r->columns[role];
	char *end;
	long double value;

	if (c->index >= n)
		return mn_err_set(err, MN_E_SYNTAX,
				  "line %llu: it has %d columns and the %s is in "
				  "column %d",
				  (unsigned long long)r->line, n, role_names[role], c->index + 1);
	value = strtold(fields[c->index], &end);
	if (end == fields[c->index] || *end || isinf(value))
		return mn_err_set(err, MN_E_SYNTAX, "line %llu: the %s '%.40s' is no number",
				  (unsigned long long)r->line, role_names[role], fields[c->index]);
	*ret = value;
	return 0;
}

static int hand_over(struct mn_recording *r, struct mn_err *err)
{
	size_t n = r->n_batch;

	r->n_batch = 0;
	return n ? r->emit(r->arg, r->batch, n, r->period_ns, err) : 0;
}

static int by_size(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* The period is the median distance of the first rows; what waits gets its final ticks. */
static int learn_period(struct mn_recording *r, struct mn_err *err)
{
	uint64_t steps[LEARN];
	size_t n = r->n_batch;

	if (n < 2)
		return bad_line(r, err, "there are fewer than two rows");
	for (size_t i = 1; i < n; i++)
		steps[i - 1] = r->batch[i].tick - r->batch[i - 1].tick;
	qsort(steps, n - 1, sizeof(*steps), by_size);
	if (steps[(n - 2) / 2] > UINT32_MAX)
		return bad_line(r, err, "rows are more than 4 s apart: is the unit of time right?");
	r->period_ns = (uint32_t)steps[(n - 2) / 2];
	for (size_t i = 0; i < n; i++)
		r->batch[i].tick += r->period_ns;
	return 0;
}

static int take_time(struct mn_recording *r, long double value, uint64_t *ret_ns,
		     struct mn_err *err)
{
	long double ns;

	if (isnan(value))
		return bad_line(r, err, "the time is no number");
	if (!r->rows)
		r->first = value;
	ns = (value - r->first) * r->columns[TIME].factor * 1e9L;
	if (ns < 0 || ns > 9e18L)
		return bad_line(r, err, "time goes backwards, or is centuries away");
	*ret_ns = (uint64_t)llroundl(ns);
	if (r->rows && *ret_ns <= r->last_ns)
		return bad_line(r, err, "time does not rise by at least a nanosecond");
	return 0;
}

static int take_row(struct mn_recording *r, char *line, struct mn_err *err)
{
	char *fields[MN_RECORDING_COLUMNS];
	struct mn_meter_sample s = {.edge_q8 = 128};
	long double value;
	uint64_t ns = (uint64_t)llroundl(1e9L * (long double)r->rows /
					 (long double)(r->rate_hz > 0 ? r->rate_hz : 1));
	double current, volt = r->volt_mV * 1e-3;
	int n, rc = 0;

	if (!r->separator)
		r->separator = separator_of(line);
	n = split(line, r->separator, fields);
	if (r->columns[TIME].mapped) {
		rc = field(r, fields, n, TIME, &value, err);
		if (!rc)
			rc = take_time(r, value, &ns, err);
		if (rc)
			return rc;
	}
	rc = field(r, fields, n, CURRENT, &value, err);
	if (rc)
		return rc;
	current = (double)value * r->columns[CURRENT].factor;
	if (r->columns[VOLTAGE].mapped) {
		rc = field(r, fields, n, VOLTAGE, &value, err);
		if (rc)
			return rc;
		volt = (double)value * r->columns[VOLTAGE].factor;
	}
	if (r->columns[MARKER].mapped) {
		rc = field(r, fields, n, MARKER, &value, err);
		if (rc)
			return rc;
		s.bits = (uint8_t)((value >= r->columns[MARKER].factor) ^
				   r->columns[MARKER].low_active);
	}
	r->last_ns = ns;
	r->rows++;
	/* "NaN" is how instruments write a sample that they lost: a gap in the ticks. */
	if (isnan(current) || isnan(volt))
		return 0;
	if (fabs(current) > 1e3 || fabs(volt) > 2e3)
		return bad_line(r, err, "over 1000 A or 2000 V: are the units right?");
	s.tick = ns + (r->period_ns ? r->period_ns : 0);
	s.current_pA = s.filtered_pA = llround(current * 1e12);
	s.voltage_uV = (int32_t)lround(volt * 1e6);
	r->batch[r->n_batch++] = s;
	if (!r->period_ns && r->n_batch == LEARN)
		rc = learn_period(r, err);
	if (!rc && r->period_ns && r->n_batch == BATCH)
		rc = hand_over(r, err);
	return rc;
}

static int take_line(struct mn_recording *r, struct mn_err *err)
{
	size_t blank;
	int rc;

	r->text[r->n_text] = '\0';
	r->n_text = 0;
	blank = strspn(r->text, " \r");
	if (!r->text[blank] || (r->has_header && r->text[blank] == '#'))
		return 0;
	if (!r->has_header) {
		try_header(r, r->text);
		return 0;
	}
	if (r->named || r->rows)
		return take_row(r, r->text, err);
	/* Columns by number: what stands before the first row of numbers is a header. */
	rc = take_row(r, r->text, NULL);
	if (rc == MN_E_SYNTAX)
		r->separator = 0;
	return rc == MN_E_SYNTAX ? 0 : rc;
}

int mn_recording_feed(struct mn_recording *r, const void *bytes, size_t n, struct mn_err *err)
{
	const char *p = bytes;

	while (n) {
		const char *eol = memchr(p, '\n', n);
		size_t len = eol ? (size_t)(eol - p) : n;
		int rc;

		if (r->n_text + len > LINE_MAX_BYTES) {
			r->line++;
			return bad_line(r, err, "it is too long for a row of a recording");
		}
		memcpy(r->text + r->n_text, p, len);
		r->n_text += len;
		if (!eol)
			return 0;
		r->line++;
		rc = take_line(r, err);
		if (rc)
			return rc;
		p = eol + 1;
		n -= len + 1;
	}
	return 0;
}

int mn_recording_end(struct mn_recording *r, struct mn_err *err)
{
	int rc = 0;

	if (r->n_text) {
		r->line++;
		rc = take_line(r, err);
	}
	if (!rc && !r->has_header)
		return mn_err_set(err, MN_E_SYNTAX,
				  "no line of the %llu has all the columns that were named",
				  (unsigned long long)r->line);
	if (!rc && !r->period_ns)
		rc = learn_period(r, err);
	return rc ? rc : hand_over(r, err);
}
