/* SPDX-License-Identifier: MIT */
#include "vboard_client.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernels/kernel.h"
#include "layer.h"
#include "program.h"

int vb_start(struct vb_client *c, const char *program, const char *const *args)
{
	const char *argv[32] = {program};
	int pair[2], n = 1;

	memset(c, 0, sizeof(*c));
	mn_frame_decoder_init(&c->decoder);
	while (*args && n < 31)
		argv[n++] = *args++;
	snprintf(c->log, sizeof(c->log), "vboard-%ld.log", (long)getpid());
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return -1;
	c->pid = fork();
	if (c->pid < 0)
		return -1;
	if (c->pid == 0) {
		int log = open(c->log, O_WRONLY | O_CREAT | O_TRUNC, 0644);

		dup2(pair[1], STDIN_FILENO);
		dup2(pair[1], STDOUT_FILENO);
		if (log >= 0)
			dup2(log, STDERR_FILENO);
		execv(program, (char *const *)argv);
		_exit(127);
	}
	close(pair[1]);
	c->fd = pair[0];
	return 0;
}

int vb_send(struct vb_client *c, uint8_t type, const uint8_t *payload, size_t len)
{
	uint8_t buf[MN_WIRE_FRAME_MAX];
	struct mn_frame f = {MN_PROTO_MAX, type, ++c->seq, payload, (uint16_t)len};
	int n = mn_frame_encode(&f, buf, sizeof(buf)), done = 0;

	while (done < n) {
		ssize_t k = send(c->fd, buf + done, (size_t)(n - done), MSG_NOSIGNAL);

		if (k < 0)
			return -1;
		done += (int)k;
	}
	return n > 0 ? 0 : -1;
}

int vb_receive(struct vb_client *c, struct mn_frame *ret_frame, int timeout_ms)
{
	for (;;) {
		struct pollfd p = {c->fd, POLLIN, 0};
		ssize_t n;

		while (c->rx_at < c->rx_len)
			if (mn_frame_feed(&c->decoder, c->rx[c->rx_at++], ret_frame) == 1)
				return ret_frame->type;
		if (poll(&p, 1, timeout_ms) <= 0)
			return -1;
		n = read(c->fd, c->rx, sizeof(c->rx));
		if (n <= 0)
			return -1;
		c->rx_at = 0;
		c->rx_len = (size_t)n;
	}
}

int vb_hello(struct vb_client *c)
{
	struct mn_msg_hello_req req = {MN_PROTO_MIN, MN_PROTO_MAX};
	struct mn_frame f;
	uint8_t buf[16];
	int n = mn_wire_pack_hello_req(&req, buf, sizeof(buf));

	if (vb_send(c, MN_MSG_HELLO_REQ, buf, (size_t)n) ||
	    vb_receive(c, &f, 60000) != MN_MSG_HELLO)
		return -1;
	return mn_wire_unpack_hello(f.payload, f.len, &c->hello) < 0 ? -1 : 0;
}

static uint32_t scratch_of(const struct mn_layer *layer)
{
	uint32_t most = 0;

	for (uint32_t i = 0; mn_kernel_sets[i]; i++) {
		const struct mn_kernel *k = mn_kernel_find(mn_kernel_sets[i], layer->op);
		uint32_t n = k && k->scratch_bytes ? k->scratch_bytes(layer) : 0;

		most = n > most ? n : most;
	}
	return most;
}

static int wait_for(struct vb_client *c, int type, struct mn_frame *f)
{
	int got = vb_receive(c, f, 120000);

	if (got == type)
		return 0;
	fprintf(stderr, "vboard client: %s instead of %s\n",
		got < 0 ? "nothing" : mn_msg_name((uint8_t)got), mn_msg_name((uint8_t)type));
	return -1;
}

int vb_run(struct vb_client *c, const char *text, int kernels, int mode, unsigned reps,
	   struct vb_result *ret)
{
	struct mn_layer layer;
	struct mn_step step;
	struct mn_program program;
	struct mn_rec_step rec;
	struct mn_msg_result m;
	struct mn_frame f;
	uint8_t batch[512], buf[1024];
	const char *why;
	size_t column;
	int n, len;

	if (mn_layer_parse(text, strlen(text), &layer, &column, &why) ||
	    mn_program_single(&layer, scratch_of(&layer), &step, &program))
		return -1;
	struct mn_rec_probe probe = {
		.tag = 1,
		.kernels = (uint8_t)kernels,
		.mode = (uint8_t)mode,
		.warmup = 1,
		.reps = (uint16_t)reps,
		.seed = 7,
		.arena_bytes = program.arena_bytes,
		.n_steps = 1,
	};
	len = mn_wire_pack_probe(&probe, batch, sizeof(batch));
	mn_wire_step_to_rec(&step, &rec);
	n = mn_wire_pack_step(&rec, batch + len, sizeof(batch) - (size_t)len);
	if (len < 0 || n < 0)
		return -1;
	len += n;
	c->batch++;
	struct mn_msg_load load = {.batch = c->batch,
				   .total = (uint32_t)len,
				   .offset = 0,
				   .data = batch,
				   .data_len = (uint16_t)len};
	n = mn_wire_pack_load(&load, buf, sizeof(buf));
	if (n < 0 || vb_send(c, MN_MSG_LOAD, buf, (size_t)n) || wait_for(c, MN_MSG_LOADED, &f))
		return -1;
	struct mn_msg_run run = {.batch = c->batch,
				 .n_probes = 1,
				 .crc = mn_crc32c(0, batch, (size_t)len),
				 .energy_us = c->energy_us,
				 .idle_us = c->idle_us};
	n = mn_wire_pack_run(&run, buf, sizeof(buf));
	if (n < 0 || vb_send(c, MN_MSG_RUN, buf, (size_t)n) || wait_for(c, MN_MSG_RUNNING, &f) ||
	    wait_for(c, MN_MSG_RESULT, &f) || mn_wire_unpack_result(f.payload, f.len, &m) < 0)
		return -1;
	memset(ret, 0, sizeof(*ret));
	ret->status = m.status;
	ret->crc = m.output_crc;
	ret->n_cycles = m.n_cycles;
	ret->energy_reps = m.energy_reps;
	ret->energy_cycles = m.energy_cycles;
	ret->energy_micros = m.energy_micros;
	ret->n2_cycles = m.n2_cycles;
	ret->overhead_cycles = m.overhead_cycles;
	ret->n_micros = m.n_micros;
	for (uint32_t i = 0; i < m.rep_cycles_len / 4u && i < 3 * VB_REPS; i++)
		ret->rep[ret->n_rep++] = mn_get_le32(m.rep_cycles + 4 * i);
	return wait_for(c, MN_MSG_DONE, &f);
}

int vb_stop(struct vb_client *c)
{
	int status;

	close(c->fd);
	if (waitpid(c->pid, &status, 0) != c->pid)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

void vb_log(const struct vb_client *c, char *buf, size_t size)
{
	FILE *f = fopen(c->log, "r");
	size_t n = 0;

	if (f) {
		n = fread(buf, 1, size - 1, f);
		fclose(f);
	}
	buf[n] = '\0';
}
