"""Error handlers: which one is chosen, what it may return, and its failures; debug mode."""

import threading
import traceback

import httpx2
import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from coworks_async import Blueprint, DeclarationError, Problem, TechMicroService, entry, request
from coworks_async.exceptions import ContentTooLarge, ReturnError, UnprocessableContent
from tests.clients import Connect
from tests.differences import differs
from tests.pipeline.checks import assert_hidden_500, assert_logged_once, assert_problem, warnings_and_worse
from tests.tools import PATIENCE


class Base(Exception):
    pass


class Near(Base):
    pass


ERRORS = {
    "base": Base("why"),
    "near": Near("why"),
    "key": KeyError("why"),
    "402": HTTPException(402),
    "403": HTTPException(403, "No."),
    "409": Problem(409, "Exists."),
    "500": HTTPException(500, "Detail."),
}


class Extra(Blueprint):
    @entry(no_auth=True)
    async def get(self, name):
        raise ERRORS[name]


class Service(TechMicroService):
    @entry(no_auth=True)
    async def get(self, name):
        raise ERRORS[name]

    @entry
    async def get_closed(self):
        return "in"

    @entry(no_auth=True)
    async def get_object(self):
        return object()

    @entry(no_auth=True)
    async def post(self, number: int = 0):
        return number


def respond_with(text: str):
    """Create an error handler that returns this text and the name of the exception's class."""

    async def handler(error):
        return f"{text} {type(error).__name__}"

    return handler


def test_handlers_by_status_and_by_class_respond_with_200_by_default(connect: Connect):
    app = Service()
    app.errorhandler(403)(respond_with("status"))
    app.errorhandler(Base)(respond_with("class"))
    client = connect(app)
    for path, text in [("/403", "status HTTPException"), ("/base", "class Base"), ("/near", "class Near")]:
        response = client.get(path)
        assert (response.status_code, response.text) == (200, text)
    assert_problem(client.get("/409"), 409, "Conflict", "Exists.")


@differs("rest-missing-route")
def test_the_nearest_base_class_wins_and_a_status_wins_over_a_class(connect: Connect):
    app = Service()
    app.errorhandler(Exception)(respond_with("any"))
    app.errorhandler(Base)(respond_with("base"))
    app.errorhandler(Near)(respond_with("near"))
    app.errorhandler(HTTPException)(respond_with("http"))
    app.errorhandler(Problem)(respond_with("problem"))
    app.errorhandler(403)(respond_with("403"))
    client = connect(app)
    texts = {path: client.get(f"/{path}").text.split(" ")[0] for path in ERRORS}
    assert texts == {
        "base": "base",
        "near": "near",
        "key": "any",
        "402": "http",
        "403": "403",
        "409": "problem",
        "500": "http",
    }
    assert client.get("/nowhere/x").text == "http HTTPException"


def test_handlers_of_exception_and_500_get_only_unexpected_errors(connect: Connect):
    for key in (Exception, 500):
        app = Service()
        app.errorhandler(key)(respond_with("bug"))
        client = connect(app)
        assert client.get("/key").text == "bug KeyError"
        assert client.get("/object").text == "bug ReturnError"
        assert_problem(client.get("/409"), 409, "Conflict", "Exists.")
        assert client.get("/nowhere/x").status_code == 404
        assert (client.get("/500").text == "bug HTTPException") == (key == 500)


def test_a_blueprints_handlers_come_before_the_apps(connect: Connect):
    app, extra = Service(), Extra()
    extra.errorhandler(Base)(respond_with("blueprint"))
    extra.app_errorhandler(KeyError)(respond_with("blueprint's for the app"))
    extra.errorhandler(404)(respond_with("never"))
    app.errorhandler(Near)(respond_with("app"))
    app.errorhandler(402)(respond_with("app"))
    app.register_blueprint(extra, url_prefix="/extra")
    client = connect(app)
    assert client.get("/extra/near").text == "blueprint Near"
    assert client.get("/near").text == "app Near"
    assert_hidden_500(client.get("/base"))
    assert client.get("/extra/402").text == "app HTTPException"
    assert client.get("/key").text == client.get("/extra/key").text == "blueprint's for the app KeyError"
    assert client.get("/extra/nowhere/at/all").status_code == 404


@differs("rest-missing-route")
def test_starlettes_exception_handlers_come_last_and_get_the_request(connect: Connect):
    async def handle(request: Request, error: Exception) -> Response:
        return PlainTextResponse(f"{request.url.path} {type(error).__name__}", 418)

    def handle_in_a_thread(request: Request, error: Exception) -> Response:
        return PlainTextResponse(f"{request.method} {error}", 419)

    app = Service(exception_handlers={Base: handle, 404: handle})
    app.add_exception_handler(KeyError, handle_in_a_thread)
    app.errorhandler(Near)(respond_with("own"))
    client = connect(app)
    assert (client.get("/base").status_code, client.get("/base").text) == (418, "/base Base")
    assert client.get("/nowhere/x").text == "/nowhere/x HTTPException"
    assert client.get("/near").text == "own Near"
    assert (client.get("/key").status_code, client.get("/key").text) == (419, "GET 'why'")


