/* SPDX-License-Identifier: MIT */
/* clang-format off */
/*
 * Cortex-M7 pipeline with L1 caches, TCM and the STM32F7 memories behind AXI.
 *
 * Arm publishes no table. Sources: L = LLVM's ARMScheduleM7 (written by Arm), J = jnk0le/random, measured
 * on an STM32H743 (which has ECC on its memories; the F7 has not: [I] for the store buffer), K = SLOTHY's
 * model, X = independent measurements. Nobody measured an STM32F7.
 *
 * rule                                                          parameter                     certainty
 * in order, two a cycle; the younger never before the older     -                             L J K agree
 * latencies: ALU 1, MUL/MAC 2, saturating 2, LDR 1, LDRB/H 2    alu_latency ...               L J agree
 * operand read early (address, inline or PKH shift, extend,     early_operand_cycles          L J agree
 *   bit field): one cycle more
 * product as an address: one more still (not as a shift: K's    multiply_to_early_cycles      L
 *   published schedules hold without)
 * index register of a load: one more still                      load_index_cycles             L
 * accumulator one stage late, store data two                    late_operand_cycles           L J agree
 * LDR result into a multiply: one more                          load_to_multiply_cycles       L
 * load behind a store to the same word                          store_to_load_cycles          L
 * ADD/SUB/MOV as older, operands ready before: result in-cycle  early_alu                     measured (J, X)
 * one SIMD or bit-field instruction a pair, older slot only     -                             J L X K agree
 * one multiply a pair; no multiply with a store                 -                             J
 * one inline shift or rotated constant a pair                   -                             J X
 * two loads only from different 32-bit banks; one store         -                             J
 * LDRD, LDM, VLDR.64, DIV, MRS, TBB, barriers alone;            -                             J
 *   LDM/STM two words a cycle
 * predicted taken branch ends its group, no bubble; the next    btac_entries                  J; size recollected
 *   group may start at once
 * misprediction 8, or 6 if the flags are 3 cycles old           mispredict_cycles ...         J
 * taken and not in the BTAC 3, indirect elsewhere 5             cold_taken_cycles,            inferred
 *                                                               indirect_cycles
 * 64-bit fetch into a 4-entry queue, 2 cycles to issue          fetch_*                       TRM, recollected, inferred
 * division by significant quotient bits                         divide_*                      inferred
 * unaligned load 3 more; unaligned store 4 to drain             unaligned_*                   J
 * store buffer: a word a cycle; bytes and halves merge by       store_*                       measured on the H743;
 *   read-modify-write, 4 cycles a bank, 2 in the same word                                    entries inferred
 * FPU: VADD/VMUL 3, VFMA 5 (3 to the next accumulate), VDIV 16, fp_*                          J
 *   VSQRT 14 blocking; one FP instruction a pair
 * L1: 32-byte lines, 2 ways I, 4 ways D, write-back, read and   l1_*                          sizes RM0385, RM0410;
 *   write allocate, seeded pseudo-random replacement                                          ways, policy recollected
 * TCM: no wait, no cache                                        memory map                    RM
 * a miss blocks until its first word; the line holds the bus    flash_*, sram_*, evict_cycles inferred from 7 WS
 *
 * Wrong-path fetches are not simulated, nor do they enter the cache.
 */
/* clang-format on */
#include "cycles.h"

#include <stdlib.h>
#include <string.h>

#include "board.h"
#include "cache.h"

/* Access classes: kind in bits 2:0. Memory: dirty line evicted, bank, unaligned, word of the last
 * store. */
#define K_TCM        0u
#define K_HIT        1u
#define K_MISS_FLASH 2u
#define K_MISS_SRAM  3u
#define K_RAW_FLASH  4u /* caches off */
#define K_RAW_SRAM   5u
#define K_DEVICE     6u /* bits 5:4: AHB, APB1, APB2 */
#define K_PPB        7u
#define KIND(c)      ((c)&7u)
#define C_EVICT      0x08u
#define C_BANK       0x10u
#define C_UNALIGNED  0x20u
#define C_SAME       0x40u
#define C_PARTIAL    0x80u /* store of less than a word */

enum branch_class { B_NOT_TAKEN, B_PREDICTED, B_MISPREDICTED, B_COLD, B_INDIRECT };

#define NO_CHUNK 0xffffffffu
#define QUEUE    8
#define SB_MAX   8
#define LEAD     16 /* cycles that the fetch runs ahead, at most */
#define FLAGS    16

enum producer { P_NONE, P_LOAD, P_MAC };

struct m7 {
	struct mn_cycles base;
	struct mn_m7_params p;
	struct mn_cycles_config config;
	uint32_t flash_base[4], flash_size[4];
	unsigned n_flash;
	uint32_t sram_base[4], sram_size[4];
	unsigned n_sram;
	uint32_t tcm_base[2], tcm_size[2];
	unsigned n_tcm;

	/* functional */
	struct mn_l1 *l1_i, *l1_d;
	struct {
		uint32_t pc, target;
		uint8_t count;
	} * btac;
	uint32_t store_word, line_now;

	/* pipeline */
	uint64_t group; /* cycle of the newest issue group */
	uint8_t slots;  /* issued in it; 2: full */
	struct mn_insn older;
	uint8_t older_bank, older_early;
	uint64_t ready[17];
	uint8_t producer[17];
	uint64_t flags_time;
	uint64_t fready[32];
	uint32_t fmac; /* s registers written by a MAC */
	uint64_t fp_busy, mac_busy;
	uint32_t have_chunk;
	uint64_t avail_last;
	uint64_t freed[QUEUE];
	uint32_t chunk; /* number of the newest chunk */
	uint64_t bus_free;
	uint64_t store_head, bank_free[2], store_start[SB_MAX], store_time;
	uint32_t store_next;
};

