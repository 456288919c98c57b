"""What a table of numbers must name: the processor, and the versions that the measured interpreter runs.

Run as a module it prints this for the interpreter that runs it.
"""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("starlette", "msgspec", "mangum", "fastapi", "pydantic", "uvicorn", "httptools", "uvloop")


def describe() -> str:
    """The processor with its number of cores, Python's version and the packages', as two lines of Markdown."""
    packages = ", ".join(f"{name} {found}" for name in PACKAGES if (found := package_version(name)))
    machine = f"{processor()}, {os.cpu_count()} cores, {platform.system()}."
    return f"{machine}\nPython {platform.python_version()}, {packages}."


def package_version(name: str) -> str | None:
    """The version of a package, or None where it is not installed (uvicorn then does without it)."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def processor() -> str:
    """The processor's model as the system names it."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


if __name__ == "__main__":
    print(describe())
