/* SPDX-License-Identifier: MIT */
/* Nordic Power Profiler Kit II: 100 kS/s, eight logic lines, supply 0.8 to 5 V or ampere meter. */
#ifndef MN_METER_PPK2_H
#define MN_METER_PPK2_H

#include "meter.h"

extern const struct mn_meter_ops mn_meter_ppk2;

/* 1. What tests (and nobody else) clear, whose kit lives in simulated time: compare its clock with
 * this computer's, which finds blocks that were lost whole. */
extern int mn_ppk2_real_time;

#endif
