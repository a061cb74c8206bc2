#!/bin/bash
# SPDX-License-Identifier: MIT
# Models as programs on the virtual boards: every output is what the host computes for the same program, and the sums agree with the whole.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
need_images
graphs=("$MNCHAR_SOURCE_DIR"/tests/golden/graph/*.tflite)
boards=(--board virtual-f446re --board virtual-f767zi)

[ "$(code mnchar bench "${graphs[@]}" "${boards[@]}" --reps 1 --json --db bench.db)" = 0 ] || fail "bench"
measured=$(sed -n 's/^mnchar: \([0-9]*\) measured.*/\1/p' err)
[ "${measured:-0}" -gt 100 ] || fail "few were measured: $(tail -1 err)"
[ "$("$rows" --programs 1 bench.db)" = "$measured" ] || fail "an output of a program is not what the host computes"
ok "$measured outputs of ${#graphs[@]} models, whole and layer by layer, are what the host computes"

grep '_difference_pct"' out | awk '{ sub(",", "", $2); if ($2 + 0 < -5 || $2 + 0 > 5) bad = 1; n++ } END { exit bad || n != 28 }' ||
	fail "the sum of the layers is over 5 % off the whole"
ok "layers alone, and layers within a pass, add up to the whole within 5 %"

[ "$(code mnchar bench "${graphs[@]}" "${boards[@]}" --reps 1 --db bench.db)" = 0 ] || fail "bench again"
grep -q " 0 measured, $measured were there already" err || fail "measured anew: $(tail -1 err)"
ok "the second run measures nothing and prints the same"

[ "$(code mnchar export --format csv --db bench.db)" = 0 ] || fail "export"
[ "$(grep -c '^layer,' out) $(grep -c '^model,' out)" = "0 14" ] || fail "a table must have whole models, and no layer that ran at its place in one"
ok "cost tables have the whole models only"
[ "$(code mnchar bench "$MNCHAR_SOURCE_DIR"/README.md --board virtual-f446re --db bench.db)" = 1 ] || fail "README is no model"
