#!/bin/bash
# SPDX-License-Identifier: MIT
# Virtual boards with faults: what can be healed is healed without a trace in the numbers, the rest is refused with a sentence.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
need_images
small_sweep

# The numbers without "virtual board" options in the rig's name are the reference.
[ "$(code mnchar collect --board virtual-f446re --sweep small.yaml --db good.db)" = 0 ] || fail "reference"
"$rows" good.db >good.txt

heals()
{
	rm -f f.db*
	[ "$(code mnchar collect --board "exec:mnchar-vboard --board virtual-f446re $1" --sweep small.yaml --db f.db)" = 0 ] ||
		fail "$1: not healed"
	"$rows" f.db | cmp - good.txt || fail "$1: other cycles"
	ok "$1"
}

refuses()
{
	rm -f f.db*
	[ "$(code mnchar collect --board "exec:mnchar-vboard --board virtual-f446re $1" --sweep small.yaml --db f.db)" = 1 ] ||
		fail "$1: exit code"
	grep -q "$2" err || fail "$1: does not say '$2'"
	[ "$("$rows" --count f.db)" = 0 ] || fail "$1: has rows"
	ok "$1"
}

for n in 1 10 300 700 1500; do
	heals "--fault drop-byte:$n"
	heals "--fault flip-bit:$n"
done
heals "--fault late-answer:30"
heals "--fault reset-mid-run:20"
heals "--fault stall:3000"
refuses "--fault dead-counter" "cycle counter"
refuses "--fault wrong-clock" "clock\|MHz"
refuses "--fault old-protocol" "protocol"
