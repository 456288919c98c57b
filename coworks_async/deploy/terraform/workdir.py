"""The directory of a stage, in which Terraform runs: root module, copies of the called modules, the user's files.

Everything in it can be written again except the state, the lock file and Terraform's own data, which are kept.
"""

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from coworks_async.deploy.stack import ARCHIVE_TAG, CloudBackend, S3Backend, Stack, slug
from coworks_async.deploy.terraform.root_module import create_root, parse_backend, remove_lookups
from coworks_async.exceptions import CommandError, DeployError

ROOT_FILE = "main.tf.json"
OVERRIDE_FILE = "emulator_override.tf.json"
IMPORTS_FILE = "imports.tf.json"
"""Import blocks for resources that an earlier deploy left outside the state; only there while Terraform plans."""

MODULES = "modules"
STATE_FILE = "terraform.tfstate"
BACKEND_FILE = Path(".terraform", STATE_FILE)
"""File in which `terraform init` records the backend."""

_PACKAGE = Path(__file__).parents[2]
_USER_FILES = ("*.tf", "*.tf.json", "*.auto.tfvars", "*.auto.tfvars.json", "terraform.tfvars", "terraform.tfvars.json")
_NOT_COPIED = shutil.ignore_patterns("examples", "*.md", ".terraform*", "*.tfstate*")


def stage_directory(parent: Path, service: str, stage: str, emulator: bool = False) -> Path:
    """Return the directory of a stage; a stage in an emulator has another one."""
    return parent / slug(service) / (f"{stage}+local" if emulator else stage)


def find_user_files(directory: Path) -> list[Path]:
    """Return the user's Terraform files, directly in a directory."""
    return sorted(path for pattern in _USER_FILES for path in directory.glob(pattern) if path.is_file())


def find_modules(package: Path = _PACKAGE) -> Path:
    """Return the directory of the Terraform modules: in the installed package, or beside it in a clone."""
    for directory in (package / "terraform" / MODULES, package.parent / "terraform" / MODULES):
        if directory.is_dir():
            return directory
    raise DeployError(f"The Terraform modules of {package.name} are missing. Reinstall coworks-async.")


def write_root(
    stack: Stack, directory: Path, user_files: Sequence[Path] = (), override: Mapping[str, Any] | None = None
) -> None:
    """Write everything Terraform reads for a stage, and remove what an earlier deploy wrote.

    Each file is replaced as a whole and readable only by the user. A `.gitignore` excludes the service's directory.
    """
    contents = {ROOT_FILE: create_root(stack)} | ({OVERRIDE_FILE: override} if override is not None else {})
    for path in user_files:
        if path.name.lower() in (ROOT_FILE, OVERRIDE_FILE, IMPORTS_FILE):
            raise CommandError(f"{path}: cws writes a file of this name itself. Rename it.")
    with _private_files(directory):
        directory.mkdir(parents=True, exist_ok=True)
        _replace(directory.parent / ".gitignore", b"*\n")
        _copy_modules(directory, [Path(call["source"]).name for call in contents[ROOT_FILE]["module"].values()])
        for name, content in contents.items():
            _replace(directory / name, _to_json(content))
        for path in user_files:
            _replace(directory / path.name, path.read_bytes())
        for path in find_user_files(directory):
            if path.name not in (*contents, *(file.name for file in user_files)):
                path.unlink()


def replace_root(directory: Path, content: Mapping[str, Any], override: Mapping[str, Any] | None = None) -> None:
    """Write only the root module, and the override if there is one."""
    with _private_files(directory):
        _replace(directory / ROOT_FILE, _to_json(content))
        if override is not None:
            _replace(directory / OVERRIDE_FILE, _to_json(override))


def read_deployed_root(directory: Path, stack: Stack) -> dict[str, Any] | None:
    """Return the root module of the last deploy, without lookups, to delete the stage with it; None if there is none.

    A `cws destroy` before the first deploy writes a root module without an archive, whose backend does not count.
    """
    root = _read_root(directory)
    if root is None:
        return None
    current, requested = parse_backend(root), stack.backend
    is_deployed = read_deployed_archive(directory) is not None
    is_same = requested in (None, current)
    if not is_same and (has_resources(directory) if current is None else is_deployed):
        raise CommandError(
            f"The options store the state of the stage {stack.stage!r} in {_describe(requested)}, but the last deploy "
            f"stored it in {_describe(current)}. Omit that option, or move {directory / ROOT_FILE} away."
        )
    if is_deployed and is_same:
        remove_lookups(root)
        return root
    # Otherwise Terraform would offer to migrate the state.
    (directory / BACKEND_FILE).unlink(missing_ok=True)
    return None


def read_deployed_archive(directory: Path) -> tuple[str, str] | None:
    """Return bucket and key of the archive in a stage's root module; None if no deploy wrote it."""
    root = _read_root(directory)
    if root is None:
        return None
    function = root["resource"]["aws_lambda_function"]["service"]
    return (function["s3_bucket"], function["s3_key"]) if function["tags"][ARCHIVE_TAG] else None


def _read_root(directory: Path) -> dict[str, Any] | None:
    try:
        root: dict[str, Any] = json.loads((directory / ROOT_FILE).read_text())
    except FileNotFoundError:
        return None
    return root


def has_resources(directory: Path) -> bool:
    """Return whether the state file contains resources. An unreadable one may."""
    try:
        text = (directory / STATE_FILE).read_text()
        # A killed Terraform leaves an empty file.
        return bool(text) and bool(json.loads(text).get("resources"))
    except FileNotFoundError:
        return False
    except (ValueError, AttributeError):
        return True


def remove_empty_state(directory: Path) -> None:
    """Delete a state file without resources, and its backup, which contains the stage's variables."""
    if (directory / STATE_FILE).exists() and not has_resources(directory):
        for name in (STATE_FILE, f"{STATE_FILE}.backup"):
            (directory / name).unlink(missing_ok=True)


def _describe(backend: S3Backend | CloudBackend | None) -> str:
    match backend:
        case S3Backend(bucket):
            return f"the bucket {bucket!r} (--tf-bucket)"
        case CloudBackend(organization, workspace):
            return f"the workspace {workspace!r} of {organization!r} (--terraform-cloud)"
    return "a local file"


def _copy_modules(directory: Path, names: Sequence[str]) -> None:
    with TemporaryDirectory(prefix=".modules-", dir=directory) as temporary:
        new, old = Path(temporary, "new"), Path(temporary, "old")
        for name in names:
            shutil.copytree(find_modules() / name, new / name, ignore=_NOT_COPIED, copy_function=shutil.copyfile)
        target = directory / MODULES
        if target.exists():
            target.rename(old)
        new.rename(target)


def _replace(path: Path, content: bytes) -> None:
    with TemporaryDirectory(prefix=".new-", dir=path.parent) as temporary:
        new = Path(temporary, path.name)
        new.write_bytes(content)
        new.replace(path)


def _to_json(content: Mapping[str, Any]) -> bytes:
    return (json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


@contextmanager
def _private_files(directory: Path) -> Iterator[None]:
    """Make new files readable only by the user; turn an `OSError` into a `DeployError` that names the file."""
    before = os.umask(0o077)
    try:
        yield
    except OSError as error:
        raise DeployError(f"Cannot write {error.filename or directory}: {error.strerror}.") from error
    finally:
        os.umask(before)
