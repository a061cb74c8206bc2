/* SPDX-License-Identifier: MIT */
/* Other instruments' recordings: mapping, units, headers, and the windows that `mnchar
 * import-power` stores. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <sqlite3.h>

#include "recording/recording.h"

static struct mn_meter_sample got[4096];
static size_t n_got;
static uint32_t period;

static int keep(void *arg, const struct mn_meter_sample *s, size_t n, uint32_t period_ticks,
		struct mn_err *err)
{
	(void)arg;
	(void)err;
	assert_true(n_got + n <= 4096);
	memcpy(got + n_got, s, n * sizeof(*s));
	n_got += n;
	period = period_ticks;
	return 0;
}

static struct mn_err err;

static int run_with(const char *columns, double rate_hz, uint32_t volt_mV, const char *text,
		    size_t chunk)
{
	const struct mn_recording_config config = {columns, rate_hz, volt_mV};
	struct mn_recording *r = NULL;
	size_t len = strlen(text);
	int rc;

	n_got = 0;
	memset(&err, 0, sizeof(err));
	rc = mn_recording_new(&config, keep, NULL, &r, &err);
	for (size_t at = 0; at < len && !rc; at += chunk)
		rc = mn_recording_feed(r, text + at, len - at < chunk ? len - at : chunk, &err);
	if (!rc)
		rc = mn_recording_end(r, &err);
	mn_recording_free(r);
	return rc;
}

static int run(const char *columns, const char *text)
{
	return run_with(columns, 0, 0, text, 7);
}

static void units_names_and_preambles(void **state)
{
	static const char joulescope[] =
		"#version 1\n\"time(s)\",\"current(A)\",\"voltage(V)\",\"gpi0\"\n"
		"10.0,0.010,3.30,0\n10.5,0.020,3.31,1\n11.0,0.030,3.29,1\n";
	static const char rocket[] = "RocketLogger CSV File\r\nStart Time,2026-01-01\r\n"
				     "Sample Rate,1000\r\n\r\ntime [us];DI1;I1H;V1\r\n"
				     "5000;1;1500000;330000000\r\n6000;0;-20;330000000\r\n"
				     "7000;0;NaN;330000000\r\n8000;0;1;330000000\r\n";

	(void)state;
	assert_int_equal(
		run("time=time(s),current=current(A),voltage=voltage(V),marker=gpi0", joulescope),
		0);
	assert_int_equal(n_got, 3);
	assert_int_equal(period, 500000000);
	assert_int_equal(got[0].tick, 500000000);
	assert_int_equal(got[2].tick, 1500000000);
	assert_int_equal(got[1].current_pA, 20000000000);
	assert_int_equal(got[1].voltage_uV, 3310000);
	assert_int_equal(got[0].bits, 0);
	assert_int_equal(got[1].bits, 1);
	assert_int_equal(
		run("time=time [us]:us,current=I1H:1e-8,voltage=V1:1e-8,marker=!DI1", rocket), 0);
	/* A lost sample is a gap. */
	assert_int_equal(n_got, 3);
	assert_int_equal(period, 1000000);
	assert_int_equal(got[2].tick - got[1].tick, 2000000);
	assert_int_equal(got[0].current_pA, 15000000000);
	assert_int_equal(got[1].current_pA, -200000);
	assert_int_equal(got[0].voltage_uV, 3300000);
	assert_int_equal(got[0].bits, 0);
	assert_int_equal(got[1].bits, 1);
}

static void numbers_for_columns_and_no_time(void **state)
{
	(void)state;
	assert_int_equal(run_with("current=#2:mA,marker=#1:1.6", 1000, 3000,
				  "marker;current\n0.2;12\n3.1;45.5\n0;11", 3),
			 0);
	assert_int_equal(n_got, 3);
	assert_int_equal(period, 1000000);
	assert_int_equal(got[1].current_pA, 45500000000);
	assert_int_equal(got[1].bits, 1);
	assert_int_equal(got[2].tick, 3000000);
	assert_int_equal(got[2].voltage_uV, 3000000);
	/* Seconds since 1970 keep their nanoseconds. */
	assert_int_equal(run_with("time=t,current=i", 0, 3000,
				  "t,i\n1700000000.000001,1\n1700000000.000002,1\n", 64),
			 0);
	assert_in_range(got[1].tick - got[0].tick, 999, 1001);
}

