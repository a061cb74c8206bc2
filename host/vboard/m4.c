/* SPDX-License-Identifier: MIT */
/* clang-format off */
/*
 * Cortex-M4 pipeline and the STM32F4 flash accelerator (ART).
 *
 * rule                                                          parameter                     certainty
 * class costs (TRM table as TI reprints it)                     load_cycles ...               read
 * k independent loads back to back cost k + 1                   load_overlap_cycles           read
 * base-updating loads chain only with different bases           -                             measured by others
 * loads of different memories do not chain                      mixed_memory_overlap          measured by others
 * a load directly behind a store waits for the store: +1        store_load_stall_cycles       measured by others
 * nothing chains behind a store; STR [Rn,Rm] costs 2            store_register_offset_cycles  read
 * address register written by the previous ALU instruction: +1  address_stall_cycles          read (compiler)
 * taken direct branch 2, indirect 3, LDR pc 5, TBB 6            taken_branch_cycles ...       measured by others
 * fetch queue of 3 aligned words, 2 cycles from request to      fetch_words,                  read; fits the F446
 *   use, a place is free the cycle after its word was used      fetch_latency_cycles
 * one more to an unaligned 32-bit instruction                   (from the fetch queue)        measured by others
 * a conditional branch requests its target while it is          speculative_fetch             read
 *   decoded; not taken, that cycle's request is lost
 * IT folds onto a 16-bit instruction before it that is no       it_folds                      measured by others
 *   load, store or branch                                                                     on the Cortex-M3
 * ART: 64 + 8 lines of 16 bytes, LRU, next-line prefetch        art_*                         read, LRU recollected
 * flash miss: LATENCY stall cycles; one array for both sides    FLASH_ACR                     read, inferred
 *
 * Wrong-path words cost their request, but they do not enter the cache.
 *
 * "Measured by others": jnk0le/random on an STM32F407; mimuw-distributed-systems-group/cmemu, whose
 * rules were checked against a Cortex-M3 (the M4 has the same three stages); see data/boards.
 */
/* clang-format on */
#include "cycles.h"

#include <stdlib.h>
#include <string.h>

#include "board.h"
#include "cache.h"

/* Access classes: kind, extra transfers of an unaligned access. */
#define K_SRAM       0u
#define K_SRAM2      1u
#define K_FLASH_HIT  2u
#define K_FLASH_MISS 3u
#define K_AHB        4u
#define K_APB1       5u
#define K_APB2       6u
#define K_PPB        7u
#define KIND(c)      ((c)&7u)
#define EXTRA(c)     ((c) >> 3)
#define NO_WORD      0xffffffffu
#define OLD          8 /* cycles that the fetch runs ahead, at most */

enum prev_kind { PREV_OTHER, PREV_ALU, PREV_LOAD, PREV_STORE };

struct m4 {
	struct mn_cycles base;
	struct mn_m4_params p;
	struct mn_cycles_config config;
	uint32_t flash_base[4], flash_size[4];
	unsigned n_flash;
	uint32_t sram_base, sram_size, sram2_base, sram2_size;

	/* functional */
	struct mn_lru *art_i, *art_d;
	uint32_t line_now;  /* I line in use */
	uint32_t dline_now; /* last D line, when the D cache is off */
	uint32_t prefetched;

	/* pipeline */
	uint64_t prefetch_ready, flash_free;
	uint32_t have_word; /* last word fetched, NO_WORD after a refill */
	uint64_t fetch_last, avail_last, refill;
	uint64_t spoilt;   /* cycle in which no word can be requested */
	uint64_t freed[4]; /* by word number modulo fetch_words */
	enum prev_kind prev;
	uint32_t prev_dst;
	uint8_t prev_rn, prev_wback, prev_memory, prev_narrow;
	uint32_t fp_dst;
	uint64_t fp_ready, fp_busy;
};

/* The pipeline part, relative to the clock. */
struct m4_state {
	int8_t fetch_last, avail_last, freed[4], refill, flash_free, spoilt;
	uint8_t flushed;
	uint8_t prev, prev_rn, prev_wback, prev_memory, prev_narrow;
	uint8_t fp_ready, fp_busy;
	uint32_t prev_dst, fp_dst;
};

