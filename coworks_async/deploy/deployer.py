"""Deploy a stage, show what a deploy would change, or delete the stage."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

from coworks_async.deploy.archive.build import Archive, ArchiveOptions, build_archive, format_size
from coworks_async.deploy.aws.account import check_account, check_certificate, find_stages, open_session
from coworks_async.deploy.aws.canary import check_alarms, check_streams, release_canary
from coworks_async.deploy.aws.imports import find_orphans, find_untracked_resources, format_import_blocks
from coworks_async.deploy.aws.lock import lock_stage
from coworks_async.deploy.aws.s3 import (
    bucket_exists,
    create_bucket,
    delete_archives,
    delete_created_bucket,
    upload_archive,
)
from coworks_async.deploy.aws.signing_key import add_signing_key
from coworks_async.deploy.aws.versions import describe_version, read_versions, release_version
from coworks_async.deploy.canary import DEFAULT_BAKE, Canary
from coworks_async.deploy.checks import check_quotas, check_timeout_margin, check_variables
from coworks_async.deploy.commit import read_commit
from coworks_async.deploy.emulator import check_emulator, create_override
from coworks_async.deploy.options import DeployOptions
from coworks_async.deploy.plan import DeployPlan, create_plan
from coworks_async.deploy.smoke import create_smoke_events
from coworks_async.deploy.stack import create_stack, function_prefix
from coworks_async.deploy.terraform.output import EventListener, Notice, ignore_events
from coworks_async.deploy.terraform.root_module import ROUTES_TARGET, encode_variables, list_resources, output_name
from coworks_async.deploy.terraform.runner import (
    Program,
    SavedPlan,
    Terraform,
    find_terraform,
    private_directory,
    validate_root,
)
from coworks_async.deploy.terraform.workdir import (
    IMPORTS_FILE,
    find_user_files,
    read_deployed_archive,
    read_deployed_root,
    remove_empty_state,
    replace_root,
    stage_directory,
    write_root,
)
from coworks_async.exceptions import DeployError, DeployInterrupted
from coworks_async.service import TechMicroService

NO_CHANGES = "No changes were made."
NOT_RELEASED = "Terraform made its changes. Run the same command again to make the new version live."


class DeployListener(Protocol):
    """Receives the progress of a deploy."""

    def message(self, text: str) -> None:
        """Show a line."""

    def terraform_step(self, title: str) -> AbstractContextManager[EventListener]:
        """Show a step of Terraform, and return the listener for its events."""

    def upload(self, title: str, size: int) -> AbstractContextManager[Callable[[int], None]]:
        """Show an upload, and return the function that receives the number of bytes of each part sent."""


@dataclass(frozen=True, slots=True)
class StageTarget:
    """A stage of a service, and its AWS account or emulator."""

    service: TechMicroService
    stage: str
    # Values of the environment files and of `--env`, which are secret.
    variables: Mapping[str, str]
    region: str | None = None
    # None for AWS itself.
    emulator_url: str | None = None

    def open_session(self) -> Any:
        """Open a boto3 session with the credentials of this process."""
        if self.emulator_url is not None:
            check_emulator(self.emulator_url)
        return open_session(os.environ, self.region)

    def stage_url(self, api_id: str, stage: str, aws_url: str) -> str:
        """Return the URL of an API's stage. In an emulator it is not the one of AWS."""
        if self.emulator_url is None:
            return aws_url
        return f"{self.emulator_url.rstrip('/')}/_aws/execute-api/{api_id}/{stage}"


@dataclass(frozen=True, slots=True)
class Deployment:
    """The result of a deploy: whether anything changed, Terraform's outputs, and the URL of the stage."""

    has_changed: bool
    outputs: Mapping[str, Any]
    url: str


