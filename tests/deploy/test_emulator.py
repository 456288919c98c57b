"""A stage in an emulator: what differs, and a whole apply."""

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from coworks_async import TechMicroService
from coworks_async.deploy import emulator as local
from coworks_async.deploy.environment import terraform_environment
from coworks_async.deploy.terraform.workdir import write_root
from coworks_async.gateway.routes import GatewayKind
from tests.deploy.stacks import LAYER, Jobs, Shop, stack
from tests.deploy.toolchain import Toolchain

URL = "http://127.0.0.1:4566"
SECRET = '${s3cr3t} %{x} " é'


def files(directory: Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def test_the_root_for_aws_and_for_an_emulator_differ_in_the_override_alone(tmp_path: Path):
    made = stack(layers=(LAYER,))
    write_root(made, tmp_path / "aws")
    write_root(made, tmp_path / "emulator", override=local.override(made, URL))
    here, there = files(tmp_path / "aws"), files(tmp_path / "emulator")
    assert json.loads(there.pop("emulator_override.tf.json")) == local.override(made, URL)
    assert here == there


def test_an_override_leads_every_service_to_the_emulator_and_holds_no_key():
    provider = local.override(stack(), URL)["provider"]["aws"]
    assert set(provider["endpoints"].values()) == {URL}
    assert provider["endpoints"].keys() >= {"apigateway", "cloudwatchlogs", "ec2", "iam", "lambda", "sts"}
    assert not {"access_key", "secret_key", "skip_requesting_account_id"} & provider.keys()


def test_a_layer_without_a_version_is_looked_up_by_its_name():
    data = local.override(stack(layers=(f"{LAYER}:3", LAYER)), URL)["data"]
    assert data == {"aws_lambda_layer_version": {"layer_2": {"layer_name": "coworks-ZZZ"}}}
    assert "data" not in local.override(stack(layers=(f"{LAYER}:3",)), URL)


def test_no_profile_and_no_key_of_the_users_reaches_an_emulator():
    own = {"AWS_PROFILE": "x", "AWS_SESSION_TOKEN": "x", "AWS_ACCESS_KEY_ID": "AKIAX", "AWS_SECRET_ACCESS_KEY": "x"}
    told = local.environment(own | {"PATH": "/bin"}, URL)
    assert told == {
        "PATH": "/bin",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": URL,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def test_a_key_of_twelve_digits_is_an_emulators_account_and_stays():
    assert local.environment({"AWS_ACCESS_KEY_ID": "123456789012"}, URL)["AWS_ACCESS_KEY_ID"] == "123456789012"


@pytest.mark.parametrize(
    ("variables", "region", "found"),
    [
        ({"AWS_REGION": "eu-west-2", "AWS_DEFAULT_REGION": "eu-west-3"}, "eu-west-1", "eu-west-1"),
        ({"AWS_REGION": "eu-west-2", "AWS_DEFAULT_REGION": "eu-west-3"}, None, "eu-west-2"),
        ({"AWS_DEFAULT_REGION": "eu-west-3"}, None, "eu-west-3"),
    ],
)
def test_the_region_is_the_one_that_is_named(variables: dict[str, str], region: str | None, found: str):
    told = local.environment(variables, URL, region)
    assert (told["AWS_REGION"], told["AWS_DEFAULT_REGION"]) == (found, found)


class Aws:
    """A stage's folder, and the account of an emulator that it is applied to."""

    def __init__(self, toolchain: Toolchain, url: str, account: str, directory: Path) -> None:
        self.toolchain, self.url, self.directory = toolchain, url, directory
        self.variables = local.environment(toolchain.environment(url, account), url, "eu-west-1")
        self.session = boto3.session.Session(account, "test", region_name="eu-west-1")
        # Accounts of an emulator share the names of buckets, as AWS's do.
        self.bucket = f"archives-{account}"
        place = {"LocationConstraint": "eu-west-1"}
        self.client("s3").create_bucket(Bucket=self.bucket, CreateBucketConfiguration=place)

    def client(self, name: str) -> Any:
        return self.session.client(name, endpoint_url=self.url)

    def write(self, app: TechMicroService, **options: Any) -> None:
        made = stack(app, bucket=self.bucket, region="eu-west-1", **options)
        with io.BytesIO() as file:
            with zipfile.ZipFile(file, "w") as archive:
                archive.writestr("cws_lambda.py", "def lambda_handler(event, context): return {}")
            code = file.getvalue()
        self.client("s3").put_object(Bucket=self.bucket, Key=made.function.key, Body=code)
        for _ in range(2):
            self.client("lambda").publish_layer_version(LayerName="coworks-ZZZ", Content={"ZipFile": code})
        write_root(made, self.directory, override=local.override(made, self.url))
        self.terraform("init")

    def terraform(self, *words: str, codes: tuple[int, ...] = (0,)) -> str:
        own = self.variables | terraform_environment({"TOKEN": SECRET})
        told: str = self.toolchain.run(self.directory, *words, environment=own, codes=codes).stdout
        return told


@pytest.fixture
def aws(toolchain: Toolchain, emulator: str, account: str, tmp_path: Path) -> Iterator[Aws]:
    made = Aws(toolchain, emulator, account, tmp_path / "shop" / "dev")
    yield made
    made.terraform("destroy", "-auto-approve")
    assert made.client("lambda").list_functions()["Functions"] == []
    assert made.client("iam").list_roles()["Roles"] == []
    assert made.client("logs").describe_log_groups()["logGroups"] == []


@pytest.mark.end_to_end
@pytest.mark.parametrize("kind", ["rest", "http"])
def test_a_stage_is_applied_in_two_steps_and_then_there_is_nothing_to_change(kind: GatewayKind, aws: Aws):
    aws.write(Shop(), gateway=kind, memory_size=512, layers=(LAYER,))
    aws.terraform("apply", "-auto-approve", "-target=module.api.module.routes")
    made = aws.terraform("state", "list")
    assert "module.api.module.routes." in made
    assert "aws_lambda" not in made
    aws.terraform("apply", "-auto-approve")
    aws.terraform("plan", "-detailed-exitcode", codes=(0,))
    told = aws.client("lambda").get_function(FunctionName="shop-dev")
    assert told["Configuration"]["Environment"]["Variables"] == {"CWS_STAGE": "dev", "TOKEN": SECRET}
    assert told["Configuration"]["MemorySize"] == 512
    assert [layer["Arn"].rpartition(":")[2] for layer in told["Configuration"]["Layers"]] == ["2"]
    assert told["Tags"] == {"coworks:service": "shop", "coworks:stage": "dev", "coworks:archive": "0f3a"}
    outputs = json.loads(aws.terraform("output", "-json"))
    assert outputs["shop_url"]["value"] == (
        f"https://{outputs['shop_id']['value']}.execute-api.eu-west-1.amazonaws.com/dev"
    )
    written = b"".join(text for name, text in files(aws.directory).items() if not name.startswith("terraform.tfstate"))
    assert b"s3cr3t" not in written


@pytest.mark.end_to_end
def test_the_policy_names_the_function_and_the_alias_that_the_gateway_calls(aws: Aws):
    aws.write(Jobs(), snap_start=True, tracing=True)
    aws.terraform("apply", "-auto-approve")
    aws.terraform("plan", "-detailed-exitcode", codes=(0,))
    account = aws.variables["AWS_ACCESS_KEY_ID"]
    arn = f"arn:aws:lambda:eu-west-1:{account}:function:jobs-dev"
    policy = aws.client("iam").get_role_policy(RoleName="jobs-dev", PolicyName="jobs-dev")["PolicyDocument"]
    invoke, put = policy["Statement"][1:3]
    assert invoke["Resource"] == [arn, f"{arn}:*"]
    assert put["Resource"][1:] == ["arn:aws:s3:::results/a${*}${?}${$}b/*", "arn:aws:s3:::results/jobs/*"]
    granted = json.loads(aws.client("lambda").get_policy(FunctionName="jobs-dev", Qualifier="live")["Policy"])
    assert {statement["Resource"] for statement in granted["Statement"]} == {f"{arn}:live"}
