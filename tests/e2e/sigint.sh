#!/bin/bash
# SPDX-License-Identifier: MIT
# ^C: ends after the probe that runs, exit code 130, the rows are there, the next run goes on.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
need_images
small_sweep

# Background jobs of a script ignore SIGINT from the start; a program has to be asked to listen again.
mnchar collect --board virtual-f446re --board virtual-f767zi --sweep small.yaml --db s.db 2>err &
pid=$!
while kill -0 $pid 2>/dev/null; do
	[ "$("$rows" --count s.db 2>/dev/null || echo 0)" -ge 3 ] && break
done
kill -INT $pid || fail "it ended before it could be interrupted"
wait $pid
rc=$?
[ $rc = 130 ] || fail "exit code $rc"
grep -q "left open" err || fail "does not say what is left"
n=$("$rows" --count s.db)
{ [ "$n" -ge 3 ] && [ "$n" -lt $((2 * small_probes)) ]; } || fail "$n rows"
ok "interrupted with $n rows"

[ "$(code mnchar collect --board virtual-f446re --board virtual-f767zi --sweep small.yaml --db s.db)" = 0 ] || fail "go on"
grep -q "$n were there already" err || fail "measured anew: $(cat err)"
[ "$("$rows" --count s.db)" = $((2 * small_probes)) ] || fail "not complete"
ok "went on"
