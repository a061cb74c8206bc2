/* SPDX-License-Identifier: MIT */
/*
 * A virtual board: everything that data/boards/<name>.yaml says. The C code has no constant of a
 * board; two chips differ only by their file.
 */
#ifndef MN_BOARD_H
#define MN_BOARD_H

#include <stdint.h>

#include "err.h"
#include "power.h"

enum mn_region_kind {
	MN_REGION_FLASH,       /* holds the image; read only */
	MN_REGION_FLASH_ALIAS, /* the same bytes at another address */
	MN_REGION_SRAM,        /* behind the bus matrix; M7: through the L1 caches */
	MN_REGION_SRAM2,       /* a second bank of it: loads from both do not pipeline (M4) */
	MN_REGION_DTCM,
	MN_REGION_ITCM
};

struct mn_region {
	char *name;
	uint32_t base, size_bytes;
	enum mn_region_kind kind;
};

enum mn_periph_kind {
	MN_PERIPH_RCC,
	MN_PERIPH_PWR,
	MN_PERIPH_FLASH_F4, /* the flash interface's registers, with ICEN and DCEN */
	MN_PERIPH_FLASH_F7,
	MN_PERIPH_GPIO,
	MN_PERIPH_USART_V1,
	MN_PERIPH_USART_V2,
	MN_PERIPH_TIM,
	MN_PERIPH_SYSCFG
};

struct mn_periph {
	char *name;
	uint32_t base;
	enum mn_periph_kind kind;
	uint32_t bus; /* 1 APB1, 2 APB2, 3 AHB1 */
};

/*
 * Parameters of the M4 pipeline and of the F4 flash accelerator. Rules: m4.c; sources and
 * certainty: the yaml.
 */
#define MN_M4_PARAMS(X)                                                                            \
	X(load_cycles)                                                                             \
	X(load_overlap_cycles)                                                                     \
	X(store_cycles)                                                                            \
	X(store_register_offset_cycles)                                                            \
	X(store_load_stall_cycles)                                                                 \
	X(load_pair_cycles)                                                                        \
	X(multiple_base_cycles)                                                                    \
	X(address_stall_cycles)                                                                    \
	X(mixed_memory_overlap)                                                                    \
	X(unaligned_wide_load_overlap)                                                             \
	X(taken_branch_cycles)                                                                     \
	X(indirect_branch_cycles)                                                                  \
	X(load_pc_refill_cycles)                                                                   \
	X(table_branch_cycles)                                                                     \
	X(it_folds)                                                                                \
	X(barrier_cycles)                                                                          \
	X(isb_cycles)                                                                              \
	X(sysreg_cycles)                                                                           \
	X(divide_min_cycles)                                                                       \
	X(divide_max_cycles)                                                                       \
	X(divide_base_cycles)                                                                      \
	X(divide_bits_per_2_cycles)                                                                \
	X(fetch_words)                                                                             \
	X(speculative_fetch)                                                                       \
	X(fetch_latency_cycles)                                                                    \
	X(fp_mac_cycles)                                                                           \
	X(fp_div_cycles)                                                                           \
	X(fp_result_stall_cycles)                                                                  \
	X(fp_core2_cycles)                                                                         \
	X(art_line_bytes)                                                                          \
	X(art_i_lines)                                                                             \
	X(art_d_lines)                                                                             \
	X(ahb_device_cycles)                                                                       \
	X(apb_sync_pclk)                                                                           \
	X(ppb_cycles)

