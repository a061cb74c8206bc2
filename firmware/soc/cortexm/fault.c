/* SPDX-License-Identifier: MIT */
/*
 * Faults. The image enables no interrupt, so every exception that is taken is one: it is reported
 * over the UART for ever, and nothing returns.
 */
#include "board.h"
#include "cortexm.h"
#include "session.h"
#include "wire.h"

#define FRAME_WORDS   8u /* r0-r3, r12, lr, pc, psr */
#define REPORT_MICROS 500000u
#define PAYLOAD_MAX   64u

void mn_fault_report(const uint32_t *stacked) __attribute__((noreturn, used));

/*
 * Reached by exception: the stack pointer tells where the core stacked its frame. If the stack is
 * nearly used up, go on from its top: the frame lies at the other end.
 */
__attribute__((naked)) void mn_fault_entry(void)
{
	__asm__ volatile("cpsid i\n"
			 "mrs r0, msp\n"
			 "ldr r1, =mn_stack_bottom + 1024\n"
			 "ldr r2, =mn_stack_top\n"
			 "cmp r0, r1\n"
			 "it lo\n"
			 "movlo sp, r2\n"
			 "b mn_fault_report\n"
			 ".ltorg\n");
}

static void send_for_ever(struct mn_msg_fault *msg) __attribute__((noreturn));
static void send_for_ever(struct mn_msg_fault *msg)
{
	uint8_t payload[PAYLOAD_MAX], bytes[2 * PAYLOAD_MAX];
	struct mn_frame frame = {
		.version = mn_session_running.proto ? mn_session_running.proto : MN_PROTO_MAX,
		.type = MN_MSG_FAULT,
		.seq = mn_session_running.seq,
		.payload = payload,
	};
	int len;

	mn_board_marker(0);
	msg->batch = mn_session_running.batch;
	msg->index = mn_session_running.index;
	len = mn_wire_pack_fault(msg, payload, sizeof(payload));
	frame.len = (uint16_t)(len > 0 ? len : 0);
	len = mn_frame_encode(&frame, bytes, sizeof(bytes));
	for (;;) {
		uint32_t since = mn_board_micros();

		/* A 0x00 first: it ends whatever was being sent when the fault came. */
		mn_board_uart_write((const uint8_t[]){0}, 1);
		if (len > 0)
			mn_board_uart_write(bytes, (uint32_t)len);
		while (mn_board_micros() - since < REPORT_MICROS)
			;
	}
}

void mn_fault_report(const uint32_t *stacked)
{
	struct mn_msg_fault msg = {.cfsr = MN_SCB_CFSR, .hfsr = MN_SCB_HFSR};

	/* Below the stack lies nothing: a frame there was never written. */
	if (stacked >= mn_stack_bottom && stacked + FRAME_WORDS <= mn_stack_top) {
		msg.lr = stacked[5];
		msg.pc = stacked[6];
		msg.psr = stacked[7];
	}
	if (msg.cfsr & MN_SCB_CFSR_BFARVALID)
		msg.address = MN_SCB_BFAR;
	else if (msg.cfsr & MN_SCB_CFSR_MMARVALID)
		msg.address = MN_SCB_MMFAR;
	send_for_ever(&msg);
}

void mn_board_stack_check(void)
{
	for (uint32_t i = 0; i < MN_STACK_CANARY_WORDS; i++) {
		if (mn_stack_bottom[i] != MN_STACK_CANARY) {
			/* No exception: cfsr and hfsr are 0 and the address is that of the canary.
			 */
			struct mn_msg_fault msg = {
				.pc = (uint32_t)(uintptr_t)__builtin_return_address(0),
				.address = (uint32_t)(uintptr_t)&mn_stack_bottom[i],
			};

			send_for_ever(&msg);
		}
	}
}
