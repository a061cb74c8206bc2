/* SPDX-License-Identifier: MIT */
/* Register offsets and bits: RM0390 (F446), RM0385 / RM0410 (F7), Armv7-M ARM B3, C1 for
 * 0xE000_0000. */
#include "soc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define REGS        64u /* words kept per peripheral */
#define MAX_PERIPHS 64u
#define MAX_CONFIGS 64u
#define IDLE_POLLS  3u    /* polls of an empty receiver in a row that make it a waiting loop */
#define IDLE_CYCLES 4000u /* … if no more than this lies between them */
#define IDLE_MS     20    /* real and virtual time that passes when nothing comes */

struct timer {
	uint64_t since; /* cycle at which count and remainder were right */
	uint64_t count, remainder;
	uint64_t captures; /* taken so far since `capture_since` */
	uint64_t capture_since;
	uint32_t ccr1;
	uint8_t captured;
};

struct periph {
	const struct mn_periph *def;
	uint32_t reg[REGS];
	struct timer timer;
};

struct mn_soc {
	const struct mn_board *board;
	struct mn_cycles *cycles;
	struct mn_port *port;
	struct mn_faults *faults;
	enum mn_soc_event event;
	struct periph periph[MAX_PERIPHS];
	uint32_t n;
	struct periph *rcc, *pwr, *flash, *uart, *marker_port;
	unsigned marker_pin, layer_pin; /* layer_pin 32: there is none */
	struct mn_power *power;         /* NULL: nobody watches */

	uint32_t hclk_hz, pclk_hz[4]; /* by bus number, [3] = HCLK */
	struct mn_cycles_config config, configs[MAX_CONFIGS];
	uint32_t n_configs, config_id;

	/* link */
	int rx_have;
	uint8_t rx_byte;
	uint32_t idle_polls, tx_polls;
	uint64_t idle_last, rx_next, tx_empty, tx_done, last_io;
	int answering;
	uint64_t skipped; /* cycles that passed with nothing executed */

	/* marker */
	uint32_t edges;
	uint64_t marker_since, marker_cycles;

	/* core registers */
	uint32_t demcr, dwt_ctrl, dwt_base, dwt_lock;
	uint64_t dwt_since;
	uint32_t syst_ctrl, syst_load;
	uint64_t syst_since;
	uint32_t vtor, ccr, shcsr, cpacr, csselr, scr, aircr, shpr[3], fpccr;
	uint32_t cfsr, hfsr, mmfar, bfar;
	uint32_t nvic[0x140];
};

static uint64_t now(const struct mn_soc *soc)
{
	return soc->cycles->now;
}

static void draw(struct mn_soc *soc, int asleep)
{
	if (soc->power)
		mn_power_advance(soc->power, now(soc), soc->hclk_hz, asleep, &soc->cycles->stats);
}

static void skip_to(struct mn_soc *soc, uint64_t cycle)
{
	draw(soc, 0);
	if (cycle > now(soc)) {
		soc->skipped += cycle - now(soc);
		soc->cycles->ops->advance(soc->cycles, cycle - now(soc));
	}
}

/* ---- clock tree -------------------------------------------------------------------------------
 */

static uint32_t hse_hz(const struct mn_soc *soc)
{
	uint32_t hz = soc->board->hse_hz;

	return mn_fault_on(soc->faults, MN_FAULT_WRONG_CLOCK) ? hz + hz / 4 : hz;
}

static uint32_t sysclk_hz(const struct mn_soc *soc)
{
	uint32_t cfgr = soc->rcc->reg[2], pll = soc->rcc->reg[1];
	uint32_t m = pll & 63, n = pll >> 6 & 511, p = ((pll >> 16 & 3) + 1) * 2;

	switch (cfgr & 3) {
	case 1:
		return hse_hz(soc);
	case 2:
		if (m == 0)
			return soc->board->hsi_hz;
		return (uint32_t)((uint64_t)(pll & 1u << 22 ? hse_hz(soc) : soc->board->hsi_hz) *
				  n / m / p);
	default:
		return soc->board->hsi_hz;
	}
}

static uint32_t apb_div(uint32_t code)
{
	return code < 4 ? 1 : 2u << (code - 4);
}

static uint32_t ahb_div(uint32_t code)
{
	/* /2 … /16, /64 … /512: there is no /32 */
	return code < 8 ? 1 : code < 12 ? 2u << (code - 8) : 64u << (code - 12);
}

/* A timer on a divided APB runs at twice that clock. */
static uint32_t timer_hz(const struct mn_soc *soc, const struct periph *p)
{
	uint32_t pclk = soc->pclk_hz[p->def->bus & 3];

	return pclk == soc->hclk_hz ? pclk : pclk * 2;
}

static void timer_sync(struct mn_soc *soc, struct periph *p);