static struct m4 *self(struct mn_cycles *m)
{
	return (struct m4 *)m;
}

/* An alias of the flash is the same flash to the accelerator: *addr becomes the first address. */
static int is_flash(const struct m4 *s, uint32_t *addr)
{
	for (unsigned i = 0; i < s->n_flash; i++)
		if (*addr - s->flash_base[i] < s->flash_size[i]) {
			*addr += s->flash_base[0] - s->flash_base[i];
			return 1;
		}
	return 0;
}

static unsigned flash_lookup(struct m4 *s, uint32_t line)
{
	s->base.stats.d_lookups++;
	if (s->config.flash_wait_states == 0)
		return K_FLASH_HIT;
	if (s->config.art_d) {
		if (mn_lru_touch(s->art_d, line))
			return K_FLASH_HIT;
		mn_lru_insert(s->art_d, line);
	} else {
		if (s->dline_now == line)
			return K_FLASH_HIT;
		s->dline_now = line;
	}
	s->base.stats.d_misses++;
	return K_FLASH_MISS;
}

static uint8_t m4_access(struct mn_cycles *m, uint32_t addr, unsigned bytes, int store)
{
	struct m4 *s = self(m);
	unsigned extra = 0, kind;

	/* An unaligned word is 2 transfers at 2 mod 4 and 3 at an odd address, a half 2. */
	if (addr & (bytes - 1))
		extra = bytes == 4 && (addr & 1) ? 2 : 1;
	if (addr - s->sram_base < s->sram_size) {
		kind = K_SRAM;
	} else if (is_flash(s, &addr)) {
		uint32_t line = addr & ~(s->p.art_line_bytes - 1);
		uint32_t last = (addr + bytes - 1) & ~(s->p.art_line_bytes - 1);

		kind = store ? K_AHB : flash_lookup(s, line);
		if (!store && last != line && flash_lookup(s, last) == K_FLASH_MISS)
			kind = K_FLASH_MISS;
	} else if (addr - s->sram2_base < s->sram2_size) {
		kind = K_SRAM2;
	} else if (addr >= 0xe0000000u) {
		kind = K_PPB;
	} else if (addr - 0x40000000u < 0x10000u) {
		kind = K_APB1;
	} else if (addr - 0x40010000u < 0x10000u) {
		kind = K_APB2;
	} else {
		kind = K_AHB;
	}
	return (uint8_t)(kind | extra << 3);
}

static void m4_accesses(struct mn_cycles *m, const struct mn_addr_recipe *recipe,
			const uint32_t *value, uint8_t *ret_class)
{
	struct m4 *s = self(m);
	const struct mn_addr_access *a = recipe->access;
	uint32_t base = s->sram_base, size = s->sram_size;

	for (unsigned k = 0, n = recipe->n_access; k < n; k++) {
		uint32_t addr = value[a[k].base] + a[k].offset;

		if (addr - base < size && !(addr & (a[k].bytes - 1u)))
			ret_class[k] = K_SRAM;
		else
			ret_class[k] = m4_access(m, addr, a[k].bytes, a[k].store);
	}
}

static int m4_unaligned(uint8_t access)
{
	return EXTRA(access) != 0;
}

static uint8_t m4_branch(struct mn_cycles *m, const struct mn_insn *insn, uint32_t pc,
			 uint32_t next_pc)
{
	/* No predictor. */
	m->stats.branches++;
	return next_pc != pc + insn->size;
}

/*
 * [I] Only the range 2..12 is documented; early termination on the difference of the operands'
 * magnitudes. If |n| < |d| the minimum, else base + bits * 2 / bits_per_2_cycles, at most the
 * maximum.
 */
static uint8_t m4_divide(const struct mn_cycles *m, uint32_t n, uint32_t d, int is_signed)
{
	const struct mn_m4_params *p = &((const struct m4 *)m)->p;
	uint32_t cycles;

	if (is_signed) {
		n = (int32_t)n < 0 ? 0u - n : n;
		d = (int32_t)d < 0 ? 0u - d : d;
	}
	if (d == 0 || n < d)
		return (uint8_t)p->divide_min_cycles;
	cycles = p->divide_base_cycles +
		 (uint32_t)(__builtin_clz(d) - __builtin_clz(n)) * 2 / p->divide_bits_per_2_cycles;
	return (uint8_t)(cycles > p->divide_max_cycles ? p->divide_max_cycles : cycles);
}

