/* SPDX-License-Identifier: MIT */
/*
 * The chip around the core: the registers that the board's image touches (firmware/README.md lists
 * them), driven by the cycle model's clock. Any other address is refused.
 *
 * Time. Everything is a function of the cycle count and of the clock tree as the program set it.
 * While the program polls an empty receiver the virtual clock stands and the process sleeps on the
 * link; if nothing comes for a while the clock moves on by whole milliseconds, so that time-outs of
 * the program still end and the phase of its microsecond timer does not depend on the host.
 */
#ifndef MN_SOC_H
#define MN_SOC_H

#include <stdint.h>

#include "board.h"
#include "cycles.h"
#include "fault.h"
#include "port.h"

struct mn_soc;

/* Why the board stopped, or must do something. */
enum mn_soc_event { MN_SOC_NONE, MN_SOC_CLOSED, MN_SOC_RESET };

/* All are borrowed. cycles and port may not be NULL. */
int mn_soc_new(const struct mn_board *board, struct mn_cycles *cycles, struct mn_port *port,
	       struct mn_faults *faults, struct mn_soc **ret_soc, struct mn_err *err);
/* Tell it what is drawn from now on (borrowed). NULL, as at first: nobody. */
void mn_soc_set_power(struct mn_soc *soc, struct mn_power *power);
void mn_soc_free(struct mn_soc *soc);
void mn_soc_reset(struct mn_soc *soc);

/* A register access of 1, 2 or 4 bytes. MN_E_FAULT if there is no such register. */
int mn_soc_read(struct mn_soc *soc, uint32_t addr, unsigned bytes, uint32_t *ret_value);
int mn_soc_write(struct mn_soc *soc, uint32_t addr, unsigned bytes, uint32_t value);

enum mn_soc_event mn_soc_event(const struct mn_soc *soc);
/* Cycle of the last byte over the link. */
uint64_t mn_soc_last_io(const struct mn_soc *soc);
/* Cycles that passed while the program waited, with nothing executed. */
uint64_t mn_soc_skipped(const struct mn_soc *soc);
/*
 * WFI: the clock runs on to the next underflow of SysTick, the cycle counter stands still. 0 if its
 * interrupt is not enabled: no other is emulated. The program must have them masked.
 */
int mn_soc_sleep(struct mn_soc *soc);
/* Core clock as it really is now. */
uint32_t mn_soc_hclk_hz(const struct mn_soc *soc);
/* CPACR lets the program use the FPU; CCR.DIV_0_TRP. */
int mn_soc_fpu_on(const struct mn_soc *soc);
int mn_soc_divide_traps(const struct mn_soc *soc);
/* Number of the configuration in force, 0 …: the same settings give the same number again. */
uint32_t mn_soc_config_id(const struct mn_soc *soc);

/* The marker pin's edges since reset: how many, and the cycles it was high. */
uint32_t mn_soc_marker_edges(const struct mn_soc *soc);
uint64_t mn_soc_marker_cycles(const struct mn_soc *soc);

#endif
