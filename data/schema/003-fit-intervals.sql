-- SPDX-License-Identifier: MIT
--
-- Step 3: what a prediction is uncertain by, and how a fit does on groups that it has not seen.

-- Of the held-out predictions, the share whose figure lies in their 95 % interval; NULL: not known.
ALTER TABLE fit ADD COLUMN coverage_pct REAL;
-- MAPE when all layers of one spatial size, or of one range of channels, are held out together
-- (fits/fit.h); NULL: there is only one such group, or it cannot be known.
ALTER TABLE fit ADD COLUMN by_size_pct REAL;
ALTER TABLE fit ADD COLUMN by_channels_pct REAL;
-- Resamples that boot_lo and boot_hi are made from; 0: none.
ALTER TABLE fit ADD COLUMN bootstrap INTEGER NOT NULL DEFAULT 0;
ALTER TABLE fit_term ADD COLUMN boot_lo REAL; -- 2.5 and 97.5 percentile; NULL: none
ALTER TABLE fit_term ADD COLUMN boot_hi REAL;

-- One row for each path that was fitted. A new layer with the features x lies, in 95 of 100 cases, in
-- value +- t95 * sqrt(x' covariance x + s * s), where s is sigma * value with relative weights, else
-- sigma.
CREATE TABLE fit_path (
	fit_id INTEGER NOT NULL REFERENCES fit (id) ON DELETE CASCADE,
	path TEXT NOT NULL,          -- probes/feature.h
	n INTEGER NOT NULL CHECK (n >= 0),
	sigma REAL NOT NULL,         -- standard deviation of the weighted residuals
	t95 REAL NOT NULL,           -- half width of a 95 % interval in standard errors
	condition REAL,              -- of its columns
	mape_pct REAL,               -- of its held-out rows
	within10_pct REAL,
	PRIMARY KEY (fit_id, path)
) STRICT, WITHOUT ROWID;

-- Between terms of one path, a >= b (positions of fit_term); unit of the fit squared.
CREATE TABLE fit_covariance (
	fit_id INTEGER NOT NULL REFERENCES fit (id) ON DELETE CASCADE,
	a INTEGER NOT NULL,
	b INTEGER NOT NULL CHECK (b <= a),
	value REAL NOT NULL,
	PRIMARY KEY (fit_id, a, b)
) STRICT, WITHOUT ROWID;