class Deployer:
    """Deploys, plans and destroys one stage, in a directory with the user's Terraform files.

    All methods raise `CommandError` for a value that AWS does not accept, and `DeployError` if a step fails or is
    interrupted. The state then contains what was created, and the next deploy continues from there.
    """

    def __init__(
        self,
        target: StageTarget,
        options: DeployOptions,
        directory: Path,
        listener: DeployListener,
        terraform: str | None = None,
        *,
        break_lock: bool = False,
    ) -> None:
        self.target = target
        self.stack = create_stack(target.service, target.stage, options, target.variables)
        self.directory = directory
        self.stage_directory = stage_directory(
            directory, self.stack.service, target.stage, emulator=target.emulator_url is not None
        )
        self._terraform_log = self.stage_directory / "terraform.log"
        self._listener = listener
        # `terraform` or `tofu`; None for the one that is installed.
        self._program_name = terraform
        # Whether to replace the lock of another process.
        self._break_lock = break_lock

    def deploy(self, archive_options: ArchiveOptions) -> Deployment:
        """Build the archive, upload it, plan and apply the root module in two steps, then make the new version live.

        The routes come first: a deployment of a REST API is a snapshot of them, so removed routes must be gone before.
        """
        self._check_service()
        session = self.target.open_session()
        outcome = [NO_CHANGES]
        try:
            self._check_account(session)
            if self.stack.options.canary is not None:
                check_alarms(session, self.stack.options.alarm)
                check_streams(session, self.stack)
            if self.target.emulator_url is not None:
                create_bucket(session, self.stack.options.bucket)
            with self._lock(session, self.stack.options.bucket, "cws deploy"):
                return self._deploy(archive_options, session, outcome)
        except KeyboardInterrupt as error:
            # While Terraform runs, an interruption is a DeployError already.
            raise DeployInterrupted(f"Interrupted. {outcome[-1]}") from error

    def _deploy(self, archive_options: ArchiveOptions, session: Any, outcome: list[str]) -> Deployment:
        """Deploy the stage, and append to `outcome` what was done."""
        has_changed, commit = False, read_commit(archive_options.directory)
        with TemporaryDirectory(prefix="cws-") as work:
            archive, terraform = self._build(archive_options, Path(work), session)
            self._upload(archive, session)
        terraform.init()
        with private_directory(terraform.directory) as private:
            for title, targets, done in self._steps():
                with self._listener.terraform_step(title) as on_event:
                    plan = self._plan(terraform, session, private / "plan", targets, on_event)
                    if not plan.is_empty:
                        terraform.apply(plan, on_event, done)
                        outcome.append(done)
                        has_changed = True
        outcome.append(NOT_RELEASED)
        has_changed |= self._release(session, terraform, commit)
        outcome.append("All changes were made. Run the same command again to see the outputs.")
        return self._read_deployment(terraform, has_changed)

    def plan(self, archive_options: ArchiveOptions) -> DeployPlan:
        """Return what a deploy would change, and change nothing."""
        self._check_service()
        session = self.target.open_session()
        self._check_account(session)
        with TemporaryDirectory(prefix="cws-") as work:
            _, terraform = self._build(archive_options, Path(work), session)
        terraform.init()
        with private_directory(terraform.directory) as private:
            plan = self._plan(terraform, session, private / "plan")
            details = terraform.show(plan)
        versions = read_versions(session, self.stack.function_name)
        return create_plan(self.stack, plan.changes, details, versions)

    def validate(self, archive_options: ArchiveOptions) -> list[str]:
        """Return a report of what a deploy would create. Needs no credentials."""
        self._check_service()
        with TemporaryDirectory(prefix="cws-") as work:
            _, terraform = self._build(archive_options, Path(work))
        notes = validate_root(terraform)
        resources = [f"  {line}" for line in list_resources(self.stack)]
        return [f"{terraform.directory} is valid. A deploy would create:", *resources, *notes]

    def destroy(self, confirm: Callable[[list[str]], None]) -> bool:
        """Delete everything in the stage's state, then its archives. Return whether there was anything to delete.

        `confirm` is called with one line for each resource. If it raises, nothing is deleted.
        """
        session = self.target.open_session()
        program = self._find_program()
        # The bucket is recorded only where the stage was deployed.
        archive = read_deployed_archive(self.stage_directory)
        bucket = archive[0] if archive is not None and bucket_exists(session, archive[0]) else None
        outcome = ["Nothing was deleted."]
        try:
            with nullcontext() if bucket is None else self._lock(session, bucket, "cws destroy"):
                has_changed = self._destroy(program, session, confirm, outcome)
            if has_changed and bucket is not None and delete_created_bucket(session, bucket):
                self._listener.message(f"Deleted s3://{bucket}")
        except KeyboardInterrupt as error:
            raise DeployInterrupted(f"Interrupted. {outcome[-1]}") from error
        return has_changed

    def _destroy(
        self, program: Program, session: Any, confirm: Callable[[list[str]], None], outcome: list[str]
    ) -> bool:
        """Delete the stage, append to `outcome` what was done, and return whether there was anything to delete."""
        self._write_root(read_deployed_root(self.stage_directory, self.stack))
        terraform = Terraform(program, self.stage_directory, encode_variables({}), self._terraform_log)
        terraform.init()
        with private_directory(terraform.directory) as private:
            plan = terraform.plan(private / "plan", destroy=True)
            if plan.changes and self._import_orphans(terraform, session, plan):
                plan = terraform.plan(private / "plan", destroy=True)
            if plan.changes:
                confirm(plan.describe())
                title = f"Terraform destroy (Delete API and Lambda of the {self.stack.stage} stage)"
                with self._listener.terraform_step(title) as on_event:
                    terraform.apply(plan, on_event, "The stage was deleted. Its archives were not.")
                outcome.append("The stage was deleted. Some of its archives may remain.")
            else:
                self._check_not_deployed(session)
        remove_empty_state(self.stage_directory)
        if plan.changes:
            self._remove_archives(session)
        return bool(plan.changes)

    def _import_orphans(self, terraform: Terraform, session: Any, plan: SavedPlan) -> bool:
        """Import what a killed deploy has left outside the state, to delete it too, and return whether there is any.

        Terraform ignores `import` blocks if it plans to delete everything.
        """
        found = find_orphans(session, self.stack, plan.changes)
        if found:
            self._listener.message(f"Importing {len(found)} resources of a killed deploy that are not in the state")
        for address, id_ in found.items():
            terraform.import_resource(address, id_)
        return bool(found)

    def _lock(self, session: Any, bucket: str, command: str) -> AbstractContextManager[None]:
        """Return the lock of the stage for a command."""
        listener = self._listener
        return lock_stage(
            session, self.stack, bucket, command, break_lock=self._break_lock, on_message=listener.message
        )

    def _find_program(self) -> Program:
        return find_terraform(self._program_name, os.environ, is_local=self.target.emulator_url is not None)

    def _steps(self) -> Iterator[tuple[str, Sequence[str], str]]:
        """Yield title, targets and outcome of each step of a deploy."""
        rest = "Run the same command again to create the rest."
        yield "Terraform apply (Create API routes)", (ROUTES_TARGET,), f"The routes were created. {rest}"
        yield f"Terraform apply (Deploy API and Lambda for the {self.stack.stage} stage)", (), NOT_RELEASED

    def _check_service(self) -> None:
        check_quotas(self.stack, self.target.service.entries)
        check_timeout_margin(self.target.service.lambda_timeout_margin, self.stack)
        check_variables(self.target.variables, self.stack)

    def _check_account(self, session: Any) -> None:
        if self.target.emulator_url is None:
            check_account(session, self.stack)
        else:
            check_certificate(session, self.stack)

    def _build(self, options: ArchiveOptions, work: Path, session: Any = None) -> tuple[Archive, Terraform]:
        """Build the archive and write the root module that refers to it. Only a plan needs a session."""
        program = self._find_program()
        # The archive is temporary; the log of a failed build is not.
        log = self.stage_directory / "archive.log"
        archive = build_archive(options, work / "archive.zip", log)
        log.unlink(missing_ok=True)
        sizes = f"{format_size(archive.size)} ({format_size(archive.unpacked)} unpacked)"
        self._listener.message(f"Archive of {sizes}, for Python {options.python} on {options.architecture}")
        for note in archive.notes:
            self._listener.message(f"  {note}")
        self.stack = replace(self.stack, archive_hash=archive.content_hash)
        self._write_root()
        variables = self.target.variables
        if session is not None:
            variables = add_signing_key(session, self.stack.function_name, variables)
        environment, secrets = encode_variables(variables), tuple(variables.values())
        return archive, Terraform(program, self.stage_directory, environment, self._terraform_log, secrets)

    def _write_root(self, deployed_root: Mapping[str, Any] | None = None) -> None:
        """Write the stage's directory, or only the root module if an earlier deploy wrote the rest."""
        url = self.target.emulator_url
        override = create_override(self.stack, url) if url is not None else None
        if deployed_root is None:
            write_root(self.stack, self.stage_directory, find_user_files(self.directory), override)
        else:
            replace_root(self.stage_directory, deployed_root, override)

    def _upload(self, archive: Archive, session: Any) -> None:
        bucket = self.stack.options.bucket
        with self._listener.upload(f"Upload to {bucket}", archive.size) as on_bytes:
            upload_archive(archive, bucket, self.stack.archive_key, session, on_bytes)

    def _plan(
        self,
        terraform: Terraform,
        session: Any,
        file: Path,
        targets: Sequence[str] = (),
        on_event: EventListener = ignore_events,
    ) -> SavedPlan:
        """Create a plan that imports resources which exist in AWS but not in the state, left by a killed deploy."""
        plan = terraform.plan(file, targets=targets, on_event=on_event)
        found = find_untracked_resources(session, self.stack, plan.changes)
        if not found:
            return plan
        on_event(Notice(f"  importing {len(found)} resources of an earlier deploy that are not in the state"))
        imports = terraform.directory / IMPORTS_FILE
        imports.write_text(format_import_blocks(found))
        try:
            return terraform.plan(file, targets=targets, on_event=on_event)
        finally:
            # The saved plan contains them.
            imports.unlink()

    def _release(self, session: Any, terraform: Terraform, commit: str | None) -> bool:
        """Make the version with the deployed code and configuration live, and return whether it was not."""
        description, options = describe_version(self.stack.archive_hash, commit), self.stack.options
        function, keep = self.stack.function_name, options.keep
        if options.canary is None:
            release = release_version(session, function, description, keep)
        else:
            canary = Canary(options.canary, options.bake or DEFAULT_BAKE, options.alarm)
            url = terraform.outputs()[output_name(self.stack, "url")]
            events = create_smoke_events(self.target.service.entries, options.gateway, self.stack.stage, url)
            on_message = self._listener.message
            release = release_canary(session, function, description, keep, canary, events, on_message)
        if line := release.describe():
            self._listener.message(line)
        return release.has_moved

    def _read_deployment(self, terraform: Terraform, has_changed: bool) -> Deployment:
        outputs = terraform.outputs()
        api_id, aws_url = outputs[output_name(self.stack, "id")], outputs[output_name(self.stack, "url")]
        url = self.target.stage_url(api_id, self.stack.stage, aws_url)
        return Deployment(has_changed, outputs | {output_name(self.stack, "url"): url}, url)

    def _remove_archives(self, session: Any) -> None:
        archive = read_deployed_archive(self.stage_directory)
        if archive is None:
            self._listener.message(
                "The archives were not deleted: their bucket is recorded only where the stage was deployed."
            )
            return
        if not bucket_exists(session, archive[0]):
            self._listener.message(f"The archives were not deleted: the bucket {archive[0]!r} no longer exists.")
            return
        for name in delete_archives(session, self.stack, *archive):
            self._listener.message(f"Deleted {name}")

    def _check_not_deployed(self, session: Any) -> None:
        stages = find_stages(session, self.stack.service, function_prefix(self.stack.service))
        deployed = [stage for stage in stages if stage.stage == self.stack.stage]
        found = [f"API {api}" for stage in deployed for api in stage.api_ids]
        found += [stage.function for stage in deployed if stage.function is not None]
        # A killed deploy may have left only a role or a log group.
        found = found or list(find_orphans(session, self.stack, ()))
        if found:
            raise DeployError(
                f"The stage {self.stack.stage!r} is in AWS ({', '.join(found)}) but not in this state. Name its state "
                "with --tf-bucket or --terraform-cloud, or import it with a deploy from here first."
            )
