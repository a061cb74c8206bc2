-- SPDX-License-Identifier: MIT
--
-- The tables of a mnchar database, step 1. mnchar runs each data/schema/NNN-*.sql that a file has
-- not seen yet, in order, in one transaction, and sets user_version to NNN. A step that has been
-- released is never edited: write the next one.
--
-- NULL is "not known" or "not measured"; it is never a number. Texts that are not known are ''.
-- Times are Unix time in ms (UTC). Units stand in the names: _cycles _ns _ms _hz _uW _nJ _bytes.
-- Cycles, latency and energy in nJ are integers as measured; what is derived from them is computed
-- when reading (host/store/store_read.h).

PRAGMA application_id = 0x6d6e6368; -- "mnch"

-- A board as found. Equal rigs are one row.
CREATE TABLE rig (
	id INTEGER PRIMARY KEY,
	-- where its numbers come from: measured on hardware, run on a virtual board, or taken from
	-- a publication. Never mixed.
	kind TEXT NOT NULL CHECK (kind IN ('measured', 'virtual', 'published')),
	board TEXT NOT NULL CHECK (board <> ''), -- nucleo-f446re, virtual-f446re
	chip TEXT NOT NULL,                      -- stm32f446
	uid TEXT NOT NULL,                       -- unique id of the chip, 24 hex digits
	cpu TEXT NOT NULL,                       -- cortex-m4
	clock_set_hz INTEGER CHECK (clock_set_hz > 0),           -- what the clock tree was set to
	clock_measured_hz INTEGER CHECK (clock_measured_hz > 0), -- what the host measured
	clock_source TEXT NOT NULL,                              -- hse-bypass, hsi
	wait_states INTEGER CHECK (wait_states >= 0),            -- of the flash, in cycles
	caches TEXT NOT NULL,                                    -- art-i art-d prefetch
	image TEXT NOT NULL,                                     -- GNU build id of the firmware
	firmware TEXT NOT NULL,                                  -- its version
	protocol INTEGER NOT NULL,                               -- version spoken; 0 none
	compiler TEXT NOT NULL,
	flags TEXT NOT NULL,
	model TEXT NOT NULL -- of a virtual board: cycle model, version, parameter hash; else ''
) STRICT;
CREATE UNIQUE INDEX rig_key ON rig (kind, board, chip, uid, cpu, ifnull(clock_set_hz, 0),
	ifnull(clock_measured_hz, 0), clock_source, ifnull(wait_states, -1), caches, image, firmware,
	protocol, compiler, flags, model);

-- One `collect` on one rig, or one source within one `import`.
CREATE TABLE session (
	id INTEGER PRIMARY KEY,
	rig_id INTEGER NOT NULL REFERENCES rig (id),
	sweep TEXT NOT NULL,      -- name, or the imported file's name
	sweep_hash TEXT NOT NULL, -- hex
	version TEXT NOT NULL,    -- of mnchar
	link TEXT NOT NULL,       -- exec:..., serial:..., import:...
	source TEXT NOT NULL,     -- of published rows: where they stand
	started_ms INTEGER NOT NULL,
	ended_ms INTEGER, -- NULL: running, or killed
	status TEXT NOT NULL DEFAULT '' -- done, interrupted, lost ...; '': no end was recorded
) STRICT;
CREATE INDEX session_rig ON session (rig_id);

-- A layer by its canonical text (probes/layer.h).
CREATE TABLE layer (
	id INTEGER PRIMARY KEY,
	text TEXT NOT NULL UNIQUE,
	hash TEXT NOT NULL, -- FNV-1a 64 of the text, 16 hex digits
	op TEXT NOT NULL,   -- conv_2d
	macs INTEGER NOT NULL CHECK (macs >= 0),
	ops INTEGER NOT NULL CHECK (ops = 2 * macs)
) STRICT;

-- What is measured and how: a layer, or a whole model that is known by its name. Equal probes are
-- one row.
CREATE TABLE probe (
	id INTEGER PRIMARY KEY,
	layer_id INTEGER REFERENCES layer (id),         -- NULL: a model
	model TEXT NOT NULL,                            -- '': a layer
	backbone TEXT NOT NULL,                         -- family of a model: ds-cnn-kws
	ops INTEGER CHECK (ops > 0),                    -- of a model, 2 per MAC; a layer's is there
	kernels TEXT NOT NULL,                          -- id of the kernels: library version variant
	cold INTEGER NOT NULL CHECK (cold IN (0, 1)),   -- 1: caches invalidated before each run
	warmup INTEGER NOT NULL CHECK (warmup >= 0),    -- runs before the measured ones
	reps INTEGER NOT NULL CHECK (reps >= 1),        -- N: measured runs
	seed INTEGER NOT NULL,                          -- of the input
	CHECK ((layer_id IS NULL) = (model <> '')),
	CHECK (layer_id IS NULL OR (backbone = '' AND ops IS NULL))
) STRICT;
CREATE UNIQUE INDEX probe_key ON probe (ifnull(layer_id, 0), model, backbone, ifnull(ops, 0), kernels,
	cold, warmup, reps, seed);
CREATE INDEX probe_layer ON probe (layer_id);

