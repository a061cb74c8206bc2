#!/bin/bash
# SPDX-License-Identifier: MIT
# The sweep of the other ops whole, on the three virtual boards: no failed probe, outputs as computed natively.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
need_images
boards=(--board virtual-f446re --board virtual-f746zg --board virtual-f767zi)

[ "$(code mnchar collect "${boards[@]}" --sweep extra --db extra.db)" = 0 ] || fail "collect"
grep -q ' 609 measured (' err || fail "not every probe of extra was measured: $(tail -1 err)"
ok "every probe measured, none failed"

[ "$("$rows" --verify 1 extra.db)" = 609 ] || fail "an output is not what the host computes"
ok "every output equals the native one"