struct m7_state {
	uint8_t ready[17], producer[17], fready[32];
	uint8_t slots, older_bank, older_early, refilled;
	uint8_t avail, freed[4], bus, head, bank[2], start[4], store_age, flags_age;
	uint8_t fp_busy, mac_busy;
	uint8_t older_cls;
	uint16_t older_attr;
	uint8_t older_words, half;
	uint32_t older_dst, fmac;
};

static struct m7 *self(struct mn_cycles *m)
{
	return (struct m7 *)m;
}

static int within(const uint32_t *base, const uint32_t *size, unsigned n, uint32_t addr)
{
	for (unsigned i = 0; i < n; i++)
		if (addr - base[i] < size[i])
			return 1;
	return 0;
}

static unsigned cached_lookup(struct m7 *s, uint32_t addr, int store, int flash)
{
	s->base.stats.d_lookups++;
	if (!s->config.l1_d)
		return flash ? K_RAW_FLASH : K_RAW_SRAM;
	if (mn_l1_hit(s->l1_d, addr, store))
		return K_HIT;
	s->base.stats.d_misses++;
	return (flash ? K_MISS_FLASH : K_MISS_SRAM) |
	       (mn_l1_fill(s->l1_d, addr, store) ? C_EVICT : 0);
}

static uint8_t m7_access(struct mn_cycles *m, uint32_t addr, unsigned bytes, int store)
{
	struct m7 *s = self(m);
	unsigned c = (addr & 4) ? C_BANK : 0;

	if (addr - 0x40000000u < 0x20000000u)
		return (uint8_t)(K_DEVICE | (addr - 0x40000000u < 0x10000u   ? 0x10u
					     : addr - 0x40010000u < 0x10000u ? 0x20u
									     : 0u));
	if (addr >= 0xe0000000u)
		return K_PPB;
	if ((addr >> 2) == s->store_word)
		c |= C_SAME;
	if (store)
		s->store_word = addr >> 2;
	if (store && bytes < 4)
		c |= C_PARTIAL;
	if (addr & (bytes - 1))
		c |= C_UNALIGNED;
	if (!within(s->tcm_base, s->tcm_size, s->n_tcm, addr)) {
		int flash = within(s->flash_base, s->flash_size, s->n_flash, addr);
		uint32_t last = addr + bytes - 1;

		c |= cached_lookup(s, addr, store, flash);
		if ((addr ^ last) & ~(s->p.l1_line_bytes - 1)) {
			unsigned d = cached_lookup(s, last, store, flash);

			if (KIND(d) > KIND(c))
				c = (c & ~7u) | d;
		}
	}
	return (uint8_t)c;
}

static void m7_accesses(struct mn_cycles *m, const struct mn_addr_recipe *recipe,
			const uint32_t *value, uint8_t *ret_class)
{
	struct m7 *s = self(m);
	const struct mn_addr_access *a = recipe->access;
	const struct mn_l1 *l1 = s->l1_d;
	uint32_t store_word = s->store_word, lookups = 0;

	for (unsigned k = 0, n = recipe->n_access; k < n; k++) {
		uint32_t addr = value[a[k].base] + a[k].offset, bytes = a[k].bytes;
		uint32_t kind;

		if (!a[k].store && !(addr & (bytes - 1))) {
			kind = (addr & 4 ? C_BANK : 0) | (addr >> 2 == store_word ? C_SAME : 0);
			if (mn_l1_near(l1, addr)) {
				lookups++;
				ret_class[k] = (uint8_t)(kind | K_HIT);
				continue;
			}
			if (addr - s->tcm_base[0] < s->tcm_size[0] ||
			    addr - s->tcm_base[1] < s->tcm_size[1]) {
				ret_class[k] = (uint8_t)(kind | K_TCM);
				continue;
			}
		}
		ret_class[k] = m7_access(m, addr, bytes, a[k].store);
		store_word = s->store_word;
	}
	m->stats.d_lookups += lookups;
}

static int m7_unaligned(uint8_t access)
{
	return KIND(access) < K_DEVICE && (access & C_UNALIGNED);
}

static uint8_t m7_branch(struct mn_cycles *m, const struct mn_insn *insn, uint32_t pc,
			 uint32_t next_pc)
{
	struct m7 *s = self(m);
	uint32_t at = (pc >> 1) & (s->p.btac_entries - 1);
	int taken = next_pc != pc + insn->size, hit = s->btac[at].pc == pc;
	int direct = insn->cls == MN_I_B || insn->cls == MN_I_BCC || insn->cls == MN_I_BL ||
		     insn->cls == MN_I_CBZ;
	int predicted = hit && s->btac[at].count >= 2;
	enum branch_class c;

	m->stats.branches++;
	if (!taken) {
		c = predicted ? B_MISPREDICTED : B_NOT_TAKEN;
		if (hit && s->btac[at].count)
			s->btac[at].count--;
	} else {
		if (predicted && s->btac[at].target == next_pc)
			c = B_PREDICTED;
		else if (!direct)
			c = B_INDIRECT;
		else if (hit || (insn->cls != MN_I_B && insn->cls != MN_I_BL && next_pc > pc))
			c = B_MISPREDICTED; /* forward conditional: expected not taken */
		else
			c = B_COLD;
		if (!hit || s->btac[at].target != next_pc)
			s->btac[at].count = 2;
		else if (s->btac[at].count < 3)
			s->btac[at].count++;
		s->btac[at].pc = pc;
		s->btac[at].target = next_pc;
	}
	if (c > B_PREDICTED)
		m->stats.mispredicts++;
	return (uint8_t)c;
}

