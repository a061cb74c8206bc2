#!/bin/bash
# SPDX-License-Identifier: MIT
# A sweep that learns, on a virtual board: rounds within the budget, each recorded; the same again measures nothing.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
need_images
cat >pool.yaml <<'YAML'
name: pool
defaults: {mode: warm, warmup: 1, reps: 2, kernels: [dsp]}
groups:
  - name: overhead
    op: "null"
  - name: conv
    op: conv_2d
    padding: same
    list: {kernel: [1x1, 3x3], size: [2x2, 3x4, 5x5], in_channels: [1, 3, 8, 16, 37], out_channels: [2, 4, 5, 7, 8, 16]}
  - name: too large for any board
    layers: ["conv_2d in=1x400x400x8 out_c=8 kernel=1x1"]
YAML
run=(mnchar collect --board virtual-f446re --sweep pool.yaml --adaptive --seed 3)

[ "$(code "${run[@]}" --target-p90 0.5% --budget 130 --db a.db)" = 0 ] || fail "collect --adaptive"
grep -q "round 2: " err || fail "there is one round only"
grep -q "ended: budget" err || fail "it did not end by the budget"
n=$("$rows" --count a.db)
[[ $n -le 131 && $n -ge 120 ]] || fail "a budget of 130 measured $n"
ok "rounds within the budget"

[ "$(code "${run[@]}" --target-p90 0.5% --budget 130 --db a.db)" = 0 ] || fail "again"
grep -q " 0 measured, " err || fail "measured anew"
[ "$("$rows" --count a.db)" = "$n" ] || fail "the second run added rows"
ok "the same rounds again measure nothing"

[ "$(code "${run[@]}" --target-p90 95% --db b.db)" = 0 ] || fail "an easy target"
grep -q "ended: target" err || fail "it did not stop at the target"
[ "$("$rows" --count b.db)" -lt 130 ] || fail "an easy target took $("$rows" --count b.db) probes"
ok "stops at the target"

[ "$(code mnchar collect --board virtual-f446re --budget 9)" = 64 ] || fail "--budget without --adaptive"
[ "$(code "${run[@]}" --kernels all --db c.db)" = 1 ] || fail "--kernels all"
grep -q "one kernel set" err || fail "--kernels all says what is wrong"
[ "$(code "${run[@]}" --target-p90 0 --db c.db)" = 64 ] || fail "--target-p90 0"
ok "what makes no sense is refused"
