"""Kill deploys, canaries, rollbacks and destroys at random moments, and check the stage after each.

The same seed makes the same choices. How far a command has got at its moment also depends on the machine.
"""

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.deploy.deployed_project import PATIENCE, QUICK, Project

WITH_TERRAFORM = "SIGKILL with Terraform"
"""The end of the machine: Terraform does not run on."""

WAYS = ("SIGINT", "SIGTERM", "SIGKILL", WITH_TERRAFORM)

# Seconds that each command takes, until one has been measured.
DURATIONS = {"first deploy": 25.0, "deploy": 20.0, "canary": 26.0, "rollback": 4.0, "destroy": 15.0}

HEADER = f"{'command':<12} {'killed by':<22}  moment  share code   {'found afterwards':<34} next command"

# Memory of the function; each deploy takes the next value, so that it publishes a version.
MEMORY = range(128, 10_000, 64)


@dataclass(frozen=True)
class Kill:
    """One kill and what followed.

    Attributes:
        was_running: whether the command had not ended before its moment.
        moment: seconds after the start of the command.
        share: the moment as a share of the command's usual duration.
        code: the exit code of the killed command.
        found: the stage after the kill.
        next: the command after it.
        seconds: that this command took.
    """

    command: str
    way: str
    was_running: bool
    moment: float
    share: float
    code: int
    found: str
    next: str
    seconds: float

    def __str__(self) -> str:
        way = self.way if self.was_running else "had ended"
        killed = f"{self.command:<12} {way:<22} {self.moment:5.1f} s {self.share:5.0%} {self.code:>4}"
        return f"{killed}   {self.found:<34} {self.next:<12} {self.seconds:5.1f} s"


