"""The environment files: which are read, which value wins, what is refused."""

import os
from pathlib import Path

import pytest

from coworks_async.cli.project import Project, load_environment, stage_of, stage_variables
from coworks_async.exceptions import CommandError
from tests.cli.conftest import Write


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, which is not the project's."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def loaded(project: Path, env_file: Path | None = None) -> str:
    return load_environment(Project(directory=project, env_file=env_file))


def refusal(project: Path, env_file: Path | None = None) -> str:
    with pytest.raises(CommandError) as caught:
        loaded(project, env_file)
    return str(caught.value)


def test_without_files_the_stage_is_dev(project: Path) -> None:
    assert loaded(project) == "dev"
    assert os.environ["CWS_STAGE"] == "dev"


def test_the_file_of_the_stage_wins_over_the_common_one(write: Write, project: Path) -> None:
    write(".env", "FIRST=common\nSECOND=common\n")
    write(".env.dev", "SECOND=dev\n")
    write(".env.v1", "SECOND=v1\n")
    loaded(project)
    assert (os.environ["FIRST"], os.environ["SECOND"]) == ("common", "dev")


def test_the_shell_wins_over_every_file(write: Write, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOST", "shell")
    write(".env", "HOST=common\nURL=http://${HOST}\n")
    write(".env.dev", "HOST=dev\n")
    loaded(project, write("more", "HOST=more\n"))
    assert (os.environ["HOST"], os.environ["URL"]) == ("shell", "http://shell")


def test_a_later_file_builds_on_an_earlier_one(write: Write, project: Path) -> None:
    write(".env", "BASE=/srv")
    write(".env.dev", "DATA=${BASE}/data")
    loaded(project)
    assert os.environ["DATA"] == "/srv/data"


def test_the_explicit_file_wins_over_those_found(write: Write, project: Path) -> None:
    write(".env", "FIRST=common\nSECOND=common\n")
    loaded(project, write("more", "SECOND=more\n"))
    assert (os.environ["FIRST"], os.environ["SECOND"]) == ("common", "more")


def test_files_are_sought_in_the_project_then_in_the_current_folder(
    write: Write, project: Path, elsewhere: Path
) -> None:
    (elsewhere / ".env").write_text("FIRST=current\n")
    (elsewhere / ".env.dev").write_text("SECOND=current\n")
    write(".env.dev", "SECOND=project\n")
    loaded(project)
    assert (os.environ["FIRST"], os.environ["SECOND"]) == ("current", "project")


def test_a_folder_named_env_is_passed_over(project: Path, write: Write, elsewhere: Path) -> None:
    (project / ".env").mkdir()
    (elsewhere / ".env").write_text("FIRST=current\n")
    loaded(project)
    assert os.environ["FIRST"] == "current"


def test_the_common_file_may_choose_the_stage(write: Write, project: Path) -> None:
    write(".env", "CWS_STAGE=v1\n")
    write(".env.v1", "FIRST=v1\nCWS_STAGE=v2\n")
    assert loaded(project) == "v1"
    assert (os.environ["FIRST"], os.environ["CWS_STAGE"]) == ("v1", "v1")


def test_the_stage_of_the_shell_wins(write: Write, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CWS_STAGE", "v2")
    write(".env", "CWS_STAGE=v1\n")
    assert loaded(project) == "v2"


@pytest.mark.parametrize("name", ["CWS_APP", "FLASK_APP"])
def test_the_common_file_may_name_the_app(name: str, write: Write, project: Path) -> None:
    write(".env", f"{name}=simple\n")
    found = Project(directory=project)
    load_environment(found)
    assert found.app_spec() == "simple"


def test_a_byte_order_mark_is_no_part_of_a_name(project: Path) -> None:
    (project / ".env").write_bytes(b"\xef\xbb\xbfFIRST=one\n")
    loaded(project)
    assert os.environ["FIRST"] == "one"


def test_comments_quotes_and_export_are_read(write: Write, project: Path) -> None:
    write(".env", "# a comment\nexport FIRST='one two'\n\nSECOND=\"a\\nb\"\n")
    loaded(project)
    assert (os.environ["FIRST"], os.environ["SECOND"]) == ("one two", "a\nb")


def test_a_line_that_is_no_assignment_is_named_by_its_number(write: Write, project: Path) -> None:
    path = write(".env.dev", "FIRST=one\n='secret'\n")
    message = refusal(project)
    assert message == f"The environment file {path} has no NAME=value on line 2."


def test_a_name_without_a_value_is_refused_rather_than_lost(write: Write, project: Path) -> None:
    write(".env", "FIRST=one\nSECOND\n")
    assert refusal(project).endswith("has no NAME=value on line 2.")


def test_a_zero_byte_is_refused(project: Path) -> None:
    (project / ".env").write_bytes(b"FIRST=one\0two\n")
    assert refusal(project).endswith("has no NAME=value on line 1.")


def test_what_is_not_text_is_refused(project: Path) -> None:
    (project / ".env").write_bytes(b"FIRST=\xff\n")
    assert refusal(project) == f"The environment file {project / '.env'} is not text in UTF-8."


def test_a_file_that_cannot_be_read_is_refused(project: Path) -> None:
    assert refusal(project, project) == f"The environment file {project} cannot be read: Is a directory."


def test_a_stage_that_is_no_name_is_refused(write: Write, project: Path) -> None:
    write(".env", "CWS_STAGE=../v1\n")
    assert "'../v1'" in refusal(project)


def variables(project: Path, env_file: Path | None = None) -> dict[str, str]:
    return stage_variables(Project(directory=project, env_file=env_file))


def test_the_stage_is_told_without_loading_anything(write: Write, project: Path) -> None:
    assert stage_of(Project(directory=project)) == "dev"
    write(".env", "CWS_STAGE=v1\nFIRST=one\n")
    assert stage_of(Project(directory=project)) == "v1"
    assert {"CWS_STAGE", "FIRST"}.isdisjoint(os.environ)


def test_the_lambda_s_variables_are_what_the_files_set(write: Write, project: Path) -> None:
    assert variables(project) == {}
    write(".env", "FIRST=common\nSECOND=common\n")
    write(".env.dev", "SECOND=dev\n")
    write(".env.v1", "SECOND=v1\n")
    before = dict(os.environ)
    assert variables(project) == {"FIRST": "common", "SECOND": "dev"}
    assert variables(project, write("more", "SECOND=more\nTHIRD=\n")) == {
        "FIRST": "common",
        "SECOND": "more",
        "THIRD": "",
    }
    assert os.environ == before


def test_the_lambda_s_variables_leave_out_the_stage(write: Write, project: Path) -> None:
    write(".env", "CWS_STAGE=v1\n")
    write(".env.v1", "FIRST=v1\nCWS_STAGE=v2\n")
    assert variables(project) == {"FIRST": "v1"}


def test_the_shell_gives_the_lambda_only_what_a_file_asks_for(
    write: Write, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOST", "shell")
    monkeypatch.setenv("DOMAIN", "example.org")
    monkeypatch.setenv("UNASKED", "shell")
    write(".env", "HOST=file\nURL=http://${HOST}.${DOMAIN}/${ABSENT:-none}\n")
    assert variables(project) == {"HOST": "file", "URL": "http://file.example.org/none"}


def test_a_wrong_file_is_refused_for_the_lambda_too(write: Write, project: Path) -> None:
    path = write(".env", "='secret'\n")
    with pytest.raises(CommandError) as caught:
        variables(project)
    assert str(caught.value) == f"The environment file {path} has no NAME=value on line 1."
