"""Wrong usage of a command is a one-line error with exit code 2; a failure has exit code 1."""

import json
import os
import resource
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from coworks_async.cli.main import COMMANDS, cws
from tests.cli.invalid_project import TERRAFORM, create_invalid_project, get_error_line, split
from tests.cli.processes import CWS

PACKAGE = Path(__file__).parents[2]

# Command lines, and a part of the error.
CASES = [
    ("nothere", "'nothere'"),
    ("rum", "'rum'. Did you mean 'run'?"),
    ("--nothere", "'--nothere'"),
    ("completion", "bash, zsh or fish"),
    ("completion tcsh", "'tcsh'"),
    ("completion bash zsh", "(zsh)"),
    ("config nothere", "'nothere'"),
    ("config run more", "(more)"),
    ("deploy", "--bucket"),
    ("deploy --bucket archives --dry --plan", "--plan"),
    ("deploy --bucket archives --json", "--json requires --plan."),
    ("DEPLOY --canary 100", "--canary: 100 is out of range (1 to 99)."),
    ("DEPLOY --canary 10 --bake soon", "'soon' is not a duration such as 30s, 10m, 2h or 1d."),
    ("DEPLOY --alarm errors", "--alarm requires --canary."),
    ("DEPLOY --ttl tomorrow", "'tomorrow' is not a duration such as 30s, 10m, 2h or 1d."),
    ("DEPLOY --ttl 0d", "--ttl: 0 seconds is out of range (1s to 365d)."),
    ("DEPLOY more", "(more)"),
    ("DEPLOY --memory-size big", "--memory-size"),
    ("DEPLOY --keep all", "--keep"),
    ("DEPLOY --keep 0", "--keep"),
    ("DEPLOY --memory-size 127", "--memory-size"),
    ("DEPLOY --timeout soon", "--timeout"),
    ("DEPLOY --timeout 901", "--timeout"),
    ("DEPLOY --reserved-concurrency few", "--reserved-concurrency"),
    ("DEPLOY --log-retention long", "--log-retention"),
    ("DEPLOY --authorizer-ttl long", "--authorizer-ttl"),
    ("DEPLOY --authorizer-ttl 3601", "--authorizer-ttl"),
    ("DEPLOY --layers mine", "--layers"),
    ("DEPLOY --subnets subnet-1", "--subnets"),
    ("DEPLOY --security-groups sg-1", "--security-groups"),
    ("deploy --bucket a QUICK", "--bucket"),
    ("DEPLOY --key /a", "--key"),
    ("DEPLOY --env NOTHERE", "--env: 'NOTHERE' is not set in the shell."),
    ("deploy --bucket archives QUICK --local 127.0.0.1:4566", "--local"),
    ("destroy --local emulator", "--local"),
    ("prune --local emulator", "--local"),
    ("deployed --local emulator", "--local"),
    ("DEPLOY --region europe", "--region"),
    ("DEPLOY --certificate mine", "--certificate"),
    ("DEPLOY --workspace mine", "--workspace"),
    ("DEPLOY --tf-bucket a", "--tf-bucket"),
    ("DEPLOY --log-retention 31", "--log-retention"),
    ("DEPLOY --reserved-concurrency -1", "--reserved-concurrency"),
    ("DEPLOY --snap-start --python 3.11", "--snap-start"),
    ("DEPLOY --domain localhost", "--domain"),
    ("DEPLOY --tags lonely", "--tags"),
    ("DEPLOY --tags aws:a=b", "--tags"),
    ("DEPLOY --rate 0", "--rate"),
    ("DEPLOY --burst many", "--burst"),
    ("DEPLOY --failure-destination queue", "--failure-destination"),
    ("DEPLOY --kms-key alias/shop", "--kms-key"),
    ("DEPLOY --waf firewall", "--waf"),
    ("DEPLOY --vpc-endpoints vpc-1", "--vpc-endpoints"),
    ("DEPLOY --stream", "--runtime native"),
    ("DEPLOY --capacity-provider mine", "--capacity-provider"),
    ("DEPLOY --max-concurrency 0", "--max-concurrency"),
    ("DEPLOY --function-url public", "--function-url"),
    ("DEPLOY --function-url --vpc-endpoints vpce-0", "--function-url"),
    ("DEPLOY --disable-execute-api-endpoint", "--domain"),
    ("DEPLOY --log-source-ip --no-access-logs", "--access-logs"),
    ("DEPLOY --gateway grpc", "--gateway"),
    ("DEPLOY --terraform pulumi", "--terraform"),
    ("DEPLOY --terraform-dir text", "--terraform-dir"),
    ("DEPLOY --tf-bucket states --terraform-cloud b", "--terraform-cloud"),
    ("DEPLOY --python 2.7", "--python"),
    ("DEPLOY --arch mips", "--arch"),
    ("DEPLOY --runtime node", "--runtime"),
    ("DEPLOY --ignore !", "--ignore"),
    ("DEPLOY --allow-secret nothere.pem", "'nothere.pem'"),
    ("DEPLOY --module-name nothing_of_the_kind", "--module-name"),
    ("deploy --bucket archives --profile-name nothere QUICK", "AWS profile 'nothere'"),
    ("destroy --profile-name nothere", "AWS profile 'nothere'"),
    ("prune --profile-name nothere", "AWS profile 'nothere'"),
    ("deployed --profile-name nothere", "AWS profile 'nothere'"),
    ("deployed --profile nothere", "AWS profile 'nothere'"),
    ("deployed --region mars", "--region: 'mars'"),
    ("deployed more", "(more)"),
    ("destroy more", "(more)"),
    ("prune more", "(more)"),
    ("destroy --gateway grpc", "--gateway"),
    ("prune --gateway grpc", "--gateway"),
    ("destroy --region europe", "--region"),
    ("prune --region europe", "--region"),
    ("destroy --workspace mine", "--workspace"),
    ("prune --workspace mine", "'--workspace'"),
    ("destroy --terraform pulumi", "--terraform"),
    ("prune --terraform pulumi", "--terraform"),
    ("destroy --terraform-dir text", "--terraform-dir"),
    ("prune --terraform-dir text", "--terraform-dir"),
    ("destroy --tf-bucket states --terraform-cloud b", "--terraform-cloud"),
    ("prune --tf-bucket states --terraform-cloud b", "--terraform-cloud"),
    ("invoke", "'cws invoke GET /'"),
    ("invoke GET items", "'items'"),
    ("invoke GET / more", "(more)"),
    ("invoke GET / -q lonely", "'lonely'"),
    ("invoke GET / -H lonely", "'lonely'"),
    ("invoke GET / -d @nothere", "'nothere'"),
    ("invoke GET / -d @folder", "'folder'"),
    ("invoke GET / -d @", "-d: expected the name of a file after '@'"),
    ("invoke GET / --via pigeon", "--via"),
    ("invoke GET / --event text", "--event"),
    ("invoke --event nothere", "--event"),
    ("invoke --event deep.json", "deep.json is nested too deeply"),
    ("invoke --event text --via http", "--via"),
    ("invoke --event text --json -i", "-i"),
    ("invoke GET / -d a -d b", "-d"),
    ("invoke G:T /", "'G:T'"),
    ("invoke GET / -H X@A:b", "'X@A'"),
    ("invoke --event text", "text is not valid JSON"),
    ("invoke --event text -q a=b", "-q"),
    ("logs more", "(more)"),
    ("logs --since yesterday", "--since"),
    ("logs --request-id short", "--request-id"),
    ("logs --level loud", "--level"),
    ("logs -f --request-id 12345678", "--request-id"),
    ("logs --profile-name nothere", "AWS profile 'nothere'"),
    ("logs --region mars", "--region: 'mars'"),
    ("logs --local emulator", "--local"),
    ("rollback more", "(more)"),
    ("rollback --to first", "--to"),
    ("rollback --to 0", "--to"),
    ("rollback --profile-name nothere", "AWS profile 'nothere'"),
    ("rollback --region mars", "--region: 'mars'"),
    ("rollback --local emulator", "--local"),
    ("new --template tea", "--template"),
    ("new text", "'text'"),
    ("new folder", "'folder' is not empty"),
    ("new text/shop", "text/shop"),
    ("new a b", "(b)"),
    ("routes more", "(more)"),
    ("routes --sort size", "--sort"),
    ("routes --openapi folder", "'folder'"),
    ("routes --openapi nothere/x", "'nothere/x'"),
    ("routes --json --openapi x", "--openapi"),
    ("run more", "(more)"),
    ("run -A shop", "No such option '-A' of 'run'. Options of cws precede it: 'cws -A ... run'."),
    ("run --nothere", "No such option '--nothere'."),
    ("run --port abc", "--port"),
    ("run --port 65536", "--port"),
    ("run --workers none", "--workers"),
    ("run --workers 2 --reload", "--reload"),
    ("run --limit-concurrency 1", "--limit-concurrency"),
    ("run --timeout-keep-alive 0", "--timeout-keep-alive"),
    ("run --graceful-timeout never", "--graceful-timeout"),
    ("run --via rest", "--lambda"),
    ("run --lambda --via pigeon", "--via"),
    ("run --lambda --runtime fast", "--runtime"),
    ("run --runtime native", "--lambda"),
    ("run --lambda --runtime native --max-concurrency 0", "--max-concurrency"),
    ("run --lambda --max-concurrency 2", "--runtime native"),
    ("run --host 192.0.2.1", "'192.0.2.1'"),
    ("shell more", "(more)"),
    ("zip more", "(more)"),
    ("zip --output folder", "--output"),
    ("zip --sbom nothere/sbom.json QUICK", "nothere"),
    ("zip --output text/x.zip", "'text/x.zip'"),
    ("zip --output nothere/x.zip", "'nothere/x.zip'"),
    ("zip --output /proc/x.zip", "'/proc/x.zip'"),
    ("zip --python 2.7", "--python"),
    ("zip --arch mips", "--arch"),
    ("zip --runtime node", "--runtime"),
    ("zip --ignore ! QUICK", "--ignore"),
    ("zip --allow-secret nothere.pem QUICK", "'nothere.pem'"),
    ("zip --module-name nothing_of_the_kind QUICK", "--module-name"),
]

