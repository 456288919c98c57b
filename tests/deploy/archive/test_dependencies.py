"""Installation of dependencies, and the errors of those that cannot be installed."""

import sys
import tarfile
from pathlib import Path

import pytest

from coworks_async.deploy.archive.dependencies import (
    MAX_MESSAGE,
    explain_failure,
    find_source_distributions,
    redact_credentials,
    uv_platform,
)
from coworks_async.exceptions import CommandError, DeployError
from tests.deploy.projects import PROJECT, Install, install, project, require, uv
from tests.deploy.wheels import index, make_wheel

__all__ = ["index", "install", "project"]

CHECKOUT = Path(__file__).parents[3]
DYNAMIC = '[project]\nname = "orders"\nversion = "1"\ndependencies = ["six"]\ndynamic = ["dependencies"]\n'
OWN = ("mangum", "msgspec", "python-multipart", "starlette")


# The platform.


def test_the_platform_is_that_of_the_lambda_runtime():
    assert uv_platform("3.11", "x86_64") == "x86_64-manylinux_2_17"
    assert uv_platform("3.12", "x86_64") == "x86_64-manylinux_2_34"
    assert uv_platform("3.14", "arm64") == "aarch64-manylinux_2_34"
    with pytest.raises(CommandError, match=r"^Python '3\.10' is not supported\. Choose one of 3\.11, 3\.12, "):
        uv_platform("3.10", "arm64")


@pytest.mark.usefixtures("index")
def test_the_wheel_for_the_lambdas_python_and_processor_is_installed(project: Path, index: Path, install: Install):
    for python, machine in (("cp313", "aarch64"), ("cp313", "x86_64"), ("cp312", "aarch64")):
        text = f"built = {python + machine!r}\n"
        make_wheel(index, "fast", tag=f"{python}-{python}-manylinux_2_28_{machine}", files={"fast.py": text})
    require(project, "fast")
    assert install() == ["fast.py"]
    assert "cp313aarch64" in (project.parent / "tree" / "fast.py").read_text()


def test_markers_are_evaluated_for_the_lambda(project: Path, index: Path, install: Install):
    for name in ("old", "new", "arm", "mac"):
        make_wheel(index, name)
    require(
        project,
        "old; python_version < '3.14'",
        "new; python_version >= '3.14'",
        "arm; platform_machine == 'aarch64'",
        "mac; sys_platform == 'darwin'",
    )
    assert install(python="3.14") == ["arm.py", "new.py"]


def test_an_error_without_uv_contains_the_remedy(project: Path, install: Install, monkeypatch: pytest.MonkeyPatch):
    require(project, "a")
    monkeypatch.setattr("sysconfig.get_path", lambda *arguments, **options: str(project))
    monkeypatch.setattr("uv._find_uv._module_path", lambda: None)
    with pytest.raises(DeployError) as caught:
        install()
    assert str(caught.value) == (
        f"Cannot find uv, which installs the dependencies: run 'pip install --force-reinstall uv' in {sys.prefix}."
    )


@pytest.mark.parametrize("line", ["fast", "fast>=1", "fast==1.0"])
@pytest.mark.parametrize("tag", ["cp312-cp312-manylinux_2_34_aarch64", "cp313-cp313-manylinux_2_39_aarch64", None])
def test_a_dependency_without_a_wheel_for_the_platform_is_named(
    project: Path, index: Path, install: Install, tag: str | None, line: str
):
    if tag is not None:
        make_wheel(index, "fast", tag=tag)
    else:
        # Only source distributions.
        for version in ("1.0", "2.0"):
            with tarfile.open(index / f"fast-{version}.tar.gz", "w:gz") as archive:
                archive.add(__file__, f"fast-{version}/fast.py")
    require(project, line)
    with pytest.raises(DeployError) as caught:
        install()
    assert str(caught.value) == (
        "requirements.txt: fast has no wheel for Python 3.13 on arm64. Use another version, or provide it in a layer "
        "(--layer-provides fast)."
    )
    assert caught.value.log is not None
    assert "wheels" in caught.value.log.read_text()


