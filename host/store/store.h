/* SPDX-License-Identifier: MIT */
/*
 * The store: one SQLite file that holds what was measured, with its full context.
 *
 * Writing. Each mn_store_put_* call is one transaction, durable when it returns (WAL,
 * synchronous=NORMAL loses nothing to a killed process; a power cut may lose the last rows, never
 * the file). Rows are never updated with other numbers: a measurement is a fact, a failure is a row
 * with a reason. mn_store_begin() .. mn_store_commit() makes one transaction of many puts.
 *
 * What the tables and columns mean stands in data/schema/NNN-*.sql.
 *
 * Reading is in store_read.h: the only header that fits, export and report may include.
 *
 * A handle belongs to one thread. Several processes may use one file; a writer waits up to 5 s for
 * a lock and then says MN_E_BUSY. Don't write from within a mn_store_each_* callback.
 */
#ifndef MN_STORE_H
#define MN_STORE_H

#include <stdint.h>

#include "err.h"
#include "layer.h"
#include "program.h"

struct mn_store;

enum mn_store_mode {
	MN_STORE_READ,   /* the file must exist */
	MN_STORE_WRITE,  /* the file must exist; an older schema is stepped up */
	MN_STORE_CREATE, /* created if missing */
};

/* Where a number comes from. Never mixed, always shown. */
enum mn_kind { MN_KIND_MEASURED, MN_KIND_VIRTUAL, MN_KIND_PUBLISHED };
const char *mn_kind_name(enum mn_kind kind);
int mn_kind_parse(const char *text); /* the kind, or MN_E_NOTFOUND */

/*
 * schema_dir holds NNN-*.sql (host/base/paths.h finds it). MN_E_NOTFOUND, MN_E_PERM (read-only file
 * or folder opened for writing), MN_E_SCHEMA (newer schema, a database of another application or
 * not a database; nothing is changed), MN_E_BUSY, MN_E_FULL, MN_E_IO. err says which file and what
 * to do. A file with an older schema is stepped up also for MN_STORE_READ, if it can be written.
 */
int mn_store_open(const char *path, enum mn_store_mode mode, const char *schema_dir,
		  struct mn_store **ret_store, struct mn_err *err);
/* Rolls an open group back. NULL is fine. */
void mn_store_close(struct mn_store *store);

/* What tests (and nobody else) inject. */
struct mn_store_options {
	int busy_ms;                  /* how long to wait for a lock */
	const char *vfs;              /* SQLite VFS by name; NULL: the default one */
	int64_t (*now_ms)(void *arg); /* Unix time in ms; NULL: the system's clock */
	void *now_arg;
};

/* mn_store_open() with options; NULL means { 5000 }. */
int mn_store_open_with(const char *path, enum mn_store_mode mode, const char *schema_dir,
		       const struct mn_store_options *options, struct mn_store **ret_store,
		       struct mn_err *err);

/* A board as found. Strings are borrowed; NULL counts as "". Two rigs are equal when every field
 * is. */
struct mn_rig {
	enum mn_kind kind;
	const char *board; /* "nucleo-f446re", "virtual-f446re", or as published */
	const char *chip;  /* "stm32f446" */
	const char *uid;   /* 24 hex digits, "" if not known */
	const char *cpu;   /* "cortex-m4" */
	int64_t clock_set_hz, clock_measured_hz; /* 0: not known */
	const char *clock_source;                /* "hse-bypass" "hsi" */
	int64_t wait_states;                     /* -1: not known */
	const char *caches;                      /* "art-i art-d prefetch" */
	const char *image;                       /* GNU build id */
	const char *firmware;                    /* version */
	int64_t protocol;
	const char *compiler, *flags;
	const char
		*model; /* virtual: cycle model name, version and parameter hash; published: "" */
	/* virtual: what data/boards/validation.json says of that model, "": not validated. Not part
	 * of what makes rigs equal: the last one that is put stands. */
	const char *validation;
};

