#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""chain_model.py N FILE: an int8 .tflite of N convolutions in a row, written field by field of the public schema."""

import struct
import sys

CHANNELS, SIZE = 16, 8


class Builder:
    """FlatBuffers are built from their end: what is pointed at is written before what points. Places count from the end."""

    def __init__(self):
        self.parts = []
        self.length = 0

    def push(self, data):
        self.parts.append(data)
        self.length += len(data)
        return self.length

    def align(self, size, upcoming=0):
        self.push(bytes(-(self.length + upcoming) % size))

    def vector(self, fmt, values, align=4):
        data = struct.pack(f"<{len(values)}{fmt}", *values)
        self.align(max(align, struct.calcsize(fmt)), len(data))
        self.align(4, len(data))
        self.push(data)
        return self.push(struct.pack("<I", len(values)))

    def offsets(self, places):
        self.align(4)
        for place in reversed(places):
            self.push(struct.pack("<I", self.length + 4 - place))
        return self.push(struct.pack("<I", len(places)))

    def string(self, text):
        data = text.encode() + b"\0"
        self.align(4, len(data))
        self.push(data)
        return self.push(struct.pack("<I", len(data) - 1))

    def table(self, fields):
        """fields: {id: (format, value)}; the format "offset" takes a place."""
        self.align(4)
        end, at = self.length, {}
        for number, (fmt, value) in fields.items():
            if fmt == "offset":
                self.align(4)
                at[number] = self.push(struct.pack("<I", self.length + 4 - value))
            else:
                self.align(struct.calcsize(fmt))
                at[number] = self.push(struct.pack("<" + fmt, value))
        self.align(4)
        count = max(fields, default=-1) + 1
        size = 4 + 2 * count
        padding = -size % 4
        table = self.length + 4
        self.push(struct.pack("<i", size + padding))
        entries = [table - at[i] if i in at else 0 for i in range(count)]
        self.push(bytes(padding))
        self.push(struct.pack(f"<{2 + count}H", size, table - end, *entries))
        return table

    def finish(self, root):
        self.align(16, 8)
        self.push(b"TFL3")
        self.push(struct.pack("<I", self.length + 4 - root))
        return b"".join(reversed(self.parts))


def quantisation(b, scales):
    scale, zero = b.vector("f", scales), b.vector("q", [0] * len(scales), 8)
    return b.table({2: ("offset", scale), 3: ("offset", zero), 6: ("i", 0)})


def tensor(b, shape, kind, buffer, name, scales):
    fields = {0: ("offset", b.vector("i", shape)), 1: ("b", kind), 2: ("I", buffer),
              3: ("offset", b.string(name)), 4: ("offset", quantisation(b, scales))}
    return b.table(fields)


def main():
    count, path = int(sys.argv[1]), sys.argv[2]
    b = Builder()
    int8, int32 = 9, 2
    buffers, tensors, operators = [b.table({})], [], []
    tensors.append(tensor(b, [1, SIZE, SIZE, CHANNELS], int8, 0, "input", [0.05]))
    for i in range(count):
        window = 1 if i % 2 else 3
        weights = bytes((7 * k + i) % 251 for k in range(CHANNELS * window * window * CHANNELS))
        buffers.append(b.table({0: ("offset", b.vector("B", weights, 16))}))
        buffers.append(b.table({0: ("offset", b.vector("B", bytes(4 * CHANNELS), 16))}))
        tensors.append(tensor(b, [CHANNELS, window, window, CHANNELS], int8, 2 * i + 1, f"weights{i}", [0.01] * CHANNELS))
        tensors.append(tensor(b, [CHANNELS], int32, 2 * i + 2, f"bias{i}", [0.0005] * CHANNELS))
        tensors.append(tensor(b, [1, SIZE, SIZE, CHANNELS], int8, 0, f"output{i}", [0.05]))
        inputs, outputs = b.vector("i", [3 * i, 3 * i + 1, 3 * i + 2]), b.vector("i", [3 * i + 3])
        options = b.table({0: ("b", 0), 1: ("i", 1), 2: ("i", 1), 3: ("b", 1), 4: ("i", 1), 5: ("i", 1)})
        operators.append(b.table({0: ("I", 0), 1: ("offset", inputs), 2: ("offset", outputs), 3: ("B", 1),
                                  4: ("offset", options)}))
    first, last = b.vector("i", [0]), b.vector("i", [3 * count])
    all_tensors, all_operators = b.offsets(tensors), b.offsets(operators)
    subgraph = b.table({0: ("offset", all_tensors), 1: ("offset", first), 2: ("offset", last), 3: ("offset", all_operators)})
    code = b.table({0: ("b", 3), 2: ("i", 1), 3: ("i", 3)})
    codes, subgraphs, all_buffers = b.offsets([code]), b.offsets([subgraph]), b.offsets(buffers)
    root = b.table({0: ("I", 3), 1: ("offset", codes), 2: ("offset", subgraphs), 4: ("offset", all_buffers)})
    with open(path, "wb") as file:
        file.write(b.finish(root))


if __name__ == "__main__":
    main()