def test_a_log_that_cannot_be_written_does_not_hide_the_cause(project: Path, index: Path, install: Install):
    # A file in place of the log's folder, because a folder without permissions does not stop root.
    (project.parent / "logs").touch()
    require(project, "absent")
    with pytest.raises(DeployError) as caught:
        install()
    assert str(caught.value) == (
        "requirements.txt: absent is not in the package index. "
        f"The log {project.parent / 'logs' / 'archive.log'} cannot be written: File exists."
    )
    assert caught.value.log is None


# The installed distributions.


def test_development_groups_are_not_installed(project: Path, index: Path, install: Install):
    make_wheel(index, "a")
    make_wheel(index, "tool")
    (project / "pyproject.toml").write_text(PROJECT.format('"a"'))
    assert install() == ["a.py"]
    uv("lock", cwd=project)
    assert install() == ["a.py"]


def test_boto3_and_the_dependencies_that_only_it_requires_are_excluded(project: Path, index: Path, install: Install):
    make_wheel(index, "boto3", requires=["botocore", "s3transfer", "jmespath"])
    make_wheel(index, "botocore", requires=["urllib3", "python-dateutil"])
    make_wheel(index, "requests", requires=["urllib3"])
    make_wheel(index, "urllib3")
    require(project, "boto3", "requests")
    assert install() == ["requests.py", "urllib3.py"]


def test_distributions_of_a_layer_and_their_own_dependencies_are_excluded(project: Path, index: Path, install: Install):
    make_wheel(index, "big.data", requires=["big-core", "shared"])
    make_wheel(index, "small", requires=["shared"])
    make_wheel(index, "shared")
    require(project, "big-data", "small")
    assert install(layer_provides=("Big_Data", "coworks-async")) == ["shared.py", "small.py"]
    with pytest.raises(CommandError, match=r"^--layer-provides: 'a b' is not a valid distribution name\.$"):
        install(layer_provides=("a b",))


def test_nothing_is_installed_without_requirements_if_a_layer_provides_coworks(install: Install):
    assert install() == []


# CoWorks itself.


@pytest.fixture
def own_dependencies(index: Path) -> None:
    for name in OWN:
        make_wheel(index, name, "1.10" if name == "starlette" else "0.30")
    make_wheel(index, "markdown-it-py", "9")
    make_wheel(index, "nh3", "9")
    make_wheel(index, "docstring-parser", "9")
    make_wheel(index, "uvicorn")


def own(*more: str) -> list[str]:
    return sorted(["coworks_async", *(f"{name.replace('-', '_')}.py" for name in (*OWN, *more))])


@pytest.mark.usefixtures("own_dependencies")
@pytest.mark.parametrize(
    "requirement",
    [
        None,
        "coworks-async",
        "coworks_async[standard]==99",
        "CoWorks-Async<0.0.1",
        "coworks-async @ file:///nowhere/coworks_async-1-py3-none-any.whl",
        "coworks-async @ git+https://127.0.0.1:9/coworks.git@1f2e3d4c",
        f"-e {CHECKOUT.as_uri()}",
    ],
)
def test_the_running_coworks_is_installed_whatever_the_requirement(
    project: Path, install: Install, requirement: str | None
):
    if requirement is not None:
        require(project, requirement)
    assert install(layer_provides=()) == own()
    package = project.parent / "tree" / "coworks_async"
    assert (package / "service.py").read_bytes() == (CHECKOUT / "coworks_async" / "service.py").read_bytes()
    assert not [name for name in ("cli", "deploy", "gateway", "terraform", "__pycache__") if (package / name).exists()]


@pytest.mark.usefixtures("own_dependencies")
def test_required_extras_of_coworks_are_installed_except_standard(project: Path, index: Path, install: Install):
    make_wheel(index, "shop", requires=["coworks-async[standard,admin]>=3"])
    require(project, "shop")
    assert install(layer_provides=()) == own("docstring-parser", "markdown-it-py", "nh3", "shop")


