/* SPDX-License-Identifier: MIT */
/*
 * What mnchar-vboard draws: samples from its side channel (config.board_fd). The stream is a header
 * of 16 bytes, then records of 16 bytes, all little endian; host/vboard/power.c writes it.
 *
 *   header  "mnpower1", u32 samples a second, u32 supply in mV
 *   record  u64 index, counting from 1; u32 current in nA; u8 bits; u8 edge in 1/256; u16 0
 *
 * The values are a model's, never a measurement.
 */
#ifndef MN_METER_VIRTUAL_H
#define MN_METER_VIRTUAL_H

#include "meter.h"

extern const struct mn_meter_ops mn_meter_virtual;

#endif
