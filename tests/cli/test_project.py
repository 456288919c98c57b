"""Find the config file; find and load the environment files."""

import os
from pathlib import Path

import pytest

from coworks_async.cli.project import Project, find_config_file, find_stage, load_environment, read_stage_variables
from coworks_async.exceptions import CommandError
from tests.cli.conftest import Write


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a directory other than the project directory the current one."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def load(project: Path, env_file: Path | None = None) -> str:
    return load_environment(Project(directory=project, env_file=env_file))


def get_error(project: Path, env_file: Path | None = None) -> str:
    with pytest.raises(CommandError) as caught:
        load(project, env_file)
    return str(caught.value)


def test_without_files_the_stage_is_dev(project: Path) -> None:
    assert load(project) == "dev"
    assert os.environ["CWS_STAGE"] == "dev"


def test_the_file_of_the_stage_overrides_the_common_one(write: Write, project: Path) -> None:
    write(".env", "FIRST=common\nSECOND=common\n")
    write(".env.dev", "SECOND=dev\n")
    write(".env.v1", "SECOND=v1\n")
    load(project)
    assert (os.environ["FIRST"], os.environ["SECOND"]) == ("common", "dev")


def test_the_shell_overrides_every_file(write: Write, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOST", "shell")
    write(".env", "HOST=common\nURL=http://${HOST}\n")
    write(".env.dev", "HOST=dev\n")
    load(project, write("more", "HOST=more\n"))
    assert (os.environ["HOST"], os.environ["URL"]) == ("shell", "http://shell")


def test_a_file_can_refer_to_variables_of_an_earlier_one(write: Write, project: Path) -> None:
    write(".env", "BASE=/srv")
    write(".env.dev", "DATA=${BASE}/data")
    load(project)
    assert os.environ["DATA"] == "/srv/data"


def test_the_explicit_file_overrides_the_others(write: Write, project: Path) -> None:
    write(".env", "FIRST=common\nSECOND=common\n")
    load(project, write("more", "SECOND=more\n"))
    assert (os.environ["FIRST"], os.environ["SECOND"]) == ("common", "more")


def test_files_are_looked_up_in_the_project_directory_then_in_the_current_one(
    write: Write, project: Path, elsewhere: Path
) -> None:
    (elsewhere / ".env").write_text("FIRST=current\n")
    (elsewhere / ".env.dev").write_text("SECOND=current\n")
    write(".env.dev", "SECOND=project\n")
    load(project)
    assert (os.environ["FIRST"], os.environ["SECOND"]) == ("current", "project")


def test_a_directory_named_env_is_ignored(project: Path, write: Write, elsewhere: Path) -> None:
    (project / ".env").mkdir()
    (elsewhere / ".env").write_text("FIRST=current\n")
    load(project)
    assert os.environ["FIRST"] == "current"


def test_the_common_file_can_set_the_stage(write: Write, project: Path) -> None:
    write(".env", "CWS_STAGE=v1\n")
    write(".env.v1", "FIRST=v1\nCWS_STAGE=v2\n")
    assert load(project) == "v1"
    assert (os.environ["FIRST"], os.environ["CWS_STAGE"]) == ("v1", "v1")


def test_the_shell_overrides_the_stage_of_the_common_file(
    write: Write, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CWS_STAGE", "v2")
    write(".env", "CWS_STAGE=v1\n")
    assert load(project) == "v2"


@pytest.mark.parametrize("name", ["CWS_APP", "FLASK_APP"])
def test_the_common_file_can_set_the_app(name: str, write: Write, project: Path) -> None:
    write(".env", f"{name}=simple\n")
    found = Project(directory=project)
    load_environment(found)
    assert found.app_spec() == "simple"


def test_a_byte_order_mark_is_not_part_of_a_name(project: Path) -> None:
    (project / ".env").write_bytes(b"\xef\xbb\xbfFIRST=one\n")
    load(project)
    assert os.environ["FIRST"] == "one"


def test_comments_quotes_and_export_are_supported(write: Write, project: Path) -> None:
    write(".env", "# a comment\nexport FIRST='one two'\n\nSECOND=\"a\\nb\"\n")
    load(project)
    assert (os.environ["FIRST"], os.environ["SECOND"]) == ("one two", "a\nb")


def test_an_invalid_line_is_named_by_its_number_only(write: Write, project: Path) -> None:
    path = write(".env.dev", "FIRST=one\n='secret'\n")
    message = get_error(project)
    assert message == f"Environment file {path}, line 2: expected NAME=value."


def test_a_name_without_a_value_is_an_error(write: Write, project: Path) -> None:
    write(".env", "FIRST=one\nSECOND\n")
    assert get_error(project).endswith("line 2: expected NAME=value.")


def test_a_zero_byte_is_an_error(project: Path) -> None:
    (project / ".env").write_bytes(b"FIRST=one\0two\n")
    assert get_error(project).endswith("line 1: expected NAME=value.")


def test_a_file_that_is_not_utf_8_is_an_error(project: Path) -> None:
    (project / ".env").write_bytes(b"FIRST=\xff\n")
    assert get_error(project) == f"Environment file {project / '.env'} is not valid UTF-8."


def test_an_unreadable_file_is_an_error(project: Path) -> None:
    assert get_error(project, project) == f"Cannot read environment file {project}: Is a directory."


def test_an_invalid_stage_is_an_error(write: Write, project: Path) -> None:
    write(".env", "CWS_STAGE=../v1\n")
    assert "'../v1'" in get_error(project)


def variables(project: Path, env_file: Path | None = None) -> dict[str, str]:
    return read_stage_variables(Project(directory=project, env_file=env_file))


def test_find_stage_loads_nothing_into_the_process(write: Write, project: Path) -> None:
    assert find_stage(Project(directory=project)) == "dev"
    write(".env", "CWS_STAGE=v1\nFIRST=one\n")
    assert find_stage(Project(directory=project)) == "v1"
    assert {"CWS_STAGE", "FIRST"}.isdisjoint(os.environ)


def test_stage_variables_are_those_of_the_files(write: Write, project: Path) -> None:
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


def test_stage_variables_omit_the_stage(write: Write, project: Path) -> None:
    write(".env", "CWS_STAGE=v1\n")
    write(".env.v1", "FIRST=v1\nCWS_STAGE=v2\n")
    assert variables(project) == {"FIRST": "v1"}


def test_stage_variables_use_the_shell_only_where_a_file_refers_to_it(
    write: Write, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOST", "shell")
    monkeypatch.setenv("DOMAIN", "example.org")
    monkeypatch.setenv("UNUSED", "shell")
    write(".env", "HOST=file\nURL=http://${HOST}.${DOMAIN}/${ABSENT:-none}\n")
    assert variables(project) == {"HOST": "file", "URL": "http://file.example.org/none"}


def test_an_invalid_file_is_an_error_for_stage_variables(write: Write, project: Path) -> None:
    path = write(".env", "='secret'\n")
    with pytest.raises(CommandError) as caught:
        variables(project)
    assert str(caught.value) == f"Environment file {path}, line 1: expected NAME=value."


def test_the_config_file_is_looked_up_in_the_project_directory_then_in_the_current_one(
    project: Path, elsewhere: Path
) -> None:
    assert find_config_file(project, "project", ".cws.yml", required=False) is None
    for folder in (elsewhere, project):
        (folder / "project.cws.yml").touch()
        assert find_config_file(project, "project", ".cws.yml", required=False) == folder / "project.cws.yml"


def test_the_suffix_is_appended_to_a_name_without_one(project: Path) -> None:
    for name in ("project.wrong.yml", "other.cws.yml"):
        (project / name).touch()
    assert find_config_file(project, "project", ".wrong.yml", required=True) == project / "project.wrong.yml"
    for name in ("other", "other.cws.yml", str(project / "other")):
        assert find_config_file(project, name, ".cws.yml", required=True) == project / "other.cws.yml"


def test_a_missing_required_config_file_is_an_error(project: Path) -> None:
    with pytest.raises(CommandError, match=r"^Config file 'absent\.yml' not found in "):
        find_config_file(project, "absent.yml", ".cws.yml", required=True)
