# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034
# Sourced by every end-to-end test: a folder of its own to work in, mnchar on the PATH, and words to test with.
set -u

bin=$MNCHAR_BUILD_DIR/bin
rows=$MNCHAR_BUILD_DIR/tests/rows
PATH=$bin:$PATH
name=$(basename "$0" .sh)
work=$MNCHAR_BUILD_DIR/tests/e2e/$name
rm -rf "$work"
mkdir -p "$work"
cd "$work" || exit 1

fail()
{
	echo "not ok: $name: $*" >&2
	[ -f err ] && sed 's/^/  stderr: /' err >&2
	exit 1
}

skip()
{
	echo "skipped: $*"
	exit 77
}

ok()
{
	echo "ok: $*"
}

# The exit code of a command whose stderr goes to ./err and stdout to ./out.
code()
{
	"$@" >out 2>err
	echo $?
}

need_images()
{
	for board in f446re f746zg f767zi; do
		[ -f "$MNCHAR_BUILD_DIR/firmware/mnchar-nucleo-$board.elf" ] ||
			skip "no image of nucleo-$board: arm-none-eabi-gcc is missing"
	done
}

# A handful of layers, one of each kind, small enough for a second on a virtual board.
small_sweep()
{
	cat >small.yaml <<'YAML'
name: small
seed: 1
defaults: {mode: warm, warmup: 1, reps: 4, kernels: [dsp, ref]}
groups:
  - name: by hand
    layers:
      - conv_2d in=1x8x8x8 out_c=8 kernel=3x3 padding=same act=relu
      - conv_2d in=1x6x6x7 out_c=5 kernel=3x2 stride=2x1
      - conv_2d in=1x5x5x16 out_c=12 kernel=1x1
      - depthwise_conv_2d in=1x8x8x8 kernel=3x3 padding=same act=relu6
      - depthwise_conv_2d in=1x7x5x3 kernel=3x3 multiplier=2
      - fully_connected in=1x1x1x64 out_c=10
      - fully_connected in=1x1x1x33 out_c=7 act=relu
      - average_pool_2d in=1x8x8x4 kernel=2x2 stride=2x2
      - max_pool_2d in=1x9x9x5 kernel=3x3 stride=2x2 padding=same
      - mean in=1x7x7x12 axes=hw
      - add in=1x4x4x8 in2=1x4x4x8 act=relu
      - softmax in=1x1x1x12
      - pad in=1x6x6x4 pads=0,0,1,1,1,1,0,0
      - reshape in=1x4x4x4 shape=1x1x1x64
YAML
	small_probes=28
}
