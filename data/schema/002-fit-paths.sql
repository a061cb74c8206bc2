-- SPDX-License-Identifier: MIT
--
-- Step 2: coefficients by kernel path, and the inputs of a fit as runs of measurements.

-- In the order in which a layer looks for its own: 1x1,any. '': made before there were paths, all
-- layers are one.
ALTER TABLE fit ADD COLUMN paths TEXT NOT NULL DEFAULT '';
-- Largest condition number over the paths; NULL: not known.
ALTER TABLE fit ADD COLUMN condition REAL;
ALTER TABLE fit_term ADD COLUMN path TEXT NOT NULL DEFAULT 'any'; -- probes/feature.h
ALTER TABLE fit_term ADD COLUMN vif REAL;                         -- variance inflation; NULL: not known

-- A fit of a million rows has one run where it had a million rows in fit_input.
CREATE TABLE fit_range (
	fit_id INTEGER NOT NULL REFERENCES fit (id) ON DELETE CASCADE,
	-- Every measurement from first to last.
	first_id INTEGER NOT NULL REFERENCES measurement (id) ON DELETE CASCADE,
	last_id INTEGER NOT NULL REFERENCES measurement (id) ON DELETE CASCADE CHECK (last_id >= first_id),
	PRIMARY KEY (fit_id, first_id)
) STRICT, WITHOUT ROWID;
INSERT INTO fit_range SELECT fit_id, min(id), max(id) FROM (
	SELECT fit_id, measurement_id AS id,
		measurement_id - row_number() OVER (PARTITION BY fit_id ORDER BY measurement_id) AS run
	FROM fit_input) GROUP BY fit_id, run;
DROP TABLE fit_input;
CREATE VIEW fit_input AS SELECT r.fit_id AS fit_id, m.id AS measurement_id
	FROM fit_range r JOIN measurement m ON m.id BETWEEN r.first_id AND r.last_id;
