#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# scripts/accuracy on one small model and a made-up table: what it prints follows from the bench and the table.
set -euo pipefail

bin=$MNCHAR_BUILD_DIR/bin
python3 -c 'import json, sqlite3, statistics, tempfile' 2>/dev/null || { echo "skipped: python3 lacks modules"; exit 77; }
[ -e "$MNCHAR_BUILD_DIR/firmware/mnchar-nucleo-f446re.elf" ] || { echo "skipped: no board image in this build"; exit 77; }
tmp=$(mktemp -d "${TMPDIR:-/tmp}/mnchar-accuracy.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
mkdir "$tmp/models" "$tmp/kept"
cp "$MNCHAR_SOURCE_DIR/tests/golden/graph/graph_002_resnet_downsample.tflite" "$tmp/models/"

kernels=$("$bin/mnchar" bench --quiet --json --db "$tmp/kept/models.db" --board virtual-f446re "$tmp"/models/*.tflite |
	python3 -c 'import json, sys; print(json.load(sys.stdin)["benches"][0]["kernels"])')
sed -e 's/"test-board"/"virtual-f446re"/' -e "s|\"test/1\"|\"$kernels\"|" \
	"$MNCHAR_SOURCE_DIR/tests/data/cost-table.json" >"$tmp/table.json"

accuracy()
{
	python3 "$MNCHAR_SOURCE_DIR/scripts/accuracy" --bin "$bin" --keep "$tmp/kept" --models "$tmp/models" \
		--board virtual-f446re --table "$tmp/table.json" "$@"
}

accuracy --worst 3 >"$tmp/out"
grep -q '^| graph_002_resnet_downsample | .virtual-f446re. |' "$tmp/out"
grep -q '^| conv_2d | ' "$tmp/out"
grep -q '^whole models within 5 %: [01] of 1' "$tmp/out"
grep -q '^layers over 1 % of their model within 10 %: ' "$tmp/out"
grep -q 'The 3 layers that are furthest off' "$tmp/out"

# Without what the model needs, it is listed and not counted.
sed -i 's/"op": "add"/"op": "tanh"/' "$tmp/table.json"
if accuracy >"$tmp/out" 2>"$tmp/err"; then
	exit 1
fi
grep -q 'ADD, is not covered' "$tmp/err"

# Coefficients that are far off miss the target, which --check turns into an exit status.
sed -i -e 's/"op": "tanh"/"op": "add"/' -e 's/"value": \([0-9.e-]*\)/"value": 1\1/' "$tmp/table.json"
if accuracy --check >"$tmp/out"; then
	exit 1
fi
grep -q 'missed' "$tmp/out"
