/* SPDX-License-Identifier: MIT */
/* CSV into the store: what is accepted, where errors point, all or nothing, once. */
#include "import.h"
#include "store_util.h"

#define HEADER "kind,board,kernels,layer,model,ops,latency_ms,source\n"
#define GOOD   "published,nucleo-f446re,k,,DSCNN-S,7.1e6,131,paper\n"

static struct mn_store *store;

static int setup(void **state)
{
	if (make_scratch(state) != 0)
		return -1;
	store = open_or_die(in_scratch("a.db"), MN_STORE_CREATE);
	return 0;
}

static int teardown(void **state)
{
	mn_store_close(store);
	assert_sound(in_scratch("a.db"));
	return remove_scratch(state);
}

static int import(const char *text, struct mn_import_result *ret_result, struct mn_err *err)
{
	size_t len = strlen(text);
	char *copy = malloc(len + 1);
	int rc;

	memcpy(copy, text, len);
	rc = mn_import_text(store, "x/f.csv", copy, len, ret_result, err);
	free(copy);
	return rc;
}

static int64_t count(const char *sql)
{
	return sql_file(in_scratch("a.db"), sql);
}

static void assert_imports(const char *text, uint64_t rows, uint64_t added)
{
	struct mn_import_result result = {0};
	struct mn_err err = {0};

	if (import(text, &result, &err) != 0)
		fail_msg("%s", err.msg);
	assert_int_equal(result.rows, rows);
	assert_int_equal(result.added, added);
}

/* The file is refused at that place with that code and words, and nothing of it is stored. */
static void assert_refused(const char *text, const char *place, int code, const char *words)
{
	int64_t before = count("SELECT count(*) FROM measurement"),
		rigs = count("SELECT count(*) FROM rig");
	struct mn_import_result result = {.rows = 77, .added = 77};
	struct mn_err err = {0};
	char where[64];

	snprintf(where, sizeof(where), "x/f.csv:%s", place);
	assert_int_equal(import(text, &result, &err), code);
	if (strncmp(err.msg, where, strlen(where)))
		fail_msg("expected %s in front of: %s", where, err.msg);
	assert_says(&err, "x/f.csv", words);
	assert_int_equal(result.rows, 77);
	assert_int_equal(count("SELECT count(*) FROM measurement"), before);
	assert_int_equal(count("SELECT count(*) FROM rig"), rigs);
}

static void a_good_file(void **state)
{
	(void)state;
	assert_imports("# comment\n" HEADER GOOD "measured,nucleo-f446re,k2," TEST_LAYER ",,,0.5,\n"
		       "virtual,virtual-f446re,k2,add in=1x8x8x16 in2=1x8x8x16,,,0.25,\n",
		       3, 3);
	assert_int_equal(
		count("SELECT count(*) FROM measurement m JOIN probe p ON p.id = m.probe_id"
		      " WHERE p.model = 'DSCNN-S' AND p.ops = 7100000"
		      " AND m.latency_ns = 131000000"),
		1);
	assert_int_equal(count("SELECT count(*) FROM session WHERE link = 'import:x/f.csv' AND"
			       " sweep = 'f.csv' AND status = 'done' AND ended_ms IS NOT NULL"),
			 3);
	assert_int_equal(count("SELECT count(*) FROM session WHERE source = 'paper'"), 1);
	assert_int_equal(count("SELECT count(DISTINCT kind) FROM rig"), 3);
}

static void the_same_row_once(void **state)
{
	(void)state;
	assert_imports(HEADER GOOD, 1, 1);
	assert_imports(HEADER GOOD, 1, 0);
	assert_imports(HEADER GOOD GOOD, 2, 0);
	/* In another unit, column order and spelling it is still the same row. */
	assert_imports("latency_ns,source,kernels,board,kind,model,ops,note\r\n"
		       "131000000,\"paper\",k,nucleo-f446re,published,DSCNN-S,7100000,\r\n",
		       1, 0);
	assert_imports("latency_s,source,kernels,board,kind,model,ops\n"
		       "1.31e-1,paper,k,nucleo-f446re,published,DSCNN-S,0.0071E9\n",
		       1, 0);
	assert_int_equal(count("SELECT count(*) FROM measurement"), 1);
	assert_int_equal(count("SELECT count(*) FROM session"), 1);
	/* Any other value makes another. */
	assert_imports("latency_ms,source,kernels,board,kind,model,ops,note\n"
		       "131,paper,k,nucleo-f446re,published,DSCNN-S,7100000,seen\n"
		       "132,paper,k,nucleo-f446re,published,DSCNN-S,7100000,\n"
		       "131,papers,k,nucleo-f446re,published,DSCNN-S,7100000,\n",
		       3, 3);
	/* Layers count by what they are. */
	assert_imports(HEADER
		       "measured,b,k,\"" TEST_LAYER "\",,,1,\n"
		       "measured,b,k,conv_2d kernel=3x3 in=1x8x8x4 out_c=8 padding=same,,,1,\n",
		       2, 1);
}

