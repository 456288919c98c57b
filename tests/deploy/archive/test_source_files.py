"""The project's files that go into the archive."""

import os
import shutil
import stat
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from coworks_async.deploy.archive.source_files import IgnoreFile, file_errors, find_project_files
from coworks_async.exceptions import CommandError, DeployError
from tests.tools import requires_tool


def make_files(folder: Path, *paths: str, **texts: str) -> None:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(texts.get(path, ""))


def kept(folder: Path, **options: object) -> list[str]:
    return list(find_project_files(folder, **options))  # type: ignore[arg-type]


def test_modules_and_data_are_included_sorted_by_path(tmp_path: Path):
    make_files(tmp_path, "b.py", "a/__init__.py", "a/data.json", "templates/é.html", "a.py", ".well-known/key")
    assert kept(tmp_path) == [".well-known/key", "a.py", "a/__init__.py", "a/data.json", "b.py", "templates/é.html"]
    assert find_project_files(tmp_path)["a.py"] == tmp_path / "a.py"


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
        ".pre-commit-config.yaml",
        ".vscode/launch.json",
        ".gitignore",
        ".cwsignore",
        "pyproject.toml",
        "requirements-dev.txt",
        "uv.lock",
        "shop.cdx.json",
        # Excluded whatever the project's files contain:
        ".git/config",
        ".env",
        ".env.dev",
        ".env.local",
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
        "prod.env.bak",
        "prod.env~",
        "prod.env.local",
        ".prod.env.swp",
        ".kube/config",
        "deep/.kube/config",
        "kubeconfig",
        "deep/prod.kubeconfig",
        ".azure/accessTokens.json",
        ".config/gcloud/credentials.db",
        "deep/gcloud/access_tokens.db",
        "gcloud/legacy_credentials/me@example.com/adc.json",
        "application_default_credentials.json",
        ".boto",
        ".s3cfg",
        ".databrickscfg",
        ".oci/config",
        ".dockercfg",
        ".vault-token",
        ".pgpass",
        "pgpass.conf",
        ".my.cnf",
        ".mylogin.cnf",
        ".htpasswd",
        "static/.htpasswd",
        "_netrc",
        ".cargo/credentials.toml",
        ".config/gh/hosts.yml",
        ".gem/credentials",
        "secrets.toml",
        ".secrets.toml",
        ".streamlit/secrets.toml",
        ".bash_history",
        ".zsh_history",
        ".python_history",
        ".psql_history",
        "fish_history",
        ".histfile",
        ".lesshst",
        ".viminfo",
        ".gnupg/pubring.kbx",
        ".password-store/mail.gpg",
        "id_ed25519_sk",
        "id_ecdsa_sk",
        "server.key",
        "certs/Server.KEY",
        "server.pfx",
        "server.p12",
        "login.ppk",
        "store.jks",
        "store.keystore",
        "passwords.kdbx",
        ".terraform.d/credentials.tfrc.json",
        ".terraformrc",
        "terraform.rc",
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
def test_tests_caches_secrets_and_files_of_tools_are_excluded(tmp_path: Path, path: str):
    make_files(tmp_path, "a.py", path)
    assert kept(tmp_path) == ["a.py"]


def test_files_whose_names_only_resemble_those_of_credentials_are_included(tmp_path: Path):
    names = ["certs/server.pem", "credentials.db", "environment.py", "gcloud/client.py", "key.py", "keys.json"]
    make_files(tmp_path, *names)
    assert kept(tmp_path) == names


def test_cwsignore_can_include_what_defaults_or_git_exclude_but_no_secret(tmp_path: Path):
    make_files(tmp_path, "tests/a.py", "made.py", ".env", "state.tfstate", "server.key", "uv.lock", "keep.py")
    (tmp_path / ".gitignore").write_text("made.py\n.env\n")
    (tmp_path / ".cwsignore").write_text("!tests/\n!made.py\n!.env\n!*.tfstate\n!*.key\nkeep.py\n")
    assert kept(tmp_path) == ["made.py", "tests/a.py"]


def test_the_ignore_option_overrides_all_files(tmp_path: Path):
    make_files(tmp_path, "a.csv", "b.csv", "data/c.csv", "data/d.py", "docs/e.md")
    (tmp_path / ".cwsignore").write_text("!a.csv\n")
    assert kept(tmp_path, ignore=["*.csv", "!b.csv", "/docs"]) == ["b.csv", "data/d.py"]
    with pytest.raises(CommandError, match=r"^--ignore: '!' is not a valid \.gitignore pattern\.$"):
        find_project_files(tmp_path, ignore=["!"])