@pytest.mark.usefixtures("own_dependencies")
@pytest.mark.parametrize(
    "lines",
    [
        ["coworks-async[admin] @ file:///nowhere/clone"],
        ["coworks-async @ file:///nowhere/clone", "coworks-async[admin]"],
        [f"-e {CHECKOUT.as_uri()}", "coworks-async[admin]"],
    ],
)
def test_required_extras_are_installed_whatever_the_origin(project: Path, install: Install, lines: list[str]):
    require(project, *lines)
    assert install(layer_provides=()) == own("docstring-parser", "markdown-it-py", "nh3")


@pytest.mark.usefixtures("own_dependencies")
def test_the_projects_pins_apply_to_the_dependencies_of_coworks(project: Path, index: Path, install: Install):
    make_wheel(index, "mangum", "0.22.5")
    require(project, "mangum==0.22.5")
    assert install(layer_provides=()) == own()
    assert "0.22.5" in (project.parent / "tree" / "mangum.py").read_text()


# Source distributions.


def test_a_required_folder_is_built_each_time(project: Path, index: Path, install: Install):
    library = project / "library"
    (library / "backend").mkdir(parents=True)
    (library / "pyproject.toml").write_text(
        '[project]\nname = "library"\nversion = "1"\n'
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["backend"]\n'
    )
    (library / "backend" / "backend.py").write_text(
        "import sys\n"
        f"sys.path.insert(0, {str(Path(__file__).parents[3])!r})\n"
        "from pathlib import Path\n"
        "def build_wheel(folder, settings=None, metadata=None):\n"
        "    import zipfile\n"
        "    name = 'library-1-py3-none-any.whl'\n"
        "    info = 'library-1.dist-info/'\n"
        "    with zipfile.ZipFile(Path(folder, name), 'w') as wheel:\n"
        "        wheel.writestr('library.py', Path('library.py').read_text())\n"
        "        wheel.writestr(info + 'METADATA', 'Metadata-Version: 2.1\\nName: library\\nVersion: 1\\n')\n"
        "        wheel.writestr(info + 'WHEEL', "
        "'Wheel-Version: 1.0\\nGenerator: t\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')\n"
        "        wheel.writestr(info + 'RECORD', '')\n"
        "    return name\n"
    )
    require(project, "-e ./library")
    for text in ("first = 1\n", "second = 2\n"):
        (library / "library.py").write_text(text)
        assert install() == ["library.py"]
        assert (project.parent / "tree" / "library.py").read_text() == text
    (library / "library.py").unlink()
    with pytest.raises(DeployError, match=r"^requirements\.txt: Failed to build `library"):
        install()


# Failures.


@pytest.mark.usefixtures("index")
@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["no-such-thing"], "no-such-thing is not in the package index."),
        (["a==9"], "a has no version ==9."),
        (["a>=9"], "a has no version >=9."),
        (["a>=9,<10"], "a has no version >=9,<10."),
        (["a==="], "Couldn't parse requirement in `requirements.txt` at position 0: Unexpected end of version "),
        (["./nowhere"], "Distribution not found at: file://"),
        (["a", "b"], "Because only a==1.0 is available and all versions of b depend on a>3, we can conclude "),
        (["-r other.txt"], "Error parsing included file in `requirements.txt` at position 0: failed to read from "),
    ],
)
def test_a_dependency_that_cannot_be_installed_is_named_in_one_line(
    project: Path, index: Path, install: Install, lines: list[str], message: str
):
    make_wheel(index, "a")
    make_wheel(index, "b", requires=["a>3"])
    require(project, *lines)
    with pytest.raises(DeployError) as caught:
        install()
    assert str(caught.value).startswith(f"requirements.txt: {message}")
    assert "\n" not in str(caught.value)


