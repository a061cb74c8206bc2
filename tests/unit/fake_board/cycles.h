/* SPDX-License-Identifier: MIT */
#ifndef MN_CYCLES_H
#define MN_CYCLES_H

#include <stdint.h>

uint32_t mn_cycles(void);

#endif