def test_gitignore_files_above_the_project_apply_up_to_the_repository_root(tmp_path: Path):
    make_files(tmp_path, "repo/deep/tech/a.py", "repo/deep/tech/b.log", "repo/deep/tech/c.tmp", "repo/deep/tech/d.bak")
    (tmp_path / "repo" / ".git").mkdir()
    (tmp_path / ".gitignore").write_text("*.bak")
    (tmp_path / "repo" / ".gitignore").write_text("*.log\n/deep/tech/c.tmp\n")
    assert kept(tmp_path / "repo" / "deep" / "tech") == ["a.py", "d.bak"]
    (tmp_path / "repo" / "deep" / ".gitignore").write_text("!b.log")
    assert kept(tmp_path / "repo" / "deep" / "tech") == ["a.py", "b.log", "d.bak"]


def test_an_ignore_file_may_contain_a_bom_and_undecodable_bytes(tmp_path: Path):
    make_files(tmp_path, "a.py", "b.py")
    (tmp_path / ".gitignore").write_bytes(b"\xef\xbb\xbfb.py\r\n\xff\n")
    assert kept(tmp_path) == ["a.py"]


def test_virtual_environments_are_excluded_whatever_their_name(tmp_path: Path):
    make_files(tmp_path, "a.py", "my env/pyvenv.cfg", "my env/lib/x.py")
    assert kept(tmp_path) == ["a.py"]


def test_archives_built_by_cws_are_excluded_and_other_zip_files_are_not(tmp_path: Path):
    make_files(tmp_path, "a.py", "broken.zip")
    for name, member in (("old.zip", "cws_lambda.py"), ("data.zip", "data.csv")):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr(member, "")
    assert kept(tmp_path) == ["a.py", "broken.zip", "data.zip"]


def test_never_excludes_by_path(tmp_path: Path):
    make_files(tmp_path, "a.py", "infra/main.txt", "secrets")
    assert kept(tmp_path, never=[tmp_path / "infra", tmp_path / "secrets", tmp_path / "missing"]) == ["a.py"]


def test_links_inside_the_project_are_followed(tmp_path: Path):
    make_files(tmp_path, "real/a.py", "b.py")
    (tmp_path / "linked").symlink_to("real")
    (tmp_path / "c.py").symlink_to("b.py")
    assert kept(tmp_path) == ["b.py", "c.py", "linked/a.py", "real/a.py"]


@pytest.mark.parametrize(
    "target", [".env", "deep/.ENV.prod", ".aws/credentials", ".aws", "deep/infra", "deep/infra/state.txt", "one.txt"]
)
def test_a_link_to_a_never_included_file_is_excluded_whatever_its_name(tmp_path: Path, target: str):
    project = tmp_path / "repo" / "Tech"
    make_files(project, "a.py", ".env", "deep/.ENV.prod", ".aws/credentials", "deep/infra/state.txt", "one.txt")
    (tmp_path / "repo" / ".git").mkdir()
    (project / "settings.cfg").symlink_to(target)
    (project / "again").symlink_to("settings.cfg")
    (project / ".cwsignore").write_text("!settings.cfg\n!again\n")
    assert kept(project, never=[project / "deep" / "infra", project / "one.txt"]) == ["a.py"]


def test_certificates_and_public_keys_are_included(tmp_path: Path):
    make_files(tmp_path, "ca.pem", "id_rsa.pub", "config.json", "env.py")
    assert kept(tmp_path) == ["ca.pem", "config.json", "env.py", "id_rsa.pub"]


@pytest.mark.parametrize(
    ("target", "problem"),
    [
        ("/etc/hostname", "points outside the project, to /etc/hostname"),
        ("nothing", "is broken"),
        ("link", "is broken"),
        (".", "points to a folder that contains it"),
    ],
)
def test_any_other_link_is_an_error_unless_it_is_ignored(tmp_path: Path, target: str, problem: str):
    make_files(tmp_path, "deep/a.py")
    (tmp_path / "deep" / "link").symlink_to(target)
    with pytest.raises(DeployError) as caught:
        find_project_files(tmp_path)
    assert str(caught.value) == f"The link deep/link {problem}: remove it, or add it to .cwsignore."
    assert kept(tmp_path, ignore=["link"]) == ["deep/a.py"]


@pytest.mark.parametrize("name", [".gitignore", ".cwsignore"])
def test_a_broken_link_to_an_ignore_file_is_an_error(tmp_path: Path, name: str):
    make_files(tmp_path, "deep/a.py")
    (tmp_path / "deep" / name).symlink_to("../nowhere")
    with pytest.raises(DeployError) as caught:
        find_project_files(tmp_path)
    assert str(caught.value) == (
        f"The link {tmp_path / 'deep' / name} is broken: remove it, or create its target ../nowhere."
    )