static void m4_told(struct mn_cycles *m)
{
	struct m4 *s = self(m);
	struct mn_lines *used[MN_LINES_USED];
	uint32_t n = mn_lines_take(m, used), first;

	for (uint32_t k = 0; k < n; k++) {
		first = used[k]->line[0];
		is_flash(s, &first);
		first -= used[k]->line[0];
		for (unsigned i = 0; i < used[k]->n; i++) {
			s->line_now = used[k]->line[i] + first;
			mn_lru_touch(s->art_i, s->line_now);
		}
	}
}

/* Cycles that reading the I line of a word adds to a request at time t. */
static uint64_t line_stall(struct m4 *s, uint32_t word, uint64_t t)
{
	uint32_t line, ws = s->config.flash_wait_states;
	uint64_t done, start;

	if (ws == 0 || !is_flash(s, &word))
		return 0;
	line = word & ~(s->p.art_line_bytes - 1);
	if (s->base.n_used)
		m4_told(&s->base);
	if (line == s->line_now)
		return 0;
	s->line_now = line;
	if (s->config.art_i && mn_lru_touch(s->art_i, line))
		return 0;
	s->base.stats.i_misses++;
	s->base.lines_epoch++;
	if (s->config.art_prefetch && s->prefetched == line) {
		done = s->prefetch_ready > t ? s->prefetch_ready : t;
	} else {
		start = s->flash_free > t ? s->flash_free : t;
		done = start + ws;
		s->flash_free = done + 1;
	}
	if (s->config.art_i)
		mn_lru_insert(s->art_i, line);
	if (s->config.art_prefetch) {
		uint32_t next = line + s->p.art_line_bytes;

		if (!s->config.art_i || !mn_lru_has(s->art_i, next)) {
			start = s->flash_free > done ? s->flash_free : done;
			s->prefetched = next;
			s->prefetch_ready = start + ws + 1;
			s->flash_free = s->prefetch_ready;
		}
	}
	return done - t;
}

/* Request words up to `last`; when the last of them can be decoded. */
static uint64_t fetch(struct m4 *s, uint32_t pc, uint32_t last, uint64_t *ret_miss)
{
	uint32_t n = s->p.fetch_words;

	/* A jump that no branch announced (reset, exception) starts the fetch anew. */
	if (s->have_word != NO_WORD && last - s->have_word > 2 * 4) {
		s->have_word = NO_WORD;
		s->refill = s->base.now;
	}
	if (s->have_word == NO_WORD) {
		s->have_word = (pc & ~3u) - 4;
		s->fetch_last = s->refill - 1;
		for (uint32_t k = 0; k < n; k++)
			s->freed[k] = s->refill;
	}
	while (s->have_word != last) {
		uint32_t word = s->have_word + 4;
		uint64_t t = s->fetch_last + 1, stall;

		if (s->freed[(word >> 2) % n] > t)
			t = s->freed[(word >> 2) % n];
		if (s->base.now > t + OLD)
			t = s->base.now - OLD;
		if (t == s->spoilt)
			t++;
		stall = line_stall(s, word, t);
		*ret_miss += stall;
		s->fetch_last = t + stall;
		s->avail_last = s->fetch_last + s->p.fetch_latency_cycles;
		s->have_word = word;
	}
	return s->avail_last;
}

static uint32_t device_cycles(const struct m4 *s, unsigned kind)
{
	switch (kind) {
	case K_AHB:
		return s->p.ahb_device_cycles;
	case K_APB1:
		return s->p.apb_sync_pclk * s->config.apb1_div;
	case K_APB2:
		return s->p.apb_sync_pclk * s->config.apb2_div;
	case K_PPB:
		return s->p.ppb_cycles;
	default:
		return 0;
	}
}

