"""Asynchronous calls of a function that is deployed, by an emulator of AWS: real S3, real second invocations."""

import io
import json
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from coworks_async import TechMicroService, entry
from coworks_async.testing import TestClient
from tests.aws.emulator import CREDENTIALS, emulator, environment
from tests.aws.lambdas import Answer, rest
from tests.cli.processes import until
from tests.pipeline.async_services import assert_accepted

SERVICE = """
from coworks_async import TechMicroService, entry, request


class Shop(TechMicroService):
    store_in = {"results": ["jobs/"]}

    async def token_authorizer(self, token):
        return {"name": "ann"} if token == "s3cr3t" else None

    @entry(background=True)
    async def post_jobs(self, number: int, *, note: str = ""):
        return {"number": number, "note": note, "auth": request.auth, "lambda": request.in_lambda_context}

    @entry(background=True)
    async def post_failing(self):
        raise LookupError("the reason")


lambda_handler = Shop().lambda_handler
"""

ROOT = Path(__file__).parents[2]


class Aws:
    """The emulator, with the service deployed to it and a bucket."""

    def __init__(self, url: str) -> None:
        self.url = url
        session = boto3.session.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="eu-west-1")
        self.s3 = session.client("s3", endpoint_url=url)
        self.function = session.client("lambda", endpoint_url=url)
        self.s3.create_bucket(Bucket="results", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        # The function finds the packages where these tests find them.
        packages = [str(ROOT), *(path for path in sys.path if path.endswith("site-packages"))]
        self.function.create_function(
            FunctionName="shop",
            Runtime="python3.11",
            Role="arn:aws:iam::000000000000:role/shop",
            Handler="shop.lambda_handler",
            Code={"ZipFile": _zipped("shop.py", SERVICE)},
            Timeout=30,
            Environment={"Variables": {"PYTHONPATH": ":".join(packages), "AWS_ENDPOINT_URL": url}},
        )

    def ask(self, path: str, **headers: str) -> Answer:
        """What a REST API would get of the function."""
        told = [("Authorization", "s3cr3t"), *headers.items()]
        event = rest("POST", path, (), told, '{"note": "ça"}' if path.startswith("/jobs") else None)
        done = self.function.invoke(FunctionName="shop", Payload=json.dumps(event))
        return Answer(json.loads(done["Payload"].read()))

    def stored(self, key: str) -> tuple[Any, str]:
        """An object, once it is there, and the status that its metadata tell."""
        until(
            lambda: any(found["Key"] == key for found in self.s3.list_objects_v2(Bucket="results").get("Contents", ()))
        )
        found = self.s3.get_object(Bucket="results", Key=key)
        return json.loads(found["Body"].read()), found["Metadata"]["status"]


def _zipped(name: str, text: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, text)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def aws(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    cache = getattr(request.config, "cache", None)  # which `-p no:cacheprovider` leaves out
    with emulator(environment(cache.mkdir("ministack") if cache else tmp_path_factory.getbasetemp())) as url:
        yield Aws(url)


def asked(key: str) -> dict[str, str]:
    return {"InvocationType": "Event", "X-CWS-S3Bucket": "results", "X-CWS-S3Key": key}


def test_the_answer_of_the_second_invocation_is_in_s3(aws: Aws):
    answer = aws.ask("/jobs/7", **asked("jobs/7.json"))
    assert answer.status == 202
    assert list(answer.json) == ["request_id"]
    told = {"number": 7, "note": "ça", "auth": {"name": "ann"}, "lambda": True}
    assert aws.stored("jobs/7.json") == (told, "200")


def test_the_problem_of_a_failing_entry_is_in_s3(aws: Aws):
    assert aws.ask("/failing", **asked("jobs/failing.json")).status == 202
    problem = {"type": "about:blank", "title": "Internal Server Error", "status": 500}
    assert aws.stored("jobs/failing.json") == (problem, "500")


def test_a_place_that_is_not_allowed_is_refused_before_anything_runs(aws: Aws):
    answer = aws.ask("/jobs/7", **asked("secrets/7.json"))
    assert (answer.status, answer.json["errors"][0]["name"]) == (422, "X-CWS-S3Key")


def test_a_service_that_runs_here_stores_there_too(aws: Aws, monkeypatch: pytest.MonkeyPatch):
    class Local(TechMicroService):
        store_in = {"results": ["local/"]}  # noqa: RUF012 - as users write it

        @entry(background=True, no_auth=True)
        async def get(self):
            return {"here": True}

    for name, value in {**CREDENTIALS, "AWS_ENDPOINT_URL": aws.url}.items():
        monkeypatch.setenv(name, value)
    with TestClient(Local()) as client:
        assert_accepted(client.get("/", headers=asked("local/../1.json")))
    assert aws.stored("local/../1.json") == ({"here": True}, "200")