RETURNED = {
    "text": ("text", 200, "text"),
    "tuple": (({"a": 1}, 410, {"x-kind": "tuple"}), 410, '{"a":1}'),
    "response": (Response("made", 203), 203, "made"),
    "none": (None, 204, ""),
}


@differs("rest-missing-route")
def test_a_handler_returns_what_an_entry_may(connect: Connect):
    app = Service()
    app.errorhandler(404)(lambda error: RETURNED[request.url.path.rpartition("/")[2]][0])
    client = connect(app)
    for path, (_, status, text) in RETURNED.items():
        response = client.get(f"/nowhere/{path}")
        assert (response.status_code, response.text) == (status, text)
    assert client.get("/nowhere/tuple").headers["x-kind"] == "tuple"


def test_the_body_of_a_handlers_response_with_a_bodiless_status_is_removed(
    connect: Connect, caplog: pytest.LogCaptureFixture
):
    async def plain(request: Request) -> Response:
        raise ERRORS["near"]

    app = Service(routes=[Route("/plain/near", plain)])
    app.errorhandler(Base)(lambda error: Response("body", 204))
    client = connect(app)
    for path in ("/near", "/plain/near"):
        response = client.get(path)
        assert (response.status_code, response.content, "content-length" in response.headers) == (204, b"", False)
    assert warnings_and_worse(caplog) == []


def test_a_handler_gets_the_exception_and_may_use_request(connect: Connect):
    async def plain(request: Request) -> Response:
        raise ERRORS["near"]

    seen: list[Exception] = []
    app = Service(routes=[Route("/plain/near", plain)])

    @app.errorhandler(Base)
    def handle(error):
        seen.append(error)
        return request.url.path

    client = connect(app)
    assert client.get("/near").text == "/near"
    assert client.get("/plain/near").text == "/plain/near"
    assert seen == [ERRORS["near"], ERRORS["near"]]


def test_a_422_and_a_413_can_have_handlers(connect: Connect):
    app = Service(max_body_size=10)

    @app.errorhandler(UnprocessableContent)
    def reject(error):
        return [each.name for each in error.errors], 400

    @app.errorhandler(ContentTooLarge)
    async def shorten(error):
        return error.detail, 413

    client = connect(app)
    response = client.post("/?nope=1")
    assert (response.status_code, response.json()) == (400, ["nope"])
    response = client.post("/", content=b"1" * 11)
    assert (response.status_code, response.text) == (413, "The body is over the limit of 10 bytes.")


def test_the_authorizers_401_and_403_ignore_handlers(connect: Connect):
    app = Service()
    app.errorhandler(401)(respond_with("handled"))
    app.errorhandler(403)(respond_with("handled"))
    client = connect(app)
    assert client.get("/closed").status_code == 401
    assert client.get("/closed", headers={"authorization": "any"}).status_code == 403
    assert client.get("/403").text == "handled HTTPException"


def test_an_exception_with_a_handler_of_its_class_is_not_logged(connect: Connect, caplog: pytest.LogCaptureFixture):
    app = Service()
    app.errorhandler(Base)(respond_with("expected"))
    app.errorhandler(500)(respond_with("bug"))
    client = connect(app)
    client.get("/near")
    client.get("/409")
    assert warnings_and_worse(caplog) == []
    client.get("/key")
    assert_logged_once(caplog, "GET /{name} (Service.get) failed", KeyError)


@differs("rest-missing-route")
@pytest.mark.parametrize("handler", [lambda error: object(), lambda error: 1 / 0, lambda error: ("a", {"x": "\n"})])
def test_a_handler_that_fails_is_a_500_and_logged(connect: Connect, caplog: pytest.LogCaptureFixture, handler):
    app = Service()
    app.errorhandler(404)(handler)
    assert_hidden_500(connect(app).get("/nowhere/x"))
    [record] = warnings_and_worse(caplog)
    assert record.getMessage().startswith("Error handler for an unmatched request")
    assert record.exc_info is not None
    assert record.exc_info[0] in (ReturnError, ZeroDivisionError)


OUT_OF_STOCK = Problem(409, "No pens.", {"retry-after": "60"}, title="Out of stock", extensions={"left": 0})


def assert_out_of_stock(response: httpx2.Response) -> None:
    assert (response.status_code, response.headers["retry-after"]) == (409, "60")
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json() == {
        "type": "about:blank",
        "title": "Out of stock",
        "status": 409,
        "detail": "No pens.",
        "left": 0,
    }


def raise_out_of_stock(*args):
    raise OUT_OF_STOCK


