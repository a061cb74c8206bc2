/* SPDX-License-Identifier: MIT */
/*
 * Functions of one byte, one evaluation each: what the tables of logistic, tanh and hard_swish
 * (mn_kernel_table()) are made of. Fixed-point numbers are Q<integer bits>.<fraction bits>.
 */
#ifndef MN_LOOKUP_H
#define MN_LOOKUP_H

#include "kernel.h"

/* The output of input byte x, from everything in *quant but the table. */
int8_t mn_logistic_value(const struct mn_quant *quant, int32_t x);
int8_t mn_tanh_value(const struct mn_quant *quant, int32_t x);
int8_t mn_hard_swish_value(const struct mn_quant *quant, int32_t x);

#endif
