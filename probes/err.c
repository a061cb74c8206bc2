/* SPDX-License-Identifier: MIT */
#include "err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *mn_err_name(int code)
{
	switch (code) {
	case MN_OK:
		return "MN_OK";
#define X(name, value, sentence)                                                                   \
	case value:                                                                                \
		return "MN_E_" #name;
		MN_ERR_TABLE(X)
#undef X
	default:
		return "MN_E_?";
	}
}

const char *mn_err_text(int code)
{
	switch (code) {
	case MN_OK:
		return "no error";
#define X(name, value, sentence)                                                                   \
	case value:                                                                                \
		return sentence;
		MN_ERR_TABLE(X)
#undef X
	default:
		return "an unknown error";
	}
}

int mn_err_set(struct mn_err *err, int code, const char *fmt, ...)
{
	if (err) {
		va_list ap;

		err->code = code;
		va_start(ap, fmt);
		vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
		va_end(ap);
	}
	return code;
}

int mn_err_prefix(struct mn_err *err, int code, const char *fmt, ...)
{
	if (err) {
		char old[sizeof(err->msg)];
		va_list ap;
		int n;

		memcpy(old, err->msg, sizeof(old));
		va_start(ap, fmt);
		n = vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
		va_end(ap);
		if (n >= 0 && (size_t)n < sizeof(err->msg))
			snprintf(err->msg + n, sizeof(err->msg) - (size_t)n, "%s", old);
		err->code = code;
	}
	return code;
}