/* [I] Radix unknown: base + significant quotient bits / divide_bits_per_cycle, capped. */
static uint8_t m7_divide(const struct mn_cycles *m, uint32_t n, uint32_t d, int is_signed)
{
	const struct mn_m7_params *p = &((const struct m7 *)m)->p;
	uint32_t cycles = p->divide_base_cycles;

	if (is_signed) {
		n = (int32_t)n < 0 ? 0u - n : n;
		d = (int32_t)d < 0 ? 0u - d : d;
	}
	if (d != 0 && n >= d)
		cycles += (uint32_t)(__builtin_clz(d) - __builtin_clz(n) + 1) /
			  p->divide_bits_per_cycle;
	return (uint8_t)(cycles > p->divide_max_cycles ? p->divide_max_cycles : cycles);
}

/* Cycles that the line of a chunk adds to a request at time t. */
static uint64_t line_stall(struct m7 *s, uint32_t chunk, uint64_t t)
{
	uint32_t line = chunk & ~(s->p.l1_line_bytes - 1);
	int flash = within(s->flash_base, s->flash_size, s->n_flash, chunk);
	uint64_t start, first;

	if (within(s->tcm_base, s->tcm_size, s->n_tcm, chunk))
		return 0;
	if (!s->config.l1_i) {
		start = s->bus_free > t ? s->bus_free : t;
		s->bus_free =
			start + (flash ? s->p.flash_uncached_cycles : s->p.sram_uncached_cycles);
		return s->bus_free - t;
	}
	if (line == s->line_now)
		return 0;
	s->line_now = line;
	if (mn_l1_hit(s->l1_i, line, 0))
		return 0;
	s->base.stats.i_misses++;
	s->base.lines_epoch++;
	mn_l1_fill(s->l1_i, line, 0);
	start = s->bus_free > t ? s->bus_free : t;
	first = start + (flash ? s->p.flash_first_cycles : s->p.sram_first_cycles);
	s->bus_free = start + (flash ? s->p.flash_line_cycles : s->p.sram_line_cycles);
	return first - t;
}

/* Request chunks up to `last`; when the last of them can be issued from. */
static uint64_t fetch(struct m7 *s, uint32_t pc, uint32_t last, uint64_t *ret_miss)
{
	/* A jump that no branch announced (reset, exception) starts the fetch anew. */
	if (s->have_chunk != NO_CHUNK && last - s->have_chunk > 2 * s->p.fetch_bytes)
		s->have_chunk = NO_CHUNK;
	if (s->have_chunk == NO_CHUNK)
		s->have_chunk = (pc & ~(s->p.fetch_bytes - 1)) - s->p.fetch_bytes;
	while (s->have_chunk != last) {
		uint64_t t = s->avail_last + 1, room, stall;

		s->chunk++;
		room = s->freed[s->chunk % s->p.fetch_queue] + s->p.fetch_latency_cycles;
		if (room > t)
			t = room;
		if (s->group > t + LEAD)
			t = s->group - LEAD;
		s->have_chunk += s->p.fetch_bytes;
		stall = line_stall(s, s->have_chunk, t);
		*ret_miss += stall;
		s->avail_last = t + stall;
	}
	return s->avail_last;
}

static uint64_t device_cycles(const struct m7 *s, unsigned c)
{
	if (KIND(c) == K_PPB)
		return s->p.ppb_cycles;
	if (c & 0x30)
		return (uint64_t)s->p.apb_sync_pclk *
		       ((c & 0x10) ? s->config.apb1_div : s->config.apb2_div);
	return s->p.ahb_device_cycles;
}

static int alone(const struct mn_insn *i)
{
	switch (i->cls) {
	case MN_I_LOAD2:
	case MN_I_STORE2:
	case MN_I_LOADM:
	case MN_I_STOREM:
	case MN_I_VLOADM:
	case MN_I_VSTOREM:
	case MN_I_DIV:
	case MN_I_SYSREG:
	case MN_I_BARRIER:
	case MN_I_ISB:
	case MN_I_TRAP:
	case MN_I_TBB:
		return 1;
	case MN_I_VLOAD:
	case MN_I_VSTORE:
	case MN_I_VCORE:
		return i->n_words == 2;
	default:
		return 0;
	}
}

static int is_simd(const struct mn_insn *i)
{
	return i->cls == MN_I_SIMD || i->cls == MN_I_SIMD2;
}

static int is_mul(const struct mn_insn *i)
{
	return i->cls == MN_I_MUL || i->cls == MN_I_MAC;
}

static int is_branch(const struct mn_insn *i)
{
	return i->cls >= MN_I_B && i->cls <= MN_I_TBB;
}

static int is_fp_arith(const struct mn_insn *i)
{
	return i->cls == MN_I_VALU || i->cls == MN_I_VMAC || i->cls == MN_I_VDIV ||
	       i->cls == MN_I_VSQRT || i->cls == MN_I_VMOV;
}

