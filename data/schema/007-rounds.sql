-- SPDX-License-Identifier: MIT
--
-- Step 7: what each round of a sweep that learns (mnchar collect --adaptive) knew and asked for.

CREATE TABLE round (
	id INTEGER PRIMARY KEY,
	session_id INTEGER NOT NULL REFERENCES session (id) ON DELETE CASCADE, -- that measured what was asked for
	number INTEGER NOT NULL CHECK (number >= 1), -- within one call of collect and one board
	seed INTEGER NOT NULL,
	model TEXT NOT NULL,                   -- that must hold: "features"
	target_p90_pct REAL NOT NULL,          -- of out-of-fold errors, in each group
	pool INTEGER NOT NULL,                 -- layers that could be measured
	asked INTEGER NOT NULL,                -- in this round
	-- Of all rounds up to this one, after it was measured.
	measured INTEGER NOT NULL,
	failed INTEGER NOT NULL,
	mape_pct REAL, p90_pct REAL,           -- out-of-fold over all groups; NULL: nothing is fitted yet
	groups INTEGER NOT NULL,               -- that share coefficients (fits/adaptive.h)
	reached INTEGER NOT NULL,              -- are within the target
	limited INTEGER NOT NULL,              -- more rows would not help them
	exhausted INTEGER NOT NULL,            -- have nothing left to measure
	worst TEXT NOT NULL DEFAULT '',        -- group that is furthest from the target: "conv_2d 1x1"
	worst_p90_pct REAL,
	ended TEXT NOT NULL DEFAULT ''         -- why it was the last one: "target", "budget", "model", "pool"; '': it was not
) STRICT;
CREATE INDEX round_session ON round (session_id);
