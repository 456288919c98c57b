"""Which of a project's files go into the archive."""

import os
import shutil
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest

from coworks_async.deploy.archive.source_files import project_files, reading
from coworks_async.exceptions import CommandError, DeployError


def make(folder: Path, *paths: str, **texts: str) -> None:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(texts.get(path, ""))


def kept(folder: Path, **options: object) -> list[str]:
    return [file.path for file in project_files(folder, **options)]  # type: ignore[arg-type]


def test_modules_and_data_go_in_sorted_by_path(tmp_path: Path):
    make(tmp_path, "b.py", "a/__init__.py", "a/data.json", "templates/é.html", "a.py", ".well-known/key")
    assert kept(tmp_path) == [".well-known/key", "a.py", "a/__init__.py", "a/data.json", "b.py", "templates/é.html"]
    assert project_files(tmp_path)[1].source == tmp_path / "a.py"


@pytest.mark.parametrize(
    "path",
    [
        "tests/test_a.py",
        "pack/tests/data.json",
        "test_a.py",
        "a_test.py",
        "conftest.py",
        "__pycache__/a.cpython-313.pyc",
        "a.pyc",
        "orders.egg-info/PKG-INFO",
        ".pytest_cache/x",
        ".mypy_cache/x",
        ".coverage.host.1",
        "node_modules/x/y.js",
        ".github/workflows/ci.yml",
        ".gitignore",
        ".cwsignore",
        "pyproject.toml",
        "requirements-dev.txt",
        "uv.lock",
        # Whatever the project says:
        ".git/config",
        ".env",
        ".env.dev",
        ".envrc",
        "deep/.env.prod",
        "prod.env",
        ".aws/credentials",
        ".ENV",
        "deep/.Env.prod",
        "Prod.Env",
        ".AWS/credentials",
        ".docker/config.json",
        "deep/.docker/config.json",
        ".git-credentials",
        ".netrc",
        ".npmrc",
        ".pypirc",
        ".ssh/config",
        "deep/id_rsa",
        "id_dsa",
        "id_ecdsa",
        "id_ed25519",
        ".terraformrc",
        ".tofurc",
        "Main.TF",
        "main.tf",
        "main.tf.json",
        "values.tfvars",
        "x.tfstate",
        "x.tfstate.backup",
        ".terraform/providers/x",
        ".terraform.lock.hcl",
        "project.cws.yml",
        "deep/other.cws.yaml",
    ],
)
def test_no_tests_caches_secrets_or_files_of_the_tools(tmp_path: Path, path: str):
    make(tmp_path, "a.py", path)
    assert kept(tmp_path) == ["a.py"]


def test_cwsignore_puts_back_what_is_left_out_by_habit_or_by_git_but_no_secret(tmp_path: Path):
    make(tmp_path, "tests/a.py", "made.py", ".env", "state.tfstate", "uv.lock", "keep.py")
    (tmp_path / ".gitignore").write_text("made.py\n.env\n")
    (tmp_path / ".cwsignore").write_text("!tests/\n!made.py\n!.env\n!*.tfstate\nkeep.py\n")
    assert kept(tmp_path) == ["made.py", "tests/a.py"]


def test_the_option_ignores_after_all_files(tmp_path: Path):
    make(tmp_path, "a.csv", "b.csv", "data/c.csv", "data/d.py", "docs/e.md")
    (tmp_path / ".cwsignore").write_text("!a.csv\n")
    assert kept(tmp_path, ignore=["*.csv", "!b.csv", "/docs"]) == ["b.csv", "data/d.py"]
    with pytest.raises(CommandError, match=r"^--ignore takes patterns as in a \.gitignore, which '!' is not\.$"):
        project_files(tmp_path, ignore=["!"])


def test_gitignores_above_the_project_count_up_to_the_repositorys_root(tmp_path: Path):
    make(tmp_path, "repo/deep/tech/a.py", "repo/deep/tech/b.log", "repo/deep/tech/c.tmp", "repo/deep/tech/d.bak")
    (tmp_path / "repo" / ".git").mkdir()
    (tmp_path / ".gitignore").write_text("*.bak")
    (tmp_path / "repo" / ".gitignore").write_text("*.log\n/deep/tech/c.tmp\n")
    assert kept(tmp_path / "repo" / "deep" / "tech") == ["a.py", "d.bak"]
    (tmp_path / "repo" / "deep" / ".gitignore").write_text("!b.log")
    assert kept(tmp_path / "repo" / "deep" / "tech") == ["a.py", "b.log", "d.bak"]


def test_an_ignore_file_may_begin_with_a_mark_and_hold_bytes_that_are_no_text(tmp_path: Path):
    make(tmp_path, "a.py", "b.py")
    (tmp_path / ".gitignore").write_bytes(b"\xef\xbb\xbfb.py\r\n\xff\n")
    assert kept(tmp_path) == ["a.py"]


