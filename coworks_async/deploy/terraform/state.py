"""What lies in a stage's folder when the stage is deleted: the root of the last deploy, and the state beside it."""

import json
from pathlib import Path
from typing import Any

from coworks_async.deploy.aws.s3 import find_deployed_archive
from coworks_async.deploy.stack import CloudBackend, S3Backend, Stack
from coworks_async.deploy.terraform.root_module import backend_of, without_lookups
from coworks_async.deploy.terraform.workdir import ROOT
from coworks_async.exceptions import CommandError

STATE, BACKUP = "terraform.tfstate", "terraform.tfstate.backup"

CHOSEN = Path(".terraform", STATE)
"""Where `terraform init` notes down which backend it set up."""


def kept_root(folder: Path, stack: Stack) -> dict[str, Any] | None:
    """Return the root of the last deploy, fit to delete its stage; None where there is none, and one is to be written.

    A root that no deploy wrote, but a `cws destroy` where there was none, tells nothing: the options do.

    Raises:
        CommandError: the options name another place of the state than that of the deploy.
    """
    try:
        content = json.loads((folder / ROOT).read_text())
    except FileNotFoundError:
        return None
    there, named = backend_of(content), stack.backend
    is_deploys = find_deployed_archive(folder) is not None
    agrees = named in (None, there)
    if not agrees and (holds_state(folder) if there is None else is_deploys):
        raise CommandError(
            f"The state of the stage {stack.stage!r} is to be in {_words(named)}, but the last deploy from here has it "
            f"in {_words(there)}: leave that option out, or move {folder / ROOT} away."
        )
    if is_deploys and agrees:
        return without_lookups(content)
    # Else Terraform would ask whether the state shall move.
    (folder / CHOSEN).unlink(missing_ok=True)
    return None


def holds_state(folder: Path) -> bool:
    """Tell whether a state in a stage's folder knows of anything; one that cannot be read may."""
    try:
        text = (folder / STATE).read_text()
        # A killed Terraform leaves an empty file.
        return bool(text) and bool(json.loads(text).get("resources"))
    except FileNotFoundError:
        return False
    except (ValueError, AttributeError):
        return True


def remove_state(folder: Path) -> None:
    """Delete a state that knows of nothing any more, with its backup: that holds the stage's variables in clear."""
    if (folder / STATE).exists() and not holds_state(folder):
        for name in (STATE, BACKUP):
            (folder / name).unlink(missing_ok=True)


def _words(backend: Any) -> str:
    match backend:
        case S3Backend(bucket):
            return f"the bucket {bucket!r} (--tf-bucket)"
        case CloudBackend(organization, workspace):
            return f"the workspace {workspace!r} of {organization!r} (--terraform-cloud)"
    return "a file beside the root"
