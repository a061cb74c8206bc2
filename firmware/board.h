/* SPDX-License-Identifier: MIT */
/*
 * What session.c and measure.c need of a board. soc/ and boards/ implement it with registers,
 * tests/unit/fake_board.c with a counter that advances by a script.
 *
 * mn_cycles(), the only call inside a timed path, is inline and comes from cycles.h on the include
 * path.
 */
#ifndef MN_BOARD_H
#define MN_BOARD_H

#include <stdint.h>

#include "exec.h"

/* What the boot found out; constant afterwards. The fields are those of HELLO. */
struct mn_board_facts {
	const char *name;       /* "nucleo-f446re" */
	const char *marker_pin; /* "PA8 (D7)" */
	const char *layer_pin;  /* "PA9 (D8)", on the same port */
	uint32_t chip_id, cpuid, uid[3];
	uint32_t clock_set_hz, clock_measured_hz, hse_measured_hz;
	int32_t counter_status; /* 0, MN_E_NO_COUNTER or MN_E_CLOCK */
	uint32_t counter_cycles, counter_reference;
	uint8_t clock_source; /* enum mn_clock_source */
};

const struct mn_board_facts *mn_board_facts(void);

/* Arena and pools. */
const struct mn_exec_mem *mn_board_memory(void);

/* Read back from the registers: flash wait states; MN_CACHE_* bits. */
uint8_t mn_board_wait_states(void);
uint8_t mn_board_caches(void);

/* Write back what is dirty and invalidate every cache of core and flash, keeping them enabled. */
void mn_board_caches_invalidate(void);

/* GNU build id of the image and its length. */
const uint8_t *mn_board_build_id(uint32_t *ret_len);

/* 1 MHz, wraps at 2^32. */
uint32_t mn_board_micros(void);

/* Both marker lines at once, in one store to their port: MN_MARKER_* or 0. */
#define MN_MARKER_WINDOW (1u << 0) /* high while a window runs */
#define MN_MARKER_LAYER  (1u << 1) /* toggles at each step of a program */
void mn_board_marker(uint32_t lines);

/*
 * Sleep with interrupts masked for at least so many us of mn_board_micros(). Returns the cycles
 * that the cycle counter missed meanwhile: it stands still in sleep, unless a debugger keeps it
 * running.
 */
uint32_t mn_board_idle(uint32_t micros);

/* Mask interrupts; the value goes to mn_board_irq_restore(). */
uint32_t mn_board_irq_off(void);
void mn_board_irq_restore(uint32_t state);

/* A byte (0..255) that has come, or one of these. */
enum { MN_UART_NONE = -1, MN_UART_FRAMING = -2 };
int mn_board_uart_read(void);
/* Returns when the last bit has left. */
void mn_board_uart_write(const uint8_t *data, uint32_t len);
/* MN_E_INVALID, and nothing changed, if the divider misses the rate by 2 % or more. */
int mn_board_uart_check(uint32_t baud);
int mn_board_uart_set(uint32_t baud);

/* Does not return if the stack has run over its canary: reports a fault instead. */
void mn_board_stack_check(void);

#endif
