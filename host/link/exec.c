/* SPDX-License-Identifier: MIT */
/* exec: a child process on a socketpair, in a process group of its own. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend.h"

/* Between closing the socket, asking the child to end, and killing it. A busy computer takes a
 * while to say its last words. */
#define GRACE_MS 1000
#define TERM_MS  5000

struct child {
	pid_t pid;
	int words; /* pipe that its last words come from, -1: none */
};

static _Noreturn void run_child(int fd, int words, const char *command)
{
	char number[16];
	sigset_t none;

	/* Its own group: ^C at the terminal is for mnchar, which then decides what a board does,
	 * and whatever the command starts can be ended with it. */
	setpgid(0, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	if (dup2(fd, STDIN_FILENO) < 0 || dup2(fd, STDOUT_FILENO) < 0)
		_exit(126);
	unsetenv("MNCHAR_LAST_WORDS");
	words = words < 0 ? -1 : dup(words); /* without close-on-exec */
	if (words >= 0) {
		snprintf(number, sizeof(number), "%d", words);
		setenv("MNCHAR_LAST_WORDS", number, 1);
	}
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

static int open_exec(struct mn_link *link, const char *rest, struct mn_err *err)
{
	struct child *child = calloc(1, sizeof(*child));
	int fds[2], words[2] = {-1, -1};

	if (!child)
		return mn_err_set(err, MN_E_NOMEM, "out of memory");
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds)) {
		free(child);
		return mn_err_set(err, MN_E_IO, "%s: cannot make a socket pair: %s", link->spec,
				  strerror(errno));
	}
	/* Without it the board works all the same. Never blocks either side. */
	if (pipe2(words, O_CLOEXEC | O_NONBLOCK))
		words[0] = words[1] = -1;
	child->words = words[0];
	child->pid = fork();
	if (child->pid < 0) {
		mn_err_set(err, MN_E_IO, "%s: cannot start a process: %s", link->spec,
			   strerror(errno));
		free(child);
		close(fds[0]);
		close(fds[1]);
		if (words[0] >= 0) {
			close(words[0]);
			close(words[1]);
		}
		return MN_E_IO;
	}
	if (child->pid == 0)
		run_child(fds[1], words[1], rest);
	if (words[1] >= 0)
		close(words[1]);
	/* Here as well: whoever is first, so that the group exists when it is to be killed. */
	setpgid(child->pid, child->pid);
	close(fds[1]);
	/* Our end only: the child's stdin and stdout are those of a plain program. */
	(void)fcntl(fds[0], F_SETFL, O_NONBLOCK);
	link->fd = fds[0];
	link->impl = child;
	return 0;
}

static void wait_for(struct pollfd *pidfd, int ms)
{
	while (poll(pidfd, 1, ms) < 0 && errno == EINTR)
		;
}

static void read_words(struct mn_link *link, int fd)
{
	char buf[sizeof(link->words)], *line;
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof(buf) - 1);

	if (n <= 0)
		return;
	buf[n] = '\0';
	if (buf[n - 1] == '\n')
		buf[n - 1] = '\0';
	line = strrchr(buf, '\n');
	snprintf(link->words, sizeof(link->words), "%s", line ? line + 1 : buf);
}

static void close_exec(struct mn_link *link)
{
	struct child *child = link->impl;
	struct pollfd p = {.events = POLLIN};
	siginfo_t info;

	close(link->fd);
	p.fd = pidfd_open(child->pid, 0);
	if (p.fd >= 0) {
		wait_for(&p, GRACE_MS);
		/* One that does not look at its link can still say where it is. */
		if (!p.revents) {
			kill(-child->pid, SIGTERM);
			/* The shell may go first: what counts is the last words, or that nobody is
			 * left to say any. */
			if (child->words >= 0)
				wait_for(&(struct pollfd){child->words, POLLIN, 0}, TERM_MS);
			else
				wait_for(&p, TERM_MS);
		}
		close(p.fd);
	}
	/* While the dead child is not reaped yet its group id cannot have become anyone else's. */
	memset(&info, 0, sizeof(info));
	if (waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOHANG | WNOWAIT) || !info.si_pid)
		kill(child->pid, SIGKILL);
	kill(-child->pid, SIGKILL);
	while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
		;
	read_words(link, child->words);
	if (child->words >= 0)
		close(child->words);
	free(child);
}

const struct mn_link_backend mn_link_exec = {
	.scheme = "exec:",
	.open = open_exec,
	.close = close_exec,
	.read = mn_link_socket_read,
	.write = mn_link_socket_write,
};