static int may_overlap(const struct m4 *s, const struct mn_insn *i, uint32_t pc, unsigned memory)
{
	if (s->prev != PREV_LOAD || (i->early & s->prev_dst))
		return 0;
	if (s->prev_wback && (i->attr & MN_IA_BASE) && i->rn == s->prev_rn)
		return 0;
	if (memory != s->prev_memory && !s->p.mixed_memory_overlap)
		return 0;
	if (i->size == 4 && (pc & 2) && !s->p.unaligned_wide_load_overlap)
		return 0;
	return 1;
}

static void m4_step(struct mn_cycles *m, const struct mn_step_in *in)
{
	struct m4 *s = self(m);
	const struct mn_m4_params *p = &s->p;
	const struct mn_insn *i = in->insn;
	uint64_t *stall = m->stats.stall;
	uint32_t last = (in->pc + i->size - 1) & ~3u, end = in->pc + i->size;
	uint64_t miss = 0, avail = fetch(s, in->pc, last, &miss), t = m->now, fp = 0;
	uint64_t cost = 1, wait = 0, align = 0;
	unsigned memory = 0;
	int load_like = 0;

	if (i->n_words && in->executed && (i->attr & (MN_IA_LOAD | MN_IA_STORE))) {
		for (unsigned k = 0; k < i->n_words; k++) {
			unsigned c = in->access[k], kind = KIND(c);

			align += EXTRA(c);
			if (kind == K_FLASH_MISS) {
				uint64_t start = t + wait, busy;

				busy = s->flash_free > start ? s->flash_free - start : 0;
				wait += busy + s->config.flash_wait_states;
				s->flash_free = start + busy + s->config.flash_wait_states + 1;
			} else if (kind >= K_AHB) {
				wait += device_cycles(s, kind);
			}
		}
		memory = KIND(in->access[0]);
		if (memory == K_FLASH_MISS)
			memory = K_FLASH_HIT;
		if (s->prev == PREV_ALU && (i->early & s->prev_dst)) {
			t += p->address_stall_cycles;
			stall[MN_STALL_DEPEND] += p->address_stall_cycles;
		}
		if (s->prev == PREV_STORE && (i->attr & MN_IA_LOAD)) {
			t += p->store_load_stall_cycles;
			stall[MN_STALL_STORE] += p->store_load_stall_cycles;
		}
	}
	/* An arithmetic result is not forwarded to the next instruction, except as an addend. */
	if (i->attr & MN_IA_FP) {
		if (s->fp_busy > t)
			fp = s->fp_busy - t;
		if (((i->fsrc | (i->cls == MN_I_VMAC ? 0 : i->facc)) & s->fp_dst) &&
		    s->fp_ready > t + fp)
			fp = s->fp_ready - t;
		t += fp;
		stall[MN_STALL_DEPEND] += fp;
	}
	if (in->executed) {
		switch (i->cls) {
		case MN_I_LOAD:
		case MN_I_VLOAD:
			cost = i->n_words == 2 ? p->load_pair_cycles : p->load_cycles;
			load_like = i->n_words == 1;
			if (load_like && may_overlap(s, i, in->pc, memory))
				t -= p->load_overlap_cycles;
			break;
		case MN_I_STORE:
			cost = p->store_cycles;
			if (i->attr & MN_IA_REGOFF) {
				cost = p->store_register_offset_cycles;
				if (may_overlap(s, i, in->pc, memory))
					t -= p->load_overlap_cycles;
			}
			break;
		case MN_I_VSTORE:
			cost = i->n_words == 2 ? p->load_pair_cycles : p->store_cycles;
			break;
		case MN_I_LOAD2:
		case MN_I_STORE2:
			cost = p->load_pair_cycles;
			break;
		case MN_I_LOADM:
		case MN_I_STOREM:
		case MN_I_VLOADM:
		case MN_I_VSTOREM:
			cost = p->multiple_base_cycles + i->n_words;
			break;
		case MN_I_DIV:
			cost = in->div_cycles;
			break;
		case MN_I_TBB:
			cost = p->load_cycles;
			break;
		case MN_I_IT:
			cost = p->it_folds && s->prev_narrow ? 0 : 1;
			break;
		case MN_I_BARRIER:
			cost = p->barrier_cycles;
			break;
		case MN_I_ISB:
			cost = p->isb_cycles;
			break;
		case MN_I_SYSREG:
			cost = p->sysreg_cycles;
			break;
		case MN_I_VMAC:
			cost = p->fp_mac_cycles;
			break;
		case MN_I_VCORE:
			cost = i->n_words == 2 ? p->fp_core2_cycles : 1;
			break;
		default:
			break;
		}
	}
	if (avail > t) {
		uint64_t lost = avail - t, cold = miss < lost ? miss : lost;

		stall[MN_STALL_IMISS] += cold;
		stall[MN_STALL_FETCH] += lost - cold;
		t = avail;
	}
	stall[MN_STALL_ISSUE] += cost;
	stall[MN_STALL_MEMORY] += wait;
	stall[MN_STALL_ALIGN] += align;
	/* Words that this instruction used up: their places are free next cycle. */
	for (uint32_t w = in->pc & ~3u; w < (end & ~3u); w += 4)
		s->freed[(w >> 2) % p->fetch_words] = t + 1;
	m->now = t + cost + wait + align;
	if (in->taken && in->executed) {
		uint64_t extra = 0; /* from issue to the request of the target */

		switch (i->cls) {
		case MN_I_B:
		case MN_I_BCC:
		case MN_I_BL:
		case MN_I_CBZ:
			extra = p->taken_branch_cycles;
			break;
		case MN_I_TBB:
			extra = p->table_branch_cycles + wait;
			break;
		case MN_I_LOAD:
		case MN_I_LOADM:
			extra = cost + wait + align + p->load_pc_refill_cycles;
			break;
		default:
			extra = p->indirect_branch_cycles;
			break;
		}
		s->have_word = NO_WORD;
		s->refill = t + extra - p->fetch_latency_cycles;
	} else if (i->cls == MN_I_BCC || i->cls == MN_I_CBZ) {
		/* The target was requested while the branch was decoded, for nothing. */
		if (p->speculative_fetch)
			s->spoilt = t - 1;
	} else if (i->cls == MN_I_ISB) {
		s->have_word = NO_WORD;
		s->refill = m->now;
	}
	if (i->attr & MN_IA_FP) {
		s->fp_dst = i->fdst;
		s->fp_ready = 0;
		s->fp_busy = 0;
		if (i->cls == MN_I_VALU || i->cls == MN_I_VMAC) {
			s->fp_ready = m->now + p->fp_result_stall_cycles;
		} else if (i->cls == MN_I_VDIV || i->cls == MN_I_VSQRT) {
			s->fp_busy = t + p->fp_div_cycles;
			s->fp_ready = s->fp_busy + p->fp_result_stall_cycles;
		}
	}
	s->prev = load_like && in->executed                                         ? PREV_LOAD
		  : i->cls == MN_I_STORE && in->executed && cost == p->store_cycles ? PREV_STORE
		  : (i->attr & (MN_IA_LOAD | MN_IA_STORE))                          ? PREV_OTHER
										    : PREV_ALU;
	s->prev_dst = in->executed ? i->dst & 0xffff : 0;
	s->prev_wback = load_like && (i->attr & MN_IA_BASE);
	s->prev_rn = s->prev_wback ? i->rn : 0;
	s->prev_memory = load_like ? (uint8_t)memory : 0;
	s->prev_narrow = i->size == 2 && !(i->attr & (MN_IA_LOAD | MN_IA_STORE | MN_IA_PC)) &&
			 i->cls != MN_I_SYSREG;
	m->stats.insns++;
}