static int may_pair(const struct m7 *s, const struct mn_insn *y, unsigned c)
{
	const struct mn_insn *o = &s->older;
	int o_load = (o->attr & MN_IA_LOAD) != 0, y_load = (y->attr & MN_IA_LOAD) != 0;
	int o_store = (o->attr & MN_IA_STORE) != 0, y_store = (y->attr & MN_IA_STORE) != 0;

	if (alone(o) || alone(y) || is_simd(y) || (y->attr & MN_IA_SLOT0))
		return 0;
	if (is_mul(o) && (is_mul(y) || y_store))
		return 0;
	if (o_store && (is_mul(y) || y_store))
		return 0;
	if (((o->attr & MN_IA_SHIFTED) || is_simd(o)) && (y->attr & MN_IA_SHIFTED))
		return 0;
	if (o_load && y_load &&
	    (KIND(c) > K_HIT || s->older_bank == 2 || s->older_bank == ((c & C_BANK) != 0)))
		return 0;
	if (is_branch(o) && is_branch(y))
		return 0;
	if (is_fp_arith(o) && is_fp_arith(y))
		return 0;
	if (o->cls == MN_I_VMAC && (y->cls == MN_I_VLOAD || y->cls == MN_I_VSTORE ||
				    y->cls == MN_I_VMOV || y->cls == MN_I_VCORE))
		return 0;
	return 1;
}

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* When the operands allow the issue. */
static uint64_t operands(const struct m7 *s, const struct mn_insn *i, int pairing)
{
	const struct mn_m7_params *p = &s->p;
	uint32_t in_cycle = pairing && s->older_early ? s->older.dst : 0;
	uint64_t t = 0;

	for (uint32_t set = i->src & 0x1ffff; set; set &= set - 1) {
		unsigned r = (unsigned)__builtin_ctz(set);
		uint64_t at = s->ready[r];

		if ((in_cycle & (1u << r)) && !is_mul(i))
			continue;
		if (is_mul(i) && s->producer[r] == P_LOAD)
			at += p->load_to_multiply_cycles;
		/* A predicted branch does not wait for its flags. */
		if (r == FLAGS && i->cls == MN_I_BCC)
			continue;
		t = later(t, at);
	}
	for (uint32_t set = i->early & 0xffff; set; set &= set - 1) {
		unsigned r = (unsigned)__builtin_ctz(set);
		uint64_t at = s->ready[r] + p->early_operand_cycles;

		if (s->producer[r] == P_MAC && (i->attr & (MN_IA_LOAD | MN_IA_STORE)))
			at += p->multiply_to_early_cycles;
		if (((i->index >> r) & 1) && s->producer[r] == P_LOAD)
			at += p->load_index_cycles;
		t = later(t, at);
	}
	for (uint32_t set = i->late & 0xffff; set; set &= set - 1) {
		unsigned r = (unsigned)__builtin_ctz(set);
		uint32_t slack =
			i->attr & MN_IA_STORE ? 2 * p->late_operand_cycles : p->late_operand_cycles;

		t = later(t, s->ready[r] > slack ? s->ready[r] - slack : 0);
	}
	for (uint32_t set = i->fsrc; set; set &= set - 1) {
		unsigned r = (unsigned)__builtin_ctz(set);
		uint64_t at = s->fready[r];
		uint32_t slack = i->attr & MN_IA_STORE ? 2 : 0;

		t = later(t, at > slack ? at - slack : 0);
	}
	for (uint32_t set = i->facc; set; set &= set - 1) {
		unsigned r = (unsigned)__builtin_ctz(set);
		uint64_t at = s->fready[r];
		uint32_t slack = (s->fmac >> r) & 1 ? p->fp_mac_accumulate_cycles : 1;

		t = later(t, at > slack ? at - slack : 0);
	}
	return t;
}

/* The store buffer: when the store may leave the pipeline, and what draining it takes. */
static uint64_t store_time(struct m7 *s, unsigned c, uint64_t t)
{
	const struct mn_m7_params *p = &s->p;
	uint32_t at = s->store_next % p->store_buffer_entries;
	uint64_t start, issue = later(t, s->store_start[at]);
	unsigned bank = (c & C_BANK) != 0;

	start = later(issue, s->store_head);
	if (KIND(c) >= K_DEVICE) {
		s->store_head = start + device_cycles(s, c);
	} else if (KIND(c) >= K_MISS_FLASH) {
		start = later(start, s->bus_free);
		s->bus_free = start + (KIND(c) == K_MISS_SRAM ? p->sram_line_cycles
							      : p->sram_uncached_cycles);
		if (c & C_EVICT)
			s->bus_free += p->evict_cycles;
		s->store_head = s->bus_free;
	} else if (c & C_UNALIGNED) {
		s->store_head = start + p->unaligned_store_cycles;
	} else if (!(c & C_PARTIAL)) {
		s->store_head = start + 1;
	} else if (c & C_SAME) {
		s->store_head = start + p->store_merge_cycles;
	} else {
		start = later(start, s->bank_free[bank]);
		s->bank_free[bank] = start + p->store_bank_cycles;
		s->store_head = start + p->store_merge_cycles;
	}
	s->store_start[at] = start;
	s->store_next++;
	s->store_time = issue;
	return issue;
}

