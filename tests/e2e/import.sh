#!/bin/bash
# SPDX-License-Identifier: MIT
# What TensorFlow Lite Micro's profiler prints, into the store.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

models=("$MNCHAR_SOURCE_DIR"/tests/golden/conv_2d/*.tflite)
model=${models[0]}
import=(mnchar import --db t.db --format tflm-profiler)
ran=(--board nucleo-f446re --kernels cmsis-nn/6.0.0 --clock-hz 180000000)

printf '"Event","Tag","Ticks"\r\n0,CONV_2D,1234\r\n1,CONV_2D,1200\r\n' >events.log
[ "$(code "${import[@]}" --model "$model" "${ran[@]}" events.log)" = 0 ] || fail "import"
grep -q "4 rows, 4 new" out || fail "rows: $(cat out)"
[ "$("$rows" t.db | grep -c '^nucleo-f446re cmsis-nn/6.0.0 .* conv_2d ')" = 2 ] || fail "layers: $("$rows" t.db)"
[ "$(code "${import[@]}" --model "$model" "${ran[@]}" events.log)" = 0 ] || fail "import again"
grep -q "4 rows, 0 new" out || fail "twice: $(cat out)"
ok "events"

printf '"Event","Tag","Ticks"\r\n0,CONV_2D,77\r\n1,ADD,5\r\n' >wrong.log
[ "$(code "${import[@]}" --model "$model" "${ran[@]}" wrong.log)" = 1 ] || fail "another model's"
grep -q "wrong.log:3:3: this is ADD" err || fail "does not say where"
[ "$("$rows" --count t.db)" = 4 ] || fail "half a file went in"
for missing in --model --board --kernels --clock-hz; do
	args=()
	for pair in "--model $model" "--board nucleo-f446re" "--kernels k/1" "--clock-hz 1000"; do
		[ "${pair%% *}" = $missing ] || args+=("${pair%% *}" "${pair#* }")
	done
	[ "$(code "${import[@]}" "${args[@]}" events.log)" = 64 ] || fail "without $missing"
	grep -q -e "needs $missing" err || fail "without $missing: says $(cat err)"
done
[ "$(code mnchar import --db t.db --board nucleo-f446re x.csv)" = 64 ] || fail "--board with CSV"
ok "refused"
