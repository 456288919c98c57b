"""Whether a stage's root module is right, without access to anything."""

import json
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from coworks_async.deploy.emulator import older_provider
from coworks_async.deploy.terraform.runner import Terraform
from coworks_async.deploy.terraform.workdir import OVERRIDE
from coworks_async.exceptions import DeployError

_NOT_COPIED = shutil.ignore_patterns(".*", "*.tfstate*", "*.log")


def validate(terraform: Terraform) -> list[str]:
    """Have Terraform check the root in its folder, and return what the user should know of it, each a sentence.

    Where the provider that the root asks for cannot be had (offline, with a mirror of an older one), a copy of the root
    is checked by whichever there is.

    Raises:
        DeployError: the root is wrong, or no provider can be had.
    """
    try:
        terraform.init(backend=False)
    except DeployError as error:
        return _validate_copy(terraform, error)
    terraform.validate()
    return []


def _validate_copy(terraform: Terraform, error: DeployError) -> list[str]:
    # A copy, since Terraform would note down the older provider for the next deploy.
    with TemporaryDirectory(prefix="cws-") as folder:
        copy = Path(folder, "root")
        shutil.copytree(terraform.directory, copy, ignore=_NOT_COPIED)
        (copy / OVERRIDE).write_text(json.dumps(older_provider()))
        # An older one asks for a region even to check.
        older = Terraform(terraform.program, copy, {"AWS_DEFAULT_REGION": "us-east-1"}, terraform.log)
        try:
            older.init(backend=False)
        except DeployError:
            raise error from None
        older.validate()
    return ["The provider that it asks for cannot be had here; an older one checked all that it knows."]
