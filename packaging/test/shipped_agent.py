#!/usr/bin/env python3
"""Measures the agent as it is shipped (cargo build --profile shipped -p cos-agent) on this computer: peak memory of an inventory.

shipped_agent.py PROGRAM   exits 0 when all is within bounds, 1 when not.
"""

import json
import os
import sys

PEAK_LIMIT_KIB = 12 * 1024
SIZE_LIMIT_BYTES = 8 << 20


def inventory_peak(program):
    """The whole output and the peak resident memory, in KiB, of one inventory."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.dup2(writer, 1)
        os.close(reader)
        os.close(writer)
        # An empty PATH: the agent starts no other program, so it needs none.
        os.execve(program, [program, "inventory", "--json"], {"PATH": ""})
    os.close(writer)
    with os.fdopen(reader, "rb") as output:
        document = output.read()
    _, status, usage = os.wait4(child, 0)
    if status != 0:
        sys.exit(f"{program} inventory ended with status {status}")
    return document, usage.ru_maxrss


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    program = sys.argv[1]
    peaks = []
    for _ in range(5):
        document, peak = inventory_peak(program)
        json.loads(document)
        peaks.append(peak)
    peak = sorted(peaks)[len(peaks) // 2]
    size = os.path.getsize(program)
    print(f"shipped agent: {size / 1e6:.1f} MB on disk; inventory: {peak / 1024:.1f} MiB peak, {len(document)} bytes of JSON")
    if peak > PEAK_LIMIT_KIB:
        sys.exit(f"an inventory takes {peak} KiB, at most {PEAK_LIMIT_KIB} are allowed")
    if size > SIZE_LIMIT_BYTES:
        sys.exit(f"the agent has {size} bytes, at most {SIZE_LIMIT_BYTES} are allowed")


if __name__ == "__main__":
    main()
