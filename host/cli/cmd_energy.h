/* SPDX-License-Identifier: MIT */
/* The options about energy that collect and bench share. */
#ifndef MN_CMD_ENERGY_H
#define MN_CMD_ENERGY_H

#include <argp.h>

#include "energy.h"

struct mn_cmd_energy {
	struct mn_energy_config config; /* meter NULL: none asked for */
	int mlperf;
};

/* input: struct mn_cmd_energy, zeroed. */
extern const struct argp mn_argp_energy;

/* MN_E_INVALID: one power monitor cannot watch several boards. */
int mn_cmd_energy_check(const struct mn_cmd_energy *energy, size_t n_boards, struct mn_err *err);
/* NULL: no energy. */
const struct mn_energy_config *mn_cmd_energy_config(const struct mn_cmd_energy *energy);

#endif