/* Insert or find. */
int mn_store_put_rig(struct mn_store *store, const struct mn_rig *rig, int64_t *ret_id,
		     struct mn_err *err);

struct mn_session {
	int64_t rig_id;
	const char *sweep;      /* name, or the imported file's name */
	const char *sweep_hash; /* hex */
	const char *version;    /* of mnchar */
	const char *link;       /* "exec:…", "serial:…", "import:…" */
	const char *source;     /* published: citation; else "" */
};

int mn_store_begin_session(struct mn_store *store, const struct mn_session *session,
			   int64_t *ret_id, struct mn_err *err);
/* status: "done", "interrupted", "lost" … A session without an end was killed. */
int mn_store_end_session(struct mn_store *store, int64_t session_id, const char *status,
			 struct mn_err *err);

/*
 * A probe: what is measured and how. Either one layer, or a model that is known by name: whole, as
 * published rows have it, or a program that a board runs, whole or some steps of it. Equal probes
 * are one row.
 */
struct mn_probe {
	const struct mn_layer *layer; /* NULL for a model */
	const char *model;            /* "" for a layer */
	const char *backbone; /* family the model was drawn from: "ds-cnn-kws"; "" for a layer */
	int64_t ops;          /* of a model; -1 not known. Layers: computed */
	const char *kernels;  /* kernels id */
	int64_t cold;         /* 0 warm, 1 cold */
	int64_t warmup, reps;
	int64_t seed;
	/* A model that a board runs: steps [first_step, first_step + n_steps) of the program, all
	 * or some of them. 0: not a program. ops is then of these steps. */
	int64_t program_id;
	int64_t first_step, n_steps;
};

/*
 * A model as a program of a kernel set, with all offsets. Programs of one model that differ in a
 * layer or an offset are different. operators and parts say what each step comes from (n_steps
 * entries each; NULL: the steps' own numbers, part 0).
 */
struct mn_stored_program {
	const char *model;
	const struct mn_program *program;
	const uint32_t *operators, *parts;
	int64_t weight_bytes;
};

/* Insert or find, steps and all. */
int mn_store_put_program(struct mn_store *store, const struct mn_stored_program *program,
			 int64_t *ret_id, struct mn_err *err);

int mn_store_put_probe(struct mn_store *store, const struct mn_probe *probe, int64_t *ret_id,
		       struct mn_err *err);

/* A power monitor. Insert or find. */
struct mn_stored_meter {
	const char *driver, *model, *serial, *firmware, *calibration;
	int is_virtual;
};
int mn_store_put_meter(struct mn_store *store, const struct mn_stored_meter *meter, int64_t *ret_id,
		       struct mn_err *err);

/* An energy window: a row of energy_window (data/schema/005-energy.sql has units and meanings). */
struct mn_stored_window {
	int64_t meter_id;
	int source;
	int64_t reps, board_cycles, board_us, duration_ns, covered_ns, gross_nJ;
	int64_t idle_nJ, idle_ns, net_nJ; /* idle_ns 0: no idle was seen */
	int64_t mean_nA, voltage_uV, expected, received, dropped, saturated, held, range_changes;
	const void *trace; /* NULL: not kept */
	size_t trace_bytes;
	int64_t trace_samples;
};

/* Of a program's step, over all windows of its measurement. */
struct mn_stored_step_energy {
	int64_t reps, duration_ns, gross_nJ;
};

/*
 * One finished measurement with its raw repetitions. -1 where there is no such figure
 * (mn_measurement_init() sets that). Cycles of one run are (n2_cycles - n_cycles) / reps: fixed
 * overhead of the loop cancels. Imported rows give cycles or latency_ns of one run directly.
 */
