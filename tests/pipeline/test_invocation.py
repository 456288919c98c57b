"""The headers of asynchronous calls: what they allow, and what is refused at once."""

from collections.abc import Mapping
from typing import Any

import pytest

from coworks_async import DeclarationError, Request, TechMicroService, entry
from coworks_async.testing import TestClient
from tests.clients import Connect
from tests.pipeline.jobs import EVENT, TOKEN, Jobs, assert_accepted
from tests.sending import Error, assert_refused


def refusal(value: str) -> Error:
    if value.lower() == "event":
        return "header", "InvocationType", "RequestResponse", "This entry takes no asynchronous calls"
    return "header", "InvocationType", "Event or RequestResponse", "No type of invocation"


@pytest.mark.parametrize("value", ["Event", "event", "DryRun", "", "Event, Event"])
def test_an_entry_that_does_not_allow_it_refuses_and_names_the_header(connect: Connect, value: str):
    client = connect(Jobs())
    headers = {"InvocationType": value}
    assert_refused(client.get("/plain", headers=headers), refusal(value))
    assert_refused(client.get("/plain/items/3", headers=headers), refusal(value))
    assert_refused(client.post("/plain", headers=headers, json={"number": 1}), refusal(value))


def test_an_entry_that_reads_for_itself_refuses_it_too(connect: Connect):
    class Reading(TechMicroService):
        @entry(no_auth=True)
        async def get(self, request: Request):
            return "read"

        @entry(no_auth=True)
        async def post(self, request: Request):
            return "read"

    client = connect(Reading())
    assert_refused(client.get("/", headers=EVENT), refusal("Event"))
    assert_refused(client.post("/", headers=EVENT, json=[1]), refusal("Event"))


def test_an_entry_that_allows_it_refuses_another_type(connect: Connect):
    assert_refused(connect(Jobs()).get("/open", headers={"InvocationType": "DryRun"}), refusal("DryRun"))


def test_the_refusal_is_told_with_all_the_others(connect: Connect):
    answer = connect(Jobs()).get("/plain/items/x", headers=EVENT)
    assert [(error["where"], error["name"]) for error in answer.json()["errors"]] == [
        ("header", "InvocationType"),
        ("path", "number"),
    ]


def test_the_authorizer_is_asked_first(connect: Connect):
    app = Jobs()
    client = connect(app)
    assert client.post("/jobs/7", headers=EVENT).status_code == 401
    assert client.post("/jobs/7", headers={**EVENT, "Authorization": "other"}).status_code == 403
    assert app.kept.answers == []


def test_what_is_not_there_is_not_there_for_a_call_either(connect: Connect):
    client = connect(Jobs())
    assert client.get("/nowhere", headers=EVENT).status_code == 404
    assert client.delete("/open", headers=EVENT).status_code == client.delete("/open").status_code


def test_a_call_of_over_a_megabyte_is_refused_everywhere(connect: Connect):
    app = Jobs()
    client = connect(app)
    answer = client.post("/jobs/7", headers={**TOKEN, **EVENT}, json={"note": "x" * 750_000})
    assert answer.status_code == 413
    assert answer.json()["detail"] == "The request is over the limit of 999000 bytes for an asynchronous call."
    assert_accepted(client.post("/jobs/7", headers={**TOKEN, **EVENT}, json={"note": "x" * 700_000}))
    assert len(app.kept.json["note"]) == 700_000


def test_the_body_of_a_call_is_held_to_the_services_limit(connect: Connect):
    app = Jobs(max_body_size=10)
    answer = connect(app).post("/jobs/7", headers={**TOKEN, **EVENT}, json={"note": "x" * 10})
    assert answer.json()["detail"] == "The body is over the limit of 10 bytes."


STORE_IN: Mapping[str, Any] = {"results": ["jobs/", "other/a"], "all": [""], "none": []}


@pytest.mark.parametrize(
    ("told", "errors"),
    [
        ({"X-CWS-S3Bucket": "results"}, [("X-CWS-S3Key", "Missing")]),
        ({"X-CWS-S3Key": "jobs/1"}, [("X-CWS-S3Bucket", "Missing")]),
        ({"X-CWS-S3Bucket": "mine", "X-CWS-S3Key": "jobs/1"}, [("X-CWS-S3Bucket", "Nothing is stored there")]),
        ({"X-CWS-S3Bucket": "results", "X-CWS-S3Key": "jobs"}, [("X-CWS-S3Key", "Nothing is stored there")]),
        ({"X-CWS-S3Bucket": "results", "X-CWS-S3Key": "/jobs/1"}, [("X-CWS-S3Key", "Nothing is stored there")]),
        ({"X-CWS-S3Bucket": "results", "X-CWS-S3Key": "../jobs/1"}, [("X-CWS-S3Key", "Nothing is stored there")]),
        ({"X-CWS-S3Bucket": "results", "X-CWS-S3Key": "Jobs/1"}, [("X-CWS-S3Key", "Nothing is stored there")]),
        ({"X-CWS-S3Bucket": "none", "X-CWS-S3Key": "jobs/1"}, [("X-CWS-S3Key", "Nothing is stored there")]),
        ({"X-CWS-S3Bucket": "all", "X-CWS-S3Key": ""}, [("X-CWS-S3Key", "No key")]),
        ({"X-CWS-S3Bucket": "all", "X-CWS-S3Key": "k" * 1025}, [("X-CWS-S3Key", "No key")]),
    ],
)
def test_where_the_service_does_not_store_a_call_is_refused_at_once(
    connect: Connect, told: Mapping[str, str], errors: list[tuple[str, str]]
):
    class Storing(Jobs):
        store_in = STORE_IN

    app = Storing()
    answer = connect(app).get("/open", headers={**EVENT, **told})
    assert answer.status_code == 422
    assert [(error["where"], error["name"], error["detail"]) for error in answer.json()["errors"]] == [
        ("header", name, detail) for name, detail in errors
    ]
    assert app.kept.answers == []


def test_a_service_stores_nowhere_unless_it_says_so(connect: Connect):
    told = {"X-CWS-S3Bucket": "results", "X-CWS-S3Key": "jobs/1"}
    assert connect(Jobs()).get("/open", headers={**EVENT, **told}).status_code == 422


@pytest.mark.parametrize("store_in", [{"results": "jobs/"}, {"results": [1]}, {1: ["a"]}, ["a"], {"a": None}])
def test_what_is_no_mapping_of_buckets_to_prefixes_is_an_error_when_the_service_is_built(store_in: Any):
    told = {"store_in": store_in}
    with pytest.raises(DeclarationError, match=r"Wrong\.store_in is .* maps buckets to lists of key prefixes"):
        type("Wrong", (TechMicroService,), told)()


def test_a_header_that_comes_twice_is_no_place_to_store():
    class Storing(Jobs):
        store_in = STORE_IN

    with TestClient(Storing()) as client:
        twice = [("InvocationType", "Event"), *[("X-CWS-S3Key", "jobs/1")] * 2, ("X-CWS-S3Bucket", "results")]
        [error] = client.get("/open", headers=twice).json()["errors"]
        assert (error["name"], error["detail"]) == ("X-CWS-S3Key", "Given more than once")