static int m4_lines(struct mn_cycles *m, struct mn_lines *lines)
{
	struct m4 *s = self(m);
	uint32_t offset = lines->line[0];

	if (s->config.flash_wait_states == 0 || !is_flash(s, &offset)) {
		if (lines->listed == MN_LINES_LISTED)
			m4_told(m);
		lines->listed = MN_LINES_NO_ORDER;
		lines->epoch = m->lines_epoch;
		return 1;
	}
	offset -= lines->line[0];
	if (!s->config.art_i)
		return lines->n == 1 && lines->line[0] + offset == s->line_now;
	for (unsigned k = 0; k < lines->n; k++)
		if (!mn_lru_has(s->art_i, lines->line[k] + offset))
			return 0;
	if (lines->listed == MN_LINES_NO_ORDER)
		lines->listed = MN_LINES_NOT_LISTED;
	lines->epoch = m->lines_epoch;
	mn_lines_used(m, lines);
	return 1;
}

static int8_t rel(uint64_t t, uint64_t now)
{
	int64_t d = (int64_t)(t - now);

	return (int8_t)(d < -OLD - 1 ? -OLD - 1 : d > 100 ? 100 : d);
}

static int m4_save(const struct mn_cycles *m, uint32_t pc, uint8_t *state)
{
	const struct m4 *s = (const struct m4 *)m;
	struct m4_state r;

	/* A line may still be on its way: later accesses wait for the flash, and that is part of
	 * the state. When the prefetched line comes is not, but it matters to a line that is not
	 * cached, and then the segment is stepped. */
	if (s->flash_free > m->now + 100)
		return 0;
	memset(&r, 0, sizeof(r));
	r.flash_free = rel(s->flash_free, m->now);
	r.spoilt = rel(s->spoilt, m->now);
	r.flushed = s->have_word == NO_WORD;
	if (r.flushed) {
		r.refill = rel(s->refill, m->now);
	} else {
		uint32_t first = s->have_word >> 2;

		(void)pc;
		r.fetch_last = rel(s->fetch_last, m->now);
		r.avail_last = rel(s->avail_last, m->now);
		for (uint32_t k = 0; k < s->p.fetch_words; k++)
			r.freed[k] = rel(s->freed[(first + k) % s->p.fetch_words], m->now);
	}
	r.prev = (uint8_t)s->prev;
	r.prev_dst = s->prev == PREV_OTHER || s->prev == PREV_STORE ? 0 : s->prev_dst;
	r.prev_rn = s->prev_rn;
	r.prev_wback = s->prev_wback;
	r.prev_memory = s->prev_memory;
	r.prev_narrow = s->prev_narrow;
	if (s->fp_ready > m->now) {
		r.fp_ready = (uint8_t)(s->fp_ready - m->now);
		r.fp_dst = s->fp_dst;
	}
	if (s->fp_busy > m->now)
		r.fp_busy = (uint8_t)(s->fp_busy - m->now);
	memcpy(state, &r, sizeof(r));
	return 1;
}