static void numbers(void **state)
{
	static const struct {
		const char *text;
		int64_t ns;
	} good[] = {
		{"1", 1000000},       {"0.426", 426000},     {".5", 500000},
		{"5.", 5000000},      {"1e3", 1000000000},   {"1E+3", 1000000000},
		{"12.5e-1", 1250000}, {"0.0000014", 1},      {"0.0000005", 1},
		{"00012", 12000000},  {"0.1234565", 123457}, {"9223372036854.775807", INT64_MAX},
	};
	static const char *const bad[][2] = {
		{"x", "no number"},
		{"1x", "no number"},
		{"1,5", "fields"},
		{"-1", "negative"},
		{"+1", "no number"},
		{".", "no number"},
		{"e3", "no number"},
		{"1e", "no number"},
		{"1e+", "no number"},
		{"1.2.3", "no number"},
		{" 1", "no number"},
		{"0x10", "no number"},
		{"nan", "no number"},
		{"inf", "no number"},
		{"0", "0 is not a figure"},
		{"0e99999999999", "0 is not a figure"},
		{"0.0000004", "too small"},
		{"1e-99999999999", "too small"},
		{"1e99999999999", "too big"},
		{"9223372036854.775808", "too big"},
		{"9223372036854.7758075", "too big"},
		{"99999999999999999999", "too big"},
	};
	char text[256];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		snprintf(text, sizeof(text), HEADER "measured,b%zu,k,,M,,%s,\n", i, good[i].text);
		assert_imports(text, 1, 1);
		assert_int_equal(count("SELECT latency_ns FROM measurement ORDER BY id DESC"),
				 good[i].ns);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text), HEADER "measured,b,k,,M,,%s,\n", bad[i][0]);
		assert_refused(text, strchr(bad[i][0], ',') ? "2:1:" : "2:18:",
			       strchr(bad[i][0], ',') ? MN_E_SYNTAX : MN_E_INVALID, bad[i][1]);
	}
}

static void errors_point_at_the_field(void **state)
{
	(void)state;
	assert_refused("", "", MN_E_SYNTAX, "no line that names the columns");
	assert_refused("# only\n", "", MN_E_SYNTAX, "no line that names the columns");
	assert_refused("kind,colour\n", "1:6:", MN_E_SYNTAX, "'colour'");
	assert_refused("Kind,board\n", "1:1:", MN_E_SYNTAX, "'Kind'");
	assert_refused("kind,board,kind\n", "1:12:", MN_E_SYNTAX, "same as column kind");
	assert_refused("latency_ns,kind,latency_ms\n", "1:17:", MN_E_SYNTAX,
		       "column latency_ms says the same as column latency_ns");
	assert_refused("kind,board,model\n", "1:1:", MN_E_SYNTAX, "column kernels is missing");
	assert_refused("kind,board,kernels\n", "1:1:", MN_E_SYNTAX, "layer and model");
	assert_refused(HEADER GOOD "measured,b,k\n", "3:1:", MN_E_SYNTAX,
		       "3 fields, but the header has 8");
	assert_refused(HEADER GOOD "guessed,b,k,,M,,1,\n", "3:1:", MN_E_INVALID, "kind must be");
	assert_refused(HEADER GOOD "measured,,k,,M,,1,\n", "3:10:", MN_E_INVALID, "board");
	assert_refused(HEADER GOOD "measured,b,,,M,,1,\n", "3:12:", MN_E_INVALID, "kernels");
	assert_refused(HEADER GOOD "measured,b,k,,,,1,\n", "3:15:", MN_E_INVALID,
		       "neither layer nor model");
	assert_refused(HEADER GOOD "measured,b,k,null,M,,1,\n", "3:14:", MN_E_INVALID, "both");
	assert_refused(HEADER GOOD "published,b,k,,M,,1,\n", "3:21:", MN_E_INVALID, "source");
	assert_refused(HEADER GOOD "measured,b,k,,M,,,\n", "3:1:", MN_E_INVALID,
		       "excluded_latency");
	assert_refused(HEADER GOOD "measured,b,k,,M,1.5,1,\n", "3:17:", MN_E_INVALID,
		       "whole number");
	assert_refused(HEADER GOOD "measured,b,k,conv_3d in=1x8x8x4,,,1,\n", "3:14:", MN_E_SYNTAX,
		       "at its character 1");
	assert_refused(HEADER GOOD "measured,b,k," TEST_LAYER ",,5,1,\n", "3:66:", MN_E_INVALID,
		       "this layer has 36864");
	assert_refused(HEADER GOOD "measured,b,k,,\"M,,1,\n", "3:15:", MN_E_SYNTAX, "never closed");
	assert_refused("kind,board,kernels,layer,backbone,cycles\nmeasured,b,k," TEST_LAYER
		       ",x,1\n",
		       "2:65:", MN_E_INVALID, "backbone");
	assert_refused("kind,board,kernels,model,cold,cycles\nmeasured,b,k,M,2,1\n",
		       "2:16:", MN_E_INVALID, "cold");
}

