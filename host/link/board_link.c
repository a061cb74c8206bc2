/* SPDX-License-Identifier: MIT */
#include "board_link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend.h"

static const struct mn_link_backend *const backends[] = {
	&mn_link_serial,
	&mn_link_tcp,
	&mn_link_unix,
	&mn_link_exec,
};

int mn_link_open(const char *spec, struct mn_link **ret_link, struct mn_err *err)
{
	const struct mn_link_backend *backend = NULL;
	struct mn_link *link;
	size_t len = 0;
	int ret;

	for (size_t i = 0; i < sizeof(backends) / sizeof(backends[0]) && !backend; i++) {
		len = strlen(backends[i]->scheme);
		if (!strncmp(spec, backends[i]->scheme, len))
			backend = backends[i];
	}
	if (!backend || !spec[len])
		return mn_err_set(
			err, MN_E_SYNTAX,
			"'%s' is not a link: it is serial:DEVICE, tcp:HOST:PORT, unix:PATH "
			"or exec:COMMAND",
			spec);
	link = calloc(1, sizeof(*link));
	if (!link)
		return mn_err_set(err, MN_E_NOMEM, "out of memory");
	link->fd = -1;
	link->backend = backend;
	link->spec = strdup(spec);
	if (!link->spec) {
		ret = mn_err_set(err, MN_E_NOMEM, "out of memory");
		goto out;
	}
	ret = backend->open(link, spec + len, err);
out:
	if (ret) {
		free(link->spec);
		free(link);
		return ret;
	}
	*ret_link = link;
	return 0;
}

void mn_link_close(struct mn_link *link)
{
	mn_link_close_words(link, NULL, 0);
}

void mn_link_close_words(struct mn_link *link, char *ret_words, size_t size)
{
	if (size)
		ret_words[0] = '\0';
	if (!link)
		return;
	link->backend->close(link);
	if (size)
		snprintf(ret_words, size, "%s", link->words);
	free(link->spec);
	free(link);
}

int mn_link_fd(const struct mn_link *link)
{
	return link->fd;
}

ssize_t mn_link_read(struct mn_link *link, void *buf, size_t size, struct mn_err *err)
{
	return link->backend->read(link, buf, size, err);
}

ssize_t mn_link_write(struct mn_link *link, const void *buf, size_t size, struct mn_err *err)
{
	return link->backend->write(link, buf, size, err);
}

int mn_link_set_baud(struct mn_link *link, uint32_t baud, struct mn_err *err)
{
	return link->backend->set_baud ? link->backend->set_baud(link, baud, err) : 0;
}

int mn_link_has_baud(const struct mn_link *link)
{
	return !!link->backend->set_baud;
}

const char *mn_link_spec(const struct mn_link *link)
{
	return link->spec;
}
