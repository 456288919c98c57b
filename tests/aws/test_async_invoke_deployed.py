"""Asynchronous calls of a deployed function in an AWS emulator: real S3, real second invocations."""

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
from tests.aws.emulator import CREDENTIALS, emulator, install_program
from tests.aws.events import SIGNING_KEY, ClientResponse, rest_event
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
    """The emulator with the deployed service and a bucket."""

    def __init__(self, url: str) -> None:
        self.url = url
        session = boto3.session.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="eu-west-1")
        self.s3 = session.client("s3", endpoint_url=url)
        self.function = session.client("lambda", endpoint_url=url)
        self.s3.create_bucket(Bucket="results", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        # The function imports the packages of this environment.
        packages = [str(ROOT), *(path for path in sys.path if path.endswith("site-packages"))]
        variables = {"PYTHONPATH": ":".join(packages), "AWS_ENDPOINT_URL": url, "CWS_SIGNING_KEY": SIGNING_KEY}
        self.function.create_function(
            FunctionName="shop",
            Runtime="python3.11",
            Role="arn:aws:iam::000000000000:role/shop",
            Handler="shop.lambda_handler",
            Code={"ZipFile": create_zip("shop.py", SERVICE)},
            Timeout=30,
            Environment={"Variables": variables},
        )

    def send(self, path: str, **headers: str) -> ClientResponse:
        """Send a REST API's event to the function."""
        sent = [("Authorization", "s3cr3t"), *headers.items()]
        event = rest_event("POST", path, (), sent, '{"note": "ça"}' if path.startswith("/jobs") else None)
        done = self.function.invoke(FunctionName="shop", Payload=json.dumps(event))
        return ClientResponse(json.loads(done["Payload"].read()))

    def wait_for_object(self, key: str) -> tuple[Any, str]:
        """Wait for an object, and return it with the status in its metadata."""
        until(
            lambda: any(found["Key"] == key for found in self.s3.list_objects_v2(Bucket="results").get("Contents", ()))
        )
        found = self.s3.get_object(Bucket="results", Key=key)
        return json.loads(found["Body"].read()), found["Metadata"]["status"]


def create_zip(name: str, text: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, text)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def aws(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    cache = getattr(request.config, "cache", None)  # None with `-p no:cacheprovider`
    with emulator(install_program(cache.mkdir("ministack") if cache else tmp_path_factory.getbasetemp())) as url:
        yield Aws(url)


def storing_headers(key: str) -> dict[str, str]:
    return {"InvocationType": "Event", "X-CWS-S3Bucket": "results", "X-CWS-S3Key": key}


def test_the_response_of_the_second_invocation_is_stored_in_s3(aws: Aws):
    response = aws.send("/jobs/7", **storing_headers("jobs/7.json"))
    assert response.status == 202
    assert list(response.json) == ["request_id"]
    expected = {"number": 7, "note": "ça", "auth": {"name": "ann"}, "lambda": True}
    assert aws.wait_for_object("jobs/7.json") == (expected, "200")


def test_the_problem_of_a_failing_entry_is_stored_in_s3(aws: Aws):
    assert aws.send("/failing", **storing_headers("jobs/failing.json")).status == 202
    problem = {"type": "about:blank", "title": "Internal Server Error", "status": 500}
    assert aws.wait_for_object("jobs/failing.json") == (problem, "500")


def test_a_key_outside_store_in_is_a_422_before_anything_runs(aws: Aws):
    response = aws.send("/jobs/7", **storing_headers("secrets/7.json"))
    assert (response.status, response.json["errors"][0]["name"]) == (422, "X-CWS-S3Key")


def test_a_local_service_stores_in_s3_too(aws: Aws, monkeypatch: pytest.MonkeyPatch):
    class Local(TechMicroService):
        store_in = {"results": ["local/"]}  # noqa: RUF012 - as users write it

        @entry(background=True, no_auth=True)
        async def get(self):
            return {"here": True}

    for name, value in {**CREDENTIALS, "AWS_ENDPOINT_URL": aws.url}.items():
        monkeypatch.setenv(name, value)
    with TestClient(Local()) as client:
        assert_accepted(client.get("/", headers=storing_headers("local/../1.json")))
    assert aws.wait_for_object("local/../1.json") == ({"here": True}, "200")
