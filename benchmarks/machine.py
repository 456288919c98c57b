"""Describe the machine and the versions of this interpreter; run as a module, print the description."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("starlette", "msgspec", "mangum", "fastapi", "pydantic", "uvicorn", "httptools", "uvloop")


def describe() -> str:
    """Return processor, cores, and the versions of Python and the packages, as two lines of Markdown."""
    packages = ", ".join(f"{name} {found}" for name in PACKAGES if (found := package_version(name)))
    machine = f"{processor()}, {os.cpu_count()} cores, {platform.system()}."
    return f"{machine}\nPython {platform.python_version()}, {packages}."


def package_version(name: str) -> str | None:
    """Return the version of a package, or None if it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def processor() -> str:
    """Return the model of the processor."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


if __name__ == "__main__":
    print(describe())
