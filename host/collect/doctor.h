/* SPDX-License-Identifier: MIT */
/* Checks of everything that a sweep depends on, each with what was found and what to do. */
#ifndef MN_DOCTOR_H
#define MN_DOCTOR_H

#include <stddef.h>
#include <stdint.h>

struct mn_doctor_config {
	const char *board; /* as mn_target_resolve() takes it; NULL: only what needs none */
	const char *meter; /* "ppk2:SERIAL", "virtual"; NULL: none. Needs a board */
	uint32_t volt_mV;  /* 0: not said */
	int source;        /* the monitor supplies the board */
};

enum mn_doctor_result { MN_DOCTOR_PASS, MN_DOCTOR_FAIL, MN_DOCTOR_SKIP };

struct mn_doctor_check {
	const char *name;
	enum mn_doctor_result result;
	char found[512];
	char remedy[256]; /* "" if it passed */
};

#define MN_DOCTOR_CHECKS 16

/* Runs them in order, up to the first that the following ones need. Returns how many. */
size_t mn_doctor_run(const struct mn_doctor_config *config,
		     struct mn_doctor_check checks[MN_DOCTOR_CHECKS]);

#endif
