/* SPDX-License-Identifier: MIT */
/*
 * Error codes and the error record that every mnchar module shares.
 *
 * A function that can fail returns `int`: 0 or one of the negative MN_E_* below. A function that
 * can say more than the code (which file, line, layer, board) takes a last `struct mn_err *err`,
 * which may be NULL, is written only on failure, and then holds one complete sentence. Libraries
 * never print.
 *
 * The values are on the wire (MN_MSG_ERROR) and in the store: append only, never renumber.
 */
#ifndef MN_ERR_H
#define MN_ERR_H

#include <stddef.h>

/*      name            value  sentence */
#define MN_ERR_TABLE(X)                                                                            \
	X(INVALID, -1, "an argument or a value is out of its range")                               \
	X(OVERFLOW, -2, "a size or a count overflows")                                             \
	X(SYNTAX, -3, "the text cannot be parsed")                                                 \
	X(UNSUPPORTED, -4, "the operation is not supported")                                       \
	X(NOMEM, -5, "out of memory")                                                              \
	X(IO, -6, "an input or output operation failed")                                           \
	X(NOTFOUND, -7, "it does not exist")                                                       \
	X(EXISTS, -8, "it exists already")                                                         \
	X(BUSY, -9, "it is in use by someone else")                                                \
	X(PERM, -10, "permission denied")                                                          \
	X(TIMEOUT, -11, "no answer in time")                                                       \
	X(CLOSED, -12, "the other side closed the connection")                                     \
	X(AGAIN, -13, "more bytes are needed")                                                     \
	X(CRC, -14, "the checksum does not match")                                                 \
	X(PROTOCOL, -15, "the other side broke the protocol")                                      \
	X(VERSION, -16, "no common version")                                                       \
	X(TOO_BIG, -17, "it does not fit")                                                         \
	X(NO_COUNTER, -18, "the cycle counter is missing or stands still")                         \
	X(CLOCK, -19, "the clock is not what was asked for")                                       \
	X(NO_BATCH, -20, "the board does not hold that batch")                                     \
	X(SCHEMA, -21, "the database is not one that this version can use")                        \
	X(FULL, -22, "no space is left")                                                           \
	X(SINGULAR, -23, "the data do not determine the model")                                    \
	X(INTERRUPTED, -24, "interrupted")                                                         \
	X(FAULT, -25, "the processor faulted")                                                     \
	X(BUDGET, -26, "the budget is used up")                                                    \
	X(INTERNAL, -27, "a bug in mnchar")

enum mn_err_code {
	MN_OK = 0,
#define X(name, value, sentence) MN_E_##name = (value),
	MN_ERR_TABLE(X)
#undef X
};

/* One failure: the code and one sentence for people. Plain data, copy it freely. */
struct mn_err {
	int code;
	char msg[512];
};

/* Symbolic name of a code ("MN_E_CRC"), "MN_OK" for 0, "MN_E_?" for an unknown value. Never NULL.
 */
const char *mn_err_name(int code);

/* The table's sentence for a code. Never NULL. */
const char *mn_err_text(int code);

/*
 * Fill *err (if not NULL) with code and a printf-style message, truncated to fit, and return code,
 * so that `return mn_err_set(err, MN_E_SYNTAX, "%s:%d: ...", file, line);` is the idiom. Host only.
 */
int mn_err_set(struct mn_err *err, int code, const char *fmt, ...)
#if defined(__GNUC__)
	__attribute__((format(printf, 3, 4)))
#endif
	;

/* Put a printf-style prefix ("board X: ") before err->msg; does nothing if err is NULL. Returns
 * code. */
int mn_err_prefix(struct mn_err *err, int code, const char *fmt, ...)
#if defined(__GNUC__)
	__attribute__((format(printf, 3, 4)))
#endif
	;

#endif