static void one_bad_line_loses_nothing(void **state)
{
	(void)state;
	assert_imports(HEADER GOOD, 1, 1);
	assert_refused(
		HEADER
		"measured,other,k,,M,,1,\nmeasured,other,k,,N,,1,\nmeasured,other,k,,O,,x,\n",
		"4:22:", MN_E_INVALID, "no number");
	assert_int_equal(count("SELECT count(*) FROM measurement"), 1);
	/* The store goes on. */
	assert_imports(HEADER "measured,other,k,,M,,1,\n", 1, 1);
}

struct newest {
	int n;
	double latency_ms, clock_hz, energy_mJ;
	int64_t sram;
	char excluded[64];
};

static int see_newest(const struct mn_row *row, void *arg)
{
	struct newest *newest = arg;

	newest->n++;
	newest->latency_ms = row->latency_ms;
	newest->clock_hz = row->clock_hz;
	newest->energy_mJ = row->energy_mJ;
	newest->sram = row->sram_bytes;
	snprintf(newest->excluded, sizeof(newest->excluded), "%s", row->excluded_latency);
	return 0;
}

static void the_newest_of_a_source_counts(void **state)
{
	struct mn_row_filter latest = {.kind = -1, .latest_only = 1, .with_excluded = 1};
	struct newest newest = {0};

	(void)state;
	assert_imports(HEADER GOOD, 1, 1);
	assert_imports(HEADER "published,nucleo-f446re,k,,DSCNN-S,7.1e6,130,paper\n", 1, 1);
	assert_int_equal(mn_store_each_row(store, &latest, see_newest, &newest, NULL), 0);
	assert_int_equal(newest.n, 1);
	assert_near(newest.latency_ms, 130.0, 1e-9);
	/* Another source or another clock is another figure. */
	assert_imports(HEADER "published,nucleo-f446re,k,,DSCNN-S,7.1e6,130,other\n", 1, 1);
	assert_imports("kind,board,kernels,model,ops,clock_hz,latency_ms,source\n"
		       "published,nucleo-f446re,k,DSCNN-S,7.1e6,9e7,260,paper\n",
		       1, 1);
	newest.n = 0;
	assert_int_equal(mn_store_each_row(store, &latest, see_newest, &newest, NULL), 0);
	assert_int_equal(newest.n, 3);
}

