"""Find the config file; find and load the environment files."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from coworks_async.cli.project import (
    Project,
    check_deployed_file,
    check_stage,
    default_directory,
    find_config_file,
    find_root,
    find_stage,
    get_config_name,
    load_environment,
    read_stage_variables,
)
from coworks_async.exceptions import CommandError
from tests.aws.fake_stores import FakeStores, fake_stores
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


def test_the_file_of_the_machine_overrides_those_of_the_stage_and_not_the_explicit_one(
    write: Write, project: Path
) -> None:
    write(".env", "FIRST=common\nSECOND=common\nTHIRD=common\n")
    write(".env.dev", "SECOND=dev\nTHIRD=dev\n")
    write(".env.local", "SECOND=local\nTHIRD=local\nCWS_STAGE=v1\n")
    assert load(project, write("more", "THIRD=more\n")) == "dev"
    assert [os.environ[name] for name in ("FIRST", "SECOND", "THIRD")] == ["common", "local", "more"]


def test_the_shell_overrides_the_file_of_the_machine(
    write: Write, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIRST", "shell")
    write(".env.local", "FIRST=local\n")
    load(project)
    assert os.environ["FIRST"] == "shell"


def test_a_command_that_deploys_does_not_load_the_file_of_the_machine(write: Write, project: Path) -> None:
    write(".env", "FIRST=common\n")
    write(".env.local", "FIRST=local\n")
    load_environment(Project(project), local=False)
    assert os.environ["FIRST"] == "common"


@pytest.mark.parametrize("stage", ["local", "Local"])
def test_no_stage_has_the_name_of_the_file_of_the_machine(stage: str) -> None:
    with pytest.raises(CommandError) as caught:
        check_stage(stage)
    assert str(caught.value) == (
        f"Invalid stage {stage!r}. .env.local is the file of one machine, and is never deployed."
    )


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


def test_stage_variables_do_not_contain_the_file_of_the_machine(write: Write, project: Path) -> None:
    write(".env.dev", "FIRST=dev\n")
    path = write(".env.local", "FIRST=local\nSECOND=local\n")
    assert variables(project) == {"FIRST": "dev"}
    with pytest.raises(CommandError, match=r"^--env-file: \.env\.local is never deployed\. Use another file, or --env"):
        check_deployed_file(Project(project, env_file=path))
    check_deployed_file(Project(project, env_file=write("other.env", "")))
    check_deployed_file(Project(project))


@pytest.mark.parametrize("name", [".env", ".env.dev", "other.env"])
def test_a_link_to_the_file_of_the_machine_is_not_deployed(name: str, write: Write, project: Path) -> None:
    write(".env.local", "FIRST=local\n")
    link = project / name
    link.symlink_to(".env.local")
    is_option = name == "other.env"
    with pytest.raises(CommandError) as caught:
        check_deployed_file(Project(project, env_file=link if is_option else None))
    source = "--env-file" if is_option else name
    assert str(caught.value) == f"{source}: .env.local is never deployed. Use another file, or --env NAME."


# `--env`.


def shell_variables(project: Path, *names: str) -> dict[str, str]:
    return read_stage_variables(Project(project), names)


def test_named_variables_of_the_shell_override_the_files(
    write: Write, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "shell")
    monkeypatch.setenv("HOST", "shell")
    write(".env", "HOST=file\nPORT=1\nURL=http://${HOST}\n")
    assert shell_variables(project, "TOKEN", "HOST") == {
        "PORT": "1",
        "URL": "http://shell",
        "TOKEN": "shell",
        "HOST": "shell",
    }


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ABSENT", "--env: 'ABSENT' is not set in the shell. Export it first."),
        ("EMPTY", "--env: 'EMPTY' is empty in the shell. Export it first."),
        ("TOKEN=s3cr3t", "--env: the value of 'TOKEN' comes from the shell. Use --env TOKEN."),
        ("CWS_STAGE", "--env: CWS_STAGE is the stage. Use --stage."),
    ],
)
def test_a_variable_that_the_shell_does_not_have_is_an_error(
    name: str, message: str, write: Write, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMPTY", "")
    write(".env", "ABSENT=file\n")
    with pytest.raises(CommandError) as caught:
        shell_variables(project, name)
    assert str(caught.value) == message


# References.


@pytest.fixture
def stores(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeStores]:
    with fake_stores(monkeypatch) as stores:
        stores.parameters["/token"] = "t0ken"
        yield stores


def test_references_of_the_files_are_resolved(stores: FakeStores, write: Write, project: Path) -> None:
    write(".env", "TOKEN=ssm:/token\n")
    load(project)
    assert os.environ["TOKEN"] == "t0ken"


def test_a_variable_of_the_machine_replaces_a_reference(stores: FakeStores, write: Write, project: Path) -> None:
    write(".env", "TOKEN=ssm:/token\n")
    write(".env.local", "TOKEN=mine\n")
    load(project)
    assert os.environ["TOKEN"] == "mine"
    assert stores.requests == []


def test_references_of_other_variables_of_the_shell_are_not_resolved(
    stores: FakeStores, write: Write, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTHER", "ssm:/token")
    write(".env", "FIRST=one\n")
    load(project)
    assert os.environ["OTHER"] == "ssm:/token"


def test_a_command_that_deploys_resolves_no_reference(stores: FakeStores, write: Write, project: Path) -> None:
    write(".env", "TOKEN=ssm:/token\n")
    load_environment(Project(project), resolve=False)
    assert os.environ["TOKEN"] == "ssm:/token"
    assert variables(project) == {"TOKEN": "ssm:/token"}
    assert stores.requests == []


def test_a_reference_that_cannot_be_read_is_an_error_with_a_remedy(
    stores: FakeStores, write: Write, project: Path
) -> None:
    write(".env", "TOKEN=ssm:/absent\n")
    assert get_error(project) == (
        "Cannot read ssm:/absent (TOKEN): It does not exist, or is not text. To run without AWS, set the variable in "
        ".env.local."
    )


# The config file and the root.


def find(project: Project, *, required: bool = False, name: str = "project.cws.yml") -> Path | None:
    return find_config_file(project, name, required=required)


def test_the_config_file_is_looked_up_in_the_project_directory_then_in_the_current_one(
    project: Path, elsewhere: Path
) -> None:
    assert find(Project(project)) is None
    for folder in (elsewhere, project):
        (folder / "project.cws.yml").touch()
        assert find(Project(project)) == folder / "project.cws.yml"


def test_the_suffix_is_appended_to_a_name_without_one(project: Path) -> None:
    assert get_config_name("project", ".wrong.yml") == "project.wrong.yml"
    assert get_config_name("other", ".cws.yml") == "other.cws.yml"
    assert get_config_name("other.yaml", ".cws.yml") == "other.yaml"


def test_a_missing_required_config_file_is_an_error(project: Path) -> None:
    with pytest.raises(CommandError, match=r"^Config file 'absent\.yml' not found in "):
        find(Project(project), required=True, name="absent.yml")


@pytest.fixture
def inside(write: Write, project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a folder below that of a config file the current one."""
    write("project.cws.yml", "version: 3\n")
    folder = project / "tech" / "deep"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    return folder


