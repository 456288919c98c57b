"""Headers of asynchronous calls: valid values, and errors before the 202."""

from collections.abc import Mapping
from typing import Any

import pytest

from coworks_async import DeclarationError, Request, TechMicroService, entry
from coworks_async.testing import TestClient
from tests.clients import Connect
from tests.http_requests import Error, assert_refused
from tests.pipeline.async_services import EVENT, TOKEN, Jobs, assert_accepted


def invocation_type_error(value: str) -> Error:
    if value.lower() == "event":
        return "header", "InvocationType", "RequestResponse", "This entry does not accept asynchronous calls"
    return "header", "InvocationType", "Event or RequestResponse", "Unknown invocation type"


@pytest.mark.parametrize("value", ["Event", "event", "DryRun", "", "Event, Event"])
def test_an_entry_without_background_rejects_the_header(connect: Connect, value: str):
    client = connect(Jobs())
    headers = {"InvocationType": value}
    assert_refused(client.get("/plain", headers=headers), invocation_type_error(value))
    assert_refused(client.get("/plain/items/3", headers=headers), invocation_type_error(value))
    assert_refused(client.post("/plain", headers=headers, json={"number": 1}), invocation_type_error(value))


def test_an_entry_that_takes_the_request_rejects_the_header(connect: Connect):
    class Reading(TechMicroService):
        @entry(no_auth=True)
        async def get(self, request: Request):
            return "read"

        @entry(no_auth=True)
        async def post(self, request: Request):
            return "read"

    client = connect(Reading())
    assert_refused(client.get("/", headers=EVENT), invocation_type_error("Event"))
    assert_refused(client.post("/", headers=EVENT, json=[1]), invocation_type_error("Event"))


def test_an_unknown_invocation_type_is_rejected(connect: Connect):
    assert_refused(connect(Jobs()).get("/open", headers={"InvocationType": "DryRun"}), invocation_type_error("DryRun"))


def test_the_error_is_listed_with_all_others(connect: Connect):
    response = connect(Jobs()).get("/plain/items/x", headers=EVENT)
    assert [(error["where"], error["name"]) for error in response.json()["errors"]] == [
        ("header", "InvocationType"),
        ("path", "number"),
    ]


def test_the_authorizer_comes_first(connect: Connect):
    app = Jobs()
    client = connect(app)
    assert client.post("/jobs/7", headers=EVENT).status_code == 401
    assert client.post("/jobs/7", headers={**EVENT, "Authorization": "other"}).status_code == 403
    assert app.stored.items == []


def test_a_call_of_an_unknown_path_is_a_404(connect: Connect):
    client = connect(Jobs())
    assert client.get("/nowhere", headers=EVENT).status_code == 404
    assert client.delete("/open", headers=EVENT).status_code == client.delete("/open").status_code


def test_a_call_over_a_megabyte_is_rejected_everywhere(connect: Connect):
    app = Jobs()
    client = connect(app)
    response = client.post("/jobs/7", headers={**TOKEN, **EVENT}, json={"note": "x" * 750_000})
    assert response.status_code == 413
    assert response.json()["detail"] == "The request is over the limit of 999000 bytes for an asynchronous call."
    assert_accepted(client.post("/jobs/7", headers={**TOKEN, **EVENT}, json={"note": "x" * 700_000}))
    assert len(app.stored.json["note"]) == 700_000


def test_the_body_of_a_call_is_limited_by_the_service(connect: Connect):
    app = Jobs(max_body_size=10)
    response = connect(app).post("/jobs/7", headers={**TOKEN, **EVENT}, json={"note": "x" * 10})
    assert response.json()["detail"] == "The body is over the limit of 10 bytes."


STORE_IN: Mapping[str, Any] = {"results": ["jobs/", "other/a"], "all": [""], "none": []}


@pytest.mark.parametrize(
    ("location", "errors"),
    [
        ({"X-CWS-S3Bucket": "results"}, [("X-CWS-S3Key", "Missing")]),
        ({"X-CWS-S3Key": "jobs/1"}, [("X-CWS-S3Bucket", "Missing")]),
        ({"X-CWS-S3Bucket": "mine", "X-CWS-S3Key": "jobs/1"}, [("X-CWS-S3Bucket", "Not an allowed bucket")]),
        ({"X-CWS-S3Bucket": "results", "X-CWS-S3Key": "jobs"}, [("X-CWS-S3Key", "Not an allowed prefix")]),
        ({"X-CWS-S3Bucket": "results", "X-CWS-S3Key": "/jobs/1"}, [("X-CWS-S3Key", "Not an allowed prefix")]),
        ({"X-CWS-S3Bucket": "results", "X-CWS-S3Key": "../jobs/1"}, [("X-CWS-S3Key", "Not an allowed prefix")]),
        ({"X-CWS-S3Bucket": "results", "X-CWS-S3Key": "Jobs/1"}, [("X-CWS-S3Key", "Not an allowed prefix")]),
        ({"X-CWS-S3Bucket": "none", "X-CWS-S3Key": "jobs/1"}, [("X-CWS-S3Key", "Not an allowed prefix")]),
        ({"X-CWS-S3Bucket": "all", "X-CWS-S3Key": ""}, [("X-CWS-S3Key", "Not a valid key")]),
        ({"X-CWS-S3Bucket": "all", "X-CWS-S3Key": "k" * 1025}, [("X-CWS-S3Key", "Not a valid key")]),
    ],
)
def test_a_call_with_a_storage_location_that_is_not_allowed_is_rejected(
    connect: Connect, location: Mapping[str, str], errors: list[tuple[str, str]]
):
    class Storing(Jobs):
        store_in = STORE_IN

    app = Storing()
    response = connect(app).get("/open", headers={**EVENT, **location})
    assert response.status_code == 422
    assert [(error["where"], error["name"], error["detail"]) for error in response.json()["errors"]] == [
        ("header", name, detail) for name, detail in errors
    ]
    assert app.stored.items == []


def test_by_default_a_service_stores_nowhere(connect: Connect):
    location = {"X-CWS-S3Bucket": "results", "X-CWS-S3Key": "jobs/1"}
    assert connect(Jobs()).get("/open", headers={**EVENT, **location}).status_code == 422


@pytest.mark.parametrize("store_in", [{"results": "jobs/"}, {"results": [1]}, {1: ["a"]}, ["a"], {"a": None}])
def test_an_invalid_store_in_is_a_declaration_error(store_in: Any):
    attributes = {"store_in": store_in}
    with pytest.raises(DeclarationError, match=r"Wrong\.store_in is .* must map buckets to lists of key prefixes"):
        type("Wrong", (TechMicroService,), attributes)()


def test_a_repeated_storage_header_is_rejected():
    class Storing(Jobs):
        store_in = STORE_IN

    with TestClient(Storing()) as client:
        headers = [("InvocationType", "Event"), *[("X-CWS-S3Key", "jobs/1")] * 2, ("X-CWS-S3Bucket", "results")]
        [error] = client.get("/open", headers=headers).json()["errors"]
        assert (error["name"], error["detail"]) == ("X-CWS-S3Key", "Given more than once")
