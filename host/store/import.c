/* SPDX-License-Identifier: MIT */
#include "import.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "csv.h"
#include "import_row.h"

static const struct column {
	const char *name;
	enum mn_import_what what;
	int exponent; /* of ten, from this unit to the stored one */
	int whole;    /* a fraction of the stored unit is an error and not rounded */
} columns[] = {
	{"kind", KIND, 0, 0},
	{"board", BOARD, 0, 0},
	{"chip", CHIP, 0, 0},
	{"cpu", CPU, 0, 0},
	{"clock_hz", CLOCK, 0, 1},
	{"kernels", KERNELS, 0, 0},
	{"compiler", COMPILER, 0, 0},
	{"flags", FLAGS, 0, 0},
	{"layer", LAYER, 0, 0},
	{"model", MODEL, 0, 0},
	{"backbone", BACKBONE, 0, 0},
	{"ops", OPS, 0, 1},
	{"cold", COLD, 0, 1},
	{"cycles", CYCLES, 0, 0},
	{"latency_ns", LATENCY, 0, 0},
	{"latency_us", LATENCY, 3, 0},
	{"latency_ms", LATENCY, 6, 0},
	{"latency_s", LATENCY, 9, 0},
	{"energy_nJ", ENERGY, 0, 0},
	{"energy_uJ", ENERGY, 3, 0},
	{"energy_mJ", ENERGY, 6, 0},
	{"power_uW", POWER, 0, 0},
	{"power_mW", POWER, 3, 0},
	{"sram_bytes", SRAM, 0, 1},
	{"flash_bytes", FLASH, 0, 1},
	{"excluded_latency", EXCLUDED_LATENCY, 0, 0},
	{"excluded_energy", EXCLUDED_ENERGY, 0, 0},
	{"note", NOTE, 0, 0},
	{"source", SOURCE, 0, 0},
};

enum { N_COLUMNS = sizeof(columns) / sizeof(columns[0]) };

struct import {
	struct mn_store *store;
	const char *name;
	struct mn_csv csv;
	struct mn_csv_field field[N_COLUMNS];
	size_t n_fields, n_header;
	const struct column *header[N_COLUMNS]; /* of each field of a record */
	int index[N_WHAT];                      /* field that says it, or -1 */
	int format; /* one of others' tables (calibration.c); 0: our own columns */
	char file_hash[17];
	void *sessions; /* tree of struct session */
	struct mn_import_result result;
};

/* A session that this import began: one for each rig and source. */
struct session {
	int64_t rig_id, id;
	char source[];
};

static int compare_sessions(const void *a, const void *b)
{
	const struct session *x = a, *y = b;

	if (x->rig_id != y->rig_id)
		return x->rig_id < y->rig_id ? -1 : 1;
	return strcmp(x->source, y->source);
}

static uint64_t fnv64(const char *p, size_t n)
{
	uint64_t hash = 0xcbf29ce484222325;

	for (size_t i = 0; i < n; i++)
		hash = (hash ^ (unsigned char)p[i]) * 0x100000001b3;
	return hash;
}

/* FNV-1a 128: two of a million rows are alike by chance with 1e-27. */
__extension__ typedef unsigned __int128 u128;

static u128 fnv128(u128 hash, const char *p, size_t n)
{
	const u128 prime = ((u128)1 << 88) + 0x13b;

	for (size_t i = 0; i < n; i++)
		hash = (hash ^ (unsigned char)p[i]) * prime;
	return hash;
}

/* The content of a row whatever columns, units and layer spelling it was written in. Empty values
 * leave no trace, so that a column that is invented later does not change the hash of old rows. */
static void hash_row(const struct mn_import_row *row, char ret_hex[33])
{
	u128 hash = ((u128)0x6c62272e07bb0142 << 64) + 0x62b821756295c58d;
	char text[32];

	for (int i = 0; i < N_WHAT; i++) {
		const char *name = NULL, *value = text;

		for (size_t c = 0; c < N_COLUMNS && !name; c++)
			if ((int)columns[c].what == i)
				name = columns[c].name;
		if (i < N_TEXTS)
			value = i == LAYER ? row->layer_text : row->text[i];
		else if (row->number[i] >= 0)
			snprintf(text, sizeof(text), "%" PRId64, row->number[i]);
		else
			continue;
		if (value[0] == '\0')
			continue;
		/* With their NULs, so that no two rows run together alike. */
		hash = fnv128(hash, name, strlen(name) + 1);
		hash = fnv128(hash, value, strlen(value) + 1);
	}
	snprintf(ret_hex, 33, "%016" PRIx64 "%016" PRIx64, (uint64_t)(hash >> 64), (uint64_t)hash);
}