/* Parameters of the M7 pipeline, its L1 caches and the memories behind them. Rules: m7.c. */
#define MN_M7_PARAMS(X)                                                                            \
	X(alu_latency)                                                                             \
	X(simd_latency)                                                                            \
	X(saturate_latency)                                                                        \
	X(multiply_latency)                                                                        \
	X(load_latency)                                                                            \
	X(slow_load_latency)                                                                       \
	X(load_to_multiply_cycles)                                                                 \
	X(multiply_to_early_cycles)                                                                \
	X(early_operand_cycles)                                                                    \
	X(load_index_cycles)                                                                       \
	X(late_operand_cycles)                                                                     \
	X(store_to_load_cycles)                                                                    \
	X(early_alu)                                                                               \
	X(divide_base_cycles)                                                                      \
	X(divide_bits_per_cycle)                                                                   \
	X(divide_max_cycles)                                                                       \
	X(mispredict_cycles)                                                                       \
	X(mispredict_early_flags_cycles)                                                           \
	X(early_flags_age_cycles)                                                                  \
	X(cold_taken_cycles)                                                                       \
	X(indirect_cycles)                                                                         \
	X(btac_entries)                                                                            \
	X(fetch_bytes)                                                                             \
	X(fetch_queue)                                                                             \
	X(fetch_latency_cycles)                                                                    \
	X(table_branch_cycles)                                                                     \
	X(barrier_cycles)                                                                          \
	X(isb_cycles)                                                                              \
	X(unaligned_load_cycles)                                                                   \
	X(unaligned_store_cycles)                                                                  \
	X(store_buffer_entries)                                                                    \
	X(store_merge_cycles)                                                                      \
	X(store_bank_cycles)                                                                       \
	X(fp_latency)                                                                              \
	X(fp_mac_latency)                                                                          \
	X(fp_mac_accumulate_cycles)                                                                \
	X(fp_div_cycles)                                                                           \
	X(fp_sqrt_cycles)                                                                          \
	X(fp_to_core_latency)                                                                      \
	X(core_to_fp_latency)                                                                      \
	X(fp_double_extra_cycles)                                                                  \
	X(l1_line_bytes)                                                                           \
	X(l1_i_bytes)                                                                              \
	X(l1_i_ways)                                                                               \
	X(l1_d_bytes)                                                                              \
	X(l1_d_ways)                                                                               \
	X(flash_first_cycles)                                                                      \
	X(flash_line_cycles)                                                                       \
	X(sram_first_cycles)                                                                       \
	X(sram_line_cycles)                                                                        \
	X(evict_cycles)                                                                            \
	X(flash_uncached_cycles)                                                                   \
	X(sram_uncached_cycles)                                                                    \
	X(ahb_device_cycles)                                                                       \
	X(apb_sync_pclk)                                                                           \
	X(ppb_cycles)

struct mn_m4_params {
#define X(name) uint32_t name;
	MN_M4_PARAMS(X)
#undef X
};

struct mn_m7_params {
#define X(name) uint32_t name;
	MN_M7_PARAMS(X)
#undef X
};

enum mn_cpu { MN_CPU_CORTEX_M4, MN_CPU_CORTEX_M7 };

struct mn_board_model {
	char *name;
	uint32_t version;
	struct mn_m4_params *m4; /* one of them, as cpu says */
	struct mn_m7_params *m7;
	struct mn_power_params *power; /* NULL: the file has none */
};

struct mn_board {
	char *board; /* "virtual-f446re" */
	char *image; /* default file name */
	char *chip;
	enum mn_cpu cpu;
	uint32_t boot_address; /* of the vector table */
	uint32_t cpuid, idcode;
	uint32_t uid_address, uid0, uid1, uid2;
	uint32_t flash_size_address, flash_size_kb;
	uint32_t ccsidr_i, ccsidr_d; /* M7 */
	uint32_t hsi_hz, hse_hz, lsi_hz;
	uint32_t irqs;
	uint32_t cycles_max_seconds;
	struct mn_region *memory;
	uint32_t memory_count;
	struct mn_periph *periph;
	uint32_t periph_count;
	char *uart;   /* name of the peripheral that is the link */
	char *marker; /* "gpioa 8" */
	char *layer;  /* "gpioa 9": on the same port; NULL: there is none */
	struct mn_board_model *model;
	uint64_t file_hash; /* FNV-1a of the file's bytes without comments and white space */
};

/* Read and check a file. MN_E_NOTFOUND, MN_E_SYNTAX (the sentence has the place), MN_E_NOMEM. */
int mn_board_load(const char *path, struct mn_board **ret_board, struct mn_err *err);
void mn_board_free(struct mn_board *board);

const char *mn_cpu_name(enum mn_cpu cpu);
/* The region that holds all of [addr, addr + len), or NULL. */
const struct mn_region *mn_board_region(const struct mn_board *board, uint32_t addr, uint32_t len);

#endif