def test_a_network_error_is_one_line_without_the_credentials_of_urls(
    project: Path, install: Install, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    require(project, "x @ https://user:s3cr3t@127.0.0.1:9/x-1-py3-none-any.whl")
    with pytest.raises(DeployError) as caught:
        install()
    assert str(caught.value).startswith("requirements.txt: cannot reach the package index: Connection refused")
    assert caught.value.log is not None
    assert "s3cr3t" not in caught.value.log.read_text() + str(caught.value)


@pytest.mark.parametrize("requirement", ["a>=9", "a==9"])
def test_a_missing_version_in_a_pyproject_is_named(project: Path, index: Path, install: Install, requirement: str):
    make_wheel(index, "a")
    (project / "pyproject.toml").write_text(PROJECT.format(repr(requirement)))
    with pytest.raises(DeployError) as caught:
        install()
    assert str(caught.value) == f"pyproject.toml: a has no version {requirement[1:]}."


@pytest.mark.usefixtures("index")
@pytest.mark.parametrize("text", [PROJECT.format('"six ]"'), DYNAMIC])
def test_an_invalid_requirement_in_a_pyproject_is_an_error(project: Path, install: Install, text: str):
    (project / "pyproject.toml").write_text(text)
    with pytest.raises(DeployError) as caught:
        install()
    assert str(caught.value) == (
        "pyproject.toml: a requirement in 'dependencies' is invalid, or 'dynamic' lists dependencies. "
        "Correct the table [project]."
    )


def test_a_package_that_is_not_in_the_cache_of_an_offline_uv_is_named(
    project: Path, tmp_path: Path, install: Install, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    require(project, "a")
    with pytest.raises(DeployError) as caught:
        install()
    assert str(caught.value) == (
        "requirements.txt: a is not in uv's cache, and uv's network access is disabled (UV_OFFLINE). Enable it."
    )


@pytest.mark.parametrize(
    ("repository", "reason"),
    [
        ("https://127.0.0.1:9/x.git", "unable to access 'https://127.0.0.1:9/x.git/': "),
        ("file:///nowhere/x.git@1f2e3d4c", "'/nowhere/x.git' does not appear to be a git repository"),
    ],
)
def test_a_git_repository_that_cannot_be_fetched_is_named(
    project: Path, install: Install, repository: str, reason: str
):
    require(project, f"x @ git+{repository}")
    with pytest.raises(DeployError) as caught:
        install()
    assert str(caught.value).startswith(f"requirements.txt: cannot fetch x from its Git repository: {reason}")


def test_an_unknown_failure_is_reported_in_uvs_words_without_hints():
    output = "Using CPython\nerror: It broke\n  cause: badly\n         x===\n          ^^^\n\nhint: Mend it.\n"
    assert explain_failure(output, "Python 3.13 on arm64") == "It broke: badly x==="


def test_a_long_failure_is_shortened():
    message = explain_failure(f"error: {'word ' * 200}", "Python 3.13 on arm64")
    assert (len(message), message[-1]) == (MAX_MESSAGE + 1, "…")


def test_a_failure_without_a_message_has_one():
    assert explain_failure("", "Python 3.13 on arm64") == "uv failed without an error message."


@pytest.mark.parametrize("secret", ["s3cr3t", "p@s3cr3t", "p/s3cr3t", "p'\"`s3cr3t"])
def test_credentials_in_urls_are_redacted_up_to_the_last_at_sign(secret: str):
    output = f"error: `https://user:{secret}@host/a`\n  cause: ssh://git@host, https://host/b, file:///c@d"
    assert redact_credentials(output) == (
        "error: `https://****@host/a`\n  cause: ssh://****@host, https://host/b, file:///c@d"
    )


@pytest.mark.parametrize(
    "line",
    [
        "requests == https://user:p@s3cr3t@127.0.0.1/",
        "--index-url https://user:p@s3cr3t@127.0.0.1:9x/simple",
        "--index-url https://user:p/s3cr3t@127.0.0.1:9/simple",
    ],
)
def test_credentials_in_an_invalid_url_are_redacted(project: Path, install: Install, line: str):
    require(project, line)
    with pytest.raises(DeployError) as caught:
        install()
    assert caught.value.log is not None
    log = caught.value.log.read_text()
    assert "https://****@127.0.0.1" in str(caught.value)
    assert "https://****@127.0.0.1" in log
    assert "s3cr3t" not in str(caught.value) + log


def test_source_distributions_are_found_in_wrapped_lines_too():
    assert find_source_distributions("cause: attempted to build `library`") == ["library"]
    assert find_source_distributions("cause: attempted to\n         build `library`") == ["library"]
