#!/bin/bash
# SPDX-License-Identifier: MIT
# An image with an installed CMSIS-NN (here the stand-in of tests/unit/cmsis_nn, built for the F446) on its virtual
# board: the kernels id, layers that run, one that is refused for its scratch, one that the library lacks.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
command -v arm-none-eabi-gcc >/dev/null || skip "arm-none-eabi-gcc is missing"

mkdir -p prefix/lib/cortex-m4
cp -r "$MNCHAR_SOURCE_DIR/tests/unit/cmsis_nn/include" prefix/
[ "$(code arm-none-eabi-gcc -c -O2 -mcpu=cortex-m4 -mthumb -mfpu=fpv4-sp-d16 -mfloat-abi=hard -ffunction-sections \
	-Iprefix/include -I"$MNCHAR_SOURCE_DIR/probes" -I"$MNCHAR_SOURCE_DIR/probes/kernels" \
	"$MNCHAR_SOURCE_DIR/tests/unit/cmsis_nn/standin.c" -o standin.o)" = 0 ] || fail "the stand-in"
[ "$(code arm-none-eabi-ar rcs prefix/lib/cortex-m4/libcmsis-nn.a standin.o)" = 0 ] || fail "its library"
[ "$(code cmake -S "$MNCHAR_SOURCE_DIR/firmware" -B build -DMN_BOARD=nucleo_f446re \
	-DMN_CMSIS_NN_ROOT="$PWD/prefix" -DMN_OUTPUT_DIR="$PWD")" = 0 ] || fail "configuring the image"
[ "$(code cmake --build build)" = 0 ] || { cat out; fail "building the image"; }
ok "an image with a library that is only installed"

# The stand-in asks for scratch in fully_connected, which no version of the real library does on this core.
cat >sweep.yaml <<'YAML'
name: cmsis-nn
defaults: {reps: 2}
groups:
  - name: by hand
    layers:
      - conv_2d in=1x6x5x3 out_c=4 kernel=3x3 padding=same act=relu
      - depthwise_conv_2d in=1x6x5x3 kernel=3x3 padding=same act=relu
      - add in=1x4x4x8 in2=1x4x4x8
      - mean in=1x4x4x8 axes=hw
      - fully_connected in=1x1x1x16 out_c=3
YAML
board="exec:$bin/mnchar-vboard --board virtual-f446re --image $PWD/mnchar-nucleo-f446re-cmsis-nn.elf"
[ "$(code mnchar collect --link "$board" --sweep sweep.yaml --kernels cmsis-nn --db a.db)" = 0 ] || fail "collect"
grep -q "3 measured, 2 do not fit their board or its kernels" err || fail "other layers than the library has"
"$rows" a.db >a.txt
[ "$(grep -c " cmsis-nn/99.1.2/armv7e-m " a.txt)" = 3 ] || fail "kernels id"
ok "layers that the library has, and those that it lacks"

[ "$(code mnchar collect --link "$board" --sweep sweep.yaml --kernels ref --db b.db)" = 0 ] || fail "collect with ref"
"$rows" b.db | grep -v -e mean -e fully_connected | cut -d ' ' -f 5- >b.txt
cut -d ' ' -f 5- a.txt | cmp -s - b.txt || fail "other outputs than those of ref"
ok "outputs equal those of ref"
