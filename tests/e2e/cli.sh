#!/bin/bash
# SPDX-License-Identifier: MIT
# What all verbs have in common: help, exit codes, a full disk, completion.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

{ [ "$(code mnchar --version)" = 0 ] && grep -q '^mnchar [0-9]' out; } || fail "--version"
[ "$(code mnchar --help)" = 0 ] || fail "--help"
verbs=$(sed -n '/^Verbs:/,/^$/s/^  \([a-z]*\) .*/\1/p' out)
[ -n "$verbs" ] || fail "--help lists no verbs"
for verb in $verbs; do
	[ "$verb" = help ] && continue
	[ "$(code mnchar "$verb" --help)" = 0 ] || fail "$verb --help"
	grep -q "Example: \(mnchar\|source\)" out || fail "$verb --help has no example"
	mv out first
	{ [ "$(code mnchar help "$verb")" = 0 ] && cmp -s out first; } || fail "help $verb"
	[ "$(code mnchar "$verb" --no-such-option)" = 64 ] || fail "$verb: usage is not 64"
	mnchar "$verb" --help >/dev/full 2>err && fail "$verb: a full disk is no failure"
done
ok "help of all verbs"

[ "$(code mnchar)" = 64 ] || fail "no verb"
[ "$(code mnchar nonsense)" = 64 ] || fail "unknown verb"
[ "$(code mnchar help nonsense)" = 64 ] || fail "help of an unknown verb"
mnchar completion bash >/dev/full 2>err && fail "a full disk is no failure"
grep -q "No space left" err || fail "does not say why"
mnchar completion bash | head -1 >/dev/null
ok "exit codes"

mnchar completion bash >completion.bash || fail "completion"
bash -n completion.bash || fail "completion is not bash"
# shellcheck source=/dev/null
. ./completion.bash
complete_words()
{
	COMP_WORDS=("$@")
	COMP_CWORD=$(($# - 1))
	COMPREPLY=()
	_mnchar
	echo "${COMPREPLY[@]}"
}
[ "$(complete_words mnchar coll)" = collect ] || fail "verb: $(complete_words mnchar coll)"
[ "$(complete_words mnchar collect --swe)" = --sweep ] || fail "option"
[ "$(complete_words mnchar collect --board virtual-f4)" = virtual-f446re ] || fail "board"
[ "$(complete_words mnchar collect --sweep qui)" = quick ] || fail "sweep"
[ "$(complete_words mnchar flash --tool st)" = st-flash ] || fail "alternatives"
touch some.db
[ "$(complete_words mnchar fit --db so)" = some.db ] || fail "file"
ok "completion"