static int at(const struct import *im, uint32_t line, uint32_t column, int code, const char *why,
	      struct mn_err *err)
{
	return mn_err_set(err, code, "%s:%u:%u: %s", im->name, line, column, why);
}

static int at_field(const struct import *im, const struct mn_csv_field *field, int code,
		    const char *why, struct mn_err *err)
{
	return at(im, field->line, field->column, code, why, err);
}

/* The field that says it, else the first of the record: where to point at. */
static const struct mn_csv_field *field_of(const struct import *im, enum mn_import_what what)
{
	return &im->field[im->index[what] < 0 ? 0 : im->index[what]];
}

const char *mn_import_number(const char *p, int exponent, int whole, int64_t *ret_value)
{
	const char *bad = "this is no number: write it like 1250, 0.426 or 1.2e-3";
	char digits[64];
	int n = 0, point = 0, any = 0, sign = 1, e = 0, keep;
	uint64_t value = 0;

	if (*p == '-')
		return "a negative number makes no sense here";
	for (; (*p >= '0' && *p <= '9') || (*p == '.' && !point); p++) {
		if (*p == '.') {
			point = 1;
			continue;
		}
		any = 1;
		if (point)
			exponent--;
		if (n == 0 && *p == '0')
			continue;
		if (n == (int)sizeof(digits))
			return "this number has too many digits";
		digits[n++] = *p;
	}
	if (!any)
		return bad;
	if (*p == 'e' || *p == 'E') {
		p++;
		if (*p == '+' || *p == '-')
			sign = *p++ == '-' ? -1 : 1;
		if (*p < '0' || *p > '9')
			return bad;
		for (; *p >= '0' && *p <= '9'; p++)
			e = e > 9999 ? e : 10 * e + *p - '0';
		exponent += sign * e;
	}
	if (*p)
		return bad;
	/* keep digits stand before the decimal point of the result. */
	keep = n + exponent;
	for (int i = 0; i < keep && n > 0; i++) {
		unsigned digit = i < n ? (unsigned)(digits[i] - '0') : 0;

		if (value > ((uint64_t)INT64_MAX - digit) / 10)
			return "this number is too big";
		value = 10 * value + digit;
	}
	for (int i = keep < 0 ? 0 : keep; whole && i < n; i++)
		if (digits[i] != '0')
			return "this must be a whole number";
	if (keep >= 0 && keep < n && digits[keep] >= '5')
		value++;
	if (value > INT64_MAX)
		return "this number is too big";
	if (n > 0 && value == 0)
		return "this is too small to be kept: below half of a ns, nJ, uW or cycle";
	*ret_value = (int64_t)value;
	return NULL;
}

void mn_import_row_init(struct mn_import_row *row)
{
	*row = (struct mn_import_row){.layer_text = ""};
	for (int i = 0; i < N_TEXTS; i++)
		row->text[i] = "";
	for (int i = N_TEXTS; i < N_WHAT; i++)
		row->number[i] = -1;
}

static int read_header(struct import *im, struct mn_err *err)
{
	const char *why = "";
	int rc = mn_csv_record(&im->csv, im->field, N_COLUMNS, &im->n_header, &why);

	for (int i = 0; i < N_WHAT; i++)
		im->index[i] = -1;
	if (rc < 0)
		return at(im, im->csv.line, im->csv.column, rc, why, err);
	if (rc == 0)
		return mn_err_set(err, MN_E_SYNTAX,
				  "%s: the file has no line that names the columns: see "
				  "`mnchar import --help`",
				  im->name);
	im->format = mn_calibration_find(im->field, im->n_header);
	if (im->format)
		return 0;
	for (size_t i = 0; i < im->n_header; i++) {
		const struct mn_csv_field *field = &im->field[i];
		const struct column *column = NULL;

		for (size_t c = 0; c < N_COLUMNS; c++)
			if (!strcmp(field->text, columns[c].name))
				column = &columns[c];
		if (!column)
			return mn_err_set(err, MN_E_SYNTAX,
					  "%s:%u:%u: there is no column named '%.60s': see "
					  "`mnchar import --help` for those that there are",
					  im->name, field->line, field->column, field->text);
		if (im->index[column->what] >= 0)
			return mn_err_set(
				err, MN_E_SYNTAX,
				"%s:%u:%u: column %s says the same as column %s before it",
				im->name, field->line, field->column, column->name,
				im->header[im->index[column->what]]->name);
		im->header[i] = column;
		im->index[column->what] = (int)i;
	}
	if (im->index[KIND] < 0 || im->index[BOARD] < 0 || im->index[KERNELS] < 0)
		return mn_err_set(err, MN_E_SYNTAX, "%s:%u:1: column %s is missing", im->name,
				  im->field[0].line,
				  im->index[KIND] < 0    ? "kind"
				  : im->index[BOARD] < 0 ? "board"
							 : "kernels");
	if (im->index[LAYER] < 0 && im->index[MODEL] < 0)
		return at_field(im, &im->field[0], MN_E_SYNTAX,
				"one of the columns layer and model is needed", err);
	return 0;
}

