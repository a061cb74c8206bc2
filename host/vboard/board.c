/* SPDX-License-Identifier: MIT */
#include "board.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stdarg.h>

#include <cyaml/cyaml.h>

static const cyaml_strval_t region_kinds[] = {
	{"flash", MN_REGION_FLASH}, {"flash-alias", MN_REGION_FLASH_ALIAS},
	{"sram", MN_REGION_SRAM},   {"sram2", MN_REGION_SRAM2},
	{"dtcm", MN_REGION_DTCM},   {"itcm", MN_REGION_ITCM},
};

static const cyaml_strval_t periph_kinds[] = {
	{"rcc", MN_PERIPH_RCC},           {"pwr", MN_PERIPH_PWR},
	{"flash-f4", MN_PERIPH_FLASH_F4}, {"flash-f7", MN_PERIPH_FLASH_F7},
	{"gpio", MN_PERIPH_GPIO},         {"usart-v1", MN_PERIPH_USART_V1},
	{"usart-v2", MN_PERIPH_USART_V2}, {"tim", MN_PERIPH_TIM},
	{"syscfg", MN_PERIPH_SYSCFG},
};

static const cyaml_strval_t cpus[] = {
	{"cortex-m4", MN_CPU_CORTEX_M4},
	{"cortex-m7", MN_CPU_CORTEX_M7},
};

static const cyaml_schema_field_t region_fields[] = {
	CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct mn_region, name, 1, 31),
	CYAML_FIELD_UINT("base", CYAML_FLAG_DEFAULT, struct mn_region, base),
	CYAML_FIELD_UINT("size_bytes", CYAML_FLAG_DEFAULT, struct mn_region, size_bytes),
	CYAML_FIELD_ENUM("kind", CYAML_FLAG_STRICT, struct mn_region, kind, region_kinds,
			 CYAML_ARRAY_LEN(region_kinds)),
	CYAML_FIELD_END};

static const cyaml_schema_field_t periph_fields[] = {
	CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct mn_periph, name, 1, 31),
	CYAML_FIELD_UINT("base", CYAML_FLAG_DEFAULT, struct mn_periph, base),
	CYAML_FIELD_ENUM("kind", CYAML_FLAG_STRICT, struct mn_periph, kind, periph_kinds,
			 CYAML_ARRAY_LEN(periph_kinds)),
	CYAML_FIELD_UINT("bus", CYAML_FLAG_DEFAULT, struct mn_periph, bus), CYAML_FIELD_END};

static const cyaml_schema_value_t region_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct mn_region, region_fields)};
static const cyaml_schema_value_t periph_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct mn_periph, periph_fields)};

static const cyaml_schema_field_t m4_fields[] = {
#define X(field) CYAML_FIELD_UINT(#field, CYAML_FLAG_DEFAULT, struct mn_m4_params, field),
	MN_M4_PARAMS(X)
#undef X
		CYAML_FIELD_END};

static const cyaml_schema_field_t m7_fields[] = {
#define X(field) CYAML_FIELD_UINT(#field, CYAML_FLAG_DEFAULT, struct mn_m7_params, field),
	MN_M7_PARAMS(X)
#undef X
		CYAML_FIELD_END};

static const cyaml_schema_field_t power_fields[] = {
#define X(field) CYAML_FIELD_UINT(#field, CYAML_FLAG_DEFAULT, struct mn_power_params, field),
	MN_POWER_PARAMS(X)
#undef X
		CYAML_FIELD_END};

static const cyaml_schema_field_t model_fields[] = {
	CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct mn_board_model, name, 1, 63),
	CYAML_FIELD_UINT("version", CYAML_FLAG_DEFAULT, struct mn_board_model, version),
	CYAML_FIELD_MAPPING_PTR("m4", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
				struct mn_board_model, m4, m4_fields),
	CYAML_FIELD_MAPPING_PTR("m7", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
				struct mn_board_model, m7, m7_fields),
	CYAML_FIELD_MAPPING_PTR("power", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
				struct mn_board_model, power, power_fields),
	CYAML_FIELD_END};

#define STRING(field)                                                                              \
	CYAML_FIELD_STRING_PTR(#field, CYAML_FLAG_POINTER, struct mn_board, field, 1, 63)
#define UINT(field)     CYAML_FIELD_UINT(#field, CYAML_FLAG_DEFAULT, struct mn_board, field)
#define UINT_OPT(field) CYAML_FIELD_UINT(#field, CYAML_FLAG_OPTIONAL, struct mn_board, field)

static const cyaml_schema_field_t board_fields[] = {
	STRING(board),
	STRING(image),
	STRING(chip),
	CYAML_FIELD_ENUM("cpu", CYAML_FLAG_STRICT, struct mn_board, cpu, cpus,
			 CYAML_ARRAY_LEN(cpus)),
	UINT(boot_address),
	UINT(cpuid),
	UINT(idcode),
	UINT(uid_address),
	UINT(uid0),
	UINT(uid1),
	UINT(uid2),
	UINT(flash_size_address),
	UINT(flash_size_kb),
	UINT_OPT(ccsidr_i),
	UINT_OPT(ccsidr_d),
	UINT(hsi_hz),
	UINT(hse_hz),
	UINT(lsi_hz),
	UINT(irqs),
	UINT(cycles_max_seconds),
	CYAML_FIELD_SEQUENCE("memory", CYAML_FLAG_POINTER, struct mn_board, memory, &region_schema,
			     1, 16),
	CYAML_FIELD_SEQUENCE("periph", CYAML_FLAG_POINTER, struct mn_board, periph, &periph_schema,
			     1, 64),
	STRING(uart),
	STRING(marker),
	CYAML_FIELD_STRING_PTR("layer", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct mn_board,
			       layer, 1, 63),
	CYAML_FIELD_MAPPING_PTR("model", CYAML_FLAG_POINTER, struct mn_board, model, model_fields),
	CYAML_FIELD_END};

static const cyaml_schema_value_t board_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct mn_board, board_fields)};

