/* SPDX-License-Identifier: MIT */
#include "board_memory.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cyaml/cyaml.h>

#include "paths.h"

#define KNOWN "nucleo-f446re, nucleo-f746zg, nucleo-f767zi and their virtual twins"

#define TEXT(field) CYAML_FIELD_STRING(#field, CYAML_FLAG_DEFAULT, struct mn_board_memory, field, 1)
#define SIZE(field) CYAML_FIELD_UINT(#field, CYAML_FLAG_DEFAULT, struct mn_board_memory, field)

static const cyaml_schema_field_t fields[] = {TEXT(board),      TEXT(chip),        TEXT(cpu),
					      SIZE(sram_bytes), SIZE(flash_bytes), TEXT(source),
					      CYAML_FIELD_END};

static const cyaml_schema_value_t schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct mn_board_memory, fields)};

int mn_board_memory_load(const char *board, struct mn_board_memory *ret, struct mn_err *err)
{
	const cyaml_config_t config = {.mem_fn = cyaml_mem, .log_level = CYAML_LOG_ERROR};
	const char *twin = strncmp(board, "virtual-", 8) == 0 ? board + 8 : NULL;
	struct mn_board_memory *loaded = NULL;
	char name[64], path[PATH_MAX];
	cyaml_err_t bad;

	snprintf(name, sizeof(name), "%s%.40s.yaml", twin ? "nucleo-" : "", twin ? twin : board);
	if (strchr(board, '/') || (!twin && strncmp(board, "nucleo-", 7) != 0) ||
	    mn_path(MN_DIR_BOARDS, name, path, sizeof(path), NULL) < 0 || access(path, F_OK) < 0)
		return mn_err_set(err, MN_E_NOTFOUND, "%s is not a board; there are %s", board,
				  KNOWN);
	bad = cyaml_load_file(path, &config, &schema, (cyaml_data_t **)&loaded, NULL);
	if (bad != CYAML_OK)
		return mn_err_set(err, MN_E_SYNTAX, "%s: %s", path, cyaml_strerror(bad));
	*ret = *loaded;
	snprintf(ret->board, sizeof(ret->board), "%s", board);
	cyaml_free(&config, &schema, loaded, 0);
	return 0;
}
