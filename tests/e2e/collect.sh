#!/bin/bash
# SPDX-License-Identifier: MIT
# A small sweep on the three virtual boards at once: complete, repeatable to the cycle, continued and not repeated, and computed right.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
need_images
small_sweep
boards=(--board virtual-f446re --board virtual-f746zg --board virtual-f767zi)

[ "$(code mnchar collect "${boards[@]}" --sweep small.yaml --db a.db)" = 0 ] || fail "collect"
grep -q "$((3 * small_probes)) measured" err || fail "not every probe was measured"
ok "three boards at once"

"$rows" a.db >a.txt || fail "rows"
[ "$(code mnchar collect "${boards[@]}" --sweep small.yaml --db a.db)" = 0 ] || fail "second run"
grep -q " 0 measured, $((3 * small_probes)) were there already" err || fail "measured anew"
"$rows" a.db | cmp -s - a.txt || fail "the second run changed rows"
ok "the second run measures nothing"

[ "$(code mnchar collect "${boards[@]}" --sweep small.yaml --db b.db)" = 0 ] || fail "another database"
"$rows" b.db >b.txt
cmp a.txt b.txt || fail "two runs gave different cycles"
ok "byte-identical cycles in two databases"

[ "$("$rows" --verify 1 a.db)" = $((3 * small_probes)) ] || fail "an output is not what the host computes"
ok "outputs of both kernel sets equal the native ones"

# The Cortex-M7 is faster than the Cortex-M4 on convolutions, in time: 216 against 180 MHz is less than their difference.
awk '$6 == "conv_2d" && $2 ~ /dsp$/ { c[$1 " " $7 $8 $9] = $4; k[$7 $8 $9] }
     END { for (l in k) { n++; if (!(c["virtual-f746zg " l] < c["virtual-f446re " l])) exit 1 } exit n != 3 }' a.txt ||
	fail "the M7 is not faster than the M4"
ok "fewer cycles on the M7"

# A part of it first, then the rest.
[ "$(code mnchar collect --board virtual-f446re --sweep small.yaml --limit 5 --db c.db)" = 0 ] || fail "limit"
[ "$("$rows" --count c.db)" = 5 ] || fail "limit 5 measured $("$rows" --count c.db)"
[ "$(code mnchar collect --board virtual-f446re --sweep small.yaml --kernels dsp --db c.db)" = 0 ] || fail "kernels"
[ "$("$rows" c.db | grep -c /dsp)" = $((small_probes / 2)) ] || fail "--kernels dsp"
ok "limit and kernels"

# A layer that does not fit is a fact with byte counts, not an error of the run.
cat >big.yaml <<'YAML'
name: big
groups:
  - {name: big, layers: ["add in=1x256x256x8 in2=1x256x256x8", "softmax in=1x1x1x4"]}
YAML
[ "$(code mnchar collect --board virtual-f446re --sweep big.yaml --db d.db)" = 0 ] || fail "big: exit code"
grep -q "1 measured, 1 do not fit" err || fail "big: $(cat err)"
[ "$(code mnchar collect --board virtual-f446re --sweep big.yaml --db d.db)" = 0 ] || fail "big again"
grep -q "0 measured, 2 were there already" err || fail "a layer that does not fit was tried again"
ok "a layer that does not fit"

[ "$(code mnchar collect --board virtual-f999 --sweep small.yaml --db e.db)" = 1 ] || fail "unknown board"
grep -q virtual-f446re err || fail "the error does not say what there is"
[ "$(code mnchar collect --board virtual-f446re --sweep none.yaml --db e.db)" = 1 ] || fail "no sweep"
[ "$(code mnchar collect --board virtual-f446re --sweep small.yaml --db /nonexistent/x.db)" = 1 ] || fail "no folder"
[ "$(code mnchar collect --board virtual-f446re --board virtual-f446re)" = 64 ] || fail "twice"
ok "errors"
