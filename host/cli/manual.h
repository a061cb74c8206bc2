/* SPDX-License-Identifier: MIT */
/* The manual page mnchar(1). */
#ifndef MN_MANUAL_H
#define MN_MANUAL_H

/* The whole page in man(7) format to stdout: static text around the verbs' argp tables. */
void mn_manual_print(void);

#endif
