/* SPDX-License-Identifier: MIT */
/* exec:, unix: and tcp: links against plain peers. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "board_link.h"

/* Waits for bytes or the end, up to 10 s: a bound for a broken test, no pause. */
static ssize_t read_wait(struct mn_link *link, void *buf, size_t size)
{
	struct pollfd p = {.fd = mn_link_fd(link), .events = POLLIN};

	assert_int_equal(poll(&p, 1, 10000), 1);
	return mn_link_read(link, buf, size, NULL);
}

static void read_exactly(struct mn_link *link, void *buf, size_t size)
{
	for (size_t have = 0; have < size;) {
		ssize_t n = read_wait(link, (char *)buf + have, size - have);

		assert_true(n > 0);
		have += (size_t)n;
	}
}

static void write_all(struct mn_link *link, const void *buf, size_t size)
{
	for (size_t done = 0; done < size;) {
		ssize_t n = mn_link_write(link, (const char *)buf + done, size - done, NULL);

		if (n == MN_E_AGAIN) {
			struct pollfd p = {.fd = mn_link_fd(link), .events = POLLOUT};

			assert_int_equal(poll(&p, 1, 10000), 1);
			continue;
		}
		assert_true(n > 0);
		done += (size_t)n;
	}
}

static void exec_echoes(void **state)
{
	struct mn_link *link;
	struct mn_err err;
	char buf[8];

	(void)state;
	assert_int_equal(mn_link_open("exec:cat", &link, &err), 0);
	assert_string_equal(mn_link_spec(link), "exec:cat");
	assert_int_equal(mn_link_has_baud(link), 0);
	assert_int_equal(mn_link_set_baud(link, 921600, &err), 0);
	assert_int_equal(mn_link_read(link, buf, sizeof(buf), &err), MN_E_AGAIN);
	write_all(link, "ab\0cdef", 8);
	read_exactly(link, buf, 8);
	assert_memory_equal(buf, "ab\0cdef", 8);
	mn_link_close(link);
	/* No zombie: there is no child left to wait for. */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static void exec_that_does_not_read_fills_up(void **state)
{
	static const char zeros[65536];
	struct mn_link *link;
	ssize_t n;
	int rounds = 0;

	(void)state;
	assert_int_equal(mn_link_open("exec:exec sleep 1000", &link, NULL), 0);
	do
		n = mn_link_write(link, zeros, sizeof(zeros), NULL);
	while (n > 0 && ++rounds < 1000);
	assert_int_equal(n, MN_E_AGAIN);
	mn_link_close(link);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void exec_end_is_closed(void **state)
{
	struct mn_link *link;
	struct mn_err err;
	char buf[8];
	ssize_t n;

	(void)state;
	assert_int_equal(mn_link_open("exec:exit 3", &link, NULL), 0);
	assert_int_equal(read_wait(link, buf, sizeof(buf)), MN_E_CLOSED);
	/* Writing to it is an answer, not a signal. */
	n = mn_link_write(link, "x", 1, &err);
	assert_int_equal(n, MN_E_CLOSED);
	assert_non_null(strstr(err.msg, "exec:exit 3"));
	mn_link_close(link);
	assert_int_equal(mn_link_open("exec:/nonexistent/program", &link, NULL), 0);
	assert_int_equal(read_wait(link, buf, sizeof(buf)), MN_E_CLOSED);
	mn_link_close(link);
}

/* The command's own children go with it, and signals that mnchar blocks are not blocked in them. */
static void exec_has_its_own_group(void **state)
{
	struct mn_link *link;
	sigset_t set, old;
	char line[64] = "";
	long pid, pgid;

	(void)state;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, &old);
	assert_int_equal(mn_link_open("exec:sleep 1000 & sh -c 'kill -TERM $$; echo not dead'; "
				      "echo $! $(cut -d' ' -f5 /proc/$$/stat); exec cat >/dev/null",
				      &link, NULL),
			 0);
	sigprocmask(SIG_SETMASK, &old, NULL);
	for (size_t have = 0; !strchr(line, '\n');) {
		read_exactly(link, line + have, 1);
		have++;
	}
	assert_int_equal(sscanf(line, "%ld %ld", &pid, &pgid), 2);
	assert_true(pgid != (long)getpgrp());
	assert_int_equal(kill((pid_t)pid, 0), 0);
	mn_link_close(link);
	/* The orphan is init's to reap, so a zombie is dead enough. A bound for a broken test: it
	 * was sent SIGKILL. */
	alarm(20);
	for (;;) {
		char path[64], text[256] = "";
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
		f = fopen(path, "r");
		if (!f)
			break;
		if (!fgets(text, sizeof(text), f) || strstr(text, ") Z") || strstr(text, ") X")) {
			fclose(f);
			break;
		}
		fclose(f);
	}
	alarm(0);
}

static void unix_and_its_errors(void **state)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	char dir[] = "mnlinkXXXXXX", spec[160], buf[4];
	struct mn_link *link;
	struct mn_err err;
	int server, peer;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/s", dir);
	snprintf(spec, sizeof(spec), "unix:%s", addr.sun_path);
	assert_int_equal(mn_link_open(spec, &link, &err), MN_E_NOTFOUND);
	server = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(server, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(mn_link_open(spec, &link, &err), MN_E_IO);
	assert_non_null(strstr(err.msg, "nobody listens"));
	assert_int_equal(listen(server, 1), 0);
	assert_int_equal(mn_link_open(spec, &link, &err), 0);
	peer = accept(server, NULL, NULL);
	write_all(link, "ping", 4);
	assert_int_equal(read(peer, buf, 4), 4);
	assert_int_equal(write(peer, "pong", 4), 4);
	read_exactly(link, buf, 4);
	assert_memory_equal(buf, "pong", 4);
	close(peer);
	assert_int_equal(read_wait(link, buf, 4), MN_E_CLOSED);
	mn_link_close(link);
	close(server);
	unlink(addr.sun_path);
	rmdir(dir);
	memset(spec, 'x', sizeof(spec));
	memcpy(spec, "unix:", 5);
	spec[sizeof(spec) - 1] = '\0';
	assert_int_equal(mn_link_open(spec, &link, &err), MN_E_SYNTAX);
}

static void tcp_and_its_errors(void **state)
{
	struct sockaddr_in addr = {.sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(addr);
	char spec[64], buf[4];
	struct mn_link *link;
	struct mn_err err;
	int server = socket(AF_INET, SOCK_STREAM, 0), peer;

	(void)state;
	assert_int_equal(bind(server, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(getsockname(server, (struct sockaddr *)&addr, &len), 0);
	snprintf(spec, sizeof(spec), "tcp:127.0.0.1:%d", ntohs(addr.sin_port));
	assert_int_equal(mn_link_open(spec, &link, &err), MN_E_IO);
	assert_int_equal(listen(server, 1), 0);
	assert_int_equal(mn_link_open(spec, &link, &err), 0);
	peer = accept(server, NULL, NULL);
	write_all(link, "ping", 4);
	assert_int_equal(read(peer, buf, 4), 4);
	assert_int_equal(write(peer, "pong", 4), 4);
	read_exactly(link, buf, 4);
	assert_int_equal(mn_link_read(link, buf, 4, NULL), MN_E_AGAIN);
	close(peer);
	assert_int_equal(read_wait(link, buf, 4), MN_E_CLOSED);
	mn_link_close(link);
	close(server);
	assert_int_equal(mn_link_open("tcp:localhost", &link, &err), MN_E_SYNTAX);
	assert_int_equal(mn_link_open("tcp::1:80", &link, &err), MN_E_SYNTAX);
	assert_int_equal(mn_link_open("tcp:[]:80", &link, &err), MN_E_SYNTAX);
}

static void unknown_scheme(void **state)
{
	static const char *const specs[] = {"", "ttyACM0", "usb:1", "serial:", "exec:", "/dev/tty"};
	struct mn_link *link = (void *)specs;
	struct mn_err err;

	(void)state;
	for (size_t i = 0; i < sizeof(specs) / sizeof(specs[0]); i++) {
		assert_int_equal(mn_link_open(specs[i], &link, &err), MN_E_SYNTAX);
		assert_ptr_equal(link, specs);
	}
	mn_link_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exec_echoes),
		cmocka_unit_test(exec_that_does_not_read_fills_up),
		cmocka_unit_test(exec_end_is_closed),
		cmocka_unit_test(exec_has_its_own_group),
		cmocka_unit_test(unix_and_its_errors),
		cmocka_unit_test(tcp_and_its_errors),
		cmocka_unit_test(unknown_scheme),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
