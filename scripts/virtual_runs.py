# SPDX-License-Identifier: MIT
"""What compare-kernels and validate-vboard share: an image with CMSIS-NN, a sweep on a virtual board, its cycles."""

import os
import re
import sqlite3
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SKIPPED = 77


def add_arguments(parser):
    parser.add_argument("--bin", default=os.path.join(TOP, "build", "release", "bin"),
                        help="folder of mnchar and mnchar-vboard (default: build/release/bin)")
    parser.add_argument("--keep", metavar="DIR",
                        help="leave images and databases there, and go on with what is there already")


def need_programs(bin_dir):
    for name in "mnchar", "mnchar-vboard":
        if not os.path.exists(os.path.join(bin_dir, name)):
            sys.exit(f"{bin_dir}/{name} is not there: build the release preset, or give --bin")


def read_roots(given):
    """[(label, prefix)] of what --root gave, else of the environment."""
    given = given or [r for r in [os.environ.get("MNCHAR_CMSIS_NN_ROOT")] if r]
    pairs = [g.rpartition("=")[::2] if "=" in g else ("library", g) for g in given]
    return [(label.strip(), root) for label, root in pairs]


def skip_without_library(roots):
    """Exit 77 with a sentence unless each prefix has the library."""
    if not roots:
        print("skipped: MNCHAR_CMSIS_NN_ROOT does not name an installed CMSIS-NN (probes/kernels/README.md)")
        sys.exit(SKIPPED)
    for root in roots:
        if not os.path.exists(os.path.join(root, "include", "arm_nnfunctions.h")):
            print(f"skipped: {root}/include/arm_nnfunctions.h is not there (probes/kernels/README.md)")
            sys.exit(SKIPPED)


class Folder:
    """The folder of a run: a temporary one, or the one of --keep."""

    def __init__(self, keep):
        self.temporary = None if keep else tempfile.TemporaryDirectory(prefix="mnchar-")
        self.path = os.path.abspath(keep) if keep else self.temporary.name
        os.makedirs(self.path, exist_ok=True)

    def join(self, *names):
        """A path there, without what a link's command would split at."""
        return os.path.join(self.path, *(re.sub(r"[^A-Za-z0-9.]+", "-", name) for name in names))


def run(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stdout}exit status {done.returncode}")
    return done.stdout


def build_image(folder, root, label, board, weights_off="0"):
    """The image of a board (nucleo-f446re) with the library of a prefix; its path."""
    build = folder.join(f"build-{label}-{board}")
    run(["cmake", "-S", os.path.join(TOP, "firmware"), "-B", build, "-DMN_BOARD=" + board.replace("-", "_"),
         "-DMN_CMSIS_NN_ROOT=" + os.path.abspath(root), "-DMN_OUTPUT_DIR=" + folder.join("images-" + label), "-DMN_POOL_SHIFT=" + weights_off])
    run(["cmake", "--build", build])
    return folder.join("images-" + label, f"mnchar-{board}-cmsis-nn.elf")


def write_sweep(path, layers, warmup=0):
    """A sweep of these layers, each once, warm."""
    with open(path, "w", encoding="utf-8") as file:
        file.write("name: validate\ndescription: shapes of measured layers\n"
                   f"defaults: {{mode: warm, warmup: {warmup}, reps: 1}}\ngroups:\n  - name: measured\n    layers:\n")
        for text in dict.fromkeys(layers):
            file.write(f"      - {text}\n")


def collect(bin_dir, image, board, sweep, kernels, db, option=""):
    """Run a sweep on the virtual twin of a board, perhaps with an option of it; what was printed. What the kernels lack
    is no error."""
    vboard = f"{bin_dir}/mnchar-vboard {option} --board {board.replace('nucleo', 'virtual')} --image {image}"
    return run([os.path.join(bin_dir, "mnchar"), "collect", "--quiet", "--db", db, "--sweep", sweep, "--kernels", kernels,
                "--link", "exec:" + vboard])


def results(db):
    """(op, layer, kernels id, cycles of one warm run, CRC of the output, cycle model) of each measurement."""
    with sqlite3.connect(f"file:{db}?mode=ro", uri=True) as connection:
        return list(connection.execute(
            "SELECT l.op, l.text, p.kernels, (m.n2_cycles - m.n_cycles) * 1.0 / p.reps, m.output_crc, r.model"
            " FROM measurement m JOIN probe p ON p.id = m.probe_id JOIN layer l ON l.id = p.layer_id"
            " JOIN session s ON s.id = m.session_id JOIN rig r ON r.id = s.rig_id WHERE NOT p.cold"))


def clock_hz(db):
    """Of the newest rig."""
    with sqlite3.connect(f"file:{db}?mode=ro", uri=True) as connection:
        return connection.execute("SELECT clock_set_hz FROM rig ORDER BY id DESC LIMIT 1").fetchone()[0]