async def return_out_of_stock(*args):
    return OUT_OF_STOCK


@pytest.mark.parametrize("handler", [raise_out_of_stock, return_out_of_stock])
def test_a_handler_may_raise_or_return_a_problem(connect: Connect, caplog: pytest.LogCaptureFixture, handler):
    app, extra = Service(exception_handlers={KeyError: handler}), Extra()
    app.errorhandler(Base)(handler)
    app.errorhandler(409)(respond_with("never"))
    extra.errorhandler(402)(handler)
    app.register_blueprint(extra, url_prefix="/extra")
    client = connect(app)
    for path in ("/near", "/key", "/extra/402"):
        assert_out_of_stock(client.get(path))
    assert warnings_and_worse(caplog) == []


def test_a_handler_that_raises_its_error_again_gives_the_default_response(
    connect: Connect, caplog: pytest.LogCaptureFixture
):
    def raise_again(error):
        raise error

    app = Service()
    app.errorhandler(HTTPException)(raise_again)
    app.errorhandler(UnprocessableContent)(lambda error: error)
    client = connect(app)
    assert_problem(client.get("/403"), 403, "Forbidden", "No.")
    assert client.post("/?nope=1").json()["errors"][0]["name"] == "nope"
    assert warnings_and_worse(caplog) == []


def test_a_bug_whose_handler_raises_a_problem_is_logged(connect: Connect, caplog: pytest.LogCaptureFixture):
    app = Service()
    app.errorhandler(500)(raise_out_of_stock)
    assert_out_of_stock(connect(app).get("/key"))
    assert_logged_once(caplog, "GET /{name} (Service.get) failed", KeyError)


def test_a_problem_that_handlers_raise_again_and_again_collects_no_frames(connect: Connect):
    app = Service()
    app.errorhandler(Base)(raise_out_of_stock)
    client = connect(app)
    for _ in range(2):
        assert_out_of_stock(client.get("/near"))
    assert OUT_OF_STOCK.__traceback__ is None


def test_a_problem_of_a_handler_that_cannot_be_sent_is_a_logged_500(connect: Connect, caplog: pytest.LogCaptureFixture):
    app = Service()
    app.errorhandler(Base)(lambda error: Problem(409, headers={"x": "a\nb"}))
    assert_hidden_500(connect(app).get("/near"))
    [record] = warnings_and_worse(caplog)
    assert record.getMessage().startswith("Error handler for GET /{name} (Service.get): invalid header 'x'")


@differs("hop-by-hop")
def test_a_413_closes_the_connection(connect: Connect):
    client = connect(Service(max_body_size=10))
    for _ in range(2):
        response = client.post("/", content=b"1" * 100_000)
        assert_problem(response, 413, "Content Too Large", "The body is over the limit of 10 bytes.")
        assert response.headers["connection"] == "close"
    assert client.post("/", content=b"1").text == "1"


def test_an_instance_that_is_raised_again_collects_no_frames(connect: Connect):
    depths: list[int] = []
    measured = threading.Event()
    app = Service()

    @app.teardown_request
    async def measure(error):
        depths.append(len(traceback.extract_tb(error.__traceback__)))
        measured.set()

    client = connect(app)
    for _ in range(3):
        assert_hidden_500(client.get("/key"))
        assert measured.wait(PATIENCE)
        measured.clear()
    assert depths[0] > 0
    assert depths == [depths[0]] * 3


@pytest.mark.parametrize("key", [200, 399, 600, True, "404", BaseException, KeyError("x"), None], ids=repr)
def test_an_invalid_errorhandler_key_is_a_declaration_error(key):
    with pytest.raises(DeclarationError, match="must be a status from 400 to 599 or an exception class"):
        Service().errorhandler(key)


# --- debug


def test_debug_shows_the_traceback_and_logs_it(connect: Connect, caplog: pytest.LogCaptureFixture):
    async def plain(request: Request) -> Response:
        raise KeyError("plain why")

    client = connect(Service(debug=True, routes=[Route("/plain/key", plain)]))
    response = client.get("/key")
    assert (response.status_code, response.headers["content-type"]) == (500, "text/plain; charset=utf-8")
    assert "raise ERRORS[name]" in response.text
    assert "KeyError: 'why'" in response.text
    assert_logged_once(caplog, "GET /{name} (Service.get) failed", KeyError)
    page = client.get("/plain/key", headers={"accept": "text/html"})
    assert (page.status_code, page.headers["content-type"]) == (500, "text/html; charset=utf-8")
    assert "plain why" in page.text
    assert_problem(client.get("/409"), 409, "Conflict", "Exists.")


def test_debug_is_rejected_in_lambda(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "pens-dev")
    with pytest.raises(DeclarationError, match=r"pens: debug=True shows tracebacks .* It is not allowed in Lambda"):
        Service(name="pens", debug=True)
    assert Service(name="pens").debug is False
