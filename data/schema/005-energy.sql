-- SPDX-License-Identifier: MIT
--
-- Step 5: energy windows, as a power monitor saw them.

-- A monitor as found. is_virtual 1: its figures are a model's.
CREATE TABLE meter (
	id INTEGER PRIMARY KEY,
	driver TEXT NOT NULL CHECK (driver <> ''), -- ppk2, virtual
	model TEXT NOT NULL,
	serial TEXT NOT NULL,
	firmware TEXT NOT NULL,
	calibration TEXT NOT NULL, -- as the device tells it
	is_virtual INTEGER NOT NULL CHECK (is_virtual IN (0, 1)),
	UNIQUE (driver, model, serial, firmware, calibration)
) STRICT;

-- A marker-cut window. energy_nJ and power_uW of its measurement are derived: power is gross_nJ over
-- covered_ns, energy is that power over the latency of one run; of several windows, the median.
CREATE TABLE energy_window (
	measurement_id INTEGER NOT NULL REFERENCES measurement (id) ON DELETE CASCADE,
	position INTEGER NOT NULL CHECK (position >= 0),
	meter_id INTEGER NOT NULL REFERENCES meter (id),
	source INTEGER NOT NULL CHECK (source IN (0, 1)), -- 1: the monitor supplied the board
	reps INTEGER NOT NULL CHECK (reps > 0),           -- runs in the window
	board_cycles INTEGER NOT NULL,                    -- its length by the board's cycle counter …
	board_us INTEGER NOT NULL,                        -- … by its timer …
	duration_ns INTEGER NOT NULL,                     -- … and by the monitor's clock
	covered_ns INTEGER NOT NULL,                      -- of that, what samples stand for
	gross_nJ INTEGER NOT NULL,
	net_nJ INTEGER,                                   -- less the idle power over the same time
	idle_nJ INTEGER,                                  -- NULL: no idle time was seen
	idle_ns INTEGER,
	mean_nA INTEGER NOT NULL,
	voltage_uV INTEGER NOT NULL,                      -- mean; measured, set or stated
	expected INTEGER NOT NULL CHECK (expected >= 0),  -- samples
	received INTEGER NOT NULL CHECK (received >= 0),
	dropped INTEGER NOT NULL CHECK (dropped >= 0),
	saturated INTEGER NOT NULL CHECK (saturated >= 0),
	held INTEGER NOT NULL CHECK (held >= 0),          -- without a valid value: range switching
	range_changes INTEGER NOT NULL CHECK (range_changes >= 0),
	-- Samples with the idle time around, if they were asked for: zlib; 24 bytes each, little
	-- endian: u64 tick, i64 current in pA, i32 voltage in uV, u8 lines, u8 edge in 1/256, u16 flags
	-- (host/meter/meter.h).
	trace_samples INTEGER,
	trace BLOB,
	PRIMARY KEY (measurement_id, position)
) STRICT;
CREATE INDEX energy_window_meter ON energy_window (meter_id);

-- A step of a program inside a window, cut by the layer line: sums over all its runs.
CREATE TABLE energy_step (
	measurement_id INTEGER NOT NULL REFERENCES measurement (id) ON DELETE CASCADE,
	position INTEGER NOT NULL CHECK (position >= 0),
	reps INTEGER NOT NULL CHECK (reps > 0),
	duration_ns INTEGER NOT NULL,
	gross_nJ INTEGER NOT NULL,
	PRIMARY KEY (measurement_id, position)
) STRICT, WITHOUT ROWID;
