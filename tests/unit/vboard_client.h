/* SPDX-License-Identifier: MIT */
/* A host of a few lines: starts a virtual board, speaks the wire, runs layers one at a time. */
#ifndef VBOARD_CLIENT_H
#define VBOARD_CLIENT_H

#include <stdint.h>
#include <sys/types.h>

#include "wire.h"

struct vb_client {
	pid_t pid;
	int fd;
	uint16_t seq;
	uint32_t batch;
	char log[128]; /* file that has the board's stderr */
	struct mn_frame_decoder decoder;
	uint8_t rx[4096];
	size_t rx_at, rx_len;
	struct mn_msg_hello hello;
	uint32_t energy_us, idle_us; /* what vb_run() asks for besides */
};

#define VB_REPS 8u

struct vb_result {
	int status;
	uint32_t crc;
	uint64_t n_cycles, n2_cycles;
	uint32_t overhead_cycles, n_micros;
	uint32_t energy_reps, energy_micros;
	uint64_t energy_cycles;
	uint32_t rep[3 * VB_REPS];
	uint32_t n_rep;
};

/* args: NULL-terminated, after the program's name. 0 or -1. */
int vb_start(struct vb_client *c, const char *program, const char *const *args);
/* HELLO into c->hello; 0, -1 if it does not come. */
int vb_hello(struct vb_client *c);
/* One layer, `reps` repetitions. 0, or -1 when the board does not answer as it should. */
int vb_run(struct vb_client *c, const char *layer, int kernels, int mode, unsigned reps,
	   struct vb_result *ret);
/* One message; its type, or -1 after timeout_ms or when the board is gone. */
int vb_receive(struct vb_client *c, struct mn_frame *ret_frame, int timeout_ms);
int vb_send(struct vb_client *c, uint8_t type, const uint8_t *payload, size_t len);
/* Close the link; exit code of the board (256 + signal if killed). */
int vb_stop(struct vb_client *c);
/* What the board wrote to stderr, NUL-terminated. */
void vb_log(const struct vb_client *c, char *buf, size_t size);

#endif
