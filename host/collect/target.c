/* SPDX-License-Identifier: MIT */
#include "target.h"

#include <errno.h>
#include <stdarg.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "direct.h"
#include "known.h"
#include "paths.h"
#include "ports.h"
#include "rig.h"

#define HELLO_TIMEOUT_MS 3000

static char *format(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static char *format(const char *fmt, ...)
{
	char *text;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	return n < 0 ? NULL : text;
}

/* In single quotes for /bin/sh; NULL: out of memory. */
static char *quote(const char *text)
{
	size_t quotes = 0;
	char *out, *p;

	for (const char *q = text; *q; q++)
		quotes += *q == '\'';
	out = p = malloc(strlen(text) + 3 * quotes + 3);
	if (!out)
		return NULL;
	*p++ = '\'';
	for (; *text; text++) {
		if (*text == '\'')
			p = stpcpy(p, "'\\''");
		else
			*p++ = *text;
	}
	memcpy(p, "'", 2);
	return out;
}

/* "'/path/mnchar-vboard' --board NAME" */
static int vboard_command(const char *name, char **ret_command, struct mn_err *err)
{
	char path[4096], *quoted, *command;
	int ret = mn_path(MN_DIR_BIN, "mnchar-vboard", path, sizeof(path), err);

	if (ret)
		return ret;
	quoted = quote(path);
	command = quoted ? format("%s --board %s", quoted, name) : NULL;
	free(quoted);
	if (!command)
		return mn_err_set(err, MN_E_NOMEM, "out of memory");
	*ret_command = command;
	return 0;
}

int mn_target_virtual_link(const char *name, char **ret_link, struct mn_err *err)
{
	char *command, *link;
	int ret = vboard_command(name, &command, err);

	if (ret)
		return ret;
	link = format("exec:%s", command);
	free(command);
	if (!link)
		return mn_err_set(err, MN_E_NOMEM, "out of memory");
	*ret_link = link;
	return 0;
}

/*
 * What a virtual board says its cycle model is: name, version and hash of its parameters. `extra`
 * is appended: options that someone gave it by hand may change its numbers.
 */
static int describe(const char *command, const char *extra, char **ret_model, struct mn_err *err)
{
	char *line = format("%s --describe", command);
	const char *model, *hash;
	json_error_t why;
	json_t *root;
	int ret = 0, status, version;
	FILE *f;

	if (!line)
		return mn_err_set(err, MN_E_NOMEM, "out of memory");
	f = popen(line, "re");
	free(line);
	if (!f)
		return mn_err_set(err, MN_E_IO, "cannot start mnchar-vboard: %s", strerror(errno));
	root = json_loadf(f, 0, &why);
	status = pclose(f);
	if (status || !root ||
	    json_unpack(root, "{s:s,s:i,s:s}", "model", &model, "model_version", &version,
			"parameters_fnv1a", &hash)) {
		ret = mn_err_set(err, MN_E_PROTOCOL, "'%s --describe' does not say the cycle model",
				 command);
		goto out;
	}
	*ret_model = format("%s %d %s%s", model, version, hash, extra);
	if (!*ret_model)
		ret = mn_err_set(err, MN_E_NOMEM, "out of memory");
out:
	json_decref(root);
	return ret;
}

int mn_target_hello(const char *link_spec, int timeout_ms, struct mn_msg_hello *ret_hello,
		    struct mn_err *err)
{
	struct mn_direct *direct;
	int ret = mn_direct_open(link_spec, timeout_ms, &direct, err);

	if (ret)
		return ret;
	*ret_hello = *mn_direct_hello(direct);
	mn_direct_close(direct);
	return 0;
}

/* ---- names ---- */

static int set_target(struct mn_target *t, const char *name, char *link, int virt, char *model,
		      struct mn_err *err)
{
	struct mn_target made = {strdup(name), link, virt, model ? model : strdup("")};

	if (!made.name || !made.link || !made.model) {
		mn_target_clear(&made);
		return mn_err_set(err, MN_E_NOMEM, "out of memory");
	}
	*t = made;
	return 0;
}

void mn_target_clear(struct mn_target *target)
{
	if (!target)
		return;
	free(target->name);
	free(target->link);
	free(target->model);
	memset(target, 0, sizeof(*target));
}

/* What runs on it is the rig's build id to say, not the model's name. */
static int resolve_virtual(const char *name, const char *image, struct mn_target *ret,
			   struct mn_err *err)
{
	char *command, *model, *link = NULL, *quoted = image ? quote(image) : NULL;
	int code = vboard_command(name, &command, err);

	if (code) {
		free(quoted);
		return code;
	}
	code = describe(command, "", &model, err);
	if (!code)
		link = quoted   ? format("exec:%s --image %s", command, quoted)
		       : !image ? format("exec:%s", command)
				: NULL;
	free(quoted);
	free(command);
	return code ? code : set_target(ret, name, link, 1, model, err);
}

/* Any link. A mnchar-vboard that was written out by hand still says what its model is. */
static int resolve_link(const char *spec, struct mn_target *ret, struct mn_err *err)
{
	const char *vboard = strstr(spec, "mnchar-vboard");
	char *model = NULL;
	int code = 0;

	if (!strncmp(spec, "exec:", 5) && vboard)
		code = describe(spec + 5, vboard + strlen("mnchar-vboard"), &model, err);
	return code ? code : set_target(ret, spec, strdup(spec), -1, model, err);
}

/* Why there is no such board, with the words that would do. */
static int not_found(const char *name, const struct mn_port *ports, size_t n, struct mn_err *err)
{
	char list[256] = "";
	size_t used = 0;

	for (size_t i = 0; i < n && used < sizeof(list); i++)
		if (ports[i].is_stlink)
			used += (size_t)snprintf(list + used, sizeof(list) - used, " %s (%s)",
						 ports[i].serial, ports[i].path);
	for (const struct mn_known_board *k = mn_known_boards; k->board && used < sizeof(list); k++)
		used += (size_t)snprintf(list + used, sizeof(list) - used, " %s", k->virt);
	return mn_err_set(err, MN_E_NOTFOUND, "no board '%s' here; there are:%s", name, list);
}

/* The attached board whose hello has that name. */
static int resolve_by_hello(const char *name, const struct mn_port *ports, size_t n,
			    struct mn_target *ret, struct mn_err *err)
{
	const struct mn_port *found = NULL;
	char *link;

	for (size_t i = 0; i < n; i++) {
		struct mn_msg_hello hello;
		struct mn_err why;
		int code;

		if (!ports[i].is_stlink)
			continue;
		link = format("serial:%s", ports[i].path);
		if (!link)
			return mn_err_set(err, MN_E_NOMEM, "out of memory");
		code = mn_target_hello(link, HELLO_TIMEOUT_MS, &hello, &why);
		free(link);
		if (code || strcmp(hello.board, name) || mn_hello_is_virtual(&hello))
			continue;
		if (found)
			return mn_err_set(
				err, MN_E_EXISTS,
				"more than one %s is attached: choose by serial number, %s or %s",
				name, found->serial, ports[i].serial);
		found = &ports[i];
	}
	if (!found)
		return not_found(name, ports, n, err);
	return set_target(ret, name, format("serial:%s", found->path), 0, NULL, err);
}

static int resolve_port(const char *name, struct mn_target *ret, struct mn_err *err)
{
	const struct mn_known_board *known = mn_known_find(name);
	const struct mn_port *found = NULL;
	struct mn_port *ports;
	size_t n, matches = 0;
	int code = mn_ports_list(&ports, &n, err);

	if (code)
		return code;
	if (known) {
		code = resolve_by_hello(name, ports, n, ret, err);
		goto out;
	}
	for (size_t i = 0; i < n; i++) {
		if (!strcmp(ports[i].serial, name) || !strcmp(ports[i].path, name)) {
			found = &ports[i];
			matches = 1;
			break;
		}
		if (ports[i].is_stlink && *name && strstr(ports[i].serial, name)) {
			found = &ports[i];
			matches++;
		}
	}
	if (matches > 1)
		code = mn_err_set(err, MN_E_EXISTS, "'%s' is part of several serial numbers", name);
	else if (!found)
		code = not_found(name, ports, n, err);
	else
		code = set_target(ret, name, format("serial:%s", found->path), 0, NULL, err);
out:
	mn_ports_free(ports, n);
	return code;
}

int mn_target_resolve_image(const char *name, const char *image, struct mn_target *ret_target,
			    struct mn_err *err)
{
	const struct mn_known_board *known = mn_known_find(name);

	if (!image)
		return mn_target_resolve(name, ret_target, err);
	if (!known || strcmp(name, known->virt) != 0)
		return mn_err_set(
			err, MN_E_INVALID,
			"%s: an image is given to virtual boards only; others run what was "
			"flashed: mnchar flash --image %s",
			name, image);
	return resolve_virtual(name, image, ret_target, err);
}

int mn_target_resolve(const char *name, struct mn_target *ret_target, struct mn_err *err)
{
	static const char *const schemes[] = {"serial:", "tcp:", "unix:", "exec:"};
	const struct mn_known_board *known = mn_known_find(name);

	if (known && !strcmp(name, known->virt))
		return resolve_virtual(name, NULL, ret_target, err);
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
		if (!strncmp(name, schemes[i], strlen(schemes[i])))
			return resolve_link(name, ret_target, err);
	return resolve_port(name, ret_target, err);
}
