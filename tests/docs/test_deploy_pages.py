"""The config files, Terraform files and workflows of the pages are valid for a deploy."""

from pathlib import Path

import pytest

from tests.deploy.conftest import toolchain
from tests.deploy.deployed_project import QUICK, SERVICE, create_offline_project
from tests.deploy.toolchain import Toolchain
from tests.docs.checks import CONFIG_FILE, WORKFLOWS, read_workflow_commands
from tests.docs.pages import DOCS, read_blocks

__all__ = ["toolchain"]


@pytest.mark.parametrize("name", ["ci-cd", "stages", "network"])
def test_a_deploy_with_the_files_of_the_page_is_valid(name: str, toolchain: Toolchain, tmp_path: Path):
    project = create_offline_project(tmp_path, toolchain)
    project.write("tech/app.py", SERVICE % "shop")
    reports = []
    for block in read_blocks(DOCS / "how-to" / f"{name}.md"):
        if not block.title or block.language == "python":
            continue
        project.write(block.title, block.source)
        commands = []
        if block.title == CONFIG_FILE:
            commands = ["cws -s prod deploy --dry"]
        elif block.title.startswith(WORKFLOWS):
            commands = [each for each in read_workflow_commands(block.source) if " deploy" in each]
        for command in commands:
            # A plan needs an account.
            words = [word for word in command.partition(" > ")[0].split()[1:] if word not in ("--plan", "--json")]
            reports.append(project.run(*words, "--dry", *QUICK, CWS_STAGE="pr-12", TOKEN="token"))
    assert reports
    assert [report for report in reports if " is valid. A deploy would create:" not in report] == []
