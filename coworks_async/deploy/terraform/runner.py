"""Find Terraform or OpenTofu, and run it in the directory of a stage: init, validate, plan, apply, output."""

import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coworks_async.deploy.emulator import create_provider_override
from coworks_async.deploy.terraform.errors import Diagnostic, Redactor, explain_errors, parse_text_error
from coworks_async.deploy.terraform.output import (
    ALL_DONE,
    EventListener,
    Notice,
    OutputCollector,
    PlannedChange,
    PlanSummary,
    Tick,
    ignore_events,
)
from coworks_async.deploy.terraform.process import run_logged
from coworks_async.deploy.terraform.root_module import PROVIDER_MAJOR
from coworks_async.deploy.terraform.workdir import OVERRIDE_FILE, ROOT_FILE
from coworks_async.exceptions import DeployError, DeployInterrupted

MIN_VERSION = (1, 10)
"""The first version of both programs that locks a state in S3 without a database."""

INSTALL_PAGES = {
    "terraform": "https://developer.hashicorp.com/terraform/install",
    "tofu": "https://opentofu.org/docs/intro/install/",
}

LOCAL_ADVICE = (
    "For --local, 'make emulator' in a clone of CoWorks Async puts a terraform into the clone's .venv/bin: add that "
    "folder to the PATH."
)

# Variables of the user that would change what runs or where the state is, or log requests with their content.
# https://developer.hashicorp.com/terraform/cli/config/environment-variables
IGNORED_VARIABLES = ("TF_CLI_ARGS", "TF_LOG", "TF_WORKSPACE", "TF_DATA_DIR")

# Caused by `-target`.
EXPECTED_WARNINGS = frozenset({"Resource targeting is in effect", "Applied changes may be incomplete"})

PLAN_PREFIX = ".plans-"
VERSION_TIMEOUT = 60.0

_NOT_COPIED = shutil.ignore_patterns(".*", "*.tfstate*", "*.log")


@dataclass(frozen=True, slots=True)
class Program:
    """Terraform or OpenTofu on this machine. The name is `terraform` or `tofu`."""

    path: Path
    name: str
    version: str


@dataclass(frozen=True, slots=True)
class SavedPlan:
    """A plan in a file, which contains secrets. It is not empty if only an output changes."""

    file: Path
    summary: PlanSummary
    changes: tuple[PlannedChange, ...]
    is_empty: bool

    def describe(self) -> list[str]:
        """Return one line for each resource: the action and the address."""
        return [f"{change.action:<8} {change.address}" for change in self.changes]


def find_terraform(name: str | None, environment: Mapping[str, str], *, is_local: bool = False) -> Program:
    """Find a program on the PATH of an environment: by default Terraform or else OpenTofu.

    If there is none, the error names the one of `make emulator` too if `is_local`.
    """
    names = ("terraform", "tofu") if name is None else (name,)
    for each in names:
        path = shutil.which(each, path=environment.get("PATH", os.defpath))
        if path is not None:
            version = _read_version(path, environment)
            numbers = re.match(r"(\d+)\.(\d+)", version)
            if numbers is None or (int(numbers[1]), int(numbers[2])) < MIN_VERSION:
                required = ".".join(map(str, MIN_VERSION))
                raise DeployError(
                    f"{Path(path)} is version {version}; {required} or later is required. Install a newer one "
                    f"({INSTALL_PAGES[each]})."
                )
            return Program(Path(path), each, version)
    pages = " or ".join(INSTALL_PAGES[each] for each in names)
    if name is None:
        local = f" {LOCAL_ADVICE}" if is_local else ""
        raise DeployError(f"Neither terraform nor tofu is on the PATH. Install one ({pages}).{local}")
    raise DeployError(f"{name} is not on the PATH. Install it ({pages}), or choose the other one with --terraform.")


def _read_version(path: str, environment: Mapping[str, str]) -> str:
    try:
        completed = _capture([path, "version", "-json"], child_environment(environment), timeout=VERSION_TIMEOUT)
        return str(json.loads(completed.stdout)["terraform_version"])
    except (OSError, subprocess.TimeoutExpired, ValueError, KeyError, TypeError) as error:
        raise DeployError(f"{path} does not print its version. Is it Terraform or OpenTofu?") from error