static void config_changed(struct mn_soc *soc)
{
	uint32_t acr = soc->flash ? soc->flash->reg[0] : 0, i;
	struct mn_cycles_config c;

	memset(&c, 0, sizeof(c));
	c.flash_wait_states = acr & 15;
	c.art_prefetch = acr >> 8 & 1;
	c.art_i = acr >> 9 & 1;
	c.art_d = acr >> 10 & 1;
	c.l1_i = soc->ccr >> 17 & 1;
	c.l1_d = soc->ccr >> 16 & 1;
	c.apb1_div = (uint8_t)(soc->hclk_hz / soc->pclk_hz[1]);
	c.apb2_div = (uint8_t)(soc->hclk_hz / soc->pclk_hz[2]);
	if (memcmp(&c, &soc->config, sizeof(c)) == 0)
		return;
	soc->config = c;
	for (i = 0; i < soc->n_configs; i++)
		if (memcmp(&c, &soc->configs[i], sizeof(c)) == 0)
			break;
	if (i == soc->n_configs && i < MAX_CONFIGS)
		soc->configs[soc->n_configs++] = c;
	soc->config_id = i;
	soc->cycles->ops->configure(soc->cycles, &c);
}

static void clock_changed(struct mn_soc *soc)
{
	uint32_t cfgr = soc->rcc->reg[2];

	draw(soc, 0);
	for (uint32_t i = 0; i < soc->n; i++)
		if (soc->periph[i].def->kind == MN_PERIPH_TIM)
			timer_sync(soc, &soc->periph[i]);
	soc->hclk_hz = sysclk_hz(soc) / ahb_div(cfgr >> 4 & 15);
	soc->pclk_hz[0] = soc->pclk_hz[3] = soc->hclk_hz;
	soc->pclk_hz[1] = soc->hclk_hz / apb_div(cfgr >> 10 & 7);
	soc->pclk_hz[2] = soc->hclk_hz / apb_div(cfgr >> 13 & 7);
	config_changed(soc);
}

static uint32_t rcc_read(struct mn_soc *soc, uint32_t r)
{
	uint32_t v = soc->rcc->reg[r];

	if (r == 0) {
		/* Every oscillator and PLL is ready as soon as it is on, unless it gets no clock.
		 */
		v &= ~(1u << 1 | 1u << 17 | 1u << 25 | 1u << 27 | 1u << 29);
		v |= (v & (1u << 0 | 1u << 16 | 1u << 24 | 1u << 26 | 1u << 28)) << 1;
		if (mn_fault_on(soc->faults, MN_FAULT_NO_HSE))
			v &= ~(1u << 17);
	} else if (r == 2) {
		v = (v & ~12u) | (v & 3u) << 2; /* SWS follows SW */
	} else if (r == 29) {
		v = (v & ~2u) | (v & 1u) << 1; /* LSIRDY */
	}
	return v;
}

static void rcc_write(struct mn_soc *soc, uint32_t r, uint32_t v)
{
	soc->rcc->reg[r] = v;
	if (r <= 2)
		clock_changed(soc);
}

static uint32_t pwr_read(struct mn_soc *soc, uint32_t r)
{
	uint32_t cr = soc->pwr->reg[0];

	if (r == 1) /* VOSRDY, ODRDY, ODSWRDY */
		return (soc->pwr->reg[1] & ~(7u << 14)) | 1u << 14 | (cr & (3u << 16));
	return soc->pwr->reg[r];
}

static void flash_write(struct mn_soc *soc, uint32_t r, uint32_t v)
{
	uint32_t was = soc->flash->reg[r];

	soc->flash->reg[r] = v;
	if (r != 0)
		return;
	if (soc->flash->def->kind == MN_PERIPH_FLASH_F4) {
		/* Reset bits act only while the cache is off. */
		if ((v & ~was & 1u << 11) && !(v & 1u << 9))
			soc->cycles->ops->maintain(soc->cycles, MN_MAINTAIN_ART_I_RESET, 0);
		if ((v & ~was & 1u << 12) && !(v & 1u << 10))
			soc->cycles->ops->maintain(soc->cycles, MN_MAINTAIN_ART_D_RESET, 0);
	}
	config_changed(soc);
}

/* ---- GPIO -------------------------------------------------------------------------------------
 */

static void marker_set(struct mn_soc *soc, int high)
{
	soc->edges++;
	if (!high) {
		soc->marker_cycles += now(soc) - soc->marker_since;
		return;
	}
	soc->marker_since = now(soc);
	if (mn_fault_marker(soc->faults))
		soc->event = MN_SOC_RESET;
}

static void gpio_output(struct mn_soc *soc, struct periph *p, uint32_t v)
{
	uint32_t was = p->reg[5], bit = 1u << soc->marker_pin;

	p->reg[5] = v & 0xffff;
	if (soc->power && p == soc->marker_port)
		mn_power_lines(soc->power, (uint8_t)((v >> soc->marker_pin & 1) |
						     ((uint64_t)v >> soc->layer_pin & 1) << 1));
	if (p == soc->marker_port && ((was ^ v) & bit))
		marker_set(soc, (v & bit) != 0);
}

