"""A canary of a deployed stage: a broken version is taken back, a good one is live, and a killed one is ended."""

import json
import os
import random
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.deploy.deployed_project import PATIENCE, Deployment, Project, deploy
from tests.deployed.conftest import CopyProject

pytestmark = pytest.mark.end_to_end

# Neither Terraform nor OpenTofu is here.
PATH_WITHOUT_TERRAFORM = "/usr/bin:/bin"

SERVICE = """
from coworks_async import TechMicroService, entry


class Shop(TechMicroService):
    @entry(no_auth=True)
    async def get(self):
        return "one"

    @entry(no_auth=True, smoke=True)
    async def get_health(self):
        return "healthy"


app = Shop(name="shop")
"""


@dataclass
class Load:
    """Requests that clients send all the time, counted by status and body."""

    url: str
    counted: Counter[str] = field(default_factory=Counter)

    def send(self) -> None:
        try:
            with urllib.request.urlopen(self.url, timeout=PATIENCE) as response:
                self.counted[response.read().decode()] += 1
        except urllib.error.HTTPError as error:
            self.counted[str(error.code)] += 1

    @contextmanager
    def running(self) -> Iterator[Counter[str]]:
        """Send requests until the block ends, and yield their counts."""
        self.counted, stopped = Counter(), threading.Event()

        def send() -> None:
            while not stopped.wait(0.05):
                self.send()

        threads = [threading.Thread(target=send) for _ in range(2)]
        for thread in threads:
            thread.start()
        try:
            yield self.counted
        finally:
            stopped.set()
            for thread in threads:
                thread.join()


@dataclass
class Canaries:
    """Observations of a stage and its canaries.

    Attributes:
        results: exit code, output and error of each command.
        counted: the responses during each command.
        after: the responses to requests after each command.
        aliases: version, description and weights of the alias after each command.
        canary_of_killed: the version whose canary `cws deployed --json` lists after a kill.
        left: the resources after `cws destroy`.
    """

    deployed: Deployment
    results: dict[str, tuple[int, str, str]] = field(default_factory=dict)
    counted: dict[str, Counter[str]] = field(default_factory=dict)
    after: dict[str, Counter[str]] = field(default_factory=dict)
    aliases: dict[str, tuple[str, str, dict[str, float]]] = field(default_factory=dict)
    canary_of_killed: Any = None
    left: list[str] = field(default_factory=list)

    def run(self, step: str, *words: str, signal_number: int | None = None, **environment: str) -> None:
        """Run a command under load, send it a signal during its canary, and observe the stage after it."""
        project, load = self.deployed.project, Load(f"{self.deployed.url}/")
        with load.running() as counted, project.start(*words, **environment) as process:
            if signal_number is not None:
                self.wait_for_canary(process)
                os.killpg(process.pid, signal_number)
            out, err = process.communicate(timeout=PATIENCE)
        self.results[step], self.counted[step] = (process.returncode, out, err), counted
        self.aliases[step] = self.read_alias()
        load.counted = self.after[step] = Counter()
        for _ in range(50):
            load.send()

    def deploy(self, step: str, *words: str, **options: Any) -> None:
        self.run(step, "deploy", *self.deployed.project.target, *words, **options)

    def wait_for_canary(self, process: subprocess.Popen[str]) -> None:
        """Wait until a random moment of the canary that a process makes."""
        while not self.read_alias()[2]:
            assert process.poll() is None
            time.sleep(0.1)
        time.sleep(random.uniform(0, 3))

    def read_alias(self) -> tuple[str, str, dict[str, float]]:
        alias = self.deployed.project.client("lambda").get_alias(FunctionName="shop-dev", Name="live")
        weights = alias.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})
        return alias["FunctionVersion"], alias.get("Description", ""), weights

    def replace(self, old: str, new: str) -> None:
        service = self.deployed.project.directory / "app.py"
        assert old in service.read_text()
        service.write_text(service.read_text().replace(old, new))