static void every_column_arrives(void **state)
{
	struct mn_row_filter all = {.kind = -1, .with_excluded = 1};
	struct newest newest = {0};

	(void)state;
	assert_imports(
		"kind,board,chip,cpu,clock_hz,kernels,compiler,flags,layer,cold,cycles,power_mW,"
		"sram_bytes,flash_bytes,excluded_latency,excluded_energy,note\n"
		"measured,b,c,cpu,180e6,k,gcc 12,-O2," TEST_LAYER ",1,1800000,150.5,0,9,why,ew,n\n",
		1, 1);
	assert_int_equal(
		count("SELECT count(*) FROM measurement m JOIN session s ON s.id = "
		      "m.session_id JOIN rig r ON r.id = s.rig_id JOIN probe p ON p.id = "
		      "m.probe_id WHERE board = 'b' AND chip = 'c' AND cpu = 'cpu' AND "
		      "clock_set_hz = 180000000 AND compiler = 'gcc 12' AND flags = '-O2' AND "
		      "cold = 1 AND cycles = 1800000 AND power_uW = 150500 AND sram_bytes = 0 "
		      "AND flash_bytes = 9 AND excluded_latency = 'why' AND excluded_energy = "
		      "'ew' AND note = 'n' AND length(import_hash) = 32"),
		1);
	assert_int_equal(mn_store_each_row(store, &all, see_newest, &newest, NULL), 0);
	assert_int_equal(newest.n, 1);
	assert_near(newest.latency_ms, 10.0, 1e-9);
	assert_near(newest.energy_mJ, 1.505, 1e-12);
	assert_int_equal(newest.sram, 0);
	assert_string_equal(newest.excluded, "why");
}

static void files_that_cannot_be_read(void **state)
{
	struct mn_import_result result;
	struct mn_err err = {0};

	(void)state;
	assert_int_equal(mn_import_file(store, in_scratch("none.csv"), &result, &err),
			 MN_E_NOTFOUND);
	assert_says(&err, "none.csv", "No such file");
	assert_int_equal(mn_import_file(store, scratch, &result, &err), MN_E_IO);
	assert_says(&err, scratch, "folder");
}

/* Through-origin ms/Mop of a backbone on a board, and mean power: simple least squares, to check
 * what is in the file and not how it is fitted. */
struct published {
	const char *board;
	double xy, xx, power;
	int n, n_power, n_rows;
};

static int see_published(const struct mn_row *row, void *arg)
{
	struct published *p = arg;

	assert_int_equal(row->kind, MN_KIND_PUBLISHED);
	assert_true(strstr(row->source, "arXiv:2010.11267") != NULL);
	p->n_rows++;
	if (strcmp(row->board, p->board))
		return 0;
	if (row->power_mW > 0) {
		p->power += row->power_mW;
		p->n_power++;
	}
	if (!strcmp(row->backbone, "ds-cnn-kws") && row->latency_ms > 0 && row->ops > 0) {
		double mops = (double)row->ops * 1e-6;

		p->xy += mops * row->latency_ms;
		p->xx += mops * mops;
		p->n++;
	}
	return 0;
}

static void the_published_figures(void **state)
{
	static const struct {
		const char *board;
		double ms_per_mop, power_mw;
		int n, n_power;
	} want[] = {
		{"nucleo-f446re", 14.39, 161.1, 3, 7},
		{"nucleo-f746zg", 4.87, 444.1, 6, 15},
		{"nucleo-f767zi", 4.74, 0, 6, 0},
	};
	struct mn_import_result result;
	struct mn_err err = {0};
	char path[PATH_MAX];

	(void)state;
	snprintf(path, sizeof(path), "%s/data/published/micronets-2021.csv",
		 getenv("MNCHAR_SOURCE_DIR"));
	if (mn_import_file(store, path, &result, &err) != 0)
		fail_msg("%s", err.msg);
	assert_int_equal(result.rows, result.added);
	for (int i = 0; i < 3; i++) {
		struct published p = {.board = want[i].board};

		assert_int_equal(mn_store_each_row(store, NULL, see_published, &p, NULL), 0);
		assert_int_equal(p.n, want[i].n);
		assert_near(p.xy / p.xx, want[i].ms_per_mop, 0.005);
		assert_int_equal(p.n_power, want[i].n_power);
		if (p.n_power)
			assert_near(p.power / p.n_power, want[i].power_mw, 0.05);
	}
	/* Each excluded row says why, and none is lost. */
	assert_int_equal(count("SELECT count(*) FROM measurement WHERE excluded_energy <> ''"), 2);
	assert_int_equal(
		count("SELECT count(*) FROM measurement m JOIN probe p ON p.id = m.probe_id"
		      " WHERE p.model = 'MBNETV2-S'"),
		3);
	assert_int_equal(count("SELECT count(*) FROM measurement WHERE latency_ns IS NULL AND "
			       "excluded_latency = ''"),
			 0);
	if (mn_import_file(store, path, &result, &err) != 0)
		fail_msg("%s", err.msg);
	assert_int_equal(result.added, 0);
}

