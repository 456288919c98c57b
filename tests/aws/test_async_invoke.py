"""Asynchronous calls in Lambda: the first invocation dispatches, the second runs the very entry and nothing else."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote

import pytest

from coworks_async import TechMicroService, entry, request
from coworks_async.exceptions import AsyncCallError, Problem, UnknownEvent
from tests.aws.aws_api import AwsApi, aws_api
from tests.aws.lambdas import FUNCTION, MARK, Ask, Context, Event, Invoke, everywhere, rest

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
        told = {"number": number, "note": note, "auth": request.auth, "mine": request.headers.get("x-mine")}
        self.ran.append(
            told | {"in_lambda": request.in_lambda_context, "id": getattr(request.aws_context, "aws_request_id", None)}
        )
        return told

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
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsApi]:
    """An AWS to which boto3 speaks, and a process that Lambda seems to run."""
    with aws_api() as api:
        told = {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_ENDPOINT_URL": api.url,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_MAX_ATTEMPTS": "1",
            "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
            "AWS_LAMBDA_FUNCTION_NAME": "shop",
        }
        for name, value in told.items():
            monkeypatch.setenv(name, value)
        yield api


def jobs_event(headers: Any = HEADERS, path: str = "/jobs/7") -> Event:
    return rest("POST", path, (), headers, '{"note": "ça"}')


def envelope_of(api: AwsApi) -> Event:
    """What Lambda would give to the second invocation."""
    [told] = [told for told in api.told if told.method == "POST"]
    envelope: Event = json.loads(told.body)
    return envelope


def test_the_first_invocation_answers_202_and_invokes_the_same_function(api: AwsApi, ask: Ask):
    app = Shop()
    answer = ask(app, jobs_event())
    assert (answer.status, answer.json) == (202, {"request_id": Context().aws_request_id})
    [told] = api.told
    assert unquote(told.path) == f"/2015-03-31/functions/{FUNCTION}/invocations"
    assert told.headers["x-amz-invocation-type"] == "Event"
    assert app.ran == []


@pytest.mark.parametrize("kind", everywhere("POST", "/"))
def test_the_second_invocation_runs_the_entry_by_whatever_gateway_it_came(
    api: AwsApi, ask: Ask, invoke: Invoke, kind: str
):
    event = everywhere("POST", "/jobs/7", HEADERS, '{"note": "ça"}')[kind]
    assert ask(Shop(), event).status == 202
    app, context = Shop(), Context(aws_request_id="second")
    assert invoke(app, envelope_of(api), context) == {"request_id": Context().aws_request_id, "status": 200}
    assert app.ran == [
        {"number": 7, "note": "ça", "auth": ANN, "mine": "é", "in_lambda": True, "id": "second"},
    ]


def test_an_alias_calls_itself_again(api: AwsApi, ask: Ask):
    ask(Shop(), jobs_event(), Context(invoked_function_arn=f"{FUNCTION}:live"))
    assert unquote(api.told[0].path) == f"/2015-03-31/functions/{FUNCTION}:live/invocations"


def test_no_token_is_in_the_envelope_or_the_log(
    api: AwsApi, ask: Ask, invoke: Invoke, caplog: pytest.LogCaptureFixture
):
    caplog.set_level("DEBUG", "shop")
    ask(Shop(), jobs_event())
    invoke(Shop(), envelope_of(api))
    assert b"s3cr3t" not in api.told[0].body
    assert "s3cr3t" not in caplog.text
    assert {"status": 200, "path": "/dev/jobs/7"}.items() <= vars(caplog.records[-1])["msg"].items()


def test_a_call_that_lambda_refuses_is_a_500_and_logged_and_nothing_runs(
    api: AwsApi, ask: Ask, caplog: pytest.LogCaptureFixture
):
    api.status = 500
    app = Shop()
    assert ask(app, jobs_event()).status == 500
    assert "Asynchronous call of POST /jobs/{number}" in caplog.text
    assert "s3cr3t" not in caplog.text
    assert app.ran == []


def test_the_second_invocation_asks_for_no_token_and_makes_no_third_one(api: AwsApi, ask: Ask, invoke: Invoke):
    ask(Shop(), jobs_event())
    event = envelope_of(api)
    # As if somebody had written it who may invoke the function.
    event[ENVELOPE]["call"]["headers"].append(["invocationtype", "Event"])
    app = Shop()
    assert invoke(app, event)["status"] == 200
    assert len(app.ran) == 1
    assert len(api.told) == 1


def change(**told: Any) -> Callable[[Event], None]:
    return lambda event: event[ENVELOPE]["call"].update(told)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda event: event[ENVELOPE].update(mark=MARK.replace("shop", "other")), "for another function or stage"),
        (lambda event: event[ENVELOPE].update(mark=MARK.replace(" dev", " v1")), "for another function or stage"),
        (lambda event: event[ENVELOPE].pop("mark"), r"holds no background call \(ValidationError\)"),
        (lambda event: event.update({ENVELOPE: "s3cr3t"}), r"holds no background call \(ValidationError\)"),
        (change(headers=[["x-mine", "€"]]), r"holds no background call \(UnicodeEncodeError\)"),
        (change(endpoint="post_items"), "finds no such entry"),
        (change(endpoint="post_items", path="/items/7"), "finds no such entry"),
        (change(path="/items/7"), "finds no such entry"),
        (change(path="/failing", root_path=""), "finds no such entry"),
        (change(path="/nowhere"), "finds no such entry"),
        (change(method="GET"), "finds no such entry"),
    ],
)
def test_an_envelope_of_another_function_stage_or_entry_fails_and_runs_nothing(
    api: AwsApi, ask: Ask, invoke: Invoke, change: Callable[[Event], Any], message: str
):
    ask(Shop(), jobs_event())
    event = envelope_of(api)
    change(event)
    app = Shop()
    with pytest.raises(AsyncCallError, match=message) as failed:
        invoke(app, event)
    assert "s3cr3t" not in str(failed.value)
    assert app.ran == []


def test_an_entry_that_is_not_on_this_stage_is_not_run(
    api: AwsApi, ask: Ask, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
):
    class Staged(TechMicroService):
        @entry(background=True, no_auth=True, stage="v1")
        async def get(self):
            return "v1"

    monkeypatch.setenv("CWS_STAGE", "v1")
    assert ask(Staged(), rest(headers=[("InvocationType", "Event")])).status == 202
    event = envelope_of(api)
    assert invoke(Staged(), event)["status"] == 200
    monkeypatch.setenv("CWS_STAGE", "dev")
    event[ENVELOPE]["mark"] = MARK
    with pytest.raises(AsyncCallError):
        invoke(Staged(), event)


def test_a_guarded_entry_runs_for_nobody_when_the_envelope_names_nobody(api: AwsApi, ask: Ask, invoke: Invoke):
    ask(Shop(), jobs_event())
    event = envelope_of(api)
    event[ENVELOPE]["call"]["principal"] = None
    app = Shop()
    assert invoke(app, event)["status"] == 401
    assert app.ran == []


def test_what_a_client_sends_through_a_gateway_is_never_an_envelope(api: AwsApi, ask: Ask, invoke: Invoke):
    ask(Shop(), jobs_event())
    event = envelope_of(api)
    app = Shop()
    assert ask(app, rest("POST", "/jobs/7", body=json.dumps(event))).status == 401
    assert ask(app, {**rest("POST", "/jobs/7"), **event}).status == 401
    with pytest.raises(UnknownEvent):
        invoke(app, {**event, "source": "aws.events"})
    assert app.ran == []


STORE = [("X-CWS-S3Bucket", "results"), ("X-CWS-S3Key", "jobs/../1")]


def stored(api: AwsApi) -> tuple[str, bytes, Mapping[str, str]]:
    [told] = [told for told in api.told if told.method == "PUT"]
    return told.path, told.body, told.headers


def second(api: AwsApi, ask: Ask, path: str) -> Event:
    """The envelope of a call whose answer is to be stored, and an AWS that knows of nothing yet."""
    assert ask(Shop(), jobs_event([*HEADERS, *STORE], path)).status == 202
    event = envelope_of(api)
    api.told.clear()
    api.status = 200
    return event


def test_the_answer_is_stored_under_the_key_as_it_was_written(api: AwsApi, ask: Ask, invoke: Invoke):
    invoke(Shop(), second(api, ask, "/jobs/7"))
    path, body, headers = stored(api)
    assert path == "/results/jobs/../1"
    assert json.loads(body) == {"number": 7, "note": "ça", "auth": ANN, "mine": "é"}
    assert headers["content-type"] == "application/json"
    assert headers["x-amz-meta-status"] == "200"


def test_an_answer_of_bytes_is_stored_as_it_is(api: AwsApi, ask: Ask, invoke: Invoke):
    assert ask(Shop(), rest("POST", "/picture", headers=[*HEADERS, *STORE])).status == 202
    api.status = 200
    invoke(Shop(), envelope_of(api))
    _, body, headers = stored(api)
    assert body == b"\x89PNG"
    assert (headers["content-type"], headers["content-encoding"]) == ("image/png", "identity")


def test_a_failure_of_the_entry_is_stored_as_its_problem_and_the_event_succeeds(
    api: AwsApi, ask: Ask, invoke: Invoke, caplog: pytest.LogCaptureFixture
):
    assert ask(Shop(), rest("POST", "/failing", headers=[*HEADERS, *STORE])).status == 202
    api.status = 200
    result = invoke(Shop(), envelope_of(api))
    assert result["status"] == 500
    _, body, headers = stored(api)
    assert json.loads(body)["title"] == "Internal Server Error"
    assert headers["content-type"] == "application/problem+json"
    assert headers["x-amz-meta-status"] == "500"
    assert f"Asynchronous call {result['request_id']} of post_failing returned status 500" in caplog.messages


def test_a_failure_of_storing_is_logged_and_fails_the_event(
    api: AwsApi, ask: Ask, invoke: Invoke, caplog: pytest.LogCaptureFixture
):
    event = second(api, ask, "/jobs/7")
    api.status = 403
    with pytest.raises(Exception, match="PutObject"):
        invoke(Shop(), event)
    assert f"call {Context().aws_request_id} of post_jobs was not stored" in caplog.text
    assert "s3cr3t" not in caplog.text


def test_an_envelope_stores_nothing_where_the_service_does_not(api: AwsApi, ask: Ask, invoke: Invoke):
    event = second(api, ask, "/jobs/7")
    event[ENVELOPE]["call"]["headers"] = [["x-cws-s3bucket", "results"], ["x-cws-s3key", "secrets"]]
    with pytest.raises(Problem, match="X-CWS-S3Key"):
        invoke(Shop(), event)
    assert api.told == []


def test_where_no_lambda_runs_it_the_handler_takes_the_second_event_itself(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.delenv("AWS_LAMBDA_FUNCTION_NAME", raising=False)

    class Losing(Shop):
        def store_response(self, response, headers):
            raise OSError("the disk is full")

    app = Losing()
    assert ask(app, jobs_event(), None).status == 202
    assert [ran["number"] for ran in app.ran] == [7]
    assert "An asynchronous call failed as an event" in caplog.messages
    assert ask(app, jobs_event(HEADERS[:1])).status == 200