static uint32_t gpio_read(const struct periph *p, uint32_t r)
{
	if (r == 4) { /* IDR: outputs read back, inputs are low */
		uint32_t v = 0;

		for (unsigned pin = 0; pin < 16; pin++)
			if ((p->reg[0] >> (2 * pin) & 3) == 1)
				v |= p->reg[5] & 1u << pin;
		return v;
	}
	return r == 6 ? 0 : p->reg[r];
}

static void gpio_write(struct mn_soc *soc, struct periph *p, uint32_t r, uint32_t v)
{
	if (r == 6)
		gpio_output(soc, p, (p->reg[5] & ~(v >> 16)) | (v & 0xffff));
	else if (r == 5)
		gpio_output(soc, p, v);
	else if (r != 4)
		p->reg[r] = v;
}

/* ---- timers -----------------------------------------------------------------------------------
 */

static uint32_t timer_top(const struct mn_soc *soc, const struct periph *p)
{
	(void)soc;
	return p->reg[11];
}

/* Bring count up to now. */
static void timer_sync(struct mn_soc *soc, struct periph *p)
{
	struct timer *t = &p->timer;
	uint64_t ticks, den = (uint64_t)soc->hclk_hz * (p->reg[10] + 1ull), passed;
	uint32_t hz = timer_hz(soc, p), g = hz, h = soc->hclk_hz;

	while (h) {
		uint32_t r = g % h;

		g = h;
		h = r;
	}
	passed = now(soc) - t->since;
	t->since = now(soc);
	if (!(p->reg[0] & 1))
		return;
	den /= g;
	ticks = passed * (hz / g) + t->remainder;
	t->remainder = ticks % den;
	t->count = (t->count + ticks / den) % ((uint64_t)timer_top(soc, p) + 1);
}

/* TIM11 channel 1 captures edges of HSE / RTCPRE: the f-th capture is due at cycle since + f *
 * period. */
static void timer_capture(struct mn_soc *soc, struct periph *p)
{
	struct timer *t = &p->timer;
	uint32_t rtcpre = soc->rcc->reg[2] >> 16 & 31, psc = p->reg[6] >> 2 & 3;
	uint64_t num, due;

	if (!(p->reg[8] & 1) || (p->reg[6] & 3) != 1 || (p->reg[20] & 3) != 2 || rtcpre < 2 ||
	    !(soc->rcc->reg[0] & 1u << 16))
		return;
	num = (uint64_t)rtcpre << psc;                      /* HSE periods between captures */
	due = (now(soc) - t->capture_since) / soc->hclk_hz; /* split: no overflow */
	due = due * hse_hz(soc) / num +
	      ((now(soc) - t->capture_since) % soc->hclk_hz) * hse_hz(soc) / soc->hclk_hz / num;
	if (due > t->captures) {
		uint64_t at = t->capture_since +
			      (due * num * soc->hclk_hz + hse_hz(soc) - 1) / hse_hz(soc);
		uint64_t back, count;

		timer_sync(soc, p);
		back = (now(soc) - at) * timer_hz(soc, p) / soc->hclk_hz / (p->reg[10] + 1ull);
		count = t->count + timer_top(soc, p) + 1ull - back % (timer_top(soc, p) + 1ull);
		t->ccr1 = (uint32_t)(count % (timer_top(soc, p) + 1ull));
		t->captures = due;
		t->captured = 1;
	}
}

static uint32_t timer_read(struct mn_soc *soc, struct periph *p, uint32_t r)
{
	switch (r) {
	case 4:
		timer_capture(soc, p);
		return (p->reg[4] & ~2u) | (p->timer.captured ? 2u : 0u);
	case 9:
		timer_sync(soc, p);
		return (uint32_t)p->timer.count;
	case 13:
		timer_capture(soc, p);
		p->timer.captured = 0;
		return p->timer.ccr1;
	default:
		return p->reg[r];
	}
}

static void timer_write(struct mn_soc *soc, struct periph *p, uint32_t r, uint32_t v)
{
	struct timer *t = &p->timer;

	timer_sync(soc, p);
	switch (r) {
	case 4:
		p->reg[4] &= v;
		if (!(v & 2))
			t->captured = 0;
		break;
	case 5:
		if (v & 1) {
			t->count = 0;
			t->remainder = 0;
			p->reg[4] |= 1;
		}
		break;
	case 9:
		t->count = v;
		break;
	default:
		p->reg[r] = v;
		if (r == 0 || r == 8 || r == 6 || r == 20) {
			t->capture_since = now(soc);
			t->captures = 0;
			t->captured = 0;
		}
		break;
	}
}

