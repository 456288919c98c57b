"""A stage in an AWS emulator: the override file, the environment, and a root module applied there."""

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from coworks_async import TechMicroService
from coworks_async.deploy.emulator import check_emulator, create_environment, create_override
from coworks_async.deploy.terraform.root_module import encode_variables
from coworks_async.deploy.terraform.workdir import write_root
from coworks_async.exceptions import DeployError
from tests.deploy.accounts import serve_response
from tests.deploy.stacks import LAYER, Jobs, stack
from tests.deploy.toolchain import Toolchain

URL = "http://127.0.0.1:4566"
SECRET = '${s3cr3t} %{x} " é'


def read_files(directory: Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def test_stages_for_aws_and_for_an_emulator_differ_only_in_the_override(tmp_path: Path):
    described = stack(layers=(LAYER,))
    write_root(described, tmp_path / "aws")
    write_root(described, tmp_path / "emulator", override=create_override(described, URL))
    aws, emulator = read_files(tmp_path / "aws"), read_files(tmp_path / "emulator")
    assert json.loads(emulator.pop("emulator_override.tf.json")) == create_override(described, URL)
    assert aws == emulator


def test_an_override_has_the_endpoints_of_all_services_and_no_keys():
    provider = create_override(stack(), URL)["provider"]["aws"]
    assert set(provider["endpoints"].values()) == {URL}
    assert provider["endpoints"].keys() >= {"apigateway", "cloudwatchlogs", "ec2", "iam", "lambda", "sts"}
    assert provider["endpoints"].keys() >= {"cloudwatchevents", "dynamodb", "sqs"}, "of the user's own files"
    assert not {"access_key", "secret_key", "skip_requesting_account_id"} & provider.keys()


def test_a_layer_without_a_version_is_looked_up_by_name():
    data = create_override(stack(layers=(f"{LAYER}:3", LAYER)), URL)["data"]
    assert data == {"aws_lambda_layer_version": {"layer_2": {"layer_name": "coworks-ZZZ"}}}
    assert "data" not in create_override(stack(layers=(f"{LAYER}:3",)), URL)


def test_the_users_profile_and_keys_are_not_sent_to_an_emulator():
    own = {"AWS_PROFILE": "x", "AWS_SESSION_TOKEN": "x", "AWS_ACCESS_KEY_ID": "AKIAX", "AWS_SECRET_ACCESS_KEY": "x"}
    assert create_environment(own | {"PATH": "/bin"}, URL) == {
        "PATH": "/bin",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": URL,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def test_a_key_of_twelve_digits_is_an_account_of_the_emulator():
    assert create_environment({"AWS_ACCESS_KEY_ID": "123456789012"}, URL)["AWS_ACCESS_KEY_ID"] == "123456789012"


@pytest.mark.parametrize(
    ("variables", "region", "expected"),
    [
        ({"AWS_REGION": "eu-west-2", "AWS_DEFAULT_REGION": "eu-west-3"}, "eu-west-1", "eu-west-1"),
        ({"AWS_REGION": "eu-west-2", "AWS_DEFAULT_REGION": "eu-west-3"}, None, "eu-west-2"),
        ({"AWS_DEFAULT_REGION": "eu-west-3"}, None, "eu-west-3"),
    ],
)
def test_the_region_is_the_option_or_that_of_the_environment(
    variables: dict[str, str], region: str | None, expected: str
):
    environment = create_environment(variables, URL, region)
    assert (environment["AWS_REGION"], environment["AWS_DEFAULT_REGION"]) == (expected, expected)


def test_an_emulator_may_respond_with_any_status():
    for status in (200, 404):
        with serve_response(status, "{}") as url:
            check_emulator(url)


def test_an_emulator_that_does_not_respond_is_reported_with_the_commands_to_start_one():
    with pytest.raises(DeployError, match=r"^No AWS emulator responds at http://127.0.0.1:9 \(.*'make emulator'"):
        check_emulator("http://127.0.0.1:9")


def test_a_url_without_an_emulator_is_reported():
    with pytest.raises(DeployError, match=r"^No AWS emulator responds at http://a b/ \(URL can't contain control "):
        check_emulator("http://a b/")


class AppliedStage:
    """A stage's directory, and the account of an emulator to which it is applied."""

    def __init__(self, toolchain: Toolchain, url: str, account: str, directory: Path) -> None:
        self.toolchain, self.url, self.directory, self.account = toolchain, url, directory, account
        self.variables = create_environment(toolchain.environment(url, account), url, "eu-west-1")
        self.session = boto3.session.Session(account, "test", region_name="eu-west-1")
        # Accounts of an emulator share bucket names, as those of AWS do.
        self.bucket = f"archives-{account}"
        location = {"LocationConstraint": "eu-west-1"}
        self.client("s3").create_bucket(Bucket=self.bucket, CreateBucketConfiguration=location)

    def client(self, name: str) -> Any:
        return self.session.client(name, endpoint_url=self.url)

    def write(self, app: TechMicroService, **options: Any) -> None:
        described = stack(app, bucket=self.bucket, region="eu-west-1", **options)
        with io.BytesIO() as file:
            with zipfile.ZipFile(file, "w") as archive:
                archive.writestr("cws_lambda.py", "def lambda_handler(event, context): return {}")
            code = file.getvalue()
        self.client("s3").put_object(Bucket=self.bucket, Key=described.archive_key, Body=code)
        for _ in range(2):
            self.client("lambda").publish_layer_version(LayerName="coworks-ZZZ", Content={"ZipFile": code})
        write_root(described, self.directory, override=create_override(described, self.url))
        self.terraform("init")

    def terraform(self, *words: str, codes: tuple[int, ...] = (0,)) -> str:
        environment = self.variables | encode_variables({"TOKEN": SECRET})
        output: str = self.toolchain.run(self.directory, *words, environment=environment, codes=codes).stdout
        return output


@pytest.fixture
def stage(toolchain: Toolchain, emulator: str, account: str, tmp_path: Path) -> Iterator[AppliedStage]:
    stage = AppliedStage(toolchain, emulator, account, tmp_path / "shop" / "dev")
    yield stage
    stage.terraform("destroy", "-auto-approve")
    assert stage.client("lambda").list_functions()["Functions"] == []
    assert stage.client("iam").list_roles()["Roles"] == []
    assert stage.client("logs").describe_log_groups()["logGroups"] == []


def test_a_stage_is_applied_in_two_steps_and_then_has_nothing_to_change(stage: AppliedStage):
    stage.write(Jobs(), gateway="http", memory_size=512, layers=(LAYER,), snap_start=True, tracing=True)
    stage.terraform("apply", "-auto-approve", "-target=module.api.module.routes")
    addresses = stage.terraform("state", "list")
    assert "module.api.module.routes." in addresses
    assert "aws_lambda" not in addresses
    stage.terraform("apply", "-auto-approve")
    stage.terraform("plan", "-detailed-exitcode", codes=(0,))
    function = stage.client("lambda").get_function(FunctionName="jobs-dev")
    assert function["Configuration"]["Environment"]["Variables"] == {"CWS_STAGE": "dev", "TOKEN": SECRET}
    assert function["Configuration"]["MemorySize"] == 512
    assert [layer["Arn"].rpartition(":")[2] for layer in function["Configuration"]["Layers"]] == ["2"]
    assert function["Tags"] == {"coworks:service": "jobs", "coworks:stage": "dev", "coworks:archive": "0f3a"}
    outputs = json.loads(stage.terraform("output", "-json"))
    assert outputs["jobs_url"]["value"] == (
        f"https://{outputs['jobs_id']['value']}.execute-api.eu-west-1.amazonaws.com/dev"
    )
    files = read_files(stage.directory)
    written = b"".join(text for name, text in files.items() if not name.startswith("terraform.tfstate"))
    assert b"s3cr3t" not in written
    check_policies(stage)


def check_policies(stage: AppliedStage) -> None:
    """The role may invoke the function, and the gateway its alias."""
    arn = f"arn:aws:lambda:eu-west-1:{stage.account}:function:jobs-dev"
    policy = stage.client("iam").get_role_policy(RoleName="jobs-dev", PolicyName="jobs-dev")["PolicyDocument"]
    invoke, put = policy["Statement"][1:3]
    assert invoke["Resource"] == [arn, f"{arn}:*"]
    assert put["Resource"][1:] == ["arn:aws:s3:::results/a${*}${?}${$}b/*", "arn:aws:s3:::results/jobs/*"]
    granted = json.loads(stage.client("lambda").get_policy(FunctionName="jobs-dev", Qualifier="live")["Policy"])
    assert {statement["Resource"] for statement in granted["Statement"]} == {f"{arn}:live"}
