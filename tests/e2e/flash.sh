#!/bin/bash
# SPDX-License-Identifier: MIT
# Boards that are plugged in (umockdev's), and the command lines that flash them (fake tools).
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
command -v umockdev-run >/dev/null || skip "umockdev-run is missing"

serial=0669FF383133534E43184519
device()
{
	cat <<EOT
P: /devices/pci0/usb1/1-$1
E: SUBSYSTEM=usb
E: DEVTYPE=usb_device
A: idVendor=0483\n
A: idProduct=$2\n
A: serial=$3\n
A: product=STM32 STLink\n
A: busnum=1\n
A: devnum=$((4 + $1))\n

P: /devices/pci0/usb1/1-$1/1-$1:1.2
E: SUBSYSTEM=usb
E: DEVTYPE=usb_interface

P: /devices/pci0/usb1/1-$1/1-$1:1.2/tty/ttyACM$1
N: ttyACM$1
E: SUBSYSTEM=tty
E: DEVNAME=/dev/ttyACM$1
L: device=../../../1-$1:1.2

EOT
}
device 0 374b $serial >one
{ device 0 374b $serial; device 1 374b 066BFF555055657867185031; } >two
device 0 5740 0123 >none

# AddressSanitizer wants to be first; the preloaded library only takes file names apart.
export ASAN_OPTIONS=verify_asan_link_order=0:detect_leaks=0
with()
{
	devices=$1
	shift
	umockdev-run --device="$devices" -- "$@"
}

[ "$(code with one mnchar boards --no-hello --json)" = 0 ] || fail "boards"
{ grep -q "\"serial\": \"$serial\"" out && grep -q '"usb": "0483:374b"' out; } || fail "boards does not list the ST-LINK: $(cat out)"
{ [ "$(code with one mnchar boards --no-hello)" = 0 ] && grep -q "^$serial.*serial:/dev/ttyACM0" out; } || fail "boards table"
[ "$(code with none mnchar boards --no-hello --json)" = 0 ] || fail "boards with another device"
grep -q ttyACM0 out && fail "a port that is no ST-LINK is listed"
ok "boards"

# A minimal Arm ELF: one segment of 8 bytes at 0x08000000, one of 4 at 0x08000010.
python3 - <<'PY' || skip "python3 is missing"
import struct
head = struct.pack("<16sHHIIIIIHHHHHH", b"\x7fELF\1\1\1", 2, 40, 1, 0x08000001, 52, 0, 0x5000200, 52, 32, 2, 0, 0, 0)
one = struct.pack("<8I", 1, 116, 0x08000000, 0x08000000, 8, 8, 5, 4)
two = struct.pack("<8I", 1, 124, 0x20000000, 0x08000010, 4, 4, 6, 4)
open("image one.elf", "wb").write(head + one + two + b"ABCDEFGHwxyz")
PY

mkdir openocd st-flash
for tool in openocd st-flash; do
	cat >$tool/$tool <<'EOT'
#!/bin/sh
{ printf '%s' "$(basename "$0")"; for a; do printf ' [%s]' "$a"; done; echo; } >>"$LOG"
for a; do case $a in *.bin) cp "$a" "$LOG.bin";; esac; done
exit ${TOOL_EXIT:-0}
EOT
	chmod +x $tool/$tool
done
export LOG=$work/log
base=/usr/sbin:/usr/bin:/sbin:/bin
# Tools that are really installed would be found too: ask for one by name.
: >log
[ "$(PATH=$work/openocd:$bin:$base code with one mnchar flash nucleo-f446re --tool openocd --image "image one.elf")" = 0 ] || fail "openocd"
[ "$(cat log)" = "openocd [-f] [board/st_nucleo_f4.cfg] [-c] [adapter serial $serial] [-c] [program {image one.elf} verify reset exit]" ] ||
	fail "openocd was called as: $(cat log)"
: >log
[ "$(PATH=$work/st-flash:$bin:$base code with two mnchar flash nucleo-f767zi --tool st-flash --serial $serial --image "image one.elf")" = 0 ] ||
	fail "st-flash"
grep -q "^st-flash \[--reset\] \[--serial\] \[$serial\] \[write\] \[.*\.bin\] \[0x08000000\]$" log || fail "st-flash was called as: $(cat log)"
printf 'ABCDEFGH\377\377\377\377\377\377\377\377wxyz' | cmp - log.bin || fail "the binary is not the ELF's segments"
[ "$(PATH=$work/openocd:$bin:$base TOOL_EXIT=1 code with one mnchar flash nucleo-f746zg --tool openocd --image "image one.elf")" = 1 ] ||
	fail "a tool that fails is no success"
grep -q "board/st_nucleo_f7.cfg" log || grep -q f7 err || fail "F7"
ok "command lines"

[ "$(PATH=$work/openocd:$bin:$base code with two mnchar flash nucleo-f446re --tool openocd --image "image one.elf")" = 1 ] || fail "two ST-LINKs"
grep -q -- --serial err || fail "two ST-LINKs: does not say --serial"
[ "$(PATH=$work/openocd:$bin:$base code with none mnchar flash nucleo-f446re --tool openocd --image "image one.elf")" = 2 ] || fail "no ST-LINK"
mkdir empty
ln -s "$bin/mnchar" empty/
[ "$(code with one env PATH="$work/empty" mnchar flash nucleo-f446re --image "image one.elf")" = 1 ] || fail "no tool: exit code"
grep -q "apt install openocd" err ||
	fail "no tool: does not say what to install"
[ "$(code mnchar flash virtual-f446re)" = 64 ] || fail "virtual board"
[ "$(code mnchar flash nucleo-f103)" = 64 ] || fail "unknown board"
ok "errors"