def test_an_undecodable_file_name_is_an_error(tmp_path: Path):
    (tmp_path / os.fsdecode(b"\xff.txt")).touch()
    with pytest.raises(DeployError, match=r"^The file name '\\udcff.txt' is not valid UTF-8"):
        find_project_files(tmp_path)


def test_special_files_are_excluded(tmp_path: Path):
    make_files(tmp_path, "a.py")
    os.mkfifo(tmp_path / "pipe")
    assert kept(tmp_path) == ["a.py"]


@pytest.fixture
def unprivileged() -> Iterator[Path]:
    """Create a folder and drop root's right to read everything."""
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


def test_an_unreadable_folder_or_file_is_named(unprivileged: Path):
    make_files(unprivileged, "deep/a.py")
    (unprivileged / "deep").chmod(0)
    with pytest.raises(DeployError, match=rf"^{unprivileged}/deep cannot be read: Permission denied\.$"):
        find_project_files(unprivileged)
    (unprivileged / "deep").chmod(0o700)
    (unprivileged / "deep" / "a.py").chmod(0)
    with (
        pytest.raises(DeployError, match=rf"^{unprivileged}/deep/a\.py cannot be read: Permission denied\.$"),
        file_errors(unprivileged),
    ):
        (unprivileged / "deep" / "a.py").read_text()


# Ignore files, compared with git.

FILES = ("a.py", "b.txt", "foo", "bar/a.py", "bar/b.txt", "bar/foo/a.py", "bar/foo/c.txt", "baz/foo", "baz/b a.txt")

PARTS = st.sampled_from(
    ["a.py", "b.txt", "foo", "bar", "baz", "*", "**", "*.py", "b*", "[ab]*", "?oo", "b a.txt", "!a"]
)
LINES = st.builds(
    lambda negated, anchored, parts, folder, space: negated + anchored + "/".join(parts) + folder + space,
    st.sampled_from(["", "", "!"]),
    st.sampled_from(["", "", "/"]),
    st.lists(PARTS, min_size=1, max_size=3),
    st.sampled_from(["", "", "/"]),
    st.sampled_from(["", "", " "]),
)
IGNORE_FILES = st.dictionaries(st.sampled_from(["", "bar/", "bar/foo/"]), st.lists(LINES, max_size=4), max_size=3)


def list_files_kept_by_git(folder: Path) -> list[str]:
    listed = ["git", "-C", str(folder), "ls-files", "--others", "--exclude-per-directory=.gitignore", "-z"]
    done = subprocess.run(listed, capture_output=True, text=True, check=True)
    return sorted(path for path in done.stdout.split("\0") if path and not path.endswith(".gitignore"))


@requires_tool("git")
@settings(max_examples=25)
@example({"": ["*", "!*/", "!*.py"]})
@example({"": ["/*", "!/bar"], "bar/": ["*.txt"]})
@example({"": ["bar/", "!bar/foo/"]})
@example({"": ["*.txt", "!bar/"]})
@example({"": ["foo/", "b\\ a.txt"], "bar/": ["!foo/"]})
@given(IGNORE_FILES)
def test_the_files_that_git_ignores_are_excluded(ignore_files: dict[str, list[str]]):
    with TemporaryDirectory() as name:
        folder = Path(name)
        for path in FILES:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text("")
        for path, lines in ignore_files.items():
            (folder / path / ".gitignore").write_text("\n".join(lines))
        subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
        assert list(find_project_files(folder)) == list_files_kept_by_git(folder)


def test_an_invalid_pattern_matches_nothing_and_is_an_error_if_strict():
    lines = ["!", "[z-a]", "a\\", "# comment", "", "b"]
    assert len(IgnoreFile(".", lines).patterns) == 1
    for line in lines[:3]:
        with pytest.raises(ValueError, match=r"^" + line.replace("\\", r"\\").replace("[", r"\[") + "$"):
            IgnoreFile(".", [line], strict=True)


def test_the_last_matching_pattern_applies_to_entries_below_the_files_folder():
    file = IgnoreFile("data", ["*.csv", "!kept.csv"])
    assert file.excludes("data/deep/other.csv", is_folder=False) is True
    assert file.excludes("data/deep/kept.csv", is_folder=False) is False
    assert file.excludes("data/deep/kept.txt", is_folder=False) is None
    assert file.excludes("other.csv", is_folder=False) is None