def test_no_virtual_environment_whatever_its_name(tmp_path: Path):
    make(tmp_path, "a.py", "my env/pyvenv.cfg", "my env/lib/x.py")
    assert kept(tmp_path) == ["a.py"]


def test_no_archive_that_was_made_before_but_any_other(tmp_path: Path):
    make(tmp_path, "a.py", "broken.zip")
    for name, member in (("old.zip", "cws_lambda.py"), ("data.zip", "data.csv")):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr(member, "")
    assert kept(tmp_path) == ["a.py", "broken.zip", "data.zip"]


def test_what_must_not_go_in_stays_out_by_its_place(tmp_path: Path):
    make(tmp_path, "a.py", "infra/main.txt", "secrets")
    assert kept(tmp_path, never=[tmp_path / "infra", tmp_path / "secrets", tmp_path / "missing"]) == ["a.py"]


def test_links_inside_of_the_project_count_as_what_they_lead_to(tmp_path: Path):
    make(tmp_path, "real/a.py", "b.py")
    (tmp_path / "linked").symlink_to("real")
    (tmp_path / "c.py").symlink_to("b.py")
    assert kept(tmp_path) == ["b.py", "c.py", "linked/a.py", "real/a.py"]


@pytest.mark.parametrize(
    "target", [".env", "deep/.ENV.prod", ".aws/credentials", ".aws", "deep/infra", "deep/infra/state.txt", "one.txt"]
)
def test_a_link_to_what_never_goes_in_stays_out_whatever_it_is_called(tmp_path: Path, target: str):
    project = tmp_path / "repo" / "Tech"
    make(project, "a.py", ".env", "deep/.ENV.prod", ".aws/credentials", "deep/infra/state.txt", "one.txt")
    (tmp_path / "repo" / ".git").mkdir()
    (project / "settings.cfg").symlink_to(target)
    (project / "again").symlink_to("settings.cfg")
    (project / ".cwsignore").write_text("!settings.cfg\n!again\n")
    assert kept(project, never=[project / "deep" / "infra", project / "one.txt"]) == ["a.py"]


def test_certificates_and_public_keys_go_in(tmp_path: Path):
    make(tmp_path, "ca.pem", "id_rsa.pub", "config.json", "env.py")
    assert kept(tmp_path) == ["ca.pem", "config.json", "env.py", "id_rsa.pub"]


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("/etc/hostname", "leads out of the project's folder, to /etc/hostname"),
        ("nothing", "of the project leads nowhere"),
        ("link", "of the project leads nowhere"),
        (".", "of the project leads back to a folder that it is in"),
    ],
)
def test_another_link_is_refused_in_one_line_unless_it_is_ignored(tmp_path: Path, target: str, told: str):
    make(tmp_path, "deep/a.py")
    (tmp_path / "deep" / "link").symlink_to(target)
    with pytest.raises(DeployError) as caught:
        project_files(tmp_path)
    assert str(caught.value) == f"The link deep/link {told}: remove it, or name it in .cwsignore."
    assert kept(tmp_path, ignore=["link"]) == ["deep/a.py"]


def test_a_name_that_is_no_text_is_refused(tmp_path: Path):
    (tmp_path / os.fsdecode(b"\xff.txt")).touch()
    with pytest.raises(DeployError, match=r"^The name '\\udcff.txt' is not in UTF-8"):
        project_files(tmp_path)


def test_what_is_neither_a_file_nor_a_folder_stays_out(tmp_path: Path):
    make(tmp_path, "a.py")
    os.mkfifo(tmp_path / "pipe")
    assert kept(tmp_path) == ["a.py"]


@pytest.fixture
def unprivileged() -> Iterator[Path]:
    """A folder of a user who may not read everything, as root may."""
    folder = Path(mkdtemp())
    user = os.geteuid()
    if user == 0:
        os.chown(folder, 65534, -1)
        os.seteuid(65534)
    yield folder
    os.seteuid(user)
    for path in folder.rglob("*"):
        path.chmod(stat.S_IRWXU)
    shutil.rmtree(folder)


def test_a_folder_or_file_that_cannot_be_read_is_named(unprivileged: Path):
    make(unprivileged, "deep/a.py")
    (unprivileged / "deep").chmod(0)
    with pytest.raises(DeployError, match=rf"^{unprivileged}/deep cannot be read: Permission denied\.$"):
        project_files(unprivileged)
    (unprivileged / "deep").chmod(0o700)
    (unprivileged / "deep" / "a.py").chmod(0)
    with (
        pytest.raises(DeployError, match=rf"^{unprivileged}/deep/a\.py cannot be read: Permission denied\.$"),
        reading(unprivileged),
    ):
        (unprivileged / "deep" / "a.py").read_text()
