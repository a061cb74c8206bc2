#!/bin/bash
# SPDX-License-Identifier: MIT
# The default sweep whole, on the three virtual boards: no failed probe, outputs as computed natively, and what one expects of the silicon.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
need_images
boards=(--board virtual-f446re --board virtual-f746zg --board virtual-f767zi)

[ "$(code mnchar collect "${boards[@]}" --sweep quick --db quick.db)" = 0 ] || fail "collect"
grep -q ' 711 measured (' err || fail "not every probe of quick was measured: $(tail -1 err)"
ok "every probe measured, none failed"

[ "$(code mnchar collect "${boards[@]}" --sweep quick --db quick.db)" = 0 ] || fail "second run"
grep -q ' 0 measured, 711 were there already' err || fail "measured anew: $(tail -1 err)"
ok "the second run measures nothing"

[ "$("$rows" --verify 1 quick.db)" = 711 ] || fail "an output is not what the host computes"
ok "every output equals the native one"

# Columns of rows: board kernels cold cycles crc op field... Warm rows of the dsp kernels.
"$rows" quick.db | awk '$2 ~ /dsp$/ && $3 == 0' >dsp.txt

awk '$6 == "conv_2d" { key = ""; for (i = 6; i <= NF; i++) key = key " " $i
		us[$1, key] = $4 / ($1 == "virtual-f446re" ? 180 : 216); keys[key] }
	END { for (k in keys) { n++
			if (us["virtual-f746zg", k] >= us["virtual-f446re", k] || us["virtual-f767zi", k] >= us["virtual-f446re", k]) {
				print "not faster on the F7:" k; bad = 1 } }
		exit bad || n < 90 }' dsp.txt || fail "F7 against F446"
ok "every convolution is faster on the F7"

# Layers that differ in input channels alone: one channel fewer than a multiple of 4 costs more for each MAC.
awk '$6 == "conv_2d" { key = $1; split($7, in_, /[=x]/); c = in_[5]
		for (i = 8; i <= NF; i++) key = key " " $i
		key = key " " in_[3] "x" in_[4]; per[key, c] = $4 / c; if (c % 4 == 0) full[key, c] = c }
	END { for (k in full) { split(k, part, SUBSEP); c = full[k]
			if (!((part[1], c - 1) in per)) continue
			n++; if (per[part[1], c - 1] > 1.02 * per[k]) dearer++ }
		print n " pairs, " dearer " dearer by more than 2 %"
		exit !(n >= 6 && dearer == n) }' dsp.txt || fail "channels not divisible by 4"
ok "channels not divisible by 4 are dearer"
