-- SPDX-License-Identifier: MIT
--
-- Step 4: models that a board runs as programs, whole and step by step.

-- A model as a program of one kernel set: its layers in order, and where each tensor lies. The
-- same model with other offsets is another program.
CREATE TABLE program (
	id INTEGER PRIMARY KEY,
	model TEXT NOT NULL CHECK (model <> ''),
	hash TEXT NOT NULL, -- FNV-1a 64 over all layers and offsets, 16 hex digits
	n_steps INTEGER NOT NULL CHECK (n_steps > 0),
	arena_bytes INTEGER NOT NULL CHECK (arena_bytes >= 0),
	weight_bytes INTEGER NOT NULL CHECK (weight_bytes >= 0),
	UNIQUE (model, hash)
) STRICT;

-- Offsets in bytes from the start of the arena, of the weight pool, of the bias pool
-- (probes/program.h).
CREATE TABLE program_step (
	program_id INTEGER NOT NULL REFERENCES program (id) ON DELETE CASCADE,
	position INTEGER NOT NULL CHECK (position >= 0),
	layer_id INTEGER NOT NULL REFERENCES layer (id),
	operator INTEGER NOT NULL, -- of the model's file
	part INTEGER NOT NULL,     -- of that operator: a concatenation is a step for each input
	in_off INTEGER NOT NULL,
	in2_off INTEGER NOT NULL,
	out_off INTEGER NOT NULL,
	scratch_off INTEGER NOT NULL,
	scratch_bytes INTEGER NOT NULL,
	quant_off INTEGER NOT NULL,
	weight_off INTEGER NOT NULL,
	bias_off INTEGER NOT NULL,
	PRIMARY KEY (program_id, position)
) STRICT, WITHOUT ROWID;

-- A probe of a program runs n_steps of its steps from first_step on: all of them, a piece where the
-- board cannot hold all, or one. layer_id is NULL, model is the program's.
ALTER TABLE probe ADD COLUMN program_id INTEGER REFERENCES program (id);
ALTER TABLE probe ADD COLUMN first_step INTEGER CHECK (first_step >= 0);
ALTER TABLE probe ADD COLUMN n_steps INTEGER CHECK (n_steps > 0);
DROP INDEX probe_key;
CREATE UNIQUE INDEX probe_key ON probe (ifnull(layer_id, 0), model, backbone, ifnull(ops, 0), kernels,
	cold, warmup, reps, seed, ifnull(program_id, 0), ifnull(first_step, -1), ifnull(n_steps, -1));
CREATE INDEX probe_program ON probe (program_id) WHERE program_id IS NOT NULL;

-- Cycles of each step in one pass through the program, in order of running, binding left out.
CREATE TABLE step_cycles (
	measurement_id INTEGER NOT NULL REFERENCES measurement (id) ON DELETE CASCADE,
	position INTEGER NOT NULL CHECK (position >= 0),
	cycles INTEGER NOT NULL CHECK (cycles >= 0),
	PRIMARY KEY (measurement_id, position)
) STRICT, WITHOUT ROWID;
