#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The library as a stranger uses it: installed into a folder of its own, README's example compiled against it with
# what pkg-config says and nothing else, outside of the tree.
set -euo pipefail

for tool in cc pkg-config nm; do
	command -v "$tool" >/dev/null || { echo "skipped: $tool is not installed"; exit 77; }
done
tmp=$(mktemp -d "${TMPDIR:-/tmp}/mnchar-lib.XXXXXX")
trap 'rm -rf "$tmp"' EXIT

cmake --install "$MNCHAR_BUILD_DIR" --prefix "$tmp/prefix" --component libmnchar >/dev/null
lib=$(find "$tmp/prefix" -name libmnchar.so.1)
dir=$(dirname "$lib")

# Nothing but its own functions can be seen, and it needs neither SQLite nor GSL.
seen=$(nm -D --defined-only "$lib" | awk '$2 == "T" {print $3}')
echo "$seen" | grep -qx 'mnchar_layer_gradient@@MNCHAR_1.0'
if echo "$seen" | grep -v '^mnchar_.*@@MNCHAR_1\.0$'; then
	echo "exported, but not ours"
	exit 1
fi
if nm -D "$lib" | grep -E ' U (sqlite3_|gsl_)'; then
	echo "it needs what a search should not need"
	exit 1
fi

awk '/^## /{on = $2 == "libmnchar"} on && /^```/ {code = !code; next} on && code' \
	"$MNCHAR_SOURCE_DIR/README.md" >"$tmp/search.c"
cd "$tmp"
export PKG_CONFIG_PATH=$dir/pkgconfig
# In a sanitized build the library wants the program to bring the sanitizers' runtime.
# shellcheck disable=SC2046,SC2086
cc -std=c99 -Wall -Wextra -Werror -pedantic ${MNCHAR_SANITIZE_FLAGS-} search.c $(pkg-config --cflags --libs mnchar) -o search
[ "$(pkg-config --libs mnchar | grep -c -e gsl -e sqlite -e jansson)" = 0 ]
export LD_LIBRARY_PATH=$dir
got=$(./search "$MNCHAR_SOURCE_DIR/tests/data/cost-table.json")
# 1e-3 + 4e-6 * 32768 + 5e-5 * 2048, by hand; per channel between 28 and 32: 4e-6 * 1024 + 5e-5 * 64.
echo "$got"
case $got in
"0.2345 ms (95 %: "*"+0.00730 ms for one more output channel") ;;
*) exit 1 ;;
esac
if ./search "$tmp/none.json" 2>"$tmp/says"; then
	exit 1
fi
grep -q 'none.json' "$tmp/says"

# A C++ compiler takes the header too.
if command -v c++ >/dev/null; then
	echo '#include <mnchar.h>' | c++ -x c++ -fsyntax-only -Wall -Wextra -Werror -I"$tmp/prefix/include" -
fi