/* ---- UART -------------------------------------------------------------------------------------
 */

static int v2(const struct periph *p)
{
	return p->def->kind == MN_PERIPH_USART_V2;
}

/* HCLK cycles of a byte: start, 8 bits, stop. */
static uint64_t byte_cycles(const struct mn_soc *soc)
{
	uint32_t brr = soc->uart->reg[v2(soc->uart) ? 3 : 2];
	uint32_t pclk = soc->pclk_hz[soc->uart->def->bus & 3];

	return 10ull * (brr ? brr : 16) * (soc->hclk_hz / pclk);
}

static void receive(struct mn_soc *soc, int byte)
{
	soc->rx_byte = (uint8_t)byte;
	soc->rx_have = 1;
	skip_to(soc, soc->rx_next);
	soc->rx_next = now(soc) + byte_cycles(soc);
	soc->last_io = now(soc);
	soc->idle_polls = 0;
	soc->answering = 0;
}

/*
 * The program looks at the status and the receiver is empty. A program that only looks in passing
 * is told the truth at once; one that waits is put to sleep. Both see a byte that is there only
 * from the third look on, so that what is executed does not depend on how fast the host was.
 */
static void poll_receiver(struct mn_soc *soc)
{
	int byte;

	if (now(soc) - soc->idle_last > IDLE_CYCLES)
		soc->idle_polls = 0;
	soc->idle_last = now(soc);
	if (++soc->idle_polls < IDLE_POLLS)
		return;
	soc->idle_polls = 0;
	if (soc->power)
		mn_power_flush(soc->power);
	byte = mn_port_get(soc->port, IDLE_MS);
	if (byte >= 0)
		receive(soc, byte);
	else if (byte == MN_E_CLOSED)
		soc->event = MN_SOC_CLOSED;
	else {
		skip_to(soc, now(soc) + (uint64_t)soc->hclk_hz / 1000 * IDLE_MS);
		soc->last_io = now(soc);
	}
	soc->idle_last = now(soc);
}

static uint32_t uart_status(struct mn_soc *soc)
{
	uint32_t cr1 = soc->uart->reg[v2(soc->uart) ? 0 : 3];
	uint32_t on = v2(soc->uart) ? cr1 & 1 : cr1 & 1u << 13, status = 0;

	if (!on)
		return v2(soc->uart) ? 0x020000c0u : 0xc0u;
	/* A program that polls for room or for the end of sending would only burn cycles. */
	if (now(soc) < soc->tx_empty)
		skip_to(soc, soc->tx_empty);
	else if (now(soc) < soc->tx_done && ++soc->tx_polls > 1)
		skip_to(soc, soc->tx_done);
	if (now(soc) >= soc->tx_done && !soc->rx_have && (cr1 & 4))
		poll_receiver(soc);
	status |= 1u << 7;
	if (now(soc) >= soc->tx_done)
		status |= 1u << 6;
	if (soc->rx_have)
		status |= 1u << 5;
	if (v2(soc->uart))
		status |= (cr1 & 8 ? 1u << 21 : 0) | (cr1 & 4 ? 1u << 22 : 0);
	return status;
}

static void uart_send(struct mn_soc *soc, uint8_t byte)
{
	static uint8_t out[MN_FAULT_TX_MAX];
	uint64_t start = now(soc) > soc->tx_done ? now(soc) : soc->tx_done;
	size_t n = mn_fault_tx(soc->faults, byte, out);

	/* One byte in the shift register, one in the data register. */
	soc->tx_empty = start;
	soc->tx_done = start + byte_cycles(soc);
	soc->tx_polls = 0;
	soc->idle_polls = 0;
	soc->last_io = now(soc);
	if (!soc->answering && mn_fault_on(soc->faults, MN_FAULT_LATE_ANSWER)) {
		uint32_t ms = soc->faults->n[MN_FAULT_LATE_ANSWER];
		struct timespec t = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};

		nanosleep(&t, NULL);
	}
	/* Whoever gets an answer can have all that was drawn before it. */
	if (!soc->answering && soc->power)
		mn_power_flush(soc->power);
	soc->answering = 1;
	if (n && mn_port_put(soc->port, out, (uint32_t)n) == MN_E_CLOSED)
		soc->event = MN_SOC_CLOSED;
}

static uint32_t uart_data(struct mn_soc *soc)
{
	soc->rx_have = 0;
	return soc->rx_byte;
}

static uint32_t usart_read(struct mn_soc *soc, struct periph *p, uint32_t r)
{
	if (p != soc->uart)
		return p->reg[r];
	if (v2(p))
		return r == 7 ? uart_status(soc) : r == 9 ? uart_data(soc) : p->reg[r];
	return r == 0 ? uart_status(soc) : r == 1 ? uart_data(soc) : p->reg[r];
}