/* libcyaml explains a failure through its log only: the first error line is kept. */
static void keep_log(cyaml_log_t level, void *ctx, const char *fmt, va_list args)
{
	char *text = ctx;

	if (level < CYAML_LOG_ERROR || text[0])
		return;
	vsnprintf(text, 256, fmt, args);
	text[strcspn(text, "\n")] = '\0';
}

static const cyaml_config_t *yaml_config(char *text)
{
	static _Thread_local cyaml_config_t config;

	config = (cyaml_config_t){
		.log_fn = keep_log,
		.log_ctx = text,
		.mem_fn = cyaml_mem,
		.log_level = CYAML_LOG_ERROR,
	};
	return &config;
}

static int check(const struct mn_board *b, struct mn_err *err)
{
	int flash = 0;

	if (b->cpu == MN_CPU_CORTEX_M4 ? !b->model->m4 : !b->model->m7)
		return mn_err_set(err, MN_E_SYNTAX, "model has no parameters for %s",
				  mn_cpu_name(b->cpu));
	for (uint32_t i = 0; i < b->memory_count; i++) {
		const struct mn_region *r = &b->memory[i];

		if (r->size_bytes == 0 || (r->base & 0x3ff) || (r->size_bytes & 0x3ff) ||
		    r->base + (r->size_bytes - 1) < r->base)
			return mn_err_set(err, MN_E_SYNTAX, "memory %s is not a multiple of 1 KB",
					  r->name);
		for (uint32_t k = 0; k < i; k++) {
			const struct mn_region *q = &b->memory[k];

			if (r->base - q->base < q->size_bytes || q->base - r->base < r->size_bytes)
				return mn_err_set(err, MN_E_SYNTAX, "memory %s overlaps %s",
						  r->name, q->name);
		}
		if (r->kind == MN_REGION_FLASH)
			flash++;
		if (r->kind == MN_REGION_FLASH_ALIAS && !flash)
			return mn_err_set(err, MN_E_SYNTAX, "memory %s comes before the flash",
					  r->name);
	}
	if (flash != 1)
		return mn_err_set(err, MN_E_SYNTAX, "memory needs exactly one flash");
	if (!mn_board_region(b, b->boot_address, 8))
		return mn_err_set(err, MN_E_SYNTAX, "boot_address is outside the memory");
	if (b->hsi_hz == 0 || b->hse_hz == 0)
		return mn_err_set(err, MN_E_SYNTAX, "a clock of 0 Hz");
	return 0;
}

/* Neither comments nor white space change what a file means. */
static uint64_t hash_of(const uint8_t *bytes, size_t len)
{
	uint64_t hash = 0xcbf29ce484222325u;
	int comment = 0;

	for (size_t i = 0; i < len; i++) {
		comment = bytes[i] == '#' || (comment && bytes[i] != '\n');
		if (!comment && bytes[i] > ' ')
			hash = (hash ^ bytes[i]) * 0x100000001b3u;
	}
	return hash;
}

int mn_board_load(const char *path, struct mn_board **ret_board, struct mn_err *err)
{
	struct mn_board *board = NULL;
	char text[256] = "";
	uint8_t *bytes = NULL;
	FILE *file = NULL;
	size_t len = 0, got;
	int rc = 0;

	file = fopen(path, "rb");
	if (!file)
		return mn_err_set(err, MN_E_NOTFOUND, "%s cannot be read", path);
	do {
		uint8_t *grown = realloc(bytes, len + 16384);

		if (!grown) {
			rc = mn_err_set(err, MN_E_NOMEM, "out of memory");
			goto out;
		}
		bytes = grown;
		got = fread(bytes + len, 1, 16384, file);
		len += got;
	} while (got && len < 1u << 20);
	if (cyaml_load_data(bytes, len, yaml_config(text), &board_schema, (cyaml_data_t **)&board,
			    NULL) != CYAML_OK) {
		rc = mn_err_set(err, MN_E_SYNTAX, "%s: %s", path, text[0] ? text : "not YAML");
		board = NULL;
		goto out;
	}
	rc = check(board, err);
	if (rc) {
		mn_err_prefix(err, rc, "%s: ", path);
		goto out;
	}
	board->file_hash = hash_of(bytes, len);
	*ret_board = board;
	board = NULL;
out:
	mn_board_free(board);
	free(bytes);
	fclose(file);
	return rc;
}

void mn_board_free(struct mn_board *board)
{
	char text[256] = "";

	if (board)
		cyaml_free(yaml_config(text), &board_schema, board, 0);
}

const char *mn_cpu_name(enum mn_cpu cpu)
{
	return cpus[cpu].str;
}

const struct mn_region *mn_board_region(const struct mn_board *board, uint32_t addr, uint32_t len)
{
	for (uint32_t i = 0; i < board->memory_count; i++) {
		const struct mn_region *r = &board->memory[i];
		uint32_t end = r->base + r->size_bytes;

		if (addr - r->base >= r->size_bytes)
			continue;
		/* Regions that touch are one memory to a segment: DTCM, SRAM1 and SRAM2 of the F7.
		 */
		while (len > end - addr) {
			uint32_t k;

			for (k = 0; k < board->memory_count; k++)
				if (board->memory[k].base == end)
					break;
			if (k == board->memory_count)
				return NULL;
			end += board->memory[k].size_bytes;
		}
		return r;
	}
	return NULL;
}
