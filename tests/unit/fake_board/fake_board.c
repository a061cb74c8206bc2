/* SPDX-License-Identifier: MIT */
#include "fake_board.h"

#include <stdlib.h>
#include <string.h>

#include "cycles.h"
#include "err.h"
#include "wire.h"

struct fake_board fake;

void fake_board_init(uint32_t arena_bytes, uint32_t pool_bytes)
{
	int32_t *bias = aligned_alloc(16, MN_BIAS_WORDS * 4);
	int8_t *pool = aligned_alloc(16, pool_bytes);

	memset(&fake, 0, sizeof(fake));
	mn_stimulus_pools(bias, MN_BIAS_WORDS, pool, pool_bytes);
	fake.memory = (struct mn_exec_mem){
		.arena = aligned_alloc(16, arena_bytes),
		.arena_bytes = arena_bytes,
		.pool = pool,
		.pool_bytes = pool_bytes,
		.bias_pool = bias,
		.bias_pool_bytes = MN_BIAS_WORDS * 4,
	};
	fake.facts = (struct mn_board_facts){
		.name = "fake",
		.marker_pin = "PA8 (D7)",
		.layer_pin = "PA9 (D8)",
		.chip_id = 0x10006421,
		.cpuid = 0x410fc241,
		.uid = {1, 2, 3},
		.clock_set_hz = 180000000,
		.clock_measured_hz = 180000100,
		.hse_measured_hz = 8010000,
		.counter_cycles = 262150,
		.counter_reference = 262144,
		.clock_source = MN_CLOCK_HSE_BYPASS,
	};
	fake.cycles_per_read = 1000;
	fake.baud = 115200;
}

void fake_board_free(void)
{
	free(fake.memory.arena);
	free((void *)(uintptr_t)fake.memory.pool);
	free((void *)(uintptr_t)fake.memory.bias_pool);
}

uint32_t mn_cycles(void)
{
	if (!fake.fresh)
		fake.cycles += fake.cycles_per_read;
	fake.fresh = 0;
	return fake.counter_dead ? 0 : (uint32_t)fake.cycles;
}

uint32_t mn_board_micros(void)
{
	fake.fresh = 1;
	return (uint32_t)((fake.cycles + fake.missed) / (fake.facts.clock_set_hz / 1000000));
}

const struct mn_board_facts *mn_board_facts(void)
{
	return &fake.facts;
}

const struct mn_exec_mem *mn_board_memory(void)
{
	return &fake.memory;
}

uint8_t mn_board_wait_states(void)
{
	return 5;
}

uint8_t mn_board_caches(void)
{
	return MN_CACHE_ART_I | MN_CACHE_PREFETCH;
}

void mn_board_caches_invalidate(void)
{
	fake.invalidations++;
	fake.invalidations_marked += fake.marker_high;
	/* It takes time, which must not be in any figure. */
	fake.cycles += 7 * fake.cycles_per_read;
}

const uint8_t *mn_board_build_id(uint32_t *ret_len)
{
	static const uint8_t id[20] = {0xab, 0xcd, 0x01, 0xff};

	*ret_len = sizeof(id);
	return id;
}

void mn_board_marker(uint32_t lines)
{
	uint32_t high = lines & MN_MARKER_WINDOW;

	if (!high && fake.marker_high && fake.marker_rises == 2)
		for (uint32_t i = 0; i < fake.memory.arena_bytes; i++)
			fake.memory.arena[i] ^= fake.corrupt_output;
	fake.marker_rises += high && !fake.marker_high;
	fake.marker_high = (unsigned)high;
	fake.layer_toggles += (lines & MN_MARKER_LAYER) != fake.layer_high && high;
	fake.layer_high = lines & MN_MARKER_LAYER;
}

uint32_t mn_board_idle(uint32_t micros)
{
	uint64_t cycles = (uint64_t)micros * (fake.facts.clock_set_hz / 1000000);

	fake.idles++;
	fake.idle_us += micros;
	fake.idles_marked += fake.marker_high;
	if (fake.counts_asleep) {
		fake.cycles += cycles;
		return 0;
	}
	fake.missed += cycles;
	return (uint32_t)cycles;
}

uint32_t mn_board_irq_off(void)
{
	fake.irq_masked++;
	return 0;
}

void mn_board_irq_restore(uint32_t state)
{
	(void)state;
	fake.irq_masked--;
}

int mn_board_uart_read(void)
{
	if (fake.rx_framing) {
		fake.rx_framing--;
		return MN_UART_FRAMING;
	}
	return fake.rx_at < fake.rx_len ? fake.rx[fake.rx_at++] : MN_UART_NONE;
}

void mn_board_uart_write(const uint8_t *data, uint32_t len)
{
	if (fake.tx_len + len > sizeof(fake.tx))
		abort();
	memcpy(fake.tx + fake.tx_len, data, len);
	fake.tx_len += len;
}

int mn_board_uart_check(uint32_t baud)
{
	return baud == fake.baud_refused ? MN_E_INVALID : 0;
}

int mn_board_uart_set(uint32_t baud)
{
	fake.baud = baud;
	fake.baud_sets++;
	return 0;
}

void mn_board_stack_check(void)
{
}
