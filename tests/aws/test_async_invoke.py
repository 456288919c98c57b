"""Asynchronous calls in Lambda: the first invocation makes the call, the second runs exactly that entry."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote

import pytest

from coworks_async import TechMicroService, entry, request
from coworks_async.exceptions import AsyncCallError, Problem, UnknownEvent
from tests.aws.events import (
    FUNCTION_ARN,
    SIGNING_KEY,
    Context,
    Event,
    Invoke,
    SendEvent,
    events_in_all_formats,
    rest_event,
    sign,
)
from tests.aws.fake_aws import FakeAws, fake_aws

ENVELOPE = "coworks.background"
ANN = {"name": "ann", "rights": {"read": [1, 2.5, None]}}
HEADERS = [("Authorization", "s3cr3t"), ("InvocationType", "Event"), ("X-Mine", "é")]


STORE_IN = {"results": ["jobs/"]}


class Shop(TechMicroService):
    store_in = STORE_IN

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.ran: list[dict[str, Any]] = []

    async def token_authorizer(self, token: str):
        return ANN if token == "s3cr3t" else None

    @entry(background=True)
    async def post_jobs(self, number: int, *, note: str = ""):
        job = {"number": number, "note": note, "auth": request.auth, "mine": request.headers.get("x-mine")}
        self.ran.append(
            job | {"in_lambda": request.in_lambda_context, "id": getattr(request.aws_context, "aws_request_id", None)}
        )
        return job

    @entry(background=True)
    async def post_failing(self):
        raise LookupError("the reason")

    @entry
    async def post_items(self, number: int):
        self.ran.append({"number": number})

    @entry(background=True)
    async def post_picture(self):
        return b"\x89PNG", {"Content-Type": "image/png", "Content-Encoding": "identity"}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAws]:
    """Set the environment of a Lambda function whose boto3 calls a fake AWS."""
    with fake_aws() as aws:
        environment = {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_ENDPOINT_URL": aws.url,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_MAX_ATTEMPTS": "1",
            "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
            "AWS_LAMBDA_FUNCTION_NAME": "shop",
            "CWS_SIGNING_KEY": SIGNING_KEY,
        }
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        yield aws


def jobs_event(headers: Any = HEADERS, path: str = "/jobs/7") -> Event:
    return rest_event("POST", path, (), headers, '{"note": "ça"}')


def get_envelope(aws: FakeAws) -> Event:
    """Return the event of the second invocation."""
    [invocation] = [received for received in aws.requests if received.method == "POST"]
    envelope: Event = json.loads(invocation.body)
    return envelope


def sign_again(event: Event, **options: str) -> Event:
    """Sign a changed envelope, to test what does not depend on the signature."""
    call = json.dumps(event[ENVELOPE]["call"], ensure_ascii=False, separators=(",", ":"))
    event[ENVELOPE]["signature"] = sign("call", call, **options)
    return event


def test_the_first_invocation_returns_202_and_invokes_the_function_again(aws: FakeAws, send_event: SendEvent):
    app = Shop()
    response = send_event(app, jobs_event())
    assert (response.status, response.json) == (202, {"request_id": Context().aws_request_id})
    [invocation] = aws.requests
    assert unquote(invocation.path) == f"/2015-03-31/functions/{FUNCTION_ARN}/invocations"
    assert invocation.headers["x-amz-invocation-type"] == "Event"
    assert app.ran == []


@pytest.mark.parametrize("kind", events_in_all_formats("POST", "/"))
def test_the_second_invocation_runs_the_entry_for_every_gateway(
    aws: FakeAws, send_event: SendEvent, invoke: Invoke, kind: str
):
    event = events_in_all_formats("POST", "/jobs/7", HEADERS, '{"note": "ça"}')[kind]
    assert send_event(Shop(), event).status == 202
    app, context = Shop(), Context(aws_request_id="second")
    assert invoke(app, get_envelope(aws), context) == {"request_id": Context().aws_request_id, "status": 200}
    assert app.ran == [
        {"number": 7, "note": "ça", "auth": ANN, "mine": "é", "in_lambda": True, "id": "second"},
    ]


def test_an_alias_invokes_itself(aws: FakeAws, send_event: SendEvent):
    send_event(Shop(), jobs_event(), Context(invoked_function_arn=f"{FUNCTION_ARN}:live"))
    assert unquote(aws.requests[0].path) == f"/2015-03-31/functions/{FUNCTION_ARN}:live/invocations"


def test_the_token_is_in_neither_the_envelope_nor_the_log(
    aws: FakeAws, send_event: SendEvent, invoke: Invoke, caplog: pytest.LogCaptureFixture
):
    caplog.set_level("DEBUG", "shop")
    send_event(Shop(), jobs_event())
    invoke(Shop(), get_envelope(aws))
    assert b"s3cr3t" not in aws.requests[0].body
    assert "s3cr3t" not in caplog.text
    assert {"status": 200, "path": "/dev/jobs/7"}.items() <= vars(caplog.records[-1])["msg"].items()


def test_the_debug_log_of_boto3_contains_neither_cookies_nor_bodies(
    aws: FakeAws, send_event: SendEvent, invoke: Invoke, caplog: pytest.LogCaptureFixture
):
    caplog.set_level("DEBUG")
    location = [("X-CWS-S3Bucket", "results"), ("X-CWS-S3Key", "jobs/7.json")]
    headers = [*HEADERS, *location, ("Cookie", "session=c00kie")]
    send_event(Shop(), rest_event("POST", "/jobs/7", (), headers, '{"note": "n0te"}'))
    aws.status = 200
    invoke(Shop(), get_envelope(aws))
    assert b"c00kie" in aws.requests[0].body
    assert b"n0te" in aws.requests[1].body
    assert {record.name for record in caplog.records} >= {"botocore.endpoint"}
    assert "c00kie" not in caplog.text
    assert "n0te" not in caplog.text


def test_a_call_rejected_by_lambda_is_a_logged_500_and_nothing_runs(
    aws: FakeAws, send_event: SendEvent, caplog: pytest.LogCaptureFixture
):
    aws.status = 500
    app = Shop()
    assert send_event(app, jobs_event()).status == 500
    assert "Asynchronous call of POST /jobs/{number}" in caplog.text
    assert "s3cr3t" not in caplog.text
    assert app.ran == []


def test_the_second_invocation_needs_no_token_and_makes_no_further_call(
    aws: FakeAws, send_event: SendEvent, invoke: Invoke
):
    send_event(Shop(), jobs_event())
    event = get_envelope(aws)
    event[ENVELOPE]["call"]["headers"].append(["invocationtype", "Event"])
    app = Shop()
    assert invoke(app, sign_again(event))["status"] == 200
    assert len(app.ran) == 1
    assert len(aws.requests) == 1


def change(**members: Any) -> Callable[[Event], None]:
    return lambda event: event[ENVELOPE]["call"].update(members)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda event: event[ENVELOPE].pop("signature"), r"no valid asynchronous call \(ValidationError\)"),
        (lambda event: event[ENVELOPE].pop("call"), r"no valid asynchronous call \(ValidationError\)"),
        (change(headers=[["x-mine", "€"]]), r"no valid asynchronous call \(UnicodeEncodeError\)"),
        (change(endpoint="post_items"), "no such entry with background=True"),
        (change(endpoint="post_items", path="/items/7"), "no such entry with background=True"),
        (change(path="/items/7"), "no such entry with background=True"),
        (change(path="/failing", root_path=""), "no such entry with background=True"),
        (change(path="/nowhere"), "no such entry with background=True"),
        (change(method="GET"), "no such entry with background=True"),
    ],
)
def test_an_envelope_for_another_entry_fails_and_runs_nothing(
    aws: FakeAws, send_event: SendEvent, invoke: Invoke, change: Callable[[Event], Any], message: str
):
    send_event(Shop(), jobs_event())
    event = get_envelope(aws)
    change(event)
    if event[ENVELOPE].keys() == {"signature", "call"}:
        sign_again(event)
    app = Shop()
    with pytest.raises(AsyncCallError, match=message) as failed:
        invoke(app, event)
    assert "s3cr3t" not in str(failed.value)
    assert app.ran == []


def test_an_envelope_that_is_not_a_mapping_fails(aws: FakeAws, invoke: Invoke):
    with pytest.raises(AsyncCallError, match=r"no valid asynchronous call \(ValidationError\)"):
        invoke(Shop(), {ENVELOPE: "s3cr3t"})


@pytest.mark.parametrize(
    "forge",
    [
        change(principal={"name": "bob"}),
        change(principal=ANN | {"exp": 9999999999}),
        change(body=""),
        change(headers=[]),
        change(path="/dev/jobs/8"),
        lambda event: event[ENVELOPE].update(signature=""),
        lambda event: event[ENVELOPE].update(signature=f"{FUNCTION_ARN} dev"),
        lambda event: event[ENVELOPE].update(signature="\ud800"),
        lambda event: sign_again(event, stage="v1"),
        lambda event: sign_again(event, arn=FUNCTION_ARN.replace("shop", "other")),
        lambda event: sign_again(event, key="another signing key of this length"),
        lambda event: sign_again(event, key=""),
    ],
)
def test_an_envelope_that_this_function_and_stage_did_not_sign_runs_nothing(
    aws: FakeAws, send_event: SendEvent, invoke: Invoke, forge: Callable[[Event], Any]
):
    send_event(Shop(), jobs_event())
    event = get_envelope(aws)
    app = Shop()
    assert invoke(app, sign_again(event))["status"] == 200
    forge(event)
    with pytest.raises(AsyncCallError, match="its signature is not one of this function and stage"):
        invoke(app, event)
    assert len(app.ran) == 1


def test_a_principal_of_every_json_type_keeps_its_signature(
    aws: FakeAws, send_event: SendEvent, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
):
    principal = {
        "big": 2**70,
        "float": 1e16,
        "small": -1e-7,
        "whole": 5.0,
        "text": "\u00e9\u2028\x7f/\\",
        "list": [[], {}, None],
    }

    async def authorize(token: str) -> Any:
        return principal

    app = Shop()
    monkeypatch.setattr(app, "token_authorizer", authorize)
    send_event(app, jobs_event())
    assert invoke(app, get_envelope(aws))["status"] == 200
    assert repr(app.ran[0]["auth"]) == repr(principal)


def test_in_lambda_without_a_key_an_asynchronous_call_is_a_logged_500(
    aws: FakeAws, send_event: SendEvent, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.delenv("CWS_SIGNING_KEY")
    assert send_event(Shop(), jobs_event()).status == 500
    assert "CWS_SIGNING_KEY is not set. Asynchronous calls need it; 'cws deploy' sets it." in caplog.text
    assert aws.requests == []


def test_an_entry_of_another_stage_is_not_run(
    aws: FakeAws, send_event: SendEvent, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
):
    class Staged(TechMicroService):
        @entry(background=True, no_auth=True, stage="v1")
        async def get(self):
            return "v1"

    monkeypatch.setenv("CWS_STAGE", "v1")
    assert send_event(Staged(), rest_event(headers=[("InvocationType", "Event")])).status == 202
    event = get_envelope(aws)
    assert invoke(Staged(), event)["status"] == 200
    monkeypatch.setenv("CWS_STAGE", "dev")
    with pytest.raises(AsyncCallError, match="no such entry"):
        invoke(Staged(), sign_again(event))


def test_an_envelope_without_a_principal_does_not_run_a_protected_entry(
    aws: FakeAws, send_event: SendEvent, invoke: Invoke
):
    send_event(Shop(), jobs_event())
    event = get_envelope(aws)
    event[ENVELOPE]["call"]["principal"] = None
    app = Shop()
    assert invoke(app, sign_again(event))["status"] == 401
    assert app.ran == []


def test_a_client_cannot_send_an_envelope_through_a_gateway(aws: FakeAws, send_event: SendEvent, invoke: Invoke):
    send_event(Shop(), jobs_event())
    event = get_envelope(aws)
    app = Shop()
    assert send_event(app, rest_event("POST", "/jobs/7", body=json.dumps(event))).status == 401
    assert send_event(app, {**rest_event("POST", "/jobs/7"), **event}).status == 401
    with pytest.raises(UnknownEvent):
        invoke(app, {**event, "source": "aws.events"})
    assert app.ran == []


STORE = [("X-CWS-S3Bucket", "results"), ("X-CWS-S3Key", "jobs/../1")]


def get_stored_object(aws: FakeAws) -> tuple[str, bytes, Mapping[str, str]]:
    [upload] = [received for received in aws.requests if received.method == "PUT"]
    return upload.path, upload.body, upload.headers


def create_storing_envelope(aws: FakeAws, send_event: SendEvent, path: str) -> Event:
    """Return the envelope of a call whose response is to be stored, and reset the fake AWS."""
    assert send_event(Shop(), jobs_event([*HEADERS, *STORE], path)).status == 202
    event = get_envelope(aws)
    aws.requests.clear()
    aws.status = 200
    return event


def test_the_response_is_stored_under_the_literal_key(aws: FakeAws, send_event: SendEvent, invoke: Invoke):
    invoke(Shop(), create_storing_envelope(aws, send_event, "/jobs/7"))
    path, body, headers = get_stored_object(aws)
    assert path == "/results/jobs/../1"
    assert json.loads(body) == {"number": 7, "note": "ça", "auth": ANN, "mine": "é"}
    assert headers["content-type"] == "application/json"
    assert headers["x-amz-meta-status"] == "200"


def test_a_binary_response_is_stored_unchanged(aws: FakeAws, send_event: SendEvent, invoke: Invoke):
    assert send_event(Shop(), rest_event("POST", "/picture", headers=[*HEADERS, *STORE])).status == 202
    aws.status = 200
    invoke(Shop(), get_envelope(aws))
    _, body, headers = get_stored_object(aws)
    assert body == b"\x89PNG"
    assert (headers["content-type"], headers["content-encoding"]) == ("image/png", "identity")


def test_a_failing_entry_stores_its_problem_and_the_event_succeeds(
    aws: FakeAws, send_event: SendEvent, invoke: Invoke, caplog: pytest.LogCaptureFixture
):
    assert send_event(Shop(), rest_event("POST", "/failing", headers=[*HEADERS, *STORE])).status == 202
    aws.status = 200
    result = invoke(Shop(), get_envelope(aws))
    assert result["status"] == 500
    _, body, headers = get_stored_object(aws)
    assert json.loads(body)["title"] == "Internal Server Error"
    assert headers["content-type"] == "application/problem+json"
    assert headers["x-amz-meta-status"] == "500"
    assert f"Asynchronous call {result['request_id']} of post_failing returned status 500" in caplog.messages


def test_a_failing_store_is_logged_and_fails_the_event(
    aws: FakeAws, send_event: SendEvent, invoke: Invoke, caplog: pytest.LogCaptureFixture
):
    event = create_storing_envelope(aws, send_event, "/jobs/7")
    aws.status = 403
    with pytest.raises(Exception, match="PutObject"):
        invoke(Shop(), event)
    assert f"call {Context().aws_request_id} of post_jobs was not stored" in caplog.text
    assert "s3cr3t" not in caplog.text


def test_an_envelope_cannot_store_outside_store_in(aws: FakeAws, send_event: SendEvent, invoke: Invoke):
    event = create_storing_envelope(aws, send_event, "/jobs/7")
    event[ENVELOPE]["call"]["headers"] = [["x-cws-s3bucket", "results"], ["x-cws-s3key", "secrets"]]
    with pytest.raises(Problem, match="X-CWS-S3Key"):
        invoke(Shop(), sign_again(event))
    assert aws.requests == []


def test_outside_lambda_the_handler_runs_the_second_event_itself(
    send_event: SendEvent, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.delenv("AWS_LAMBDA_FUNCTION_NAME", raising=False)

    class Losing(Shop):
        def store_response(self, response, headers):
            raise OSError("the disk is full")

    app = Losing()
    for _ in range(2):
        assert send_event(app, jobs_event(), None).status == 202
    assert [ran["number"] for ran in app.ran] == [7, 7]
    assert "An asynchronous call failed" in caplog.messages
    assert send_event(app, jobs_event(HEADERS[:1])).status == 200
