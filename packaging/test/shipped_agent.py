#!/usr/bin/env python3
"""Measures the agent as it is shipped (cargo build --profile shipped -p cos-agent) on this computer: peak memory of an inventory.

shipped_agent.py PROGRAM   exits 0 when all is within bounds, 1 when not.
"""

import fcntl
import json
import os
import subprocess
import sys

PEAK_LIMIT_KIB = 12 * 1024
SIZE_LIMIT_BYTES = 8 << 20


def inventory_peak(program):
    """The whole output and the peak resident memory, in KiB, of one inventory."""
    # An empty PATH: the agent starts no other program, so it needs none.
    peak, document = peak_and_output([program, "inventory", "--json"], env={"PATH": ""})
    return document, peak


def peak_and_output(command, env=None):
    """The peak resident memory of a program that prints, in KiB, and the whole output.

    The peak that the kernel gives for an ended child counts this interpreter's own memory too, from before the
    program took its place. So the program's own peak is read while it runs: its pipe holds one page, and before
    each page is taken out it stands still in the midst of writing.
    """
    reader, writer = os.pipe()
    fcntl.fcntl(reader, fcntl.F_SETPIPE_SZ, 4096)
    child = subprocess.Popen(command, stdout=writer, stderr=subprocess.DEVNULL if env is None else None, env=env)
    os.close(writer)
    document, peak = b"", 0
    while page := os.read(reader, 4096):
        document += page
        with open(f"/proc/{child.pid}/status") as status:
            peak = max([peak] + [int(line.split()[1]) for line in status if line.startswith("VmHWM:")])
    os.close(reader)
    if child.wait() != 0:
        sys.exit(f"{' '.join(command)} ended with status {child.returncode}")
    return peak, document


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
