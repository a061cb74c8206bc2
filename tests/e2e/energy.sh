#!/bin/bash
# SPDX-License-Identifier: MIT
# Energy on virtual boards: windows cut from what they draw, into the database, a fit, and mJ/Mop in query.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
need_images
command -v sqlite3 >/dev/null || skip "sqlite3 is not installed (scripts/deps test)"
sql()
{
	sqlite3 "$1" "$2"
}

cat >some.yaml <<'END'
name: some
groups:
  - name: pointwise
    op: conv_2d
    kernel: 1x1
    list:
      size: [4x4, 8x8]
      in_channels: [8, 16]
    range:
      out_channels: {from: 8, to: 16, step: 8}
END
[ "$(code mnchar collect --board virtual-f446re --sweep some.yaml --db e.db)" = 0 ] || fail "collect without a meter"
[ "$(code mnchar collect --board virtual-f446re --board virtual-f767zi --sweep some.yaml --meter virtual --window 2 --db e.db)" = 0 ] ||
	fail "collect with the virtual meter"
grep -q "16 measured" err || fail "probes without energy must be measured once more: $(tail -1 err)"
[ "$(sql e.db 'SELECT count(*) FROM energy_window')" = 16 ] || fail "a window for each probe is wanted"
[ "$(sql e.db "SELECT count(*) FROM energy_window w JOIN meter m ON m.id = w.meter_id JOIN measurement e ON e.id = w.measurement_id
	JOIN session s ON s.id = e.session_id JOIN rig r ON r.id = s.rig_id
	WHERE r.kind = 'virtual' AND m.is_virtual AND w.dropped = 0 AND w.saturated = 0 AND w.board_us >= 2000
	AND abs(w.duration_ns - 1000.0 * w.board_us) < 2000 AND abs(w.covered_ns - w.duration_ns) < 10
	AND w.received - w.expected BETWEEN 0 AND 2 AND w.net_nJ > 0 AND w.net_nJ < w.gross_nJ AND w.idle_ns > 3000000
	AND abs(e.power_uW * 1e-6 * w.duration_ns - w.gross_nJ) < 0.001 * w.gross_nJ AND e.energy_nJ > 0")" = 16 ] ||
	fail "a window is not what it should be"
ok "16 windows, each as long as the board says, nothing lost, labelled virtual"

[ "$(code mnchar collect --board virtual-f446re --sweep some.yaml --meter virtual --window 2 --db e.db)" = 0 ] || fail "collect again"
grep -q " 0 measured, 8 were there already" err || fail "measured anew: $(tail -1 err)"
ok "the second run measures nothing"

mnchar fit --db e.db >/dev/null 2>err || fail "fit"
[ "$(code mnchar query --target energy --model ops --db e.db)" = 0 ] || fail "query"
[ "$(grep -c 'virtual-.*conv_2d.*energy.*mJ/Mop' out)" = 2 ] || fail "mJ/Mop of both boards is wanted"
grep -qv '^virtual\|^kind' out && fail "virtual energy must not go under another kind"
[ "$(code mnchar query --target power --db e.db)" = 0 ] || fail "query of power"
[ "$(grep -c 'power.*mW' out)" = 2 ] || fail "mW of both boards is wanted"
ok "mJ/Mop and mW in query"

graphs=("$MNCHAR_SOURCE_DIR"/tests/golden/graph/*.tflite)
graph=${graphs[0]}
[ "$(code mnchar bench "$graph" --board virtual-f446re --whole --reps 1 --meter virtual --window 20 --raw-trace --db b.db)" = 0 ] || fail "bench"
[ "$(sql b.db 'SELECT count(*) FROM energy_step')" = "$(sql b.db 'SELECT n_steps FROM program')" ] ||
	[ "$(sql b.db "SELECT count(*) FROM measurement WHERE note LIKE '%shorter than a sample%'")" = 1 ] ||
	fail "the steps of a program have no energy, and nothing says why"
[ "$(sql b.db 'SELECT length(trace) > 100 AND trace_samples * 24 > length(trace) FROM energy_window')" = 1 ] || fail "no trace"
ok "a program's window has a trace, and the energy of its steps or why not"

[ "$(code mnchar collect --board virtual-f446re --sweep some.yaml --meter nothing --db n.db)" = 1 ] || fail "a meter that is none"
grep -q "no power monitor 'nothing'" err || fail "which monitors there are"
grep -q -- "--allow-no-energy" err || fail "the way out is not said"
[ "$(code mnchar collect --board virtual-f446re --sweep some.yaml --limit 1 --meter nothing --allow-no-energy --db n.db)" = 0 ] ||
	fail "without energy"
[ "$(sql n.db 'SELECT count(*), count(energy_nJ) FROM measurement')" = "1|0" ] || fail "latency alone is wanted"
[ "$(code mnchar collect --board "exec:cat" --sweep some.yaml --meter virtual --db x.db)" = 1 ] || fail "no virtual board"
grep -q "virtual boards only" err || fail "the virtual meter with something else"
[ "$(code mnchar collect --board virtual-f446re --volt 3300 --db x.db)" = 64 ] || fail "--volt without --meter"
ok "refusals say why, and the session goes on without energy only if asked to"

[ "$(code mnchar bench "$graph" --board virtual-f767zi --whole --reps 1 --meter virtual --window 5 --repeat 3 --db r.db)" = 0 ] || fail "bench, three windows"
[ "$(sql r.db "SELECT count(*) FROM energy_window")" = 3 ] || fail "three windows are wanted"
[ "$(sql r.db "SELECT count(*) FROM measurement e WHERE abs(e.power_uW - (SELECT 1e6 * gross_nJ / covered_ns FROM energy_window
	ORDER BY 1.0 * gross_nJ / covered_ns LIMIT 1 OFFSET 1)) < 2")" = 1 ] || fail "the median of three windows is wanted"
[ "$(sql r.db "SELECT count(*) FROM energy_step s WHERE s.reps <> (SELECT sum(reps) FROM energy_window)")" = 0 ] || fail "steps of all windows"
ok "of several windows the median counts"

# A monitor that loses 64 samples of every 3000.
cat >mnchar-vboard-lossy <<'END'
#!/bin/bash
args=()
for a in "$@"; do
	case $a in
	--power) ;;
	fd:*) fd=${a#fd:} ;;
	*) args+=("$a") ;;
	esac
done
[ -n "${fd:-}" ] || exec mnchar-vboard "$@"
mkfifo samples
{
	head -c 16 >&"$fd"
	while head -c 48000 >chunk && [ -s chunk ]; do
		cat chunk >&"$fd"
		head -c 1024 >/dev/null
	done
} <samples &
eval "exec $fd>&-"
mnchar-vboard "${args[@]}" --power samples
END
chmod +x mnchar-vboard-lossy
[ "$(code mnchar collect --board "exec:./mnchar-vboard-lossy --board virtual-f446re" --sweep some.yaml --limit 1 --meter virtual --window 40 --db l.db)" = 3 ] ||
	fail "windows with lost samples must leave the probe for a later run"
[ "$(sql l.db "SELECT count(*), (SELECT count(*) FROM measurement) FROM failure WHERE reason LIKE 'energy: %samples %lost%' AND retry")" = "3|0" ] ||
	fail "three failures with the reason are wanted: $(sql l.db 'SELECT reason FROM failure')"
grep -q "tried 3 times: energy: .*lost" err || fail "and a line that says so"
ok "a window with lost samples is a failure with its reason, tried again twice"
