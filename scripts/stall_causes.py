# SPDX-License-Identifier: MIT
"""What bounds a virtual board where it is off a measured figure, by stall cause: a layer's share of --profile, and how
much of each cause the gap would take."""

import math
import os
import sys

import virtual_runs as runs

CYCLES_WANTED = 200000  # so that the link, whose bytes differ a little between two campaigns, does not matter
APART, APART_PCT = 200, 2.0  # cycles and percent that the profile may be off the cycles of the campaign: calls of a run


def read_profile(text):
    """{function: {column: number}} of the last table that mnchar-vboard --profile printed."""
    functions, head = {}, None
    for line in text.splitlines():
        words = line.split()
        if words[:2] == ["cycles", "insns"] and words[-1] == "function":
            functions, head = {}, words[:-1]
        elif head and len(words) > len(head) and all(w.isdigit() for w in words[:len(head)]):
            functions[" ".join(words[len(head):])] = dict(zip(head, map(int, words)))
        else:
            head = None
    return functions


def profile_of(bin_dir, image, board, layer, cycles, folder):
    """Cycles of one warm run of a layer, {function: {column: number}}. cycles: what a run was measured to take.

    The profile is of all that the board does; the difference of two campaigns that differ in warm-up runs alone is that
    of a run, without the counter values that a timed run sends over the link. Each of the two timed windows warms up.
    """
    more = max(1, math.ceil(CYCLES_WANTED / cycles))
    profiles = []
    for warmup in 1, 1 + more:
        sweep, db = folder.join("causes.yaml"), folder.join("causes.db")
        runs.write_sweep(sweep, [layer], warmup)
        if os.path.exists(db):
            os.remove(db)
        profiles.append(read_profile(runs.collect(bin_dir, image, board, sweep, "cmsis-nn", db, "--profile")))
    first, last = profiles
    one = {}
    for name, columns in last.items():
        before = first.get(name, {})
        one[name] = {c: (n - before.get(c, 0)) / (2 * more) for c, n in columns.items()}
    found = sum(f["cycles"] for f in one.values())
    if abs(found - cycles) > APART + cycles * APART_PCT / 100:
        sys.exit(f"{layer}: {found:.0f} cycles in the profile, {cycles:.0f} measured on the virtual board")
    return one


def add(total, functions, factor=1):
    """Add a profile to another one."""
    for name, columns in functions.items():
        into = total.setdefault(name, dict.fromkeys(columns, 0))
        for column, n in columns.items():
            into[column] += n * factor


def show(name, layer, measured, virtual, units, unit, limit, functions, known="measured"):
    """measured, virtual: cycles; units: how many of unit they are for; limit: percent; known: what measured is called."""
    causes = {c: sum(f[c] for f in functions.values()) for c in next(iter(functions.values()))}
    insns = causes.pop("insns")
    total = causes.pop("cycles")
    gap = measured - virtual
    # Two causes can overlap (a fetch behind a slow load), so shares may add up to more than all of the cycles.
    print(f"\n{name}: {layer}")
    print(f"  cycles per {unit}: {known} {measured / units:.2f}, virtual {virtual / units:.2f} (ratio {virtual / measured:.3f},"
          f" limit {limit} %), gap {gap / units:+.2f}; {insns / units:.2f} virtual instructions of {virtual / insns:.2f} cycles")
    top = sorted(functions.items(), key=lambda f: -f[1]["cycles"])[:3]
    print("  functions: " + ", ".join(f"{f} {c['cycles'] / total * 100:.0f} %" for f, c in top))
    print(f"  {'cause':<10} {'cycles':>8} {'share':>7} {'gap/cause':>10} {'ratio without':>14} {'ratio doubled':>14}")
    alone = []
    for cause, n in sorted(causes.items(), key=lambda c: -c[1]):
        if n / total < .001:
            continue
        without, doubled = (virtual - n) / measured, (virtual + n) / measured
        print(f"  {cause:<10} {n / units:>8.2f} {n / total * 100:>6.1f}% {gap / n:>+10.2f} {without:>14.3f} {doubled:>14.3f}")
        # Any value from none to twice as much: does the range reach the limit?
        if cause != "issue" and (doubled >= 1 - limit / 100 if gap > 0 else without <= 1 + limit / 100):
            alone.append(cause)
    stalls = sum(n for c, n in causes.items() if c != "issue")
    together = (virtual + stalls if gap > 0 else virtual - stalls) / measured
    change = "doubled" if gap > 0 else "gone"
    print(f"  every stall {change}: ratio {together:.3f}; the {known} figure at the virtual cycles an instruction:"
          f" {measured / virtual * insns / units:.2f} instructions per {unit}")
    if alone:
        print(f"  bound: {' or '.join(alone)} alone, {change}, would reach the limit")
    elif abs(together - 1) * 100 <= limit or (together > 1) == (gap > 0):
        print(f"  bound: no stall cause alone, {change}, reaches the limit; all together do")
    else:
        print(f"  bound: all stalls {change} do not reach the limit; other instructions would (library, compiler)")