/* Each shipped file can be imported, and each of its rows says where it is from. */
static void every_published_file(void **state)
{
	static const struct {
		const char *name;
		uint64_t rows;
	} files[] = {{"micronets-2021.csv", 53}, {"mlperf-tiny.csv", 203}};

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct mn_import_result result;
		struct mn_err err = {0};
		char path[PATH_MAX];

		snprintf(path, sizeof(path), "%s/data/published/%s", getenv("MNCHAR_SOURCE_DIR"),
			 files[i].name);
		if (mn_import_file(store, path, &result, &err) != 0)
			fail_msg("%s", err.msg);
		assert_int_equal(result.rows, files[i].rows);
		assert_int_equal(result.added, files[i].rows);
	}
	assert_int_equal(count("SELECT count(*) FROM session WHERE source = ''"), 0);
	assert_int_equal(count("SELECT count(*) FROM rig WHERE kind <> 'published'"), 0);
}

#define BENCH_HEADER                                                                               \
	"board,cpu,freq_MHz,kernel_lib,op,in_h,in_w,in_c,out_h,out_w,out_c,k_h,k_w,stride_h,"      \
	"stride_w,dilation,padding,activation,macs,op_cycles,invoke_cycles,arena_bytes,"           \
	"tflite_bytes,source\n"
#define SWEEP_HEADER                                                                               \
	"board,cpu,freq_MHz,sweep,model,kernels,layer_idx,op,in_h,in_w,in_c,out_h,out_w,out_c,"    \
	"k_h,k_w,stride,padding,macs,latency_us,latency_std_us,model_latency_ms,model_power_mW,"   \
	"model_energy_mJ,source,cycles_per_mac,flag\n"
#define ENERGY_HEADER                                                                              \
	"board,cpu,freq_MHz,model,dtype,kernels,opt,layer_idx,op,in_shape,out_shape,kernel,"       \
	"stride,padding,macs,latency_ms,latency_std_ms,current_mA,power_mW,energy_uJ,"             \
	"energy_std_uJ,note,source\n"

