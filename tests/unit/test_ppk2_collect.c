/* SPDX-License-Identifier: MIT */
/*
 * The way of a PPK2's samples to a fitted mJ/Mop: a campaign on a virtual board whose current, as
 * it is drawn, a PPK2 of umockdev streams through the real libusb and the real driver; then `mnchar
 * fit` and `mnchar query`. Layer by layer the energies are those of `--meter virtual` within 0.5 %.
 */
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>
#include <jansson.h>
#include <sqlite3.h>

#include "campaign.h"
#include "ppk2/ppk2.h"
#include "ppk2_usb.h"

static const char yaml[] = "name: ppk2\n"
			   "defaults: {mode: warm, warmup: 1, reps: 2, kernels: [dsp]}\n"
			   "groups:\n"
			   "  - name: conv\n"
			   "    op: conv_2d\n"
			   "    kernel: 3x3\n"
			   "    padding: same\n"
			   "    list:\n"
			   "      size: [6x6, 9x7]\n"
			   "      in_channels: [4, 8, 12]\n"
			   "      out_channels: [4, 8]\n";

static const char sweep_path[] = "ppk2-collect.yaml", db[] = "ppk2-collect.db",
		  db_virtual[] = "ppk2-collect-virtual.db";

/* The board's side channel, read by the kit. */
static struct {
	int fd;
	uint8_t bytes[1 << 16];
	size_t n, at;
	int has_header;
	uint32_t noise;
} channel;

static uint64_t get(const uint8_t *p, unsigned bytes)
{
	uint64_t v = 0;

	while (bytes--)
		v = v << 8 | p[bytes];
	return v;
}

static size_t available(void *arg)
{
	ssize_t got;

	(void)arg;
	if (channel.at == channel.n)
		channel.at = channel.n = 0;
	if (channel.at > sizeof(channel.bytes) / 2) {
		memmove(channel.bytes, channel.bytes + channel.at, channel.n - channel.at);
		channel.n -= channel.at;
		channel.at = 0;
	}
	got = read(channel.fd, channel.bytes + channel.n, sizeof(channel.bytes) - channel.n);
	if (got > 0)
		channel.n += (size_t)got;
	if (!channel.has_header && channel.n - channel.at >= 16) {
		channel.has_header = 1;
		channel.at += 16;
	}
	return channel.has_header ? (channel.n - channel.at) / 16 : 0;
}

static void source(void *arg, uint64_t n, double *ret_A, uint8_t *ret_bits)
{
	const uint8_t *p = channel.bytes + channel.at;

	/*
	 * One step of the kit's 1 A range is 0.8 mA, 1.5 % of this board, and the model's current
	 * is perfectly flat: it would always be rounded the same way. Noise of one step, of a fixed
	 * seed, makes it as real currents are.
	 */
	channel.noise = channel.noise * 1664525 + 1013904223;
	(void)arg;
	(void)n;
	*ret_A = (double)get(p + 8, 4) * 1e-9 + 0.8e-3 * ((channel.noise >> 8) / 16777216.0 - 0.5);
	*ret_bits = p[12];
	channel.at += 16;
}

static void write_sweep(void)
{
	FILE *f = fopen(sweep_path, "w");

	assert_non_null(f);
	fputs(yaml, f);
	fclose(f);
}

static void run_campaign(void)
{
	const struct mn_energy_config energy = {.meter = "ppk2",
						.volt_mV = 3300,
						.source = 1,
						.window_us = 20000,
						.reps = 1,
						.repeat = 1,
						.any_board = 1};
	struct mn_campaign_config config = {.energy = &energy};
	struct mn_campaign_outcome outcome;
	struct mn_target target = {0};
	struct mn_sweep *sweep;
	struct mn_err err = {0};
	char schema[4096];
	int fds[2], rc;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	(void)fcntl(fds[0], F_SETFD, FD_CLOEXEC);
	(void)fcntl(fds[0], F_SETFL, O_NONBLOCK);
	channel.fd = fds[0];
	snprintf(schema, sizeof(schema), "%s/data/schema", getenv("MNCHAR_SOURCE_DIR"));
	assert_true(asprintf(&target.link,
			     "exec:%s/bin/mnchar-vboard --board virtual-f446re "
			     "--power fd:%d",
			     getenv("MNCHAR_BUILD_DIR"), fds[1]) > 0);
	target.name = strdup("virtual-f446re");
	target.model = strdup("");
	target.virt = 1;
	assert_int_equal(mn_sweep_load(sweep_path, &sweep, &err), 0);
	config.sweep = sweep;
	if (mn_store_open(db, MN_STORE_CREATE, schema, &config.store, &err))
		fail_msg("%s", err.msg);
	rc = mn_campaign_run(&config, &target, 1, &outcome, &err);
	if (rc)
		fail_msg("%s", err.msg);
	assert_int_equal(outcome.measured, sweep->n_probes);
	assert_int_equal(outcome.failed, 0);
	mn_store_close(config.store);
	mn_sweep_free(sweep);
	mn_target_clear(&target);
	close(fds[0]);
	close(fds[1]);
}