# Correct usage that fails.
FAILING = [
    ("deploy --bucket archives --local http://127.0.0.1:1 QUICK", "http://127.0.0.1:1"),
    ("destroy --local http://127.0.0.1:1", "http://127.0.0.1:1"),
    ("prune --local http://127.0.0.1:1", "http://127.0.0.1:1"),
    ("deployed --local http://127.0.0.1:1", "http://127.0.0.1:1"),
    ("logs --local http://127.0.0.1:1", "http://127.0.0.1:1"),
    ("rollback --local http://127.0.0.1:1", "http://127.0.0.1:1"),
]

# Options whose values are not checked.
UNCHECKED = {"layer_provides"}

# Options that may be empty: no suffix, no body.
MAY_BE_EMPTY = {("", "config_file_suffix"), ("invoke", "data")}

# Arguments that a command requires before it checks its options.
ARGUMENTS = {"invoke": ["GET", "/"]}


@pytest.fixture(autouse=True)
def invalid_project(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    create_invalid_project(project, monkeypatch)
    return project


def commands() -> dict[str, click.Command]:
    context = cws.make_context("cws", ["run"], resilient_parsing=True)
    found = {name: cws.get_command(context, name) for name in COMMANDS}
    return {name: command for name, command in found.items() if command is not None}


def options() -> list[tuple[str, click.Option]]:
    """Return every option with the name of its command, which is empty for the global options."""
    groups = {"": cws, **commands()}
    return [(name, each) for name, group in groups.items() for each in group.params if isinstance(each, click.Option)]


@pytest.mark.parametrize(("command", "message"), CASES, ids=[command for command, _ in CASES])
def test_wrong_usage_is_a_one_line_error(command: str, message: str):
    assert message in get_error_line(split(command), 2)


@pytest.mark.parametrize(("command", "message"), FAILING, ids=[command for command, _ in FAILING])
def test_a_failure_is_a_one_line_error(command: str, message: str):
    assert message in get_error_line(split(command), 1)


def test_a_missing_or_outdated_terraform_is_a_one_line_error(invalid_project: Path, monkeypatch: pytest.MonkeyPatch):
    (invalid_project / "bin" / "terraform").write_text(TERRAFORM.replace("1.15.5", "1.9.8"))
    for command in ("DEPLOY", "destroy"):
        assert "1.9.8" in get_error_line(split(command), 1)
    monkeypatch.setenv("PATH", str(invalid_project / "folder"))
    for command in ("DEPLOY", "destroy"):
        assert "Neither terraform nor tofu is on the PATH" in get_error_line(split(command), 1)
        assert "tofu is not on the PATH" in get_error_line(split(f"{command} --terraform tofu"), 1)


def test_an_option_without_its_value_and_a_flag_with_a_value_are_one_line_errors():
    for command, option in options():
        for name in option.opts:
            # The value of these two is optional; a short flag cannot have one.
            if option.name in ("local", "function_url") or (option.is_flag and not name.startswith("--")):
                continue
            typed = f"{name}=surely" if option.is_flag else name
            line = get_error_line([typed] if command == "" else [command, typed], 2)
            assert name in line, (command, name)


def test_an_empty_value_is_a_one_line_error_that_names_the_option():
    for command, option in options():
        if option.is_flag or (command, option.name) in MAY_BE_EMPTY:
            continue
        name = option.opts[-1]
        before, after = ([], ["config"]) if command == "" else ([command, *ARGUMENTS.get(command, [])], [])
        line = get_error_line([*before, f"{name}=", *after], 2)
        assert name.removeprefix("--") in line or f"{option.opts[0]}: " in line, (command, name)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["", "/"], "method ''"),
        (["G T", "/"], "method 'G T'"),
        (["GET", "/", "-H", "X A: b"], "'X A'"),
        (["GET", "/", "-H", "X: b\r\nC: d"], "'X'"),
        (["GET", "/", "-H", "X: b\0"], "'X'"),
    ],
)
def test_invoke_rejects_values_that_would_change_the_request(arguments: list[str], message: str):
    assert message in get_error_line(["invoke", *arguments], 2)


