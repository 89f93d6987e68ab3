#!/usr/bin/env python3
"""Measures a full local inventory of the shipped agent beside fusioninventory-agent's on this computer.

inventory_against_fusion.py PROGRAM   exits 0 when all is within bounds, 1 when not, 2 when there is nothing to
compare with (apt-get install fusioninventory-agent).

Both programs run in turn, so that whatever else the computer does befalls both alike; the ratios are taken pair by
pair. Neither is given a network. Other programs that they start are counted in runs of their own, under strace where
it is installed: it would slow the measured ones.
"""

import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import zlib

import shipped_agent

ROUNDS = 7
CPU_RATIO = 0.05
WALL_RATIO = 0.05
PEAK_LIMIT_KIB = 12 * 1024
# For 1,200 packages; more or fewer in proportion.
JSON_LIMIT, PACKED_LIMIT, PACKAGES = 120_000, 20_000, 1200
OTHER = ["fusioninventory-inventory"]


def run(command):
    """Seconds of CPU, awaited children included, and seconds by the clock."""
    with open(os.devnull, "wb") as nowhere, open(os.devnull, "rb") as nothing:
        begun = time.monotonic()
        child = subprocess.Popen(command, stdin=nothing, stdout=nowhere, stderr=nowhere)
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.monotonic() - begun
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit(f"{command[0]} ended with status {child.returncode}")
    return usage.ru_utime + usage.ru_stime, wall


def peak(command):
    """The peak of the program itself, in KiB, read whenever it stands still at a full pipe; and what it printed."""
    return shipped_agent.peak_and_output(command)


def processes(command):
    """How many other processes a run starts; None where nothing here can count them."""
    if not shutil.which("strace"):
        return None
    with tempfile.NamedTemporaryFile("r") as log:
        watch = ["strace", "-f", "-qq", "-e", "trace=clone,clone3,fork,vfork", "-o", log.name]
        subprocess.run(watch + command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        # Threads share the memory of their process and are none of their own.
        calls = [line for line in log if re.search(r"\b(clone3?|v?fork)\(|<\.\.\. (clone3?|v?fork) resumed", line)]
        return sum(1 for call in calls if re.search(r"= [1-9]\d*$", call.strip()) and "CLONE_THREAD" not in call)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    if not shutil.which(OTHER[0]):
        print(f"{OTHER[0]} is not installed", file=sys.stderr)
        sys.exit(2)
    ours, other = [sys.argv[1], "inventory", "--json"], OTHER
    run(ours), run(other)
    pairs = [(run(ours), run(other)) for _ in range(ROUNDS)]
    median = lambda values: statistics.median(list(values))
    cpu = median(a[0] / b[0] for a, b in pairs)
    wall = median(a[1] / b[1] for a, b in pairs)
    (our_peak, document), (other_peak, listing) = peak(ours), peak(other)
    our_children, other_children = processes(ours), processes(other)
    packages = sum(len(found["packages"]) for found in json.loads(document)["sections"]["software"]["content"]["lists"])
    packed = len(zlib.compress(document, 9))
    print(f"{'':24}{'cos-agent':>12}{'fusioninventory':>18}{'ratio':>10}")
    row = lambda name, a, b, ratio: print(f"{name:24}{a:>12}{b:>18}{ratio:>10}")
    row("CPU, s", f"{median(a[0] for a, _ in pairs):.3f}", f"{median(b[0] for _, b in pairs):.3f}", f"{cpu:.4f}")
    row("by the clock, s", f"{median(a[1] for a, _ in pairs):.3f}", f"{median(b[1] for _, b in pairs):.3f}", f"{wall:.4f}")
    row("peak memory, MiB", f"{our_peak / 1024:.1f}", f"{other_peak / 1024:.1f}", f"{our_peak / other_peak:.4f}")
    row("other processes", str(our_children), str(other_children), "")
    row("printed, bytes", str(len(document)), str(len(listing)), f"{len(document) / len(listing):.4f}")
    row("the same, packed", str(packed), str(len(zlib.compress(listing, 9))), "")
    print(f"{packages} packages; medians of {ROUNDS} pairs run in turn")
    share = max(packages, 1) / PACKAGES
    missed = [
        reason
        for reason, is_missed in [
            (f"CPU is {cpu:.4f} of the other's, at most {CPU_RATIO} is allowed", cpu > CPU_RATIO),
            (f"the time is {wall:.4f} of the other's, at most {WALL_RATIO} is allowed", wall > WALL_RATIO),
            (f"the peak is {our_peak} KiB, at most {PEAK_LIMIT_KIB} are allowed", our_peak > PEAK_LIMIT_KIB),
            (f"{our_children} other processes are started, none is allowed", bool(our_children)),
            (f"the document has {len(document)} bytes for {packages} packages", len(document) > JSON_LIMIT * max(share, 0.5)),
            (f"the document has {packed} bytes when packed", packed > PACKED_LIMIT * max(share, 0.5)),
        ]
        if is_missed
    ]
    if missed:
        sys.exit("\n".join(missed))


if __name__ == "__main__":
    main()