static void tables_of_others(void **state)
{
	struct mn_import_result result = {0};
	struct mn_err err = {0};

	(void)state;
	assert_imports(BENCH_HEADER "B,M4,180,\"K, 1\",CONV_2D,8,6,2,4,6,5,3,1,2,1,1,same,relu,720,"
				    "18000,0,0,0,src\n"
				    "B,M4,180,\"K, 1\",ADD,8,6,2,8,6,2,,,1,1,1,,,0,900,0,0,0,src\n",
		       2, 2);
	assert_int_equal(
		count("SELECT count(*) FROM measurement m JOIN session s ON s.id = m.session_id"
		      " JOIN rig r ON r.id = s.rig_id JOIN probe p ON p.id = m.probe_id"
		      " JOIN layer l ON l.id = p.layer_id WHERE r.board = 'B' AND"
		      " r.kind = 'published' AND r.clock_set_hz = 180000000 AND s.source = 'src'"
		      " AND p.kernels = 'K, 1' AND m.cycles = 18000 AND l.text ="
		      " 'conv_2d in=1x8x6x2 out_c=5 kernel=3x1 stride=2x1 dilation=1x1"
		      " padding=same act=relu bias=1'"),
		1);
	/* Another count than ours, and a flag: in, and out of fits. */
	if (import(SWEEP_HEADER
		   "B,M4,80,s,m1,K,1,FULLY_CONNECTED,1,1,40,1,1,7,1,1,1,,280,50.5,0,0,0,0,src,1,\n"
		   "B,M4,80,s,m1,K,2,FULLY_CONNECTED,1,1,40,1,1,7,1,1,1,,280,50.5,0,0,0,0,src,1,"
		   "overflow\n"
		   "B,M4,80,s,m1,K,3,DEPTHWISE_CONV_2D,9,9,4,9,9,8,3,3,1,SAME,1,3,0,0,0,0,src,1,\n",
		   &result, &err))
		fail_msg("%s", err.msg);
	assert_int_equal(result.added, 3);
	assert_int_equal(result.excluded, 2);
	assert_int_equal(count("SELECT count(*) FROM measurement WHERE latency_ns = 50500"), 2);
	assert_int_equal(count("SELECT count(*) FROM measurement WHERE excluded_latency LIKE"
			       " '%overflow%'"),
			 1);
	assert_int_equal(count("SELECT count(*) FROM measurement WHERE excluded_latency LIKE"
			       " '%9x9x8, 1 MACs: by our count 9x9x8, 5832'"),
			 1);
	/* What is no layer of ours is counted. */
	if (import(ENERGY_HEADER
		   "B,M7,216,n,int8,K,-O3,0,QUANTIZE,1x4x4x1,1x4x4x1,,,,0,1,0,1,1,1,0,,src\n"
		   "B,M7,216,n,int8,K,-O3,1,,,,,,,,1,0,1,1,1,0,,src\n"
		   "B,M7,216,n,float,K,-O3,2,SOFTMAX,1x10,1x10,,,,0,1,0,1,1,1,0,,src\n"
		   "B,M7,216,n,int8,K,-O3,3,AVERAGE_POOL_2D,1x4x4x3,1x2x2x3,2x2,2x2,VALID,0,0.5,0,"
		   "1,200,100.5,0,,src\n"
		   "B,M7,216,n,int8,K,-O3,4,SOFTMAX,1x10,1x10,,,,0,0.0,0,1,200,0.0,0,,src\n",
		   &result, &err))
		fail_msg("%s", err.msg);
	assert_int_equal(result.rows, 5);
	assert_int_equal(result.added, 2);
	assert_int_equal(result.left_out, 3);
	assert_int_equal(result.n_reasons, 3);
	assert_string_equal(result.reasons[0].why, "QUANTIZE");
	assert_string_equal(result.reasons[1].why, "rows without an op");
	assert_string_equal(result.reasons[2].why, "float");
	assert_int_equal(count("SELECT count(*) FROM measurement WHERE energy_nJ = 100500 AND"
			       " latency_ns = 500000 AND power_uW = 200000 AND note ="
			       " 'layer 3 of n'"),
			 1);
	assert_int_equal(count("SELECT count(*) FROM measurement WHERE latency_ns IS NULL AND"
			       " excluded_latency LIKE '%as 0%' AND excluded_energy <> ''"),
			 1);
}

static void tables_of_others_with_faults(void **state)
{
	(void)state;
	assert_refused(BENCH_HEADER "B,M4,180,K,CONV_2D,8,x,2,4,6,5,3,1,2,1,1,same,relu,720,1,0,0,"
				    "0,src\n",
		       "2:22", MN_E_INVALID, "no number");
	assert_refused(BENCH_HEADER "B,M4,180,K,CONV_2D,8,6,2,4,6,5,3,1,2,1,1,sane,relu,720,1,0,0,"
				    "0,src\n",
		       "2:42", MN_E_INVALID, "SAME or VALID");
	assert_refused(BENCH_HEADER "B,M4,180,K,CONV_2D,8,6,2,4,6,5,3,0,2,1,1,same,relu,720,1,0,0,"
				    "0,src\n",
		       "2:12", MN_E_INVALID, "kernel");
	assert_refused(BENCH_HEADER "B,M4,180,K,ADD,8,6,2,8,6,2,,,1,1,1,,,0,900,0,0,0,\n", "2:50",
		       MN_E_INVALID, "empty");
	assert_refused(BENCH_HEADER "B,M4\n", "2:1", MN_E_SYNTAX, "2 fields");
	assert_refused(ENERGY_HEADER
		       "B,M7,216,n,int8,K,-O3,0,ADD,1x4x4x1x1,1x4,,,,0,1,0,1,1,1,0,,src\n",
		       "2:29", MN_E_INVALID, "shape");
	/* One column short of a known table is our own format, and says so. */
	assert_refused("board,cpu,freq_MHz\n", "1:11", MN_E_SYNTAX, "no column named");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_good_file),
		T(the_same_row_once),
		T(numbers),
		T(errors_point_at_the_field),
		T(one_bad_line_loses_nothing),
		T(the_newest_of_a_source_counts),
		T(every_column_arrives),
		T(files_that_cannot_be_read),
		T(the_published_figures),
		T(every_published_file),
		T(tables_of_others),
		T(tables_of_others_with_faults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
