"""Terraform, or OpenTofu, run in a stage's folder: find it, plan, apply, and ask what there is."""

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
from typing import Any, Literal

from coworks_async.deploy.terraform.errors import explain, read_text
from coworks_async.deploy.terraform.events import Change, Counts, Diagnostic, Notice, Tick, Watch, unwatched
from coworks_async.deploy.terraform.output import ALL, Said
from coworks_async.deploy.terraform.process import Listener, run_logged
from coworks_async.deploy.terraform.redaction import Redaction
from coworks_async.exceptions import DeployError

MINIMUM = (1, 10)
"""The first version, of both programs, whose state in S3 is locked without a database."""

INSTALL = {
    "terraform": "https://developer.hashicorp.com/terraform/install",
    "tofu": "https://opentofu.org/docs/intro/install/",
}

# Of the user's environment, what would change what we run or where the state is, or would log requests with all they
# hold. https://developer.hashicorp.com/terraform/cli/config/environment-variables
UNWANTED = ("TF_CLI_ARGS", "TF_LOG", "TF_WORKSPACE", "TF_DATA_DIR")

# What our two steps bring about themselves.
EXPECTED_WARNINGS = frozenset({"Resource targeting is in effect", "Applied changes may be incomplete"})

PRIVATE = ".plans-"
PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Program:
    """Terraform or OpenTofu on this machine."""

    path: Path
    name: Literal["terraform", "tofu"]
    version: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What Terraform would change, saved in a file that holds secrets.

    Attributes:
        changes: of resources, by address.
        is_empty: there is nothing to apply, no new output either.
    """

    file: Path
    counts: Counts
    changes: tuple[Change, ...]
    is_empty: bool

    def words(self) -> list[str]:
        """Say what would change, a line a resource: what is done to it, and its address."""
        return [f"{change.action:<8} {change.address}" for change in self.changes]


def find_terraform(name: Literal["terraform", "tofu"] | None, environ: Mapping[str, str]) -> Program:
    """Find the program on the PATH of an environment; without a name it is Terraform, else OpenTofu.

    Raises:
        DeployError: there is none, it is too old, or it does not tell its version.

    Example: `find_terraform(None, os.environ)`.
    """
    names: tuple[Literal["terraform", "tofu"], ...] = (name,) if name is not None else ("terraform", "tofu")
    for each in names:
        path = shutil.which(each, path=environ.get("PATH", os.defpath))
        if path is not None:
            return _checked(Program(Path(path), each, _version(path, environ)))
    missing = f"{names[0]} is not" if len(names) == 1 else "Neither terraform nor tofu is"
    sources = " or ".join(INSTALL[each] for each in names)
    raise DeployError(f"{missing} on the PATH: install it ({sources}); --terraform chooses between the two.")


@contextmanager
def private_folder(directory: Path) -> Iterator[Path]:
    """Yield a folder for plan files in a stage's folder, which nobody else can read; it is deleted in all cases.

    SIGTERM ends the process as Ctrl-C does meanwhile, so that it is deleted then too. What a killed process left is
    deleted by the next.
    """
    for left in directory.glob(f"{PRIVATE}*"):
        with _locked(left) as is_ours:
            if is_ours:
                shutil.rmtree(left)
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with tempfile.TemporaryDirectory(prefix=PRIVATE, dir=directory) as folder, _locked(Path(folder)):
            yield Path(folder)
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _locked(folder: Path) -> Iterator[bool]:
    """Hold a folder's lock, which ends with the process, and yield whether it was free."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield True
    except BlockingIOError:
        yield False
    finally:
        os.close(descriptor)


