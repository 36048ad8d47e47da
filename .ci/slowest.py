"""Passes the output of `cargo test` through and names the slowest tests at the end.

A test's start is not printed; with N threads it began about when the N-th last one before it ended, so times are upper
bounds. The exit status of the tests is kept by `pipefail` in the caller.
"""
import os
import re
import sys
import time

threads = os.cpu_count() or 1
began, ended, times = time.monotonic(), [], []
for line in sys.stdin:
    sys.stdout.write(line)
    sys.stdout.flush()
    now = time.monotonic()
    if re.match(r"running \d+ tests?", line):
        began, ended = now, []
    match = re.match(r"test (.+) \.\.\. (ok|FAILED)", line)
    if match:
        start = ended[-threads] if len(ended) >= threads else began
        times.append((now - start, match.group(1)))
        ended.append(now)
print("\nslowest tests (s, upper bounds):")
for seconds, name in sorted(times, reverse=True)[:15]:
    print(f"{seconds:7.1f}  {name}")