static void m4_load(struct mn_cycles *m, uint32_t pc, const uint8_t *state)
{
	struct m4 *s = self(m);
	struct m4_state r;

	memcpy(&r, state, sizeof(r));
	s->flash_free = m->now + (uint64_t)(int64_t)r.flash_free;
	s->spoilt = m->now + (uint64_t)(int64_t)r.spoilt;
	if (r.flushed) {
		s->have_word = NO_WORD;
		s->refill = m->now + (uint64_t)(int64_t)r.refill;
	} else {
		/* A word of which half is left has been fetched, an untouched one has not. */
		s->have_word = ((pc + 2) & ~3u) - 4;
		s->fetch_last = m->now + (uint64_t)(int64_t)r.fetch_last;
		s->avail_last = m->now + (uint64_t)(int64_t)r.avail_last;
		for (uint32_t k = 0; k < s->p.fetch_words; k++)
			s->freed[((s->have_word >> 2) + k) % s->p.fetch_words] =
				m->now + (uint64_t)(int64_t)r.freed[k];
	}
	s->prev = r.prev;
	s->prev_dst = r.prev_dst;
	s->prev_rn = r.prev_rn;
	s->prev_wback = r.prev_wback;
	s->prev_memory = r.prev_memory;
	s->prev_narrow = r.prev_narrow;
	s->fp_dst = r.fp_dst;
	s->fp_ready = r.fp_ready ? m->now + r.fp_ready : 0;
	s->fp_busy = r.fp_busy ? m->now + r.fp_busy : 0;
}

static void m4_configure(struct mn_cycles *m, const struct mn_cycles_config *config)
{
	m4_told(m);
	m->lines_epoch++;
	self(m)->config = *config;
}

