/* SPDX-License-Identifier: MIT */
/* exec: a child process on a socketpair, in a process group of its own. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend.h"

/* Between closing the socket and killing the child. */
#define GRACE_MS 1000

struct child {
	pid_t pid;
};

static _Noreturn void run_child(int fd, const char *command)
{
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
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

static int open_exec(struct mn_link *link, const char *rest, struct mn_err *err)
{
	struct child *child = calloc(1, sizeof(*child));
	int fds[2];

	if (!child)
		return mn_err_set(err, MN_E_NOMEM, "out of memory");
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds)) {
		free(child);
		return mn_err_set(err, MN_E_IO, "%s: cannot make a socket pair: %s", link->spec,
				  strerror(errno));
	}
	child->pid = fork();
	if (child->pid < 0) {
		mn_err_set(err, MN_E_IO, "%s: cannot start a process: %s", link->spec,
			   strerror(errno));
		free(child);
		close(fds[0]);
		close(fds[1]);
		return MN_E_IO;
	}
	if (child->pid == 0)
		run_child(fds[1], rest);
	/* Here as well: whoever is first, so that the group exists when it is to be killed. */
	setpgid(child->pid, child->pid);
	close(fds[1]);
	/* Our end only: the child's stdin and stdout are those of a plain program. */
	(void)fcntl(fds[0], F_SETFL, O_NONBLOCK);
	link->fd = fds[0];
	link->impl = child;
	return 0;
}

static void close_exec(struct mn_link *link)
{
	struct child *child = link->impl;
	struct pollfd p = {.events = POLLIN};
	siginfo_t info;

	close(link->fd);
	p.fd = pidfd_open(child->pid, 0);
	if (p.fd >= 0) {
		while (poll(&p, 1, GRACE_MS) < 0 && errno == EINTR)
			;
		close(p.fd);
	}
	/* While the dead child is not reaped yet its group id cannot have become anyone else's. */
	memset(&info, 0, sizeof(info));
	if (waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOHANG | WNOWAIT) || !info.si_pid)
		kill(child->pid, SIGKILL);
	kill(-child->pid, SIGKILL);
	while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
		;
	free(child);
}

const struct mn_link_backend mn_link_exec = {
	.scheme = "exec:",
	.open = open_exec,
	.close = close_exec,
	.read = mn_link_socket_read,
	.write = mn_link_socket_write,
};
