"""Measures commands from shell to exit, in turn: seconds, processor seconds and peak memory.

    python tools/measure_commands.py --runs 5 'onestroke info base' 'onestroke styles' …

Commands run one after the other, round by round, so that whatever else the machine does affects
all of them alike; the load is printed with the result. Only for Linux and macOS.
"""

import argparse
import os
import shlex
import statistics
import subprocess
import sys
import time


def measure(command: str) -> tuple[float, float, int]:
    """Runs a command; returns its seconds, its processor seconds and its peak memory in bytes.

    Raises:
        RuntimeError: it failed.
    """
    start = time.perf_counter()
    process = subprocess.Popen(shlex.split(command), stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{command} ended with status {process.returncode}")
    unit = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit


def main() -> None:
    """Measures the commands of the command line and prints a table."""
    parser = argparse.ArgumentParser(description="Measure commands in turn.")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("commands", nargs="+")
    arguments = parser.parse_args()
    results: dict[str, list[tuple[float, float, int]]] = {
        command: [] for command in arguments.commands
    }
    loads = []
    for _ in range(arguments.runs):
        loads.append(os.getloadavg()[0])
        for command, measured in results.items():
            measured.append(measure(command))
    print("seconds (smallest)  processor s  peak MB  command")
    for command, measured in results.items():
        seconds, processor, peaks = (
            statistics.median(values) for values in zip(*measured, strict=True)
        )
        smallest = min(measured)[0]
        print(
            f"{seconds:7.2f} ({smallest:8.2f})  {processor:11.2f}  {peaks / 1e6:7.0f}  {command}",
            flush=True,
        )
    print(f"load of the machine: {min(loads):.1f} to {max(loads):.1f}")


if __name__ == "__main__":
    main()