static uint64_t load_wait(struct m7 *s, const struct mn_insn *i, const uint8_t *access, uint64_t t)
{
	const struct mn_m7_params *p = &s->p;
	uint64_t wait = 0;

	for (unsigned k = 0; k < i->n_words; k++) {
		unsigned c = access[k], kind = KIND(c);
		uint64_t start = later(t + wait, s->bus_free);

		if (kind >= K_DEVICE) {
			/* A peripheral access is strongly ordered: stores before it drain first. */
			wait = later(t + wait, s->store_head) - t + device_cycles(s, c);
		} else if (kind == K_MISS_FLASH || kind == K_MISS_SRAM) {
			int flash = kind == K_MISS_FLASH;

			wait = start - t + (flash ? p->flash_first_cycles : p->sram_first_cycles);
			s->bus_free = start + (flash ? p->flash_line_cycles : p->sram_line_cycles) +
				      (c & C_EVICT ? p->evict_cycles : 0);
		} else if (kind == K_RAW_FLASH || kind == K_RAW_SRAM) {
			s->bus_free = start + (kind == K_RAW_FLASH ? p->flash_uncached_cycles
								   : p->sram_uncached_cycles);
			wait = s->bus_free - t;
		}
	}
	return wait;
}

static uint32_t fp_latency(const struct m7 *s, const struct mn_insn *i)
{
	const struct mn_m7_params *p = &s->p;
	uint32_t extra = i->attr & MN_IA_DOUBLE ? p->fp_double_extra_cycles : 0;

	switch (i->cls) {
	case MN_I_VALU:
		return p->fp_latency + extra;
	case MN_I_VMAC:
		return p->fp_mac_latency + extra;
	case MN_I_VDIV:
		return p->fp_div_cycles + extra;
	case MN_I_VSQRT:
		return p->fp_sqrt_cycles + extra;
	case MN_I_VCORE:
		return p->core_to_fp_latency;
	default:
		return 1;
	}
}

static void produce(struct m7 *s, const struct mn_insn *i, uint64_t t)
{
	const struct mn_m7_params *p = &s->p;
	uint32_t lat = p->alu_latency;
	uint8_t producer = P_NONE;

	switch (i->cls) {
	case MN_I_MUL:
	case MN_I_MAC:
		lat = p->multiply_latency;
		producer = P_MAC;
		break;
	case MN_I_SIMD:
		lat = p->simd_latency;
		break;
	case MN_I_SIMD2:
		lat = p->saturate_latency;
		break;
	case MN_I_LOAD:
	case MN_I_LOAD2:
	case MN_I_LOADM:
		lat = i->attr & MN_IA_SLOW ? p->slow_load_latency : p->load_latency;
		producer = P_LOAD;
		break;
	case MN_I_VCORE:
		lat = p->fp_to_core_latency;
		break;
	default:
		break;
	}
	for (uint32_t set = i->dst & 0x1ffff; set; set &= set - 1) {
		unsigned r = (unsigned)__builtin_ctz(set);

		if (r == i->rn && (i->attr & MN_IA_BASE)) {
			s->ready[r] = t; /* written back at address generation */
			s->producer[r] = P_NONE;
			continue;
		}
		s->ready[r] = t + lat;
		s->producer[r] = producer;
		if (r == FLAGS)
			s->flags_time = t;
	}
	for (uint32_t set = i->fdst; set; set &= set - 1) {
		unsigned r = (unsigned)__builtin_ctz(set);

		s->fready[r] = t + fp_latency(s, i);
		s->fmac = i->cls == MN_I_VMAC ? s->fmac | 1u << r : s->fmac & ~(1u << r);
	}
	if (i->cls == MN_I_VDIV || i->cls == MN_I_VSQRT)
		s->fp_busy = t + fp_latency(s, i);
}

static void redirect(struct m7 *s, const struct mn_step_in *in, uint64_t t)
{
	const struct mn_m7_params *p = &s->p;
	uint64_t lost = 0;

	switch (in->branch) {
	case B_MISPREDICTED:
		lost = t - s->flags_time >= p->early_flags_age_cycles
			       ? p->mispredict_early_flags_cycles
			       : p->mispredict_cycles;
		break;
	case B_COLD:
		lost = p->cold_taken_cycles;
		break;
	case B_INDIRECT:
		lost = p->indirect_cycles;
		break;
	default:
		break;
	}
	if (in->taken || in->branch == B_MISPREDICTED) {
		s->have_chunk = NO_CHUNK;
		s->freed[s->chunk % p->fetch_queue] = t;
		s->slots = 2;
	}
	if (lost) {
		s->base.stats.stall[MN_STALL_BRANCH] += lost;
		s->group += lost;
		/* The queue was empty: the target is the first thing in it. */
		s->avail_last = s->group;
		for (unsigned k = 0; k < p->fetch_queue; k++)
			s->freed[k] = 0;
	}
}