-- A finished measurement. Never updated.
CREATE TABLE measurement (
	id INTEGER PRIMARY KEY,
	session_id INTEGER NOT NULL REFERENCES session (id),
	probe_id INTEGER NOT NULL REFERENCES probe (id),
	at_ms INTEGER NOT NULL,
	-- as measured by a board: (n2_cycles - n_cycles) / reps is one run without the loop's overhead
	n_cycles INTEGER CHECK (n_cycles > 0),    -- N runs
	n2_cycles INTEGER CHECK (n2_cycles > 0),  -- 2 N runs
	n_us INTEGER CHECK (n_us >= 0),           -- the same by another timer of the board
	n2_us INTEGER CHECK (n2_us >= 0),
	overhead_cycles INTEGER,                  -- of the measuring itself, null probe; said, and cancelled
	-- as given by an imported row, one run
	cycles INTEGER CHECK (cycles > 0),
	latency_ns INTEGER CHECK (latency_ns > 0),
	energy_nJ INTEGER CHECK (energy_nJ > 0),  -- one run
	power_uW INTEGER CHECK (power_uW > 0),    -- mean while running
	output_crc INTEGER CHECK (output_crc BETWEEN 0 AND 4294967295), -- CRC-32C of the output
	sram_bytes INTEGER CHECK (sram_bytes >= 0),
	flash_bytes INTEGER CHECK (flash_bytes >= 0),
	excluded_latency TEXT NOT NULL, -- why the latency stays out of fits; '': it is fine
	excluded_energy TEXT NOT NULL,  -- why energy and power stay out of fits
	note TEXT NOT NULL,
	import_hash TEXT, -- of an imported row's content, so that it is imported once
	CHECK ((n_cycles IS NULL) = (n2_cycles IS NULL)),
	CHECK (n2_cycles > n_cycles)
) STRICT;
CREATE INDEX measurement_probe ON measurement (probe_id, session_id);
CREATE INDEX measurement_session ON measurement (session_id);
CREATE UNIQUE INDEX measurement_import ON measurement (import_hash) WHERE import_hash IS NOT NULL;

-- Raw cycles of each repetition of a measurement, in order of running.
CREATE TABLE repetition (
	measurement_id INTEGER NOT NULL REFERENCES measurement (id) ON DELETE CASCADE,
	position INTEGER NOT NULL CHECK (position >= 0),
	cycles INTEGER NOT NULL CHECK (cycles >= 0),
	PRIMARY KEY (measurement_id, position)
) STRICT, WITHOUT ROWID;

-- A probe that could not be measured, and why.
CREATE TABLE failure (
	id INTEGER PRIMARY KEY,
	session_id INTEGER NOT NULL REFERENCES session (id),
	probe_id INTEGER NOT NULL REFERENCES probe (id),
	at_ms INTEGER NOT NULL,
	code INTEGER NOT NULL CHECK (code < 0),      -- MN_E_* of probes/err.h
	reason TEXT NOT NULL CHECK (reason <> ''),   -- a sentence
	retry INTEGER NOT NULL CHECK (retry IN (0, 1)) -- 1: a later run tries again
) STRICT;
CREATE INDEX failure_probe ON failure (probe_id, session_id);
CREATE INDEX failure_session ON failure (session_id);

-- A fitted model. One row for each key; a new fit replaces the old one.
CREATE TABLE fit (
	id INTEGER PRIMARY KEY,
	kind TEXT NOT NULL CHECK (kind IN ('measured', 'virtual', 'published')),
	board TEXT NOT NULL,
	kernels TEXT NOT NULL,
	op TEXT NOT NULL,       -- conv_2d, or 'model' for whole models
	backbone TEXT NOT NULL, -- of a whole-model fit; 'all' pools them
	cold INTEGER NOT NULL CHECK (cold IN (0, 1)), -- of rows with cold (1) or warm (0) caches
	model TEXT NOT NULL,    -- ops, ops-affine, features, mean
	target TEXT NOT NULL,   -- latency, energy, power
	unit TEXT NOT NULL,     -- of the prediction: ms, mJ, mW
	status TEXT NOT NULL,   -- ok, or why nothing was fitted
	detail TEXT NOT NULL,   -- the sentence behind status
	n INTEGER NOT NULL CHECK (n >= 0),                   -- rows used
	n_excluded INTEGER NOT NULL CHECK (n_excluded >= 0), -- rows left out with a reason
	-- errors in the way that `validation` says; NULL: not fitted
	r2 REAL,
	mape_pct REAL,
	within5_pct REAL,
	within10_pct REAL,
	worst_pct REAL,
	std_pct REAL, -- of a mean: standard deviation / mean
	worst_layer TEXT NOT NULL,
	validation TEXT NOT NULL, -- 10-fold seed 1, leave-one-out, in-sample
	rig_model TEXT NOT NULL,  -- cycle model of a virtual rig
	weighting TEXT NOT NULL,  -- relative, none
	version TEXT NOT NULL,    -- of mnchar
	created_ms INTEGER NOT NULL,
	range_min REAL, -- ops of the rows used
	range_max REAL,
	UNIQUE (kind, board, kernels, op, backbone, cold, model, target)
) STRICT;

-- Its coefficients: `unit` of the fit per 1 of the feature `name`.
CREATE TABLE fit_term (
	fit_id INTEGER NOT NULL REFERENCES fit (id) ON DELETE CASCADE,
	position INTEGER NOT NULL,
	name TEXT NOT NULL,
	value REAL,
	ci95_lo REAL,
	ci95_hi REAL,
	std_err REAL,
	PRIMARY KEY (fit_id, position)
) STRICT, WITHOUT ROWID;

-- The measurements that it was made from.
CREATE TABLE fit_input (
	fit_id INTEGER NOT NULL REFERENCES fit (id) ON DELETE CASCADE,
	measurement_id INTEGER NOT NULL REFERENCES measurement (id) ON DELETE CASCADE,
	PRIMARY KEY (fit_id, measurement_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX fit_input_measurement ON fit_input (measurement_id);
