/* SPDX-License-Identifier: MIT */
/*
 * ST's X-NUCLEO-LPM01A (up to 50 mA, 1.8 to 3.3 V; marker: falling edges on D7, 5 kS/s as text) and
 * STLINK-V3PWR (up to 500 mA, 1.6 to 3.6 V, 100 kS/s, no marker). Both supply the board; neither is
 * a plain ammeter.
 */
#ifndef MN_METER_LPM01A_H
#define MN_METER_LPM01A_H

#include "meter.h"

extern const struct mn_meter_ops mn_meter_lpm01a;

#endif