static void m7_step(struct mn_cycles *m, const struct mn_step_in *in)
{
	struct m7 *s = self(m);
	const struct mn_m7_params *p = &s->p;
	const struct mn_insn *i = in->insn;
	uint64_t *stall = m->stats.stall;
	uint32_t mask = ~(p->fetch_bytes - 1), end = in->pc + i->size;
	uint64_t miss = 0, avail = fetch(s, in->pc, (end - 1) & mask, &miss);
	uint64_t was = s->group + (s->slots == 2), t = was, at, wait = 0, busy = 0;
	unsigned c = 0;
	int memory = i->n_words && in->executed && (i->attr & (MN_IA_LOAD | MN_IA_STORE));

	if (memory)
		c = in->access[0];
	if (avail > t) {
		uint64_t lost = avail - t, cold = miss < lost ? miss : lost;

		stall[MN_STALL_IMISS] += cold;
		stall[MN_STALL_FETCH] += lost - cold;
		t = avail;
	}
	at = operands(s, i, t == s->group && s->slots == 1);
	if (memory && (i->attr & MN_IA_LOAD) && (c & C_SAME) && KIND(c) <= K_MISS_SRAM)
		at = later(at, s->store_time + p->store_to_load_cycles);
	if (i->attr & MN_IA_FP)
		at = later(at, s->fp_busy);
	if (at > t) {
		stall[MN_STALL_DEPEND] += at - t;
		t = at;
	}
	if (t == s->group && s->slots && !may_pair(s, i, c)) {
		stall[MN_STALL_UNIT]++;
		t++;
	}
	if (memory && (i->attr & MN_IA_STORE)) {
		at = t;
		for (unsigned k = 0; k < i->n_words; k++)
			at = store_time(s, in->access[k], k ? later(at, t + k / 2) : at);
		if (i->n_words == 1 && at > t) {
			stall[MN_STALL_STORE] += at - t;
			t = at;
		} else if (i->n_words > 1 && at > t + (i->n_words - 1) / 2) {
			busy = at - t - (i->n_words - 1) / 2;
			stall[MN_STALL_STORE] += busy;
		}
	} else if (memory) {
		wait = load_wait(s, i, in->access, t);
		stall[MN_STALL_MEMORY] += wait;
		if (c & C_UNALIGNED && KIND(c) < K_DEVICE) {
			wait += p->unaligned_load_cycles;
			stall[MN_STALL_ALIGN] += p->unaligned_load_cycles;
		}
	}
	if (t == s->group && s->slots) {
		s->slots = 2;
	} else {
		uint64_t early = 0;

		/* The older one runs in the early ALU if its operands were there a cycle before. */
		for (uint32_t set = i->src & 0x1ffff; set; set &= set - 1)
			early = later(early, s->ready[__builtin_ctz(set)] + 1);
		s->older_early = p->early_alu && i->cls == MN_I_ADDMOV && early <= t;
		s->group = t;
		s->slots = 1;
		s->older = *i;
		s->older_bank = KIND(c) > K_HIT ? 2 : (c & C_BANK) != 0;
		stall[MN_STALL_ISSUE]++;
	}
	for (uint32_t k = in->pc & mask; k < (end & mask); k += p->fetch_bytes) {
		uint32_t back = (s->have_chunk - k) / p->fetch_bytes;

		s->freed[(s->chunk - back) % p->fetch_queue] = t;
	}
	if (alone(i)) {
		uint64_t extra = 0;

		s->slots = 2;
		switch (i->cls) {
		case MN_I_LOADM:
		case MN_I_STOREM:
		case MN_I_VLOADM:
		case MN_I_VSTOREM:
			extra = in->executed || i->n_words ? (i->n_words + 1u) / 2 - 1 : 0;
			break;
		case MN_I_DIV:
			extra = in->executed ? in->div_cycles - 1u : p->divide_base_cycles - 1u;
			break;
		case MN_I_TBB:
			extra = p->table_branch_cycles - 1;
			break;
		case MN_I_BARRIER:
			extra = p->barrier_cycles - 1;
			if (s->store_head > s->group + extra)
				extra = s->store_head - s->group;
			break;
		case MN_I_ISB:
			extra = p->isb_cycles - 1;
			break;
		default:
			break;
		}
		stall[MN_STALL_ISSUE] += extra;
		s->group += extra;
	}
	if (wait || busy) {
		s->group += wait + busy;
		s->slots = 2;
	}
	if (in->executed)
		produce(s, i, s->group);
	if (i->attr & MN_IA_PC)
		redirect(s, in, t);
	m->now = s->group + (s->slots == 2);
	m->stats.insns++;
}

static int m7_lines(struct mn_cycles *m, struct mn_lines *lines)
{
	struct m7 *s = self(m);

	if (!within(s->tcm_base, s->tcm_size, s->n_tcm, lines->line[0])) {
		if (!s->config.l1_i)
			return 0;
		for (unsigned k = 0; k < lines->n; k++)
			if (!mn_l1_hit(s->l1_i, lines->line[k], 0))
				return 0;
	}
	lines->listed = MN_LINES_NO_ORDER; /* random replacement */
	lines->epoch = m->lines_epoch;
	return 1;
}

/* Nothing is ever listed. */
static void m7_told(struct mn_cycles *m)
{
	m->n_used = 0;
}

/*
 * Times as cycles after group - lead: what is older can no longer be told from that old, what is
 * too far ahead for a byte cannot be saved. Operands matter for 3 cycles, the fetch for LEAD and
 * its latency.
 */
#define NEAR 3u
#define FAR  (LEAD + 4u)

static uint8_t rel(const struct m7 *s, uint64_t t, uint32_t lead, int *ok)
{
	uint64_t zero = s->group > lead ? s->group - lead : 0;

	if (t <= zero)
		return 0;
	if (t - zero > 250)
		*ok = 0;
	return (uint8_t)(t - zero);
}

static uint64_t absolute(const struct m7 *s, uint8_t r, uint32_t lead)
{
	return (s->group > lead ? s->group - lead : 0) + r;
}

