#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""predict_process.py BIN: the whole process `mnchar predict` on a model of 100 layers with a table of 4348 measured layers,
against `mnchar inspect` of the same model. CPU time, the best of 20 runs each, in turn; the best wall time beside it.
One JSON line."""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))


def cpu_ms():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (usage.ru_utime + usage.ru_stime)


def run(command):
    wall, cpu = time.monotonic(), cpu_ms()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return cpu_ms() - cpu, 1000 * (time.monotonic() - wall)


def main():
    mnchar = os.path.join(sys.argv[1], "mnchar")
    with open(os.path.join(HERE, "..", "data", "cost-table.json"), encoding="utf-8") as file:
        table = json.load(file)
    table["rigs"][0]["measured_layers"] = [
        {"layer": f"conv_2d in=1x{h}x{w}x16 out_c=16 kernel=3x3 stride=1x1 dilation=1x1 padding=same act=relu bias=1",
         "ops": 4608 * h * w, "cycles": 1.5 * h * w, "latency_ms": h * w / 7, "energy_mJ": None, "power_mW": None,
         "measurement": 66 * h + w} for h in range(1, 67) for w in range(1, 67)][:4348]
    with tempfile.TemporaryDirectory(prefix="mnchar-bench-") as folder:
        model, costs = os.path.join(folder, "chain.tflite"), os.path.join(folder, "table.json")
        subprocess.run([sys.executable, os.path.join(HERE, "chain_model.py"), "100", model], check=True)
        with open(costs, "w", encoding="utf-8") as file:
            json.dump(table, file, indent=1)
        predictions, inspections = [], []
        for _ in range(20):
            predictions.append(run([mnchar, "predict", model, "--table", costs, "--board", "test-board", "--json"]))
            inspections.append(run([mnchar, "inspect", model]))
    value, reference = min(predictions)[0], min(inspections)[0]
    print(json.dumps({"name": "predict.100", "value": round(value, 2), "unit": "ms of CPU", "reference": round(reference, 2),
                      "ratio": round(value / reference, 3), "reference_is": "mnchar inspect",
                      "wall_ms": round(min(wall for _, wall in predictions), 2)}))


if __name__ == "__main__":
    main()