static int parse_layer(const struct import *im, struct mn_import_row *row, struct mn_err *err)
{
	const struct mn_csv_field *field = field_of(im, LAYER);
	struct mn_layer_info info;
	const char *why = "";
	size_t column = 1;
	int rc = mn_layer_parse(field->text, field->len, &row->layer, &column, &why);

	if (rc < 0)
		return mn_err_set(err, rc, "%s:%u:%u: layer, at its character %zu: %s", im->name,
				  field->line, field->column, column, why);
	rc = mn_layer_check(&row->layer, &info, &why);
	if (rc == 0)
		rc = mn_layer_format(&row->layer, row->layer_text, sizeof(row->layer_text));
	if (rc < 0)
		return at_field(im, field, rc, why, err);
	if (row->number[OPS] >= 0 && (uint64_t)row->number[OPS] != info.ops)
		return mn_err_set(err, MN_E_INVALID,
				  "%s:%u:%u: ops is %" PRId64 ", but this layer has %" PRIu64
				  " (2 per MAC)",
				  im->name, field_of(im, OPS)->line, field_of(im, OPS)->column,
				  row->number[OPS], info.ops);
	row->number[OPS] = -1;
	return 0;
}

void mn_import_leave_out(struct mn_import_result *result, const char *why)
{
	size_t i = 0;

	result->left_out++;
	while (i < result->n_reasons && strcmp(result->reasons[i].why, why) != 0)
		i++;
	if (i == MN_IMPORT_REASONS) { /* the last one stands for all that are too many */
		snprintf(result->reasons[--i].why, sizeof(result->reasons[i].why), "others");
	} else if (i == result->n_reasons) {
		result->n_reasons++;
		result->reasons[i].rows = 0;
		snprintf(result->reasons[i].why, sizeof(result->reasons[i].why), "%.31s", why);
	}
	result->reasons[i].rows++;
}

/* 1: *row is to be stored; 0: it was counted as left out; MN_E_*. */
static int foreign_row(struct import *im, struct mn_import_row *row, struct mn_err *err)
{
	const char *why = "";
	size_t field = 0;
	int rc = mn_calibration_row(im->format, im->field, row, &field, &why);

	if (rc < 0)
		return at_field(im, &im->field[field], rc, why, err);
	if (rc == 0)
		mn_import_leave_out(&im->result, why);
	return rc;
}

