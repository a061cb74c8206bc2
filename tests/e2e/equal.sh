#!/bin/bash
# SPDX-License-Identifier: MIT
# The two ways of accounting of a virtual board, by block and by instruction: equal cycles in every repetition of every
# probe of quick on all three boards. The boards are built without sanitizers: these would take minutes.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
need_images
plain=$MNCHAR_BUILD_DIR/tests/vboard_plain
sed 's/^  reps: 3$/  reps: 1/' "$MNCHAR_SOURCE_DIR/probes/sweeps/quick.yaml" >quick1.yaml
grep -q '^  reps: 1$' quick1.yaml || fail "quick has other defaults"

run() # board, way, options
{
	mnchar collect --quiet --sweep quick1.yaml --db "$1.$2.db" \
		--link "exec:$plain --board $1 --image $MNCHAR_BUILD_DIR/firmware/mnchar-${1/virtual/nucleo}.elf $3" \
		2>"$1.$2.err" && "$rows" --raw "$1.$2.db" >"$1.$2.txt"
}

for board in virtual-f446re virtual-f746zg virtual-f767zi; do
	run "$board" block "" &
	block=$!
	run "$board" reference --reference || fail "$board --reference: $(cat "$board.reference.err")"
	wait "$block" || fail "$board: $(cat "$board.block.err")"
	n=$(grep -c . "$board.block.txt")
	[ "$n" -ge 237 ] || fail "$board: $n probes"
	cmp "$board.block.txt" "$board.reference.txt" || fail "$board: $(diff "$board.block.txt" "$board.reference.txt" | head -4)"
	ok "$board: $n probes, equal in every repetition"
done
