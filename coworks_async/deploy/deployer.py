"""The steps of a deploy and of its end, in a stage's folder where the root module is written already."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from coworks_async.deploy.aws.imports import API_PREFIX, find_untracked_resources, format_import_blocks
from coworks_async.deploy.stack import Stack
from coworks_async.deploy.terraform.events import Notice, Watch, unwatched
from coworks_async.deploy.terraform.output import ALL
from coworks_async.deploy.terraform.runner import Plan, Terraform, private_folder
from coworks_async.exceptions import DeployError

Show = Callable[[str], AbstractContextManager[Watch]]
"""What shows the progress of a step, below its title."""

ROUTES_MODULE = f"{API_PREFIX}module.routes"
ADOPTION = "adoption.tf.json"

NOTHING = "nothing of the stage is changed"


def apply_stage(terraform: Terraform, stack: Stack, session: Any, show: Show) -> bool:
    """Bring a stage to what its root module says, and tell whether anything had to change.

    The routes come first. A deployment of a REST API is a snapshot of them, and would hold a removed one still.

    Raises:
        DeployError: a step failed or was interrupted; what it made is in the state, and the next deploy goes on.

    Example:
        >>> apply_stage(terraform, stack, boto3.Session(), terraform_progress)
        True
    """
    steps = (
        (
            "Terraform apply (Create API routes)",
            (ROUTES_MODULE,),
            "the routes are made; the same command makes the rest",
        ),
        (f"Terraform apply (Deploy API and Lambda for the {stack.stage} stage)", (), ALL),
    )
    made = ""
    try:
        with private_folder(terraform.directory) as private:
            for title, targets, words in steps:
                with show(title) as watch:
                    plan = _plan(terraform, stack, session, private / "plan", targets, watch)
                    if not plan.is_empty:
                        terraform.apply(plan, watch, words)
                        made = words
    except KeyboardInterrupt as error:
        # While Terraform runs it is an error of its own.
        raise DeployError(f"Interrupted: {made or NOTHING}.") from error
    return bool(made)


def plan_stage(terraform: Terraform, stack: Stack, session: Any) -> list[str]:
    """Return what a deploy would change, a line each, changing nothing."""
    with private_folder(terraform.directory) as private:
        plan = _plan(terraform, stack, session, private / "plan")
        # A plan may change outputs alone.
        return plan.words() or ([] if plan.is_empty else ["update   outputs"])


def destroy_stage(terraform: Terraform, show: Show, stage: str, confirm: Callable[[list[str]], None]) -> bool:
    """Delete all that is in a stage's state, and tell whether there was anything.

    Parameters:
        confirm: gets what would be deleted, a line each; what it raises leaves everything as it is.
    """
    with private_folder(terraform.directory) as private:
        plan = terraform.plan(private / "plan", destroy=True)
        if not plan.changes:
            return False
        confirm(plan.words())
        with show(f"Terraform destroy (Delete API and Lambda of the {stage} stage)") as watch:
            terraform.apply(plan, watch, "the stage is deleted; its archives stay in their bucket")
    return True


def _plan(
    terraform: Terraform, stack: Stack, session: Any, out: Path, targets: Sequence[str] = (), watch: Watch = unwatched
) -> Plan:
    """Plan a step; what it would create and AWS has already, from a deploy that lost its state, is taken over."""
    plan = terraform.plan(out, targets=targets, watch=watch)
    found = find_untracked_resources(session, stack, plan.changes)
    if not found:
        return plan
    watch(Notice(f"  taking over {len(found)} resources of an earlier deploy that the state does not know"))
    file = terraform.directory / ADOPTION
    file.write_text(format_import_blocks(found))
    try:
        return terraform.plan(out, targets=targets, watch=watch)
    finally:
        # The plan holds it.
        file.unlink()