static int own_row(struct import *im, struct mn_import_row *row, struct mn_err *err)
{
	mn_import_row_init(row);
	for (size_t i = 0; i < im->n_fields; i++) {
		const struct column *column = im->header[i];
		const char *why;

		if (column->what < N_TEXTS) {
			row->text[column->what] = im->field[i].text;
			continue;
		}
		if (im->field[i].len == 0)
			continue;
		why = mn_import_number(im->field[i].text, column->exponent, column->whole,
				       &row->number[column->what]);
		if (!why && row->number[column->what] == 0 && column->what != COLD &&
		    column->what != SRAM && column->what != FLASH)
			why = "0 is not a figure: leave the field empty where nothing is known";
		if (why)
			return mn_err_set(err, MN_E_INVALID, "%s:%u:%u: %s: %s", im->name,
					  im->field[i].line, im->field[i].column, column->name,
					  why);
	}
	if (mn_kind_parse(row->text[KIND]) < 0)
		return at_field(im, field_of(im, KIND), MN_E_INVALID,
				"kind must be measured, virtual or published", err);
	if (!row->text[BOARD][0])
		return at_field(im, field_of(im, BOARD), MN_E_INVALID, "board must not be empty",
				err);
	if (!row->text[KERNELS][0])
		return at_field(im, field_of(im, KERNELS), MN_E_INVALID,
				"kernels must not be empty: name the library and its version", err);
	if (!row->text[LAYER][0] == !row->text[MODEL][0])
		return at_field(im, field_of(im, row->text[LAYER][0] ? LAYER : MODEL), MN_E_INVALID,
				row->text[LAYER][0]
					? "layer and model are both given: a row is one "
					  "or the other"
					: "neither layer nor model is given",
				err);
	if (row->number[COLD] > 1)
		return at_field(im, field_of(im, COLD), MN_E_INVALID, "cold must be 0 or 1", err);
	if (mn_kind_parse(row->text[KIND]) == MN_KIND_PUBLISHED && !row->text[SOURCE][0])
		return at_field(im, field_of(im, SOURCE), MN_E_INVALID,
				"a published row needs its source", err);
	if (row->number[CYCLES] < 0 && row->number[LATENCY] < 0 && row->number[ENERGY] < 0 &&
	    row->number[POWER] < 0 && !row->text[EXCLUDED_LATENCY][0])
		return at_field(
			im, &im->field[0], MN_E_INVALID,
			"this row has no cycles, latency, energy or power: give one, or say "
			"in excluded_latency why there is none",
			err);
	if (row->text[LAYER][0]) {
		if (row->text[BACKBONE][0])
			return at_field(im, field_of(im, BACKBONE), MN_E_INVALID,
					"a layer has no backbone: it is of a model", err);
		return parse_layer(im, row, err);
	}
	return 0;
}

/* 1: *row is to be stored; 0: not; MN_E_*. */
static int parse_row(struct import *im, struct mn_import_row *row, struct mn_err *err)
{
	int rc;

	if (im->n_fields != im->n_header)
		return mn_err_set(err, MN_E_SYNTAX,
				  "%s:%u:1: this line has %zu fields, but the header has %zu",
				  im->name, im->field[0].line, im->n_fields, im->n_header);
	if (im->format)
		return foreign_row(im, row, err);
	rc = own_row(im, row, err);
	return rc < 0 ? rc : 1;
}

static int put_session(struct import *im, int64_t rig_id, const char *source, int64_t *ret_id,
		       struct mn_err *err)
{
	struct session *key = malloc(sizeof(*key) + strlen(source) + 1);
	struct session **found = NULL;
	char *link = NULL;
	const char *base = strrchr(im->name, '/');
	int rc = 0;

	if (key) {
		key->rig_id = rig_id;
		key->id = 0;
		memcpy(key->source, source, strlen(source) + 1);
		found = tsearch(key, &im->sessions, compare_sessions);
	}
	if (!found) {
		free(key);
		return mn_err_set(err, MN_E_NOMEM, "%s: out of memory", im->name);
	}
	if (*found != key)
		free(key);
	if ((*found)->id == 0) {
		struct mn_session session = {
			.rig_id = rig_id,
			.sweep = base ? base + 1 : im->name,
			.sweep_hash = im->file_hash,
			.version = MNCHAR_VERSION,
			.source = source,
		};

		if (asprintf(&link, "import:%s", im->name) < 0)
			return mn_err_set(err, MN_E_NOMEM, "%s: out of memory", im->name);
		session.link = link;
		rc = mn_store_begin_session(im->store, &session, &(*found)->id, err);
		/* Within the transaction, so it never stands without the rows. */
		if (rc == 0)
			rc = mn_store_end_session(im->store, (*found)->id, "done", err);
		free(link);
	}
	if (rc == 0)
		*ret_id = (*found)->id;
	return rc;
}

