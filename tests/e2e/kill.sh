#!/bin/bash
# SPDX-License-Identifier: MIT
# kill -9 again and again, at whatever moment: no row is lost or doubled, and the end is what one undisturbed run gives.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
need_images
small_sweep
boards=(--board virtual-f446re --board virtual-f746zg)
total=$((2 * small_probes))

[ "$(code mnchar collect "${boards[@]}" --sweep small.yaml --db whole.db)" = 0 ] || fail "reference"
"$rows" whole.db >whole.txt

kills=0
before=0
for round in $(seq 1 40); do
	mnchar collect "${boards[@]}" --sweep small.yaml --db k.db 2>err &
	pid=$!
	# As soon as there is anything new, if that is before it ends by itself; the kernel chooses what is interrupted.
	while kill -0 $pid 2>/dev/null; do
		now=$("$rows" --count k.db 2>/dev/null) || now=$before
		[ "$now" -gt $((before + round % 3)) ] && break
	done
	if kill -9 $pid 2>/dev/null; then
		kills=$((kills + 1))
	fi
	wait $pid 2>/dev/null
	now=$("$rows" --count k.db) || fail "the database cannot be read after kill $kills"
	[ "$now" -ge "$before" ] || fail "rows were lost: $before, then $now"
	before=$now
	[ "$now" -ge "$total" ] && break
done
[ $kills -ge 10 ] || fail "only $kills kills before it was complete"
ok "$kills kills"

[ "$(code mnchar collect "${boards[@]}" --sweep small.yaml --db k.db)" = 0 ] || fail "the last run"
"$rows" k.db >k.txt
cmp whole.txt k.txt || fail "rows differ from those of one run"
ok "complete, nothing twice, the same cycles"
