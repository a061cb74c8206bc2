/* SPDX-License-Identifier: MIT */
/*
 * A Power Profiler Kit II as its host sees it: bytes in, bytes out, with a simulated clock. It
 * makes samples when asked for them, never by itself, so a test of a long recording takes no time.
 */
#ifndef MN_PPK2_MODEL_H
#define MN_PPK2_MODEL_H

#include <stddef.h>
#include <stdint.h>

#include "ppk2/protocol.h"

/* What the kit is connected to at sample n of the stream: its current and logic lines. */
typedef void ppk2_source(void *arg, uint64_t n, double *ret_A, uint8_t *ret_bits);

/* Each happens once, at its sample of the stream (0: never), except for the counts. */
struct ppk2_faults {
	uint64_t drop_byte_at;          /* one byte of that word is missing */
	unsigned drop_byte;             /* which, 0 to 3 */
	uint64_t gap_at, gap;           /* that many words are missing */
	uint64_t no_value_at, no_value; /* that many words are in range 7 */
	uint64_t saturate_at;
	size_t metadata_chunk; /* bytes in a transfer; 0: all at once */
	int metadata_lost;     /* so many requests are not answered */
	int metadata_broken;   /* so many answers lack a line */
	int stale;             /* it streams when it is opened */
};

struct ppk2_model {
	struct mn_ppk2_calibration cal;
	ppk2_source *source;
	void *source_arg;
	struct ppk2_faults faults;
	/* State */
	int streaming, power, mode;
	uint32_t volt_mV;
	uint8_t counter;
	uint64_t n;      /* samples made since start */
	double charge_C; /* of the current that the words made so far say, exactly */
	uint8_t args[8]; /* of the command that is coming in */
	int opcode, n_args;
	size_t n_out;   /* bytes that wait for the host */
	size_t n_words; /* of the block that is not complete */
	uint8_t out[1 << 20];
	uint8_t block[4 * MN_PPK2_BLOCK];
	size_t n_block;
};

/* The example kit of facts/ppk2.md, source meter, 3.3 V. */
void ppk2_model_init(struct ppk2_model *kit, ppk2_source *source, void *arg);
/* Bytes from the host: any number of commands or pieces of them. */
void ppk2_model_write(struct ppk2_model *kit, const void *bytes, size_t n);
/* Let time pass: that many samples, if it streams. */
void ppk2_model_run(struct ppk2_model *kit, uint64_t samples);
/* What there is of a block goes out now. */
void ppk2_model_flush(struct ppk2_model *kit);
/* Take up to size bytes of what waits, in transfers as the kit would end them. */
size_t ppk2_model_read(struct ppk2_model *kit, void *buf, size_t size);
/* The text of its metadata; returns its length. */
size_t ppk2_model_metadata(const struct ppk2_model *kit, char *buf, size_t size);
/* The word for a current: smallest range that holds it. */
uint32_t ppk2_model_word(const struct ppk2_model *kit, double current_A, uint8_t counter,
			 uint8_t bits, double *ret_exact_A);

#endif