static int m7_save(const struct mn_cycles *m, uint32_t pc, uint8_t *state)
{
	const struct m7 *s = (const struct m7 *)m;
	struct m7_state r;
	int ok = 1;

	(void)pc;
	memset(&r, 0, sizeof(r));
	for (unsigned k = 0; k < 17; k++) {
		r.ready[k] = rel(s, s->ready[k], NEAR, &ok);
		r.producer[k] = r.ready[k] ? s->producer[k] : P_NONE;
	}
	for (unsigned k = 0; k < 32; k++) {
		r.fready[k] = rel(s, s->fready[k], NEAR, &ok);
		if (r.fready[k])
			r.fmac |= s->fmac & 1u << k;
	}
	r.slots = s->slots;
	if (s->slots == 1) {
		r.older_bank = s->older_bank;
		r.older_early = s->older_early;
		r.older_cls = s->older.cls;
		r.older_attr = s->older.attr;
		r.older_words = s->older.n_words;
		r.older_dst = s->older.dst;
	}
	r.refilled = s->have_chunk == NO_CHUNK;
	r.avail = rel(s, s->avail_last, FAR, &ok);
	for (unsigned k = 0; k < s->p.fetch_queue; k++)
		r.freed[k] = rel(s, s->freed[(s->chunk + 1 + k) % s->p.fetch_queue], FAR, &ok);
	r.bus = rel(s, s->bus_free, FAR, &ok);
	r.head = rel(s, s->store_head, NEAR, &ok);
	r.bank[0] = rel(s, s->bank_free[0], NEAR, &ok);
	r.bank[1] = rel(s, s->bank_free[1], NEAR, &ok);
	for (unsigned k = 0; k < s->p.store_buffer_entries; k++)
		r.start[k] = rel(s, s->store_start[(s->store_next + k) % s->p.store_buffer_entries],
				 NEAR, &ok);
	r.store_age = rel(s, s->store_time + s->p.store_to_load_cycles, NEAR, &ok);
	r.flags_age = rel(s, s->flags_time + s->p.early_flags_age_cycles, NEAR, &ok);
	r.fp_busy = rel(s, s->fp_busy, NEAR, &ok);
	memcpy(state, &r, sizeof(r));
	return ok;
}

static void m7_load(struct mn_cycles *m, uint32_t pc, const uint8_t *state)
{
	struct m7 *s = self(m);
	struct m7_state r;
	uint32_t mask = ~(s->p.fetch_bytes - 1);

	memcpy(&r, state, sizeof(r));
	s->group = m->now - (r.slots == 2);
	s->slots = r.slots;
	for (unsigned k = 0; k < 17; k++) {
		s->ready[k] = absolute(s, r.ready[k], NEAR);
		s->producer[k] = r.producer[k];
	}
	for (unsigned k = 0; k < 32; k++)
		s->fready[k] = absolute(s, r.fready[k], NEAR);
	s->fmac = r.fmac;
	memset(&s->older, 0, sizeof(s->older));
	s->older_bank = r.older_bank;
	s->older_early = r.older_early;
	s->older.cls = r.older_cls;
	s->older.attr = r.older_attr;
	s->older.n_words = r.older_words;
	s->older.dst = r.older_dst;
	s->have_chunk = r.refilled ? NO_CHUNK : (pc & ~mask) ? pc & mask : pc - s->p.fetch_bytes;
	s->avail_last = absolute(s, r.avail, FAR);
	for (unsigned k = 0; k < s->p.fetch_queue; k++)
		s->freed[(s->chunk + 1 + k) % s->p.fetch_queue] = absolute(s, r.freed[k], FAR);
	s->bus_free = absolute(s, r.bus, FAR);
	s->store_head = absolute(s, r.head, NEAR);
	s->bank_free[0] = absolute(s, r.bank[0], NEAR);
	s->bank_free[1] = absolute(s, r.bank[1], NEAR);
	for (unsigned k = 0; k < s->p.store_buffer_entries; k++)
		s->store_start[(s->store_next + k) % s->p.store_buffer_entries] =
			absolute(s, r.start[k], NEAR);
	s->store_time = absolute(s, r.store_age, NEAR) - s->p.store_to_load_cycles;
	s->flags_time = absolute(s, r.flags_age, NEAR) - s->p.early_flags_age_cycles;
	s->fp_busy = absolute(s, r.fp_busy, NEAR);
}

static void m7_configure(struct mn_cycles *m, const struct mn_cycles_config *config)
{
	m->lines_epoch++;
	self(m)->config = *config;
	self(m)->line_now = NO_CHUNK;
}

static void m7_maintain(struct mn_cycles *m, enum mn_maintain op, uint32_t arg)
{
	struct m7 *s = self(m);

	m->lines_epoch++;
	switch (op) {
	case MN_MAINTAIN_I_ALL: {
		mn_l1_clear(s->l1_i);
		/* The manuals do not say what the pseudo-random replacement starts from. Here it
		 * starts over when everything is invalidated, so that a program can make its
		 * figures repeatable. */
		mn_l1_restart(s->l1_d);
		s->line_now = NO_CHUNK;
		break;
	}
	case MN_MAINTAIN_I_ADDRESS:
		mn_l1_address(s->l1_i, arg, 0, 1);
		s->line_now = NO_CHUNK;
		break;
	case MN_MAINTAIN_D_INVALIDATE_ADDRESS:
		mn_l1_address(s->l1_d, arg, 0, 1);
		break;
	case MN_MAINTAIN_D_INVALIDATE_SETWAY:
		mn_l1_setway(s->l1_d, arg, 0, 1);
		break;
	case MN_MAINTAIN_D_CLEAN_ADDRESS:
		mn_l1_address(s->l1_d, arg, 1, 0);
		break;
	case MN_MAINTAIN_D_CLEAN_SETWAY:
		mn_l1_setway(s->l1_d, arg, 1, 0);
		break;
	case MN_MAINTAIN_D_FLUSH_ADDRESS:
		mn_l1_address(s->l1_d, arg, 1, 1);
		break;
	case MN_MAINTAIN_D_FLUSH_SETWAY:
		mn_l1_setway(s->l1_d, arg, 1, 1);
		break;
	case MN_MAINTAIN_PREDICTOR_ALL:
		for (uint32_t k = 0; k < s->p.btac_entries; k++)
			s->btac[k].pc = NO_CHUNK;
		break;
	default:
		break;
	}
}