def test_options_are_checked_before_terraform_is_looked_up(invalid_project: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(invalid_project / "folder"))
    assert "--memory-size" in get_error_line(split("DEPLOY --memory-size 10"), 2)
    assert "--workspace" in get_error_line(split("destroy --workspace mine"), 2)


def test_every_option_has_a_case():
    tested = {(command.split()[0].lower(), word) for command, _ in [*CASES, *FAILING] for word in split(command)}
    missing = [
        (command, option.name)
        for command, option in options()
        if command and not option.is_flag and option.name not in UNCHECKED
        if not any((command, name) in tested for name in option.opts)
    ]
    assert missing == []


def test_an_invalid_variable_is_a_one_line_error_that_names_it():
    for variable, value, command in [
        ("CWS_RUN_PORT", "abc", "run"),
        ("CWS_RUN_RELOAD", "perhaps", "run"),
        ("CWS_DEPLOY_MEMORY_SIZE", "big", "deploy"),
        ("CWS_DEPLOY_GATEWAY", "grpc", "deploy"),
        ("CWS_NEW_TEMPLATE", "tea", "new"),
        ("CWS_ZIP_ARCH", "mips", "zip"),
        ("CWS_ROUTES_SORT", "size", "routes"),
    ]:
        result = CliRunner(env={variable: value, "CWS_DEPLOY_BUCKET": "archives"}).invoke(cws, [command])
        assert (result.exit_code, result.stderr.count("\n")) == (2, 1), result.output
        assert result.stderr.startswith(f"Error: {variable}: ")


