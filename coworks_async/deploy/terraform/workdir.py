"""The folder of a stage, in which Terraform runs: the root, a copy of the modules it calls, the author's own files.

Everything in it can be made anew but the state, the lock file and what Terraform keeps for itself, which stay.
"""

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from coworks_async.deploy.deployer import ADOPTION
from coworks_async.deploy.stack import Stack, slug
from coworks_async.deploy.terraform.root_module import root
from coworks_async.exceptions import CommandError, DeployError

ROOT = "main.tf.json"
OVERRIDE = "emulator_override.tf.json"
MODULES = "modules"

_PACKAGE = Path(__file__).parents[2]
_OWN = ("*.tf", "*.tf.json", "*.auto.tfvars", "*.auto.tfvars.json", "terraform.tfvars", "terraform.tfvars.json")
_NOT_COPIED = shutil.ignore_patterns("examples", "*.md", ".terraform*", "*.tfstate*")


def stage_folder(directory: Path, service: str, stage: str, local: bool = False) -> Path:
    """Return the folder of a service's stage below the Terraform folder; an emulator's stage has one of its own.

    Example:
        >>> stage_folder(Path("terraform"), "shop", "dev", local=True)
        PosixPath('terraform/shop/dev+local')
    """
    return directory / slug(service) / (f"{stage}+local" if local else stage)


def own_files(directory: Path) -> tuple[Path, ...]:
    """Return the author's own files for Terraform, which lie in the Terraform folder itself."""
    return tuple(sorted(path for pattern in _OWN for path in directory.glob(pattern) if path.is_file()))


def modules_directory(package: Path = _PACKAGE) -> Path:
    """Return where the Terraform modules are: in the installed package, or beside it in a checkout.

    Raises:
        DeployError: they are in neither.
    """
    places = (package / "terraform" / MODULES, package.parent / "terraform" / MODULES)
    found = next((place for place in places if place.is_dir()), None)
    if found is None:
        raise DeployError(f"The Terraform modules are missing beside {package.name}: install coworks-async anew.")
    return found


def write_root(
    stack: Stack, directory: Path, own: Sequence[Path] = (), override: Mapping[str, Any] | None = None
) -> None:
    """Write all that Terraform reads of a stage, in the place of what an earlier deploy wrote.

    Each file comes whole or not at all, and only its owner may read it. Git is told to ignore the service's folder.

    Parameters:
        directory: the stage's folder, as `stage_folder` tells it.
        own: files of the author's own to place beside the root.
        override: what an emulator needs, as `emulator.override` tells it.

    Raises:
        CommandError: a file of the author's own has a name that this writes itself.
        DeployError: a file cannot be written.
    """
    texts = {ROOT: root(stack)} | ({OVERRIDE: override} if override is not None else {})
    for path in own:
        if path.name.lower() in (ROOT, OVERRIDE, ADOPTION):
            raise CommandError(f"{path} has a name that cws writes itself: call it otherwise.")
    with _writing(directory):
        directory.mkdir(parents=True, exist_ok=True)
        _replace(directory.parent / ".gitignore", b"*\n")
        _copy_modules(directory, [Path(call["source"]).name for call in texts[ROOT]["module"].values()])
        for name, content in texts.items():
            _replace(directory / name, _json(content))
        for path in own:
            _replace(directory / path.name, path.read_bytes())
        for path in own_files(directory):
            if path.name not in (*texts, *(file.name for file in own)):
                path.unlink()


def replace_root(directory: Path, content: Mapping[str, Any], override: Mapping[str, Any] | None = None) -> None:
    """Write the root module alone, in a stage's folder where all else is written already; and what overrides it."""
    with _writing(directory):
        _replace(directory / ROOT, _json(content))
        if override is not None:
            _replace(directory / OVERRIDE, _json(override))


def _copy_modules(directory: Path, names: Sequence[str]) -> None:
    with TemporaryDirectory(prefix=".modules-", dir=directory) as place:
        new, old = Path(place, "new"), Path(place, "old")
        for name in names:
            shutil.copytree(modules_directory() / name, new / name, ignore=_NOT_COPIED, copy_function=shutil.copyfile)
        target = directory / MODULES
        if target.exists():
            target.rename(old)
        new.rename(target)


def _replace(path: Path, content: bytes) -> None:
    with TemporaryDirectory(prefix=".new-", dir=path.parent) as place:
        new = Path(place, path.name)
        new.write_bytes(content)
        new.replace(path)


def _json(content: Mapping[str, Any]) -> bytes:
    return (json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


@contextmanager
def _writing(directory: Path) -> Iterator[None]:
    """Let only the owner read what is written; what cannot be is an error that names it."""
    before = os.umask(0o077)
    try:
        yield
    except OSError as error:
        raise DeployError(f"{error.filename or directory} cannot be written: {error.strerror}.") from error
    finally:
        os.umask(before)