static void command(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void command(const char *fmt, ...)
{
	char text[2048];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (system(text))
		fail_msg("%s", text);
}

/* Energy of one run of each layer, in the order of the layers' texts. */
static size_t energies(const char *path, double *ret, size_t max)
{
	static const char sql[] = "select m.energy_nJ from measurement m join probe p on p.id = "
				  "m.probe_id join layer l on l.id = p.layer_id order by l.text";
	sqlite3_stmt *stmt;
	sqlite3 *handle;
	size_t n = 0;

	assert_int_equal(sqlite3_open(path, &handle), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(handle, sql, -1, &stmt, NULL), SQLITE_OK);
	while (n < max && sqlite3_step(stmt) == SQLITE_ROW)
		ret[n++] = sqlite3_column_double(stmt, 0);
	sqlite3_finalize(stmt);
	sqlite3_close(handle);
	return n;
}

static int remove_files(void **state)
{
	(void)state;
	unlink(sweep_path);
	unlink("ppk2-collect.json");
	command("rm -f %s* %s*", db, db_virtual);
	return 0;
}

static void from_samples_to_a_query(void **state)
{
	struct ppk2_usb *kit = calloc(1, sizeof(*kit));
	UMockdevTestbed *testbed = umockdev_testbed_new();
	double ppk2_nJ[64], virtual_nJ[64], worst = 0, mJ_per_op = 0;
	json_t *fits, *row;
	size_t n;

	remove_files(state);
	write_sweep();
	ppk2_usb_plug(kit, testbed, 2, "PPK2", PPK2_SERIAL, source, NULL);
	kit->available = available;
	mn_ppk2_real_time = 0;
	run_campaign();
	usb_fake_free(&kit->usb);
	free(kit);
	g_object_unref(testbed);

	command("../bin/mnchar collect --quiet --board virtual-f446re --meter virtual --window 20 "
		"--sweep %s --db %s",
		sweep_path, db_virtual);
	n = energies(db, ppk2_nJ, 64);
	assert_int_equal(n, 12);
	assert_int_equal(energies(db_virtual, virtual_nJ, 64), n);
	for (size_t i = 0; i < n; i++) {
		double off = fabs(ppk2_nJ[i] / virtual_nJ[i] - 1);

		worst = off > worst ? off : worst;
	}
	print_message("PPK2 against the virtual meter, %zu layers: worst %.3f %%\n", n,
		      100 * worst);
	assert_true(worst < 0.005);

	command("../bin/mnchar fit --db %s >ppk2-collect.json 2>&1", db);
	command("../bin/mnchar query --json --db %s >ppk2-collect.json", db);
	fits = json_load_file("ppk2-collect.json", 0, NULL);
	assert_non_null(fits);
	/* mJ/op of conv_2d through the origin: about 150 mW at about 10 ms/Mop. */
	json_array_foreach(
		fits, n,
		row) if (!strcmp(json_string_value(json_object_get(row, "target")), "energy") &&
			 !strcmp(json_string_value(json_object_get(row, "model")), "ops"))
		mJ_per_op = json_real_value(
			json_object_get(json_array_get(json_object_get(row, "terms"), 0), "value"));
	print_message("conv_2d: %.3f mJ/Mop\n", 1e6 * mJ_per_op);
	assert_true(mJ_per_op > 0.5e-6 && mJ_per_op < 5e-6);
	json_decref(fits);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(from_samples_to_a_query, remove_files),
	};

	if (argc > 1 && !strcmp(argv[1], "none")) {
		printf("skipped: no firmware was built\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
