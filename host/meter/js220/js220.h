/* SPDX-License-Identifier: MIT */
/*
 * Jetperch Joulescope JS220: an ammeter that measures voltage too, 1 MS/s of each, calibrated
 * floats; GPI0 is the window line and GPI1 the layer line, at 2 MS/s.
 *
 * Certainty: written from the maker's own driver (joulescope_driver, Apache-2.0, read for facts)
 * and tested with an emulated instrument that was written from the same facts. No JS220 was there.
 */
#ifndef MN_METER_JS220_H
#define MN_METER_JS220_H

#include "meter.h"

extern const struct mn_meter_ops mn_meter_js220;

#endif