static void m7_reset(struct mn_cycles *m)
{
	struct m7 *s = self(m);

	m->lines_epoch++;
	memset(&s->config, 0, sizeof(s->config));
	s->config.apb1_div = s->config.apb2_div = 1;
	mn_l1_clear(s->l1_i);
	mn_l1_clear(s->l1_d);
	for (uint32_t k = 0; k < s->p.btac_entries; k++) {
		s->btac[k].pc = s->btac[k].target = NO_CHUNK;
		s->btac[k].count = 0;
	}
	s->store_word = s->line_now = s->have_chunk = NO_CHUNK;
	s->group = m->now;
	s->slots = 2;
	memset(&s->older, 0, sizeof(s->older));
	s->older_bank = s->older_early = 0;
	memset(s->ready, 0, sizeof(s->ready));
	memset(s->producer, 0, sizeof(s->producer));
	memset(s->fready, 0, sizeof(s->fready));
	memset(s->freed, 0, sizeof(s->freed));
	memset(s->store_start, 0, sizeof(s->store_start));
	s->fmac = 0;
	s->flags_time = s->fp_busy = s->bus_free = s->store_head = s->store_time = 0;
	s->bank_free[0] = s->bank_free[1] = 0;
	s->avail_last = m->now;
	m->now = s->group + 1;
}

static void m7_advance(struct mn_cycles *m, uint64_t cycles)
{
	self(m)->group += cycles;
	m->now += cycles;
}

static void m7_free(struct mn_cycles *m)
{
	struct m7 *s = self(m);

	mn_l1_free(s->l1_i);
	mn_l1_free(s->l1_d);
	free(s->btac);
	free(s);
}

static const struct mn_cycles_ops m7_ops = {
	.name = "cortex-m7",
	.state_bytes = sizeof(struct m7_state),
	.line_bytes = 32,
	.access = m7_access,
	.accesses = m7_accesses,
	.unaligned = m7_unaligned,
	.branch = m7_branch,
	.divide = m7_divide,
	.step = m7_step,
	.lines = m7_lines,
	.told = m7_told,
	.save = m7_save,
	.load = m7_load,
	.configure = m7_configure,
	.maintain = m7_maintain,
	.reset = m7_reset,
	.advance = m7_advance,
	.free = m7_free,
};

_Static_assert(sizeof(struct m7_state) <= MN_STATE_MAX, "m7 state");

int mn_m7_new(const struct mn_board *board, uint32_t seed, struct mn_cycles **ret_model,
	      struct mn_err *err)
{
	const struct mn_m7_params *p = board->model->m7;
	struct m7 *s;

	if (p->l1_line_bytes != m7_ops.line_bytes || p->fetch_bytes != 8 || p->fetch_queue < 2 ||
	    p->fetch_queue > 4 || p->store_buffer_entries < 1 || p->store_buffer_entries > 4 ||
	    p->btac_entries == 0 || (p->btac_entries & (p->btac_entries - 1)) ||
	    p->divide_bits_per_cycle == 0 || p->divide_base_cycles == 0 || p->isb_cycles == 0 ||
	    p->barrier_cycles == 0 || p->table_branch_cycles == 0)
		return mn_err_set(err, MN_E_INVALID, "%s: the m7 parameters are out of range",
				  board->board);
	s = calloc(1, sizeof(*s));
	if (!s)
		return mn_err_set(err, MN_E_NOMEM, "out of memory");
	s->base.ops = &m7_ops;
	s->p = *p;
	for (uint32_t i = 0; i < board->memory_count; i++) {
		const struct mn_region *r = &board->memory[i];

		switch (r->kind) {
		case MN_REGION_FLASH:
		case MN_REGION_FLASH_ALIAS:
			if (s->n_flash < 4) {
				s->flash_base[s->n_flash] = r->base;
				s->flash_size[s->n_flash++] = r->size_bytes;
			}
			break;
		case MN_REGION_DTCM:
		case MN_REGION_ITCM:
			if (s->n_tcm < 2) {
				s->tcm_base[s->n_tcm] = r->base;
				s->tcm_size[s->n_tcm++] = r->size_bytes;
			}
			break;
		default:
			if (s->n_sram < 4) {
				s->sram_base[s->n_sram] = r->base;
				s->sram_size[s->n_sram++] = r->size_bytes;
			}
			break;
		}
	}
	s->btac = calloc(p->btac_entries, sizeof(*s->btac));
	s->l1_i = mn_l1_new(p->l1_i_bytes, p->l1_i_ways, p->l1_line_bytes, seed ^ 0x1cac4e01u);
	s->l1_d = mn_l1_new(p->l1_d_bytes, p->l1_d_ways, p->l1_line_bytes, seed ^ 0xdcac4e01u);
	if (!s->btac || !s->l1_i || !s->l1_d) {
		m7_free(&s->base);
		return mn_err_set(err, MN_E_INVALID, "%s: the m7 cache sizes are out of range",
				  board->board);
	}
	m7_reset(&s->base);
	*ret_model = &s->base;
	return 0;
}
