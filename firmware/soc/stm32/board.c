/* SPDX-License-Identifier: MIT */
/* board.h on an STM32, but for what its family alone knows (cache.c, uart.c there). */
#include "board.h"

#include "clock_check.h"
#include "cycles.h"
#include "err.h"
#include "soc.h"
#include "wire.h"

/* From the linker script and pool.S. */
extern uint8_t mn_arena_start[], mn_arena_end[];
extern const int32_t mn_bias_pool[], mn_bias_pool_end[];
extern const int8_t mn_pool[], mn_pool_end[];
extern const uint8_t mn_build_id_note[], mn_build_id_note_end[];

static struct mn_board_facts facts;
static struct mn_exec_mem memory;

const struct mn_board_facts *mn_board_facts(void)
{
	return &facts;
}

const struct mn_exec_mem *mn_board_memory(void)
{
	return &memory;
}

uint8_t mn_board_wait_states(void)
{
	return (uint8_t)(MN_FLASH_ACR & MN_FLASH_ACR_LATENCY);
}

/* ELF note: three words (name size, descriptor size, type), the name "GNU\0", the descriptor. */
const uint8_t *mn_board_build_id(uint32_t *ret_len)
{
	*ret_len = (uint32_t)(mn_build_id_note_end - mn_build_id_note) - 16u;
	return mn_build_id_note + 16;
}

uint32_t mn_board_micros(void)
{
	return MN_TIM_CNT(MN_TIM2);
}

void mn_board_marker(uint32_t lines)
{
	const struct mn_board_config *b = &mn_board_config;

	MN_GPIO_BSRR(b->marker.port) =
		1u << (b->marker.number + (lines & MN_MARKER_WINDOW ? 0 : 16)) |
		1u << (b->layer.number + (lines & MN_MARKER_LAYER ? 0 : 16));
}

/* SysTick wakes the core: with PRIMASK set a pending interrupt ends WFI and is not taken. */
uint32_t mn_board_idle(uint32_t micros)
{
	uint32_t mhz = facts.clock_set_hz / 1000000u, cycles = mn_cycles();
	uint32_t start = mn_board_micros(), passed;

	while ((passed = mn_board_micros() - start) < micros) {
		uint32_t left = micros - passed, most = MN_SYST_MASK / mhz;

		MN_SYST_RVR = (left < most ? left : most) * mhz;
		MN_SYST_CVR = 0;
		MN_SYST_CSR = MN_SYST_CSR_RUN | MN_SYST_CSR_TICKINT;
		mn_dsb();
		__asm__ volatile("wfi" ::: "memory");
		MN_SYST_CSR = 0;
		MN_SCB_ICSR = MN_SCB_ICSR_PENDSTCLR;
	}
	cycles = mn_cycles() - cycles;
	passed *= mhz;
	return passed > cycles ? passed - cycles : 0;
}

uint32_t mn_board_irq_off(void)
{
	uint32_t primask;

	__asm__ volatile("mrs %0, primask\n\tcpsid i" : "=r"(primask)::"memory");
	return primask;
}

void mn_board_irq_restore(uint32_t primask)
{
	__asm__ volatile("msr primask, %0" ::"r"(primask) : "memory");
}

static void gpio_enable(char port)
{
	MN_RCC_AHB1ENR |= 1u << (port - 'A');
	(void)MN_RCC_AHB1ENR;
}

void mn_soc_gpio_output(struct mn_pin pin)
{
	uint32_t at = 2u * pin.number;

	gpio_enable(pin.port);
	MN_GPIO_BSRR(pin.port) = 1u << (pin.number + 16);
	MN_GPIO_OTYPER(pin.port) &= ~(1u << pin.number);
	MN_GPIO_OSPEEDR(pin.port) = (MN_GPIO_OSPEEDR(pin.port) & ~(3u << at)) | 2u << at;
	MN_GPIO_MODER(pin.port) = (MN_GPIO_MODER(pin.port) & ~(3u << at)) | 1u << at;
}

