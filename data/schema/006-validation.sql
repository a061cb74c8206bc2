-- SPDX-License-Identifier: MIT
--
-- Step 6: how far a virtual board's cycle model was found to be from measured figures.

-- Of a virtual rig: the entry of data/boards/validation.json for its cycle model, a JSON object
-- with ops[] of op, n, ratio, mape_pct, p95_pct; '': not validated.
ALTER TABLE rig ADD COLUMN validation TEXT NOT NULL DEFAULT '';