static void what_is_refused(void **state)
{
	static const char *const mappings[] = {
		"current",           "current=",         "amps=i",
		"current=i:furlong", "time=t",           "current=i,current=j",
		"current=#0",        "current=#65",      "current=#1,time=t",
		"current=i",         "current=i,time=t", "current=i:0",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(mappings) / sizeof(mappings[0]); i++) {
		assert_true(run(mappings[i], "t,i\n1,2\n") < 0);
		assert_true(err.msg[0]);
	}
	assert_int_equal(run_with("time=t,current=x", 0, 3300, "t,i\n1,2\n", 64), MN_E_SYNTAX);
	assert_int_equal(run_with("time=t,current=i", 0, 3300, "t,i\n1,2\n", 64), MN_E_SYNTAX);
	assert_int_equal(run_with("time=t,current=i", 0, 3300, "t,i\n1,2\n1,2\n", 64), MN_E_SYNTAX);
	assert_non_null(strstr(err.msg, "line 3"));
	assert_int_equal(run_with("time=t,current=i", 0, 3300, "t,i\n1,2\n2,two\n", 64),
			 MN_E_SYNTAX);
	assert_non_null(strstr(err.msg, "two"));
	assert_int_equal(run_with("time=t,current=i", 0, 3300, "t,i\n1,2\n2\n", 64), MN_E_SYNTAX);
	assert_int_equal(run_with("time=t,current=i", 0, 3300, "t,i\n1,2\n2,9999\n", 64),
			 MN_E_SYNTAX);
	assert_non_null(strstr(err.msg, "units"));
}

static const char path[] = "recording-test.csv", layers[] = "recording-test.layers",
		  db[] = "recording-test.db";

static int remove_files(void **state)
{
	(void)state;
	unlink(path);
	unlink(layers);
	unlink(db);
	return 0;
}

/* A 1 kS/s recording in mA with windows of 300 ms at 40 and 50 mA, 10 mA idle. */
static void write_recording(int gap)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs("Time(ms),Main(mA),Main Voltage(V),D0\n", f);
	for (int i = 0; i < 1500; i++) {
		int high = (i >= 200 && i < 500) || (i >= 800 && i < 1100);

		if (gap && i >= 300 && i < 310)
			continue;
		fprintf(f, "%d,%g,3.3,%d\n", i, !high ? 10.0 : i < 600 ? 40.0 : 50.0, high);
	}
	fclose(f);
	f = fopen(layers, "w");
	assert_non_null(f);
	fputs("100 conv_2d in=1x8x8x4 out_c=8 kernel=3x3\n50 model tiny-net\n", f);
	fclose(f);
}

static int import(const char *more)
{
	char command[1024];
	int status;

	snprintf(command, sizeof(command),
		 "../bin/mnchar import-power --columns 'time=Time(ms):ms,current=Main(mA):mA,"
		 "voltage=Main Voltage(V),marker=D0' --db %s %s %s >recording-test.out 2>&1",
		 db, more, path);
	status = system(command);
	unlink("recording-test.out");
	return WEXITSTATUS(status);
}

static double value(const char *sql)
{
	sqlite3_stmt *stmt;
	sqlite3 *handle;
	double v;

	assert_int_equal(sqlite3_open(db, &handle), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(handle, sql, -1, &stmt, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	v = sqlite3_column_double(stmt, 0);
	sqlite3_finalize(stmt);
	sqlite3_close(handle);
	return v;
}

static void windows_go_into_the_store(void **state)
{
	static const char what[] = "--board nucleo-f446re --kernels mnchar/2/dsp --instrument "
				   "'Monsoon HVPM 12345' --layers recording-test.layers";

	(void)state;
	remove_files(NULL);
	write_recording(0);
	assert_int_equal(import(""), 0);
	assert_int_equal(access(db, F_OK), -1);
	assert_int_equal(import(what), 0);
	/* 300 ms x 40 mA x 3.3 V in 100 runs. */
	assert_true(fabs(value("select energy_nJ from measurement order by id") - 396000) < 2000);
	assert_true(fabs(value("select latency_ns from measurement order by id") - 3e6) < 3e4);
	assert_true(fabs(value("select power_uW from measurement order by id desc") - 165000) <
		    700);
	assert_int_equal((int)value("select count(*) from measurement"), 2);
	/* Again: it is there. */
	assert_int_equal(import(what), 0);
	assert_int_equal((int)value("select count(*) from measurement"), 2);
}

static void a_window_with_a_gap_stays_out_of_fits(void **state)
{
	static const char what[] = "--board nucleo-f446re --kernels mnchar/2/dsp --layers "
				   "recording-test.layers";

	(void)state;
	remove_files(NULL);
	write_recording(1);
	assert_int_equal(import(what), 0);
	assert_int_equal((int)value("select count(*) from measurement where excluded_energy <> ''"),
			 1);
}

static void as_many_lines_as_windows(void **state)
{
	FILE *f;

	(void)state;
	remove_files(NULL);
	write_recording(0);
	f = fopen(layers, "w");
	fputs("100 conv_2d in=1x8x8x4 out_c=8 kernel=3x3\n", f);
	fclose(f);
	assert_int_equal(import("--board b --kernels k --layers recording-test.layers"), 1);
	assert_int_equal(access(db, F_OK), -1);
	assert_int_equal(import("--board b"), 64);
	unlink(path);
	assert_int_equal(import(""), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(units_names_and_preambles),
		cmocka_unit_test(numbers_for_columns_and_no_time),
		cmocka_unit_test(what_is_refused),
		cmocka_unit_test_teardown(windows_go_into_the_store, remove_files),
		cmocka_unit_test_teardown(a_window_with_a_gap_stays_out_of_fits, remove_files),
		cmocka_unit_test_teardown(as_many_lines_as_windows, remove_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
