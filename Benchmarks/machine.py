"""What a measurement records of the machine and of what was measured."""

import pathlib
import platform
import subprocess

HERE = pathlib.Path(__file__).parent


def _cpuinfo(key):
    """The values of a key of Linux's /proc/cpuinfo, one a core; empty elsewhere."""
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return []
    return [line.split(":")[1].strip() for line in lines if line.startswith(key)]


def clock():
    """The clock of each core in MHz, where Linux says it."""
    return [round(float(value)) for value in _cpuinfo("cpu MHz")]


def processor():
    return next(iter(_cpuinfo("model name")), platform.processor())


def version(command):
    """The first line that a command prints, or `unknown`."""
    try:
        return subprocess.run(command, capture_output=True, text=True, cwd=HERE).stdout.splitlines()[0]
    except (OSError, IndexError):
        return "unknown"