def _capture(
    command: Sequence[str], environment: Mapping[str, str], **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run a command without input, and capture its output."""
    streams: dict[str, Any] = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True}
    return subprocess.run(command, env=environment, check=False, **streams, **options)  # noqa: S603


def child_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment in which Terraform never prompts and ignores settings that change what it runs."""
    kept = {name: value for name, value in environment.items() if not name.startswith(IGNORED_VARIABLES)}
    return kept | {"TF_IN_AUTOMATION": "1", "TF_INPUT": "0", "CHECKPOINT_DISABLE": "1"}


@contextmanager
def private_directory(parent: Path) -> Iterator[Path]:
    """Yield a directory for plan files that only the user can read. It is deleted in any case.

    Meanwhile SIGTERM ends the process as Ctrl-C does, so that the directory is deleted then too. Directories of killed
    processes are deleted first.
    """
    for leftover in parent.glob(f"{PLAN_PREFIX}*"):
        with _lock(leftover) as is_unused:
            if is_unused:
                shutil.rmtree(leftover)
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with tempfile.TemporaryDirectory(prefix=PLAN_PREFIX, dir=parent) as directory, _lock(Path(directory)):
            yield Path(directory)
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _lock(directory: Path) -> Iterator[bool]:
    """Hold the lock of a directory, which ends with the process. Yield whether it was free."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield True
    except BlockingIOError:
        yield False
    finally:
        os.close(descriptor)


class Terraform:
    """Terraform in the directory of one stage. Its output goes to one log, and its files are private to the user.

    A command that fails or is interrupted raises `DeployError` with the cause in one line. Use it in the main thread,
    which handles signals. Errors and log contain none of the secrets.
    """

    def __init__(
        self,
        program: Program,
        directory: Path,
        environment: Mapping[str, str],
        log: Path,
        secrets: Iterable[str] = (),
    ) -> None:
        self.program = program
        self.directory = directory
        self.log = log
        self._environment = child_environment(os.environ) | dict(environment)
        self._seen_warnings = set(EXPECTED_WARNINGS)
        self._redactor = Redactor(secrets)
        with log.open("w"):
            log.chmod(0o600)

    def init(self, backend: bool = True, on_event: EventListener = ignore_events) -> None:
        """Install the providers and configure the state. Without `backend` it needs no access to the state."""
        # Without `-json`, which older versions do not support here.
        self._run("init", f"-backend={json.dumps(backend)}", "-input=false", on_event=on_event)

    def validate(self) -> None:
        """Check the files of the directory, without access to AWS."""
        self._run("validate")

    def plan(
        self,
        file: Path,
        *,
        targets: Sequence[str] = (),
        destroy: bool = False,
        on_event: EventListener = ignore_events,
    ) -> SavedPlan:
        """Create a plan and save it. `targets` limits it; `destroy` plans the deletion of everything."""
        words = [f"-out={file}", "-detailed-exitcode", "-input=false"]
        words += ["-destroy"] * destroy + [f"-target={target}" for target in targets]
        code, output = self._run("plan", "-json", *words, on_event=on_event, success=(0, 2))
        summary = next((event for event in output.events if isinstance(event, PlanSummary)), PlanSummary(0, 0, 0))
        changes = (event for event in output.events if isinstance(event, PlannedChange))
        return SavedPlan(file, summary, tuple(sorted(changes, key=lambda each: each.address)), is_empty=code == 0)

    def show(self, plan: SavedPlan) -> Any:
        """Return the content of a plan, which includes its secrets: `format_version`, `resource_changes` and others."""
        return self.query("show", "-json", str(plan.file))

    def apply(self, plan: SavedPlan, on_event: EventListener = ignore_events, all_done: str = ALL_DONE) -> None:
        """Apply a plan. If that fails or is interrupted, the error includes how many changes were made.

        `all_done` is the error's text if the interruption came after the last change.
        """
        on_event(plan.summary)
        words = ("apply", "-json", "-input=false", str(plan.file))
        self._run(*words, on_event=on_event, planned=plan.summary.total, all_done=all_done)

    def import_resource(self, address: str, id_: str) -> None:
        """Add a resource that exists to the state."""
        self._run("import", "-input=false", address, id_)

    def outputs(self) -> dict[str, Any]:
        """Return the outputs of the root module, except the sensitive ones."""
        outputs = self.query("output", "-json")
        return {name: output["value"] for name, output in outputs.items() if not output["sensitive"]}

    def query(self, *words: str) -> Any:
        """Run a command that prints JSON and return it. It may be secret, so it is not logged."""
        command = [str(self.program.path), *words, "-no-color"]
        completed = _capture(command, self._environment, cwd=self.directory, umask=0o077)
        errors = self._redactor.redact(completed.stderr)
        self._append_log(f"$ {self.program.name} {' '.join(words)}\n{errors}")
        if completed.returncode != 0:
            raise self._error(parse_text_error(errors.splitlines()))
        return json.loads(completed.stdout)

    def _run(
        self,
        *words: str,
        on_event: EventListener = ignore_events,
        success: Sequence[int] = (0,),
        planned: int | None = None,
        all_done: str = ALL_DONE,
    ) -> tuple[int, OutputCollector]:
        """Run a command that may take long. It makes `planned` changes, or none."""
        output = OutputCollector(on_event, self._seen_warnings, self._redactor)
        self._append_log(f"$ {self.program.name} {' '.join(words)}\n")
        command = [str(self.program.path), words[0], "-no-color", *words[1:]]
        code, handler = run_logged(
            command,
            self.directory,
            self._environment,
            self.log,
            on_line=output.feed,
            on_tick=lambda: on_event(Tick()),
            on_message=lambda text: on_event(Notice(text)),
        )
        self._redactor.redact_file(self.log)
        if handler.interrupted:
            text = output.describe_interruption(planned, killed=handler.killed, all_done=all_done)
            raise DeployInterrupted(text, self.log)
        if code not in success:
            raise self._error(output.diagnostics(), output.summary(planned))
        return code, output

    def _error(self, diagnostics: Sequence[Diagnostic], progress: str = "") -> DeployError:
        text = explain_errors(diagnostics, self.directory, self.program.name)
        return DeployError(f"{text} {progress}".rstrip(), self.log)

    def _append_log(self, text: str) -> None:
        with self.log.open("a") as log:
            log.write(text)


def validate_root(terraform: Terraform) -> list[str]:
    """Validate a stage's directory without access to AWS or the state, and return notes for the user.

    If the provider that the root module requires is not available (offline, with a mirror of an older one), a copy is
    validated with the available one.
    """
    try:
        terraform.init(backend=False)
    except DeployError as error:
        return _validate_copy(terraform, error)
    terraform.validate()
    return []


def _validate_copy(terraform: Terraform, error: DeployError) -> list[str]:
    # In a copy, because Terraform would record the older provider for the next deploy.
    with tempfile.TemporaryDirectory(prefix="cws-") as directory:
        copy = Path(directory, "root")
        shutil.copytree(terraform.directory, copy, ignore=_NOT_COPIED)
        (copy / OVERRIDE_FILE).write_text(json.dumps(create_provider_override()))
        _remove_backend(copy / ROOT_FILE)
        # An older provider requires a region even to validate.
        older = Terraform(terraform.program, copy, {"AWS_DEFAULT_REGION": "us-east-1"}, terraform.log)
        try:
            older.init(backend=False)
        except DeployError:
            raise error from None
        older.validate()
        return [_describe_provider(older)]


def _remove_backend(file: Path) -> None:
    """Remove the location of the state from a root module: reading a provider's schema would need access to it."""
    root = json.loads(file.read_text())
    for name in ("backend", "cloud"):
        root["terraform"].pop(name, None)
    file.write_text(json.dumps(root))


def _describe_provider(terraform: Terraform) -> str:
    """Name the provider that validated a root module, and the arguments of the function that it does not support.

    Terraform ignores those, because the override touches the function. It reports all others as errors.
    """
    versions = terraform.query("version", "-json")["provider_selections"]
    (source,) = (name for name in versions if name.endswith("/hashicorp/aws"))
    schema = terraform.query("providers", "schema", "-json")["provider_schemas"][source]
    block = schema["resource_schemas"]["aws_lambda_function"]["block"]
    root = json.loads((terraform.directory / ROOT_FILE).read_text())
    # Meta-arguments are not in a provider's schema.
    arguments = root["resource"]["aws_lambda_function"]["service"].keys() - {"depends_on"}
    unknown = sorted(arguments - block["attributes"].keys() - block["block_types"].keys())
    missing = f", which does not know: {', '.join(unknown)}" if unknown else ""
    return f"Provider {PROVIDER_MAJOR}.x is not available here; validated with {versions[source]}{missing}."