@pytest.fixture(scope="module", params=[pytest.param("rest", marks=pytest.mark.exhaustive), "http"])
def canaries(
    request: pytest.FixtureRequest, copy_project: CopyProject, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Canaries]:
    """The observations, made once for all tests."""
    with copy_project(tmp_path_factory.mktemp("shop"), "shop", app="app", gateway=request.param) as project:
        project.write("app.py", SERVICE)
        yield observe(project)


def observe(project: Project) -> Canaries:
    observed = Canaries(deploy(project))
    observed.replace('return "one"', "raise RuntimeError")
    observed.deploy("broken", "--canary", "10", "--bake", "60s")
    observed.deploy("planned", "--plan")

    observed.replace("raise RuntimeError", 'return "three"')
    observed.deploy("good", "--canary", "50", "--bake", "10s")

    observed.replace('return "three"', 'return "four"')
    observed.deploy("killed", "--canary", "10", "--bake", "5m", signal_number=signal.SIGKILL)
    observed.run("listed", "deployed", "--local", project.url)
    [stage] = json.loads(project.run("deployed", "--json", "--local", project.url))
    observed.canary_of_killed = stage["canary"]
    project.run("rollback", "--local", project.url, PATH=PATH_WITHOUT_TERRAFORM)
    observed.deploy("planned after rollback", "--plan")

    observed.replace('return "four"', 'return "five"')
    words = "--canary", "10", "--bake", "5m", "--break-lock"
    observed.deploy("stopped", *words, signal_number=signal.SIGTERM)
    observed.deploy("planned after stop", "--plan")
    observed.left = [] if project.destroy() and not project.resources() else project.resources()
    return observed


def test_a_broken_version_is_taken_back_with_exit_code_3(canaries: Canaries):
    code, out, err = canaries.results["broken"]
    assert code == 3
    assert "\nVersion 2: GET /health succeeded.\nVersion 2 gets 10 % of the requests for 60 s.\n" in out
    assert err.startswith("Error: Version 2 was taken back. Version 1 gets all requests. Reason: ")
    assert err.endswith(" % errors instead of 0 %.\n")
    assert canaries.aliases["broken"] == ("1", "Rolled back from version 2.", {})


def test_the_live_version_serves_90_percent_throughout_and_all_after(canaries: Canaries):
    counted = canaries.counted["broken"]
    assert set(counted) == {"one", "500"}
    assert counted["one"] >= 0.9 * counted.total()
    assert canaries.after["broken"] == {"one": 50}


@pytest.mark.parametrize("step", ["planned", "planned after rollback", "planned after stop"])
def test_after_a_canary_a_plan_has_no_changes_of_the_alias(canaries: Canaries, step: str):
    code, out, _ = canaries.results[step]
    assert (code, out.splitlines()[-1]) == (0, "No changes.")


def test_a_good_version_is_live_after_the_bake(canaries: Canaries):
    code, out, _ = canaries.results["good"]
    assert code == 0
    assert "\nVersion 3 is live instead of 1.\n" in out
    assert set(canaries.counted["good"]) == {"one", "three"}
    assert canaries.after["good"] == {"three": 50}
    assert canaries.aliases["good"] == ("3", "Rolled back from version 2.", {})


def test_a_killed_canary_is_listed(canaries: Canaries):
    assert canaries.aliases["killed"] == ("3", "Rolled back from version 2.", {"4": 0.1})
    assert "\n  a canary of version 4 is under way, or was interrupted\n" in canaries.results["listed"][1]
    assert canaries.canary_of_killed == 4
    assert set(canaries.counted["listed"]) <= {"three", "four"}


def test_a_rollback_ends_a_killed_canary_without_terraform(canaries: Canaries):
    assert canaries.aliases["planned after rollback"] == ("3", "Rolled back from version 4, 2.", {})
    assert canaries.after["planned after rollback"] == {"three": 50}


def test_sigterm_takes_a_version_back(canaries: Canaries):
    code, _, err = canaries.results["stopped"]
    assert code == 1
    assert err.endswith("Error: Interrupted. Version 5 was taken back. Version 3 gets all requests.\n")
    assert canaries.aliases["stopped"] == ("3", "Rolled back from version 5, 4, 2.", {})
    assert canaries.after["stopped"] == {"three": 50}


def test_destroy_leaves_nothing(canaries: Canaries):
    assert canaries.left == []
