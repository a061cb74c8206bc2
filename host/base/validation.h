/* SPDX-License-Identifier: MIT */
/*
 * How far the cycle model of a virtual board was found to be from measured figures:
 * data/boards/validation.json, which scripts/validate-vboard's tables are copied to by hand.
 */
#ifndef MN_VALIDATION_H
#define MN_VALIDATION_H

#include "err.h"

/*
 * What is known of a cycle model, "name version hash" as a virtual rig records it: a JSON object
 * with against, compiler, compilers and ops[] (host/cost/validated.h reads it), in one line, which
 * the caller frees. "" if there is nothing for that board and exactly that model: another version,
 * other parameters, options given by hand, no such file. MN_E_SYNTAX, MN_E_NOMEM.
 */
int mn_validation_find(const char *board, const char *model, char **ret_text, struct mn_err *err);

#endif