void mn_soc_gpio_function(struct mn_pin pin, uint8_t function, int pull_up)
{
	uint32_t at = 2u * pin.number, at4 = 4u * (pin.number % 8u);

	gpio_enable(pin.port);
	MN_GPIO_AFR(pin.port, pin.number) =
		(MN_GPIO_AFR(pin.port, pin.number) & ~(15u << at4)) | (uint32_t)function << at4;
	MN_GPIO_OTYPER(pin.port) &= ~(1u << pin.number);
	MN_GPIO_OSPEEDR(pin.port) = (MN_GPIO_OSPEEDR(pin.port) & ~(3u << at)) | 1u << at;
	MN_GPIO_PUPDR(pin.port) = (MN_GPIO_PUPDR(pin.port) & ~(3u << at)) | (pull_up ? 1u : 0u)
										    << at;
	MN_GPIO_MODER(pin.port) = (MN_GPIO_MODER(pin.port) & ~(3u << at)) | 2u << at;
}

/* Timer clock: twice PCLK when the bus is divided, RM0390 6.2 [R]. */
static void micros_start(uint32_t timer_hz)
{
	MN_RCC_APB1ENR |= MN_RCC_APB1ENR_TIM2;
	(void)MN_RCC_APB1ENR;
	MN_TIM_PSC(MN_TIM2) = timer_hz / 1000000u - 1u;
	MN_TIM_ARR(MN_TIM2) = 0xffffffffu;
	MN_TIM_EGR(MN_TIM2) = MN_TIM_EGR_UG;
	MN_TIM_SR(MN_TIM2) = 0;
	MN_TIM_CR1(MN_TIM2) = MN_TIM_CR1_CEN;
}

void mn_soc_init(void)
{
	int on_pll;

	facts.name = mn_board_config.name;
	facts.marker_pin = mn_board_config.marker_pin;
	facts.layer_pin = mn_board_config.layer_pin;
	facts.chip_id = MN_DBGMCU_IDCODE;
	facts.cpuid = MN_SCB_CPUID;
	for (uint32_t i = 0; i < 3; i++)
		facts.uid[i] = MN_REG(MN_SOC_UID + 4u * i);
	memory.arena = mn_arena_start;
	memory.arena_bytes = (uint32_t)(mn_arena_end - mn_arena_start);
	memory.pool = mn_pool + MN_POOL_SHIFT;
	memory.pool_bytes = (uint32_t)(mn_pool_end - mn_pool) - MN_POOL_SHIFT;
	memory.bias_pool = mn_bias_pool;
	memory.bias_pool_bytes =
		(uint32_t)((const uint8_t *)mn_bias_pool_end - (const uint8_t *)mn_bias_pool);

	mn_counter_start();
	on_pll = !mn_soc_clock_init(&mn_board_config, &facts);
	mn_soc_cache_init();
	micros_start(on_pll ? facts.clock_set_hz / 2 : facts.clock_set_hz);
	facts.counter_status = mn_counter_test(&facts.counter_cycles, &facts.counter_reference);
	if (!on_pll && !facts.counter_status)
		facts.counter_status = MN_E_CLOCK;
	if (on_pll && facts.clock_source == MN_CLOCK_HSE_BYPASS) {
		facts.clock_measured_hz = mn_soc_clock_measure();
		if (!facts.counter_status)
			facts.counter_status =
				mn_clock_check(MN_HSE_HZ, facts.hse_measured_hz, facts.clock_set_hz,
					       facts.clock_measured_hz);
	}
	mn_soc_gpio_output(mn_board_config.marker);
	mn_soc_gpio_output(mn_board_config.layer);
	mn_soc_gpio_function(mn_board_config.tx, mn_board_config.uart_function, 0);
	mn_soc_gpio_function(mn_board_config.rx, mn_board_config.uart_function, 1);
	mn_soc_uart_init(on_pll ? facts.clock_set_hz / 4 : facts.clock_set_hz);
}
