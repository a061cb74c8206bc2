#!/bin/bash
# SPDX-License-Identifier: MIT
# Models drawn from a backbone, on a virtual board: run whole, resumed, counted by reason, fitted.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
need_images
cat >tiny.yaml <<'YAML'
name: tiny
input: 8x8x2
blocks:
  - {op: conv, kernel: 3x3|1x3, channels: 4..12/4}
  - {op: residual, stride: 2, channels: 4..8}
  - {op: inverted_residual, channels: 8, expand: 1..3, repeat: 2}
  - {op: average_pool}
  - {op: dense, channels: 3}
  - {op: softmax}
members:
  - name: huge
    blocks: [{op: conv, channels: 4000}, {op: dense, channels: 3}]
YAML
run=(mnchar collect --board virtual-f446re --backbone tiny.yaml --seed 2 --db a.db)

[ "$(code "${run[@]}" --models 2)" = 0 ] || fail "collect --backbone"
grep -q "1 of 3 models did not run: 1 SRAM" err || fail "not counted by reason"
grep -q " 2 measured, 1 do not fit" err || fail "not two models"
[ "$(code "${run[@]}" --models 3)" = 0 ] || fail "one model more"
grep -q " 1 measured, 2 were there already" err || fail "measured anew, or other models"
ok "draws, resumes, counts by reason"

[ "$(code mnchar fit --db a.db)" = 0 ] || fail "fit"
[ "$(code mnchar query --backbone tiny --db a.db)" = 0 ] || fail "query --backbone"
grep -q tiny out || fail "no fit of the backbone"
ok "a fit of the backbone"

[ "$(code "$MNCHAR_SOURCE_DIR/scripts/paper-claims" --mnchar "$bin/mnchar" a.db)" = 0 ] || fail "paper-claims"
grep -q "^| tiny | virtual-f446re | virtual | 3 | [0-9.]* |  |$" out || fail "no ms/Mop, or another n"
grep -q "^| virtual-f446re | virtual | 3 | [+-]" out || fail "no sum of steps"
[ "$(grep -c "not measured" out)" = 6 ] || fail "claims that nothing is known of are not said to be so"
ok "the claims of the paper beside it"

[ "$(code mnchar collect --board virtual-f446re --models 3)" = 64 ] || fail "--models without --backbone"
[ "$(code "${run[@]}" --sweep quick)" = 64 ] || fail "--backbone with --sweep"
echo "name: x" >bad.yaml
[ "$(code mnchar collect --board virtual-f446re --backbone bad.yaml --db b.db)" != 0 ] || fail "a broken file"
grep -q "bad.yaml:1:1: " err || fail "an error without its place"
ok "what makes no sense is refused"