@pytest.mark.parametrize("command", ["-A nothere run", "run --port abc", "-c tab.yml run"])
def test_a_usage_error_takes_less_than_half_a_second(command: str, invalid_project: Path):
    def is_fast() -> bool:
        python, _ = measure([sys.executable, "-c", ""], invalid_project)
        seconds, done = measure([CWS, *command.split()], invalid_project)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
        # More on a machine where Python itself takes longer than 12 ms.
        return seconds < max(0.5, 40 * python)

    assert any(is_fast() for _ in range(10))


def measure(command: list[str], folder: Path) -> tuple[float, subprocess.CompletedProcess[str]]:
    """Run a program without coverage. Return its processor time, which does not depend on the load, and its result."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done


def run_without(*modules: str) -> subprocess.CompletedProcess[str]:
    """Run the console script in a process where these modules are not installed."""
    hidden = json.dumps(dict.fromkeys(modules))
    code = f"import sys, json; sys.modules.update(json.loads({hidden!r})); from coworks_async.cli import main; main()"
    return subprocess.run([sys.executable, "-c", code, "--help"], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("modules", [["click"], ["uvicorn"], ["pathspec", "yaml"], ["boto3", "rich", "uv"]])
def test_a_missing_dependency_is_a_one_line_error_with_the_command_to_install_it(modules: list[str]):
    done = run_without(*modules)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"Error: cws needs {', '.join(modules)}: pip install 'coworks-async[standard]'\n"


def test_every_dependency_of_the_extra_is_checked():
    project = tomllib.loads((PACKAGE / "pyproject.toml").read_text())["project"]
    names = {line.partition(">")[0].partition("[")[0] for line in project["optional-dependencies"]["standard"]}
    modules = {"python-dotenv": "dotenv", "pyyaml": "yaml", "docstring-parser": "docstring_parser"}
    expected = sorted(modules.get(name, name) for name in names)
    assert run_without(*expected).stderr.startswith(f"Error: cws needs {', '.join(expected)}: ")