def test_the_root_is_the_nearest_folder_with_a_config_file(
    inside: Path, project: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert find_root("project.cws.yml") == project
    write("tech/project.cws.yml", "")
    assert find_root("project.cws.yml") == project / "tech"
    monkeypatch.chdir(project)
    assert find_root("project.cws.yml") == project


def test_without_a_config_file_the_root_is_the_current_directory(inside: Path) -> None:
    assert find_root("other.cws.yml") == inside


def test_the_search_ends_at_the_root_of_the_repository(inside: Path, project: Path) -> None:
    (project / "tech" / ".git").mkdir()
    assert find_root("project.cws.yml") == inside
    (project / "tech" / ".git").rmdir()
    (project / ".git").mkdir()
    assert find_root("project.cws.yml") == project


def test_the_search_ends_at_the_home_directory(inside: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(inside.parent))
    assert find_root("project.cws.yml") == inside


@pytest.mark.parametrize("name", ["project.cws.yml", ".env"])
def test_a_broken_link_is_an_error(inside: Path, project: Path, name: str) -> None:
    path = project / name
    path.unlink(missing_ok=True)
    path.symlink_to("nowhere")
    root = find_root(name)
    assert root == project
    with pytest.raises(CommandError) as caught:
        Project(inside, root=root).find_file(name)
    assert str(caught.value) == f"The link {path} is broken: remove it, or create its target nowhere."


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
def test_another_users_broken_link_above_is_ignored(inside: Path, project: Path) -> None:
    (project / "project.cws.yml").unlink()
    (project / "project.cws.yml").symlink_to("nowhere")
    os.chown(project / "project.cws.yml", 12345, -1, follow_symlinks=False)
    assert find_root("project.cws.yml") == inside


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
def test_another_users_config_file_above_is_ignored(inside: Path, project: Path) -> None:
    os.chown(project / "project.cws.yml", 12345, -1)
    assert find_root("project.cws.yml") == inside
    # In that user's folder too.
    os.chown(inside, 12345, -1)
    assert find_root("project.cws.yml") == inside


def test_files_are_also_found_above_the_current_directory_up_to_the_root(
    inside: Path, project: Path, write: Write
) -> None:
    write(".env", "FIRST=root\n")
    write("tech/.env.dev", "SECOND=tech\n")
    write("../.env.local", "FIRST=outside\n")
    found = Project(inside, root=project)
    load_environment(found)
    assert (os.environ["FIRST"], os.environ["SECOND"]) == ("root", "tech")
    assert find(found) == project / "project.cws.yml"


def test_the_default_directory_is_tech_in_the_current_directory_or_in_the_root(
    inside: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert default_directory(project) == project / "tech"
    assert default_directory(inside) == inside
    (inside / "tech").mkdir()
    assert default_directory(project) == inside / "tech"