static void usart_write(struct mn_soc *soc, struct periph *p, uint32_t r, uint32_t v)
{
	if (p == soc->uart && r == (v2(p) ? 10u : 1u)) {
		uart_send(soc, (uint8_t)v);
		return;
	}
	if (p == soc->uart && v2(p) && (r == 7 || r == 8))
		return; /* ISR is read only; no error flag ever needs clearing */
	p->reg[r] = v;
}

/* ---- core registers ---------------------------------------------------------------------------
 */

static int dwt_runs(const struct mn_soc *soc)
{
	return (soc->demcr & 1u << 24) && (soc->dwt_ctrl & 1) &&
	       !mn_fault_on(soc->faults, MN_FAULT_DEAD_COUNTER);
}

static void dwt_sync(struct mn_soc *soc)
{
	if (dwt_runs(soc))
		soc->dwt_base += (uint32_t)(now(soc) - soc->dwt_since);
	soc->dwt_since = now(soc);
}

static int dwt_locked(const struct mn_soc *soc)
{
	return soc->board->cpu == MN_CPU_CORTEX_M7 && soc->dwt_lock;
}

/* Counts down from LOAD; writing VAL clears it, the reload follows on the next clock. */
static uint32_t systick_value(const struct mn_soc *soc)
{
	uint64_t passed = now(soc) - soc->syst_since;

	if (!(soc->syst_ctrl & 1) || passed == 0)
		return 0;
	if (!(soc->syst_ctrl & 4))
		passed /= 8;
	return (uint32_t)(soc->syst_load - (passed - 1) % (soc->syst_load + 1ull));
}

static int core_read(struct mn_soc *soc, uint32_t addr, uint32_t *ret)
{
	const struct mn_board *b = soc->board;

	switch (addr) {
	case 0xe0001000: /* DWT_CTRL: four comparators */
		*ret = 0x40000000u | soc->dwt_ctrl;
		return 0;
	case 0xe0001004:
		dwt_sync(soc);
		*ret = soc->demcr & 1u << 24 ? soc->dwt_base : 0;
		return 0;
	case 0xe0001008:
	case 0xe000100c:
	case 0xe0001010:
	case 0xe0001014:
	case 0xe0001018:
	case 0xe000101c:
		*ret = 0;
		return 0;
	case 0xe0001fb4: /* LSR */
		*ret = b->cpu == MN_CPU_CORTEX_M7 ? 1u | soc->dwt_lock << 1 : 0;
		return 0;
	case 0xe000e010:
		*ret = soc->syst_ctrl;
		if ((soc->syst_ctrl & 1) && now(soc) - soc->syst_since > soc->syst_load)
			*ret |= 1u << 16;
		return 0;
	case 0xe000e014:
		*ret = soc->syst_load;
		return 0;
	case 0xe000e018:
		*ret = systick_value(soc);
		return 0;
	case 0xe000e01c:
		*ret = 0xc0000000u;
		return 0;
	case 0xe000e004: /* ICTR */
		*ret = (b->irqs + 31) / 32 - 1;
		return 0;
	case 0xe000ed00:
		*ret = b->cpuid;
		return 0;
	case 0xe000ed04:
		*ret = 0;
		return 0;
	case 0xe000ed08:
		*ret = soc->vtor;
		return 0;
	case 0xe000ed0c:
		*ret = 0xfa050000u | (soc->aircr & 0x700);
		return 0;
	case 0xe000ed10:
		*ret = soc->scr;
		return 0;
	case 0xe000ed14:
		*ret = soc->ccr;
		return 0;
	case 0xe000ed18:
	case 0xe000ed1c:
	case 0xe000ed20:
		*ret = soc->shpr[(addr - 0xe000ed18) / 4];
		return 0;
	case 0xe000ed24:
		*ret = soc->shcsr;
		return 0;
	case 0xe000ed28:
		*ret = soc->cfsr;
		return 0;
	case 0xe000ed2c:
		*ret = soc->hfsr;
		return 0;
	case 0xe000ed34:
		*ret = soc->mmfar;
		return 0;
	case 0xe000ed38:
		*ret = soc->bfar;
		return 0;
	case 0xe000ed78: /* CLIDR: level 1 instruction and data */
		*ret = b->ccsidr_i ? 0x09000003u : 0;
		return 0;
	case 0xe000ed7c:
		*ret = b->ccsidr_i ? 0x8303c003u : 0x8000c000u;
		return 0;
	case 0xe000ed80:
		*ret = soc->csselr & 1 ? b->ccsidr_i : b->ccsidr_d;
		return 0;
	case 0xe000ed84:
		*ret = soc->csselr;
		return 0;
	case 0xe000ed88:
		*ret = soc->cpacr;
		return 0;
	case 0xe000ed90: /* MPU_TYPE: no MPU is modelled */
		*ret = 0;
		return 0;
	case 0xe000edf0:
		*ret = 0;
		return 0;
	case 0xe000edfc:
		*ret = soc->demcr;
		return 0;
	case 0xe000ef34:
		*ret = soc->fpccr;
		return 0;
	case 0xe0042000:
		*ret = b->idcode;
		return 0;
	default:
		if (addr >= 0xe000e100 && addr < 0xe000e600) {
			*ret = soc->nvic[(addr - 0xe000e100) / 4];
			return 0;
		}
		return MN_E_FAULT;
	}
}