static int put_row(struct import *im, const struct mn_import_row *row, struct mn_err *err)
{
	struct mn_rig rig = {
		.kind = (enum mn_kind)mn_kind_parse(row->text[KIND]),
		.board = row->text[BOARD],
		.chip = row->text[CHIP],
		.cpu = row->text[CPU],
		.clock_set_hz = row->number[CLOCK] < 0 ? 0 : row->number[CLOCK],
		.wait_states = -1,
		.compiler = row->text[COMPILER],
		.flags = row->text[FLAGS],
	};
	struct mn_probe probe = {
		.layer = row->layer_text[0] ? &row->layer : NULL,
		.model = row->text[MODEL],
		.backbone = row->text[BACKBONE],
		.ops = row->number[OPS],
		.kernels = row->text[KERNELS],
		.cold = row->number[COLD] == 1,
		.reps = 1,
	};
	struct mn_measurement m;
	char hash[33];
	int64_t rig_id;
	int rc;

	hash_row(row, hash);
	rc = mn_store_has_import(im->store, hash, err);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	mn_measurement_init(&m);
	rc = mn_store_put_rig(im->store, &rig, &rig_id, err);
	if (rc == 0)
		rc = put_session(im, rig_id, row->text[SOURCE], &m.session_id, err);
	if (rc == 0)
		rc = mn_store_put_probe(im->store, &probe, &m.probe_id, err);
	if (rc < 0)
		return rc;
	m.cycles = row->number[CYCLES];
	m.latency_ns = row->number[LATENCY];
	m.energy_nJ = row->number[ENERGY];
	m.power_uW = row->number[POWER];
	m.sram_bytes = row->number[SRAM];
	m.flash_bytes = row->number[FLASH];
	m.excluded_latency = row->text[EXCLUDED_LATENCY];
	m.excluded_energy = row->text[EXCLUDED_ENERGY];
	m.note = row->text[NOTE];
	m.import_hash = hash;
	rc = mn_store_put_measurement(im->store, &m, NULL, err);
	if (rc == 0) {
		im->result.added++;
		im->result.excluded +=
			row->text[EXCLUDED_LATENCY][0] || row->text[EXCLUDED_ENERGY][0];
	}
	return rc;
}

int mn_import_text(struct mn_store *store, const char *name, char *text, size_t len,
		   struct mn_import_result *ret_result, struct mn_err *err)
{
	struct import im = {.store = store, .name = name};
	struct mn_import_row row;
	int rc;

	snprintf(im.file_hash, sizeof(im.file_hash), "%016" PRIx64, fnv64(text, len));
	mn_csv_init(&im.csv, text, len);
	rc = read_header(&im, err);
	if (rc < 0)
		return rc;
	rc = mn_store_begin(store, err);
	if (rc < 0)
		return rc;
	for (;;) {
		const char *why = "";

		rc = mn_csv_record(&im.csv, im.field, N_COLUMNS, &im.n_fields, &why);
		if (rc < 0)
			rc = at(&im, im.csv.line, im.csv.column, rc, why, err);
		if (rc <= 0)
			break;
		im.result.rows++;
		rc = parse_row(&im, &row, err);
		if (rc > 0)
			rc = put_row(&im, &row, err);
		if (rc < 0)
			break;
	}
	if (rc == 0)
		rc = mn_store_commit(store, err);
	else
		mn_store_rollback(store);
	tdestroy(im.sessions, free);
	if (rc == 0)
		*ret_result = im.result;
	return rc;
}

int mn_import_read(const char *path, char **ret_text, size_t *ret_len, struct mn_err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text = NULL;
	size_t len = 0, size = 0;
	struct stat st;
	int rc = 0;

	if (fd < 0)
		return mn_err_set(err,
				  errno == ENOENT                     ? MN_E_NOTFOUND
				  : errno == EACCES || errno == EPERM ? MN_E_PERM
								      : MN_E_IO,
				  "%s: cannot read the file to import: %s", path, strerror(errno));
	if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
		rc = mn_err_set(err, MN_E_IO, "%s: this is a folder: name a CSV file", path);
		goto out;
	}
	for (;;) {
		ssize_t n;

		if (size - len < 2) {
			char *more = realloc(text, size ? 2 * size : 65536);

			if (!more) {
				rc = mn_err_set(err, MN_E_NOMEM, "%s: out of memory", path);
				goto out;
			}
			text = more;
			size = size ? 2 * size : 65536;
		}
		n = read(fd, text + len, size - len - 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			rc = mn_err_set(err, MN_E_IO, "%s: cannot read the file to import: %s",
					path, strerror(errno));
			goto out;
		}
		if (n == 0)
			break;
		len += (size_t)n;
	}
	*ret_text = text;
	*ret_len = len;
	text = NULL;
out:
	free(text);
	close(fd);
	return rc;
}

int mn_import_file(struct mn_store *store, const char *path, struct mn_import_result *ret_result,
		   struct mn_err *err)
{
	char *text = NULL;
	size_t len = 0;
	int rc = mn_import_read(path, &text, &len, err);

	if (rc < 0)
		return rc;
	rc = mn_import_text(store, path, text, len, ret_result, err);
	free(text);
	return rc;
}