struct mn_measurement {
	int64_t session_id, probe_id;
	int64_t n_cycles, n2_cycles, n_micros, n2_micros; /* reps runs; 2 * reps runs */
	int64_t overhead_cycles; /* one run of an empty kernel in the same loop; the reader
				    subtracts it */
	int64_t cycles;          /* one run, imported rows; -1: derived from n and n2 */
	int64_t latency_ns; /* one run, imported rows; -1: derived from cycles and the rig's clock
			     */
	int64_t energy_nJ;  /* one run; -1: not measured */
	int64_t power_uW;   /* mean; -1: not measured */
	int64_t output_crc;
	int64_t sram_bytes, flash_bytes; /* imported rows */
	/* "" or why this figure must stay out of fits; the row is kept and shown. excluded_energy
	 * speaks of energy and power. */
	const char *excluded_latency, *excluded_energy;
	const char *note;
	const char *import_hash;    /* imported rows: hash of the row's content; else "" */
	const uint32_t *rep_cycles; /* n_reps values in order of running, may be NULL */
	uint32_t n_reps;
	const struct mn_stored_window *windows; /* n_windows, may be NULL */
	uint32_t n_windows;
	const struct mn_stored_step_energy *step_energy; /* n_step_energy, may be NULL */
	uint32_t n_step_energy;
	const uint32_t *step_cycles; /* programs: n_steps values, one pass; may be NULL */
	uint32_t n_steps;
};

/* All figures -1, all texts "", no repetitions. */
void mn_measurement_init(struct mn_measurement *row);

/*
 * Inserted and committed at once. MN_E_EXISTS if import_hash is not "" and there already: nothing
 * is written, and a group stays usable. MN_E_INVALID: a figure out of range (0 cycles, n2 <= n), no
 * such session or probe.
 */
int mn_store_put_measurement(struct mn_store *store, const struct mn_measurement *row,
			     int64_t *ret_id, struct mn_err *err);

/* code: MN_E_*; reason: a sentence with the byte counts or the fault. retry: 1 if a later run
 * should try again. */
int mn_store_put_failure(struct mn_store *store, int64_t session_id, int64_t probe_id, int code,
			 const char *reason, int retry, struct mn_err *err);

/* A round of a sweep that learns (collect --adaptive). Percentages are NAN where nothing is fitted
 * yet. */
struct mn_round {
	int64_t session_id; /* that measured what the round asked for */
	int64_t number, seed;
	const char *model;
	double target_p90_pct;
	int64_t pool, asked;
	int64_t measured, failed; /* of all rounds so far */
	double mape_pct, p90_pct; /* out-of-fold, over all groups */
	int64_t groups, reached, limited, exhausted;
	const char *worst; /* "conv_2d 1x1" */
	double worst_p90_pct;
	const char *ended; /* "" or why it was the last: "target" "budget" "model" "pool" */
};
int mn_store_put_round(struct mn_store *store, const struct mn_round *round, struct mn_err *err);

/* 1 if a row with that import_hash is there, else 0; or MN_E_*. */
int mn_store_has_import(struct mn_store *store, const char *import_hash, struct mn_err *err);

/*
 * 1 if the rig has a measurement of that probe, or a failure that need not be tried again; else 0;
 * or MN_E_*. "The rig" means the same kind, board, image, model, clock setting, wait states and
 * caches: a new firmware image measures anew; another board of the same type does not.
 */
int mn_store_probe_done(struct mn_store *store, int64_t rig_id, int64_t probe_id,
			struct mn_err *err);
/* The same, but a measurement only counts if it has an energy window. */
int mn_store_probe_has_energy(struct mn_store *store, int64_t rig_id, int64_t probe_id,
			      struct mn_err *err);

/*
 * Group many puts (import) into one transaction: begin, puts, then commit or rollback. After a put
 * has failed the group cannot be committed any more: each later put and the commit (which rolls
 * back) fail with that put's code.
 */
int mn_store_begin(struct mn_store *store, struct mn_err *err);
int mn_store_commit(struct mn_store *store, struct mn_err *err);
void mn_store_rollback(struct mn_store *store);

#endif