static int cache_maintain(struct mn_soc *soc, uint32_t addr, uint32_t v)
{
	static const struct {
		uint8_t offset, op;
	} ops[] = {
		{0x50, MN_MAINTAIN_I_ALL},
		{0x58, MN_MAINTAIN_I_ADDRESS},
		{0x5c, MN_MAINTAIN_D_INVALIDATE_ADDRESS},
		{0x60, MN_MAINTAIN_D_INVALIDATE_SETWAY},
		{0x64, MN_MAINTAIN_D_CLEAN_ADDRESS},
		{0x68, MN_MAINTAIN_D_CLEAN_ADDRESS},
		{0x6c, MN_MAINTAIN_D_CLEAN_SETWAY},
		{0x70, MN_MAINTAIN_D_FLUSH_ADDRESS},
		{0x74, MN_MAINTAIN_D_FLUSH_SETWAY},
		{0x78, MN_MAINTAIN_PREDICTOR_ALL},
	};

	if (soc->board->cpu != MN_CPU_CORTEX_M7)
		return MN_E_FAULT;
	for (unsigned i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		if ((addr & 0xff) == ops[i].offset) {
			soc->cycles->ops->maintain(soc->cycles, ops[i].op, v);
			return 0;
		}
	return MN_E_FAULT;
}

static int core_write(struct mn_soc *soc, uint32_t addr, uint32_t v)
{
	switch (addr) {
	case 0xe0001000:
		if (!dwt_locked(soc)) {
			dwt_sync(soc);
			soc->dwt_ctrl = v & 0x1ffffff;
		}
		return 0;
	case 0xe0001004:
		if (!dwt_locked(soc)) {
			dwt_sync(soc);
			soc->dwt_base = mn_fault_on(soc->faults, MN_FAULT_DEAD_COUNTER) ? 0 : v;
		}
		return 0;
	case 0xe0001fb0:
		soc->dwt_lock = v != 0xc5acce55u;
		return 0;
	case 0xe000e010:
		if ((v & ~soc->syst_ctrl) & 1)
			soc->syst_since = now(soc);
		soc->syst_ctrl = v & 7;
		return 0;
	case 0xe000e014:
		soc->syst_load = v & 0xffffff;
		return 0;
	case 0xe000e018:
		soc->syst_since = now(soc);
		return 0;
	case 0xe000ed04:
		return 0;
	case 0xe000ed08:
		soc->vtor = v & ~0x7fu;
		return 0;
	case 0xe000ed0c:
		if (v >> 16 != 0x05fa)
			return 0;
		soc->aircr = v & 0x700;
		if (v & 4)
			soc->event = MN_SOC_RESET;
		return 0;
	case 0xe000ed10:
		soc->scr = v;
		return 0;
	case 0xe000ed14:
		soc->ccr =
			(v & 0x3031b) | 0x200 | (soc->board->cpu == MN_CPU_CORTEX_M7 ? 0x40000 : 0);
		if (soc->board->cpu != MN_CPU_CORTEX_M7)
			soc->ccr &= 0xffff;
		config_changed(soc);
		return 0;
	case 0xe000ed18:
	case 0xe000ed1c:
	case 0xe000ed20:
		soc->shpr[(addr - 0xe000ed18) / 4] = v;
		return 0;
	case 0xe000ed24:
		soc->shcsr = v;
		return 0;
	case 0xe000ed28:
		soc->cfsr &= ~v;
		return 0;
	case 0xe000ed2c:
		soc->hfsr &= ~v;
		return 0;
	case 0xe000ed34:
		soc->mmfar = v;
		return 0;
	case 0xe000ed38:
		soc->bfar = v;
		return 0;
	case 0xe000ed84:
		soc->csselr = v & 15;
		return 0;
	case 0xe000ed88:
		soc->cpacr = v & (15u << 20);
		return 0;
	case 0xe000edfc:
		dwt_sync(soc);
		soc->demcr = v;
		return 0;
	case 0xe000ef34:
		soc->fpccr = v;
		return 0;
	default:
		if (addr >= 0xe000ef50 && addr <= 0xe000ef78)
			return cache_maintain(soc, addr, v);
		if (addr >= 0xe000e100 && addr < 0xe000e600) {
			soc->nvic[(addr - 0xe000e100) / 4] = v;
			return 0;
		}
		return MN_E_FAULT;
	}
}

/* ---- dispatch ---------------------------------------------------------------------------------
 */

static struct periph *find(struct mn_soc *soc, uint32_t addr, uint32_t *ret_reg)
{
	for (uint32_t i = 0; i < soc->n; i++) {
		uint32_t offset = addr - soc->periph[i].def->base;

		if (offset < REGS * 4) {
			*ret_reg = offset / 4;
			return &soc->periph[i];
		}
	}
	return NULL;
}

static uint32_t periph_read(struct mn_soc *soc, struct periph *p, uint32_t r)
{
	switch (p->def->kind) {
	case MN_PERIPH_RCC:
		return rcc_read(soc, r);
	case MN_PERIPH_PWR:
		return pwr_read(soc, r);
	case MN_PERIPH_GPIO:
		return gpio_read(p, r);
	case MN_PERIPH_TIM:
		return timer_read(soc, p, r);
	case MN_PERIPH_USART_V1:
	case MN_PERIPH_USART_V2:
		return usart_read(soc, p, r);
	default:
		return p->reg[r];
	}
}

static void periph_write(struct mn_soc *soc, struct periph *p, uint32_t r, uint32_t v)
{
	switch (p->def->kind) {
	case MN_PERIPH_RCC:
		rcc_write(soc, r, v);
		break;
	case MN_PERIPH_FLASH_F4:
	case MN_PERIPH_FLASH_F7:
		flash_write(soc, r, v);
		break;
	case MN_PERIPH_GPIO:
		gpio_write(soc, p, r, v);
		break;
	case MN_PERIPH_TIM:
		timer_write(soc, p, r, v);
		break;
	case MN_PERIPH_USART_V1:
	case MN_PERIPH_USART_V2:
		usart_write(soc, p, r, v);
		break;
	default:
		p->reg[r] = v;
		break;
	}
}

int mn_soc_read(struct mn_soc *soc, uint32_t addr, unsigned bytes, uint32_t *ret_value)
{
	uint32_t word = 0, r, shift = (addr & 3) * 8;
	struct periph *p;

	draw(soc, 0);
	if (addr & (bytes - 1))
		return MN_E_FAULT;
	if (addr >= 0xe0000000u) {
		int rc = core_read(soc, addr & ~3u, &word);

		if (rc)
			return rc;
	} else {
		p = find(soc, addr, &r);
		if (!p)
			return MN_E_FAULT;
		word = periph_read(soc, p, r);
	}
	*ret_value = word >> shift;
	return 0;
}

int mn_soc_write(struct mn_soc *soc, uint32_t addr, unsigned bytes, uint32_t value)
{
	struct periph *p;
	uint32_t r;

	draw(soc, 0);
	if (addr & (bytes - 1))
		return MN_E_FAULT;
	if (addr >= 0xe000e400u && addr < 0xe000e500u && bytes == 1) /* priorities, by byte */
		return 0;
	if (bytes != 4 && addr >= 0xe0000000u)
		return MN_E_FAULT;
	if (addr >= 0xe0000000u)
		return core_write(soc, addr, value);
	p = find(soc, addr, &r);
	/* Peripherals ignore the byte lanes of narrow writes; only data registers are written so.
	 */
	if (!p || (addr & 3))
		return MN_E_FAULT;
	periph_write(soc, p, r, value);
	return 0;
}

/* ---- life -------------------------------------------------------------------------------------
 */

/* Reset values [R] where they matter: RCC, PWR, FLASH and the pins of the debug port. */
void mn_soc_reset(struct mn_soc *soc)
{
	for (uint32_t i = 0; i < soc->n; i++) {
		struct periph *p = &soc->periph[i];

		memset(p->reg, 0, sizeof(p->reg));
		memset(&p->timer, 0, sizeof(p->timer));
		p->timer.since = now(soc);
		if (p->def->kind == MN_PERIPH_RCC) {
			p->reg[0] = 0x83;
			p->reg[1] = 0x24003010;
		} else if (p->def->kind == MN_PERIPH_PWR) {
			p->reg[0] = 0xc000;
		} else if (p->def->kind == MN_PERIPH_TIM) {
			p->reg[11] = 0xffff;
		} else if (p->def->kind == MN_PERIPH_GPIO && i < 16) {
			p->reg[0] = strcmp(p->def->name, "gpioa") == 0   ? 0xa8000000u
				    : strcmp(p->def->name, "gpiob") == 0 ? 0x280u
									 : 0u;
		}
	}
	soc->event = MN_SOC_NONE;
	soc->rx_have = 0;
	soc->idle_polls = soc->tx_polls = 0;
	soc->idle_last = soc->rx_next = soc->tx_empty = soc->tx_done = soc->last_io = now(soc);
	soc->demcr = soc->dwt_ctrl = soc->dwt_base = 0;
	soc->dwt_lock = soc->board->cpu == MN_CPU_CORTEX_M7;
	soc->dwt_since = now(soc);
	soc->syst_ctrl = soc->syst_load = 0;
	soc->syst_since = now(soc);
	soc->vtor = soc->shcsr = soc->cpacr = soc->csselr = soc->scr = soc->aircr = 0;
	soc->ccr = 0x200 | (soc->board->cpu == MN_CPU_CORTEX_M7 ? 0x40000 : 0);
	soc->cfsr = soc->hfsr = soc->mmfar = soc->bfar = 0;
	soc->fpccr = 0xc0000000u;
	memset(soc->shpr, 0, sizeof(soc->shpr));
	memset(soc->nvic, 0, sizeof(soc->nvic));
	soc->edges = 0;
	soc->marker_cycles = 0;
	memset(&soc->config, 0xff, sizeof(soc->config));
	clock_changed(soc);
}

int mn_soc_new(const struct mn_board *board, struct mn_cycles *cycles, struct mn_port *port,
	       struct mn_faults *faults, struct mn_soc **ret_soc, struct mn_err *err)
{
	struct mn_soc *soc = calloc(1, sizeof(*soc));
	char marker[32];
	const char *missing = NULL;

	if (!soc)
		return mn_err_set(err, MN_E_NOMEM, "out of memory");
	soc->board = board;
	soc->cycles = cycles;
	soc->port = port;
	soc->faults = faults;
	if (sscanf(board->marker, "%31s %u", marker, &soc->marker_pin) != 2 || soc->marker_pin > 15)
		missing = "marker";
	soc->layer_pin = 32;
	if (board->layer) {
		char layer[32];

		if (sscanf(board->layer, "%31s %u", layer, &soc->layer_pin) != 2 ||
		    soc->layer_pin > 15 || strcmp(layer, marker) != 0)
			missing = "layer on the port of marker";
	}
	for (uint32_t i = 0; i < board->periph_count && i < MAX_PERIPHS; i++) {
		struct periph *p = &soc->periph[soc->n++];

		p->def = &board->periph[i];
		if (p->def->kind == MN_PERIPH_RCC)
			soc->rcc = p;
		else if (p->def->kind == MN_PERIPH_PWR)
			soc->pwr = p;
		else if (p->def->kind == MN_PERIPH_FLASH_F4 || p->def->kind == MN_PERIPH_FLASH_F7)
			soc->flash = p;
		if (strcmp(p->def->name, board->uart) == 0 &&
		    (p->def->kind == MN_PERIPH_USART_V1 || p->def->kind == MN_PERIPH_USART_V2))
			soc->uart = p;
		if (!missing && strcmp(p->def->name, marker) == 0 && p->def->kind == MN_PERIPH_GPIO)
			soc->marker_port = p;
	}
	if (!missing && !soc->marker_port)
		missing = "the marker's port";
	if (!soc->rcc)
		missing = "an rcc";
	if (!soc->uart)
		missing = "the uart";
	if (missing) {
		free(soc);
		return mn_err_set(err, MN_E_INVALID, "%s: the board file lacks %s", board->board,
				  missing);
	}
	mn_soc_reset(soc);
	*ret_soc = soc;
	return 0;
}

void mn_soc_set_power(struct mn_soc *soc, struct mn_power *power)
{
	soc->power = power;
}

void mn_soc_free(struct mn_soc *soc)
{
	free(soc);
}

enum mn_soc_event mn_soc_event(const struct mn_soc *soc)
{
	return soc->event;
}

uint64_t mn_soc_last_io(const struct mn_soc *soc)
{
	return soc->last_io;
}

uint64_t mn_soc_skipped(const struct mn_soc *soc)
{
	return soc->skipped;
}

int mn_soc_sleep(struct mn_soc *soc)
{
	uint64_t period = soc->syst_load + 1ull, passed = now(soc) - soc->syst_since, until;

	if ((soc->syst_ctrl & 3) != 3)
		return 0;
	if (!(soc->syst_ctrl & 4))
		period *= 8;
	until = soc->syst_since + (passed / period + 1) * period;
	dwt_sync(soc);
	skip_to(soc, until);
	draw(soc, 1);
	soc->dwt_since = now(soc);
	return 1;
}

uint32_t mn_soc_hclk_hz(const struct mn_soc *soc)
{
	return soc->hclk_hz;
}

int mn_soc_fpu_on(const struct mn_soc *soc)
{
	return (soc->cpacr >> 20 & 15) == 15;
}

int mn_soc_divide_traps(const struct mn_soc *soc)
{
	return soc->ccr >> 4 & 1;
}

uint32_t mn_soc_config_id(const struct mn_soc *soc)
{
	return soc->config_id;
}

uint32_t mn_soc_marker_edges(const struct mn_soc *soc)
{
	return soc->edges;
}

uint64_t mn_soc_marker_cycles(const struct mn_soc *soc)
{
	return soc->marker_cycles;
}
