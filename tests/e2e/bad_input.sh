#!/bin/bash
# SPDX-License-Identifier: MIT
# Images that are wrong, and programs that go wrong while a probe runs: the board says where and why, the probe has a
# failure with that reason, and the next probe finds a fresh board.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
need_images
images=$MNCHAR_BUILD_DIR/firmware
good=$images/mnchar-nucleo-f446re.elf

# patch OUT CODE...: the image with those halfwords at the start of the softmax kernel.
patch()
{
	python3 - "$good" "$@" <<'PY' || fail "cannot patch the image"
import struct
import sys

data = bytearray(open(sys.argv[1], "rb").read())
code = b"".join(struct.pack("<H", int(h, 16)) for h in sys.argv[3:])
phoff, shoff = struct.unpack_from("<II", data, 28)
phnum, shsize, shnum = struct.unpack_from("<H", data, 44)[0], *struct.unpack_from("<HH", data, 46)
headers = [struct.unpack_from("<10I", data, shoff + i * shsize) for i in range(shnum)]
symtab = next(h for h in headers if h[1] == 2)
names = headers[symtab[6]]
for at in range(symtab[4], symtab[4] + symtab[5], 16):
    name, value = struct.unpack_from("<II", data, at)
    end = data.index(0, names[4] + name)
    if data[names[4] + name:end] == b"mn_softmax_dsp":
        break
else:
    sys.exit("no mn_softmax_dsp")
value &= ~1
for i in range(phnum):
    kind, offset, vaddr, _, filesz = struct.unpack_from("<5I", data, phoff + 32 * i)
    if kind == 1 and vaddr <= value < vaddr + filesz:
        data[offset + value - vaddr:offset + value - vaddr + len(code)] = code
open(sys.argv[2], "wb").write(data)
PY
}

cat >probes.yaml <<'YAML'
name: bad
seed: 1
defaults: {mode: warm, warmup: 1, reps: 4, kernels: [dsp]}
groups:
  - name: by hand
    layers:
      - add in=1x4x4x10 in2=1x4x4x10 act=relu
      - softmax in=1x1x1x10
      - softmax in=1x1x1x20
      - softmax in=1x1x1x30
      - fully_connected in=1x1x1x37 out_c=11
YAML

# stops NAME 'words of the reason' CODE...: every softmax has a failure that says so, the others have figures.
stops()
{
	local name=$1 words=$2 n
	shift 2
	patch bad.elf "$@"
	rm -f bad.db*
	status=$(code mnchar collect --quiet --sweep probes.yaml --db bad.db --board \
		"exec:mnchar-vboard --board virtual-f446re --image bad.elf --cycles-max 30000000")
	[ "$status" = 3 ] || fail "$name: exit code $status"
	[ "$("$rows" --count bad.db)" = 2 ] || fail "$name: the others were not measured"
	n=$("$rows" --failures bad.db | grep -c "softmax.*tried 2 times: .*$words.*pc 0x0[0-9a-f]* in [^ ]* + [0-9]*: ")
	[ "$n" = "$softmaxes" ] || fail "$name: $("$rows" --failures bad.db)"
	grep -q '^  r0 .*r3 ' err || fail "$name: no registers"
	grep -q '^  r12 .*sp .*lr .*pc ' err || fail "$name: no registers"
	ok "$name"
}

# udf #0; more bad probes one after the other than a link is opened again for
softmaxes=3
stops "undefined instruction" "undefined instruction" de00
softmaxes=1
sed -i '/softmax in=1x1x1x[23]0/d' probes.yaml
# svc #1
stops "exception" "SVC" df01
# mov.w r0, #0x60000000; ldr r1, [r0]
stops "read outside the map" "read of 0x60000000" f04f 40c0 6801
# mov.w r0, #0x60000000; str r1, [r0]
stops "write outside the map" "write to 0x60000000" f04f 40c0 6001
# mov.w r0, #0x08000000; str r0, [r0]
stops "write to flash" "read-only" f04f 6000 6000
# mov.w r0, #0x40000000; movs r1, #0x7f; lsls r1, r1, #12; ldr r1, [r0, r1]
stops "no register" "no register to read at 0x4007f000" f04f 4080 217f 0309 5841
# b .
stops "endless loop" "endless loop" e7fe
# movs r3, #128; 1: push {r0-r7}; subs r3, #1; bne 1b: 4 KB of stack; it lies at the end of the memory
stops "stack overflow" "write to 0x1ffff.*outside the memory map" 2380 b4ff 3b01 d1fc f50d 5d80 4770
# mov.w r0, #0x20000000; str r0, [r0]; movs r0, #0; bx lr: only its last word
stops "stack overflow, seen by the program" "stack ran over its end at 0x20000000" f04f 5000 6000 2000 4770

# Without the budget, it is the host that loses patience: the board then says where it was.
patch bad.elf e7fe
rm -f bad.db*
mnchar collect --quiet --sweep probes.yaml --db bad.db --board virtual-f446re --image bad.elf 2>err
"$rows" --failures bad.db | grep -q "softmax.*ended from outside; pc 0x0.* in mn_softmax_dsp + 0: b " ||
	fail "no patience: $("$rows" --failures bad.db)"
[ "$("$rows" --count bad.db)" = 2 ] || fail "no patience: the others were not measured"
ok "host loses patience"

# refused BOARD IMAGE 'words': no board, and why.
refused()
{
	rm -f bad.db*
	[ "$(code mnchar collect --quiet --sweep probes.yaml --db bad.db --board "$1" --image "$2")" = 1 ] ||
		fail "$2 on $1: exit code"
	grep "^$1: " err | grep -q "$3" || fail "$2 on $1: does not say '$3'"
	[ "$("$rows" --count bad.db)" = 0 ] || fail "$2 on $1: has rows"
	ok "$3"
}

head -c 3000 "$good" >cut.elf
refused virtual-f446re cut.elf "cut off"
echo "no image" >text.elf
refused virtual-f446re text.elf "not an ELF file"
refused virtual-f446re /bin/true "not for a 32-bit little-endian Arm"
refused virtual-f446re "$images/mnchar-nucleo-f767zi.elf" "outside the memory of virtual-f446re"
refused virtual-f767zi "$good" "outside the memory map"
refused virtual-f767zi "$images/mnchar-nucleo-f746zg.elf" "the image is one for nucleo-f746zg"

[ "$(code mnchar collect --db bad.db --board nucleo-f446re --image "$good")" = 1 ] || fail "--image with a board that is not virtual"
grep -q "virtual boards only" err || fail "--image: says $(cat err)"