class Terraform:
    """Terraform in one stage's folder. All that it says of a run goes into one log; its files are private.

    A command that fails raises `DeployError`, with the cause in one line; so does one that Ctrl-C or SIGTERM
    interrupts. To be used in the main thread, which handles these.

    Parameters: `environment` is added to that of this process; `log` is begun anew; `secrets` are values that are
    masked wherever they are said.

        terraform = Terraform(find_terraform(None, os.environ), folder, {"TF_VAR_environment": "{}"}, folder / "log")
        terraform.init()
        with private_folder(folder) as private:
            terraform.apply(terraform.plan(private / "plan"))
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
        self._hushed = set(EXPECTED_WARNINGS)
        self._redaction = Redaction(secrets)
        with log.open("w"):
            log.chmod(0o600)

    def init(self, backend: bool = True, watch: Watch = unwatched) -> None:
        """Install the providers and set up where the state is; without `backend` it needs no access to the state."""
        # In text, which every version of both programs writes.
        self._run("init", f"-backend={json.dumps(backend)}", "-input=false", watch=watch)

    def validate(self, watch: Watch = unwatched) -> None:
        """Check that the folder's files are right, without access to anything."""
        self._run("validate", watch=watch)

    def plan(
        self,
        out: Path,
        *,
        targets: Sequence[str] = (),
        refresh: bool = True,
        destroy: bool = False,
        watch: Watch = unwatched,
    ) -> Plan:
        """Plan, and save the plan in `out`, a file in a private folder.

        Parameters: `targets`, addresses to which the plan is limited; `refresh`, whether AWS is asked how things are,
        rather than the state believed; `destroy`, to plan that all is deleted.
        """
        words = [f"-out={out}", "-detailed-exitcode", "-input=false", f"-refresh={json.dumps(refresh)}"]
        words += ["-destroy"] * destroy + [f"-target={target}" for target in targets]
        code, said = self._run("plan", "-json", *words, watch=watch, codes=(0, 2))
        counts = next((event for event in said.events if isinstance(event, Counts)), Counts(0, 0, 0))
        changes = sorted((event for event in said.events if isinstance(event, Change)), key=lambda each: each.address)
        return Plan(out, counts, tuple(changes), is_empty=code == 0)

    def apply(self, plan: Plan, watch: Watch = unwatched, done: str = ALL) -> None:
        """Make the changes of a plan; where it fails or is interrupted, the error says how many were made.

        Parameters: `done`, what the error says where an interruption came when all were made.
        """
        watch(plan.counts)
        words = ("apply", "-json", "-input=false", str(plan.file))
        self._run(*words, watch=watch, total=plan.counts.total, done=done)

    def outputs(self) -> dict[str, Any]:
        """Return the root module's outputs, but for the sensitive ones."""
        outputs = json.loads(self._ask("output", "-json").stdout)
        return {name: output["value"] for name, output in outputs.items() if not output["sensitive"]}

    def addresses(self) -> list[str]:
        """Return the addresses of all that is in the state; none where there is no state yet."""
        return self._ask("state", "list", unless="No state file was found").stdout.splitlines()

    def _run(
        self, *words: str, watch: Watch, codes: Sequence[int] = (0,), total: int | None = None, done: str = ALL
    ) -> tuple[int, Said]:
        """Run a command that may take long; `total` changes are to be made by it, and `done` says that they are."""
        said = Said(watch, self._hushed, self._redaction)
        self._write(f"$ {self.program.name} {' '.join(words)}\n")
        command = [str(self.program.path), words[0], "-no-color", *words[1:]]
        listener = Listener(said.hear, beat=lambda: watch(Tick()), tell=lambda text: watch(Notice(text)))
        code, interruption = run_logged(command, self.directory, self._environment, self.log, listener)
        self._redaction.file(self.log)
        if interruption.asked:
            raise DeployError(said.interrupted(total, killed=interruption.killed, done=done), self.log)
        if code not in codes:
            raise self._failed(said.diagnostics(), said.progress(total))
        return code, said

    def _ask(self, *words: str, unless: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command that tells something, which may be secret and so is in no log; `unless` is no failure."""
        done = subprocess.run(  # noqa: S603
            [str(self.program.path), *words, "-no-color"],
            cwd=self.directory,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            umask=0o077,
            check=False,
        )
        errors = self._redaction.text(done.stderr)
        self._write(f"$ {self.program.name} {' '.join(words)}\n{errors}")
        if done.returncode != 0 and not (unless and unless in errors):
            raise self._failed(read_text(errors.splitlines()))
        return done

    def _failed(self, diagnostics: Sequence[Diagnostic], more: str = "") -> DeployError:
        return DeployError(explain(diagnostics, self.directory, self.program.name) + more, self.log)

    def _write(self, text: str) -> None:
        with self.log.open("a") as log:
            log.write(text)


def child_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment in which Terraform asks nothing, and does what we think it does."""
    wanted = {name: value for name, value in environ.items() if not name.startswith(UNWANTED)}
    return wanted | {"TF_IN_AUTOMATION": "1", "TF_INPUT": "0", "CHECKPOINT_DISABLE": "1"}


def _version(path: str, environ: Mapping[str, str]) -> str:
    try:
        done = subprocess.run(  # noqa: S603
            [path, "version", "-json"],
            env=child_environment(environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        return str(json.loads(done.stdout)["terraform_version"])
    except (OSError, subprocess.TimeoutExpired, ValueError, KeyError, TypeError) as error:
        raise DeployError(f"{path} does not tell its version: is it Terraform or OpenTofu?") from error


def _checked(program: Program) -> Program:
    numbers = re.match(r"(\d+)\.(\d+)", program.version)
    if numbers is None or (int(numbers[1]), int(numbers[2])) < MINIMUM:
        needed = ".".join(map(str, MINIMUM))
        found = f"{program.path} is version {program.version}"
        raise DeployError(f"{found}, and {needed} is needed: install a newer one ({INSTALL[program.name]}).")
    return program
