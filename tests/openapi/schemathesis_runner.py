"""Run Schemathesis: it sends requests created from a document and checks each response against it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

PROGRAM = str(Path(sys.executable).with_name("schemathesis"))
HOOKS = Path(__file__).with_name("schemathesis_hooks.py")

Report = dict[str, Any]


def run_schemathesis(document: Path, url: str, *options: str, cases: int, token: str | None = None) -> Report:
    """Send requests to a service and assert that no check of Schemathesis fails.

    Args:
        document: the file of the service's OpenAPI document. Schemathesis writes its own files beside it.
        options: additional options of Schemathesis.
        cases: the minimum number of requests.
        token: sent with each request, if not None. Schemathesis also tries requests without it.

    Returns:
        The report of Schemathesis.
    """
    methods = [method for methods in json.loads(document.read_text())["paths"].values() for method in methods]
    folder = document.parent
    command = [PROGRAM, "run", str(document), "--url", url, "--checks", "all", "--seed", "1", "--no-color"]
    command += ["--max-examples", str(-(-cases // len(methods)))]
    command += ["--report", "json", "--report-json-path", str(folder / "report.json")]
    # A busy machine is not a failure.
    command += ["--suppress-health-check", "too_slow", "--request-timeout", "60"]
    command += ["--header", f"Authorization:{token}"] if token is not None else []
    environment = os.environ | {"SCHEMATHESIS_HOOKS": str(HOOKS)}
    done = subprocess.run(
        [*command, *options], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    report: Report = json.loads((folder / "report.json").read_text())
    assert (report["complete"], report["operations"]["tested"]) == (True, len(methods))
    assert (report["failures"], report["errors"]) == ([], [])
    assert report["test_cases"]["generated"] >= cases
    return report