@dataclass
class Killer:
    """Kills commands on one stage. An inconsistency is an `AssertionError`."""

    project: Project
    choices: random.Random
    durations: dict[str, float] = field(default_factory=lambda: dict(DURATIONS))
    memory: Iterator[int] = field(default_factory=lambda: iter(MEMORY))

    def kill(self) -> Kill:
        """Start a random command that the stage allows, kill it, check the stage, and run a command to its end."""
        command = self.choose()
        words = self.words(command)
        way, share = self.choices.choice(WAYS), self.choices.random()
        moment = share * self.durations[command]
        code, was_running = self.run_and_kill(words, moment, way)
        found = self.check(way)
        follower = self.choose_next(command)
        if follower != command:
            words = self.words(follower)
        start = time.monotonic()
        output = self.finish(words)
        seconds = time.monotonic() - start
        if follower == command:
            self.durations[command] = seconds
        self.check_finished(follower, words, output)
        return Kill(command, way, was_running, moment, share, code, found, follower, seconds)

    def choose(self) -> str:
        """Return a command. A rollback and a canary need an earlier version."""
        versions = self.versions()
        if not versions:
            return "first deploy"
        commands = ["deploy", "deploy", "destroy"] + ["canary"] * 2 + ["rollback"] * 2 * (len(versions) > 1)
        return self.choices.choice(commands)

    def choose_next(self, command: str) -> str:
        """Return the command after a kill: the same again, or another one after some deploys."""
        if command.endswith("deploy") and self.choices.random() < 0.25:
            return "destroy"
        # The same canary would be held, because its version may have been taken back.
        return "deploy" if command == "canary" else command

    def words(self, command: str) -> tuple[str, ...]:
        """Return the words of a command. A deploy with other memory publishes a version."""
        local = ("--local", self.project.url)
        if command == "destroy":
            return "destroy", *local, "--gateway", self.project.gateway, "--yes"
        if command == "rollback":
            live = self.read_alias()[0]
            return "rollback", *local, "--to", str(self.choices.choice([v for v in self.versions() if v != live]))
        canary = ("--canary", "50", "--bake", "5s") if command == "canary" else ()
        return "deploy", *self.project.target, *QUICK, *canary, "--memory-size", str(next(self.memory))

    def run_and_kill(self, words: tuple[str, ...], moment: float, way: str) -> tuple[int, bool]:
        """Run a command, and kill it at a moment unless it has ended before. Return its exit code, and whether it ran.

        Terraform has ended too, then.
        """
        was_running = False
        with self.project.start(*words) as process:
            try:
                _, err = process.communicate(timeout=moment)
            except subprocess.TimeoutExpired:
                was_running = True
                send(process, way)
                _, err = process.communicate(timeout=PATIENCE)
        # Python prints the traceback of a signal that comes while it still imports the command.
        assert "Traceback" not in err or "import main" in err, err
        end = time.monotonic() + PATIENCE
        while any(runs_in(self.project.stage_directory())):
            assert time.monotonic() < end, "Terraform does not end."
            time.sleep(0.05)
        return process.returncode, was_running

    def check(self, way: str) -> str:
        """Check state, API, alias and lock after a kill, and describe them."""
        state = self.project.stage_directory() / "terraform.tfstate"
        resources: object = "no"
        if state.exists() and state.read_text():
            resources = len(json.loads(state.read_text())["resources"])
        assert len(self.project.api_ids()) <= 1, "There are two APIs."
        (live, weights), versions = self.read_alias(), self.versions()
        assert {live, *weights} <= {None, "$LATEST", *versions}, f"alias {live} {weights}, versions {versions}"
        assert not weights or way.startswith("SIGKILL"), f"{way} leaves a canary."
        is_locked = self.is_locked()
        assert not is_locked or way.startswith("SIGKILL"), f"{way} leaves the lock."
        canary = "".join(f" and {version}" for version in weights)
        return f"state {resources}, alias {live}{canary}{', locked' if is_locked else ''}"

    def finish(self, words: tuple[str, ...]) -> str:
        """Run a command to its end. A lock that a killed command has left is broken."""
        more = ("--break-lock",) if self.is_locked() and words[0] != "rollback" else ()
        return self.project.run(*words, *more)

    def check_finished(self, command: str, words: tuple[str, ...], output: str) -> None:
        """Check that a command has reached its goal."""
        if command == "destroy":
            left = self.project.resources()
            # A first deploy that was killed before Terraform ran has only created the emulator's bucket.
            is_first = "is not deployed. Nothing was deleted." in output
            assert set(left) <= ({self.project.bucket} if is_first else set()), f"{left}\n{output}"
            return
        client, function = self.project.client("lambda"), f"{self.project.name}-dev"
        live, weights = self.read_alias()
        assert not weights, weights
        if command == "rollback":
            assert live == words[-1]
        else:
            configuration = client.get_function_configuration(FunctionName=function, Qualifier="live")
            assert configuration["MemorySize"] == int(words[-1]), configuration
            assert len(self.project.api_ids()) == 1
            plan = self.project.run(*words, "--plan")
            assert plan.splitlines()[-1] == "No changes.", plan
        assert not self.is_locked()
        assert not list(self.project.stage_directory().glob(".plans-*"))

    def versions(self) -> list[str]:
        client = self.project.client("lambda")
        try:
            found = client.list_versions_by_function(FunctionName=f"{self.project.name}-dev")["Versions"]
        except client.exceptions.ResourceNotFoundException:
            return []
        return [each["Version"] for each in found if each["Version"] != "$LATEST"]

    def read_alias(self) -> tuple[str | None, dict[str, float]]:
        """Return the version that is live, and the shares of others; None without an alias."""
        client = self.project.client("lambda")
        try:
            alias = client.get_alias(FunctionName=f"{self.project.name}-dev", Name="live")
        except client.exceptions.ResourceNotFoundException:
            return None, {}
        return str(alias["FunctionVersion"]), alias.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})

    def is_locked(self) -> bool:
        names = [each["Name"] for each in self.project.client("s3").list_buckets()["Buckets"]]
        return self.project.bucket in names and any(key.endswith(".lock") for key in self.project.archives())


def send(process: subprocess.Popen[str], way: str) -> None:
    """Kill a command in one of the `WAYS`."""
    if way == "SIGINT":
        # As a terminal does.
        os.killpg(process.pid, signal.SIGINT)
    elif way == "SIGTERM":
        process.terminate()
    else:
        # It starts no other child meanwhile.
        process.send_signal(signal.SIGSTOP)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        process.kill()
        for child in children if way == WITH_TERRAFORM else ():
            os.killpg(os.getpgid(int(child)), signal.SIGKILL)


def runs_in(directory: Path) -> Iterator[int]:
    """Yield the ids of the processes whose working directory this is."""
    for path in Path("/proc").glob("[0-9]*/cwd"):
        try:
            if path.readlink() == directory:
                yield int(path.parent.name)
        except OSError:
            # It has ended, or belongs to another user.
            continue


def kill_commands(project: Project, kills: int, seed: int) -> Iterator[Kill]:
    """Yield each kill, and commands that had ended before, which do not count.

    At the end the stage is deployed and destroyed, and nothing remains.
    """
    killer = Killer(project, random.Random(seed))
    while kills:
        kill = killer.kill()
        kills -= kill.was_running
        yield kill
    for command in ("deploy", "destroy"):
        killer.finish(killer.words(command))
    assert project.resources() == []