static void m4_maintain(struct mn_cycles *m, enum mn_maintain op, uint32_t arg)
{
	struct m4 *s = self(m);

	(void)arg;
	m4_told(m);
	m->lines_epoch++;
	if (op == MN_MAINTAIN_ART_I_RESET) {
		mn_lru_clear(s->art_i);
		s->line_now = NO_WORD;
		s->prefetched = NO_WORD;
	} else if (op == MN_MAINTAIN_ART_D_RESET) {
		mn_lru_clear(s->art_d);
		s->dline_now = NO_WORD;
	}
}

static void m4_reset(struct mn_cycles *m)
{
	struct m4 *s = self(m);

	m4_told(m);
	m->lines_epoch++;
	memset(&s->config, 0, sizeof(s->config));
	s->config.apb1_div = s->config.apb2_div = 1;
	mn_lru_clear(s->art_i);
	mn_lru_clear(s->art_d);
	s->line_now = s->dline_now = s->prefetched = NO_WORD;
	s->prefetch_ready = s->flash_free = 0;
	s->spoilt = 0;
	s->have_word = NO_WORD;
	s->refill = m->now;
	s->prev = PREV_OTHER;
	s->prev_dst = 0;
	s->prev_rn = s->prev_wback = s->prev_memory = s->prev_narrow = 0;
	s->fp_dst = 0;
	s->fp_ready = s->fp_busy = 0;
}

static void m4_advance(struct mn_cycles *m, uint64_t cycles)
{
	m->now += cycles;
}

static void m4_free(struct mn_cycles *m)
{
	struct m4 *s = self(m);

	mn_lru_free(s->art_i);
	mn_lru_free(s->art_d);
	free(s);
}

static const struct mn_cycles_ops m4_ops = {
	.name = "cortex-m4",
	.state_bytes = sizeof(struct m4_state),
	.line_bytes = 16,
	.access = m4_access,
	.accesses = m4_accesses,
	.unaligned = m4_unaligned,
	.branch = m4_branch,
	.divide = m4_divide,
	.step = m4_step,
	.lines = m4_lines,
	.told = m4_told,
	.save = m4_save,
	.load = m4_load,
	.configure = m4_configure,
	.maintain = m4_maintain,
	.reset = m4_reset,
	.advance = m4_advance,
	.free = m4_free,
};

int mn_m4_new(const struct mn_board *board, struct mn_cycles **ret_model, struct mn_err *err)
{
	const struct mn_m4_params *p = board->model->m4;
	struct m4 *s;

	if (p->art_line_bytes != m4_ops.line_bytes || p->fetch_words < 1 || p->fetch_words > 4 ||
	    p->divide_bits_per_2_cycles == 0 || p->art_i_lines == 0 || p->art_d_lines == 0)
		return mn_err_set(err, MN_E_INVALID, "%s: the m4 parameters are out of range",
				  board->board);
	s = calloc(1, sizeof(*s));
	if (!s)
		return mn_err_set(err, MN_E_NOMEM, "out of memory");
	s->base.ops = &m4_ops;
	s->p = *p;
	for (uint32_t i = 0; i < board->memory_count; i++) {
		const struct mn_region *r = &board->memory[i];

		if (r->kind <= MN_REGION_FLASH_ALIAS && s->n_flash < 4) {
			s->flash_base[s->n_flash] = r->base;
			s->flash_size[s->n_flash++] = r->size_bytes;
		} else if (r->kind == MN_REGION_SRAM) {
			s->sram_base = r->base;
			s->sram_size = r->size_bytes;
		} else if (r->kind == MN_REGION_SRAM2) {
			s->sram2_base = r->base;
			s->sram2_size = r->size_bytes;
		}
	}
	s->art_i =
		mn_lru_new(p->art_i_lines, p->art_line_bytes, s->flash_base[0], s->flash_size[0]);
	s->art_d =
		mn_lru_new(p->art_d_lines, p->art_line_bytes, s->flash_base[0], s->flash_size[0]);
	if (!s->art_i || !s->art_d) {
		m4_free(&s->base);
		return mn_err_set(err, MN_E_NOMEM, "out of memory");
	}
	m4_reset(&s->base);
	*ret_model = &s->base;
	return 0;
}
