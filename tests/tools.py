"""What the tests need of the machine: programs that are no Python packages.

Mark a test with `requires_tool("curl")`. Where curl is missing the test is skipped and the reason printed; with
`CWS_TEST_ALL=1`, which `make test-all` sets, it fails instead.
"""

import os
import shutil

import pytest

requires_tool = pytest.mark.requires_tool


def find_tool(name: str) -> str:
    """Find a program, or end the test that asks for it.

    Parameters: `name`, what one would type to start it.
    Returns its path.
    Raises pytest's outcome for a skipped test when it is not on PATH, for a failed one with `CWS_TEST_ALL=1`.

    Example: `subprocess.run([find_tool("curl"), url])`.
    """
    path = shutil.which(name)
    if path is not None:
        return path
    if os.environ.get("CWS_TEST_ALL") == "1":
        pytest.fail(f"{name} is not on PATH, and CWS_TEST_ALL=1 lets no test be skipped", pytrace=False)
    pytest.skip(f"{name} is not on PATH; `make test-all` installs it")
