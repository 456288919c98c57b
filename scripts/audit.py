"""Look for known vulnerabilities in the locked packages: `make audit`.

pip-audit asks PyPI. An index or a proxy in its place may serve packages without advisories. pip-audit would then find
nothing, so a release with a known vulnerability is audited first.
"""

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

LOCK = Path(__file__).parents[1] / "locks" / "dev.txt"
# CVE-2018-18074.
VULNERABLE = "requests==2.19.0"

PIP_AUDIT = [sys.executable, "-m", "pip_audit", "--disable-pip", "--progress-spinner", "off"]


def find_reason_to_skip() -> str | None:
    """Return why an audit would find nothing, or None if advisories are served.

    Raises:
        subprocess.CalledProcessError: pip-audit cannot reach the index.
    """
    with TemporaryDirectory() as folder:
        requirements = Path(folder, "requirements.txt")
        requirements.write_text(VULNERABLE)
        command = [*PIP_AUDIT, "--no-deps", "--format", "json", "--requirement", str(requirements)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if not done.stdout:
        print(done.stderr, file=sys.stderr, end="")
        done.check_returncode()
    return explain(done.stdout)


def explain(report: str) -> str | None:
    """Return why a report on the vulnerable release contains no vulnerability, or None if it contains one.

    Example:
        explain('{"dependencies": [{"name": "requests", "version": "2.19.0", "vulns": []}]}')
    """
    [package] = json.loads(report)["dependencies"]
    if package.get("vulns"):
        return None
    return package.get("skip_reason") or f"it serves no advisory for {VULNERABLE}, which has known vulnerabilities"


def main() -> int:
    """Audit the lock and return pip-audit's exit code, or 0 without advisories."""
    try:
        reason = find_reason_to_skip()
    except subprocess.CalledProcessError as error:
        return error.returncode
    if reason is not None:
        print(f"Audit skipped, because the package index serves no advisories: {reason}.")
        return 0
    return subprocess.run([*PIP_AUDIT, "--require-hashes", "--requirement", str(LOCK)], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
