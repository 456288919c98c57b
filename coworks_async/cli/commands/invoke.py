"""`cws invoke`: send one request, or an event from a file, to the Lambda handler."""

import json
import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing, redirect_stdout
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import click
from click.core import ParameterSource
from click.exceptions import Exit

from coworks_async.cli.app_loader import load_service
from coworks_async.cli.errors import abort
from coworks_async.cli.options import NonEmptyPath, UnsplitText
from coworks_async.cli.output import configure_service_log
from coworks_async.cli.project import Project
from coworks_async.exceptions import CommandError
from coworks_async.gateway import VIAS, Gateway, Via, print_error, to_http_response
from coworks_async.gateway.messages import HttpRequest, HttpResponse

# https://docs.aws.amazon.com/lambda/latest/dg/configuration-timeout.html
LONGEST_TIMEOUT = 900.0

# Characters that a path may contain unencoded (RFC 3986, section 3.3), and `%`: it may be encoded already.
_PATH_SAFE = "/%:@!$&'()*+,;=~"

# A method or a header name (RFC 9110, section 5.6.2).
_HTTP_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")

# Characters that would end a header or the head (RFC 9110, section 5.5).
_LINE_BREAK = re.compile(r"[\r\n\0]")


@click.command()
@click.argument("method", required=False)
@click.argument("path", required=False, default="/")
@click.option("-q", "--query", metavar="NAME=VALUE", multiple=True, help="A query parameter; repeatable.")
@click.option("-H", "--header", metavar="NAME:VALUE", multiple=True, help="A header; repeatable.")
@click.option(
    "-d",
    "--data",
    type=UnsplitText(),
    # Click would silently prefer the second of two values.
    multiple=True,
    help="The body. '@file' reads it from a file, '@-' from stdin.",
)
@click.option("--via", type=click.Choice(VIAS), default=VIAS[0], show_default=True, help="The simulated gateway.")
@click.option(
    "--event",
    type=NonEmptyPath(exists=True, dir_okay=False, allow_dash=True),
    help="A JSON file with an event to send instead of a request. '-' is stdin.",
)
@click.option("-i", "--include", is_flag=True, help="Print the status and the headers before the body.")
@click.option("--json", "raw", is_flag=True, help="Print the result of the Lambda handler.")
@click.pass_context
def invoke(
    context: click.Context,
    method: str | None,
    path: str,
    query: Sequence[str],
    header: Sequence[str],
    data: Sequence[str],
    via: Via,
    event: Path | None,
    include: bool,
    raw: bool,
) -> None:
    """Send one request to the Lambda handler: `cws invoke GET /items/3`.

    The exit code is 1 for a 4xx or 5xx response and for an event that fails, else 0.
    """
    if (method is None) == (event is None):
        raise CommandError("Expected either a method and a path, as in 'cws invoke GET /', or --event.")
    if raw and include:
        raise CommandError("--json cannot be combined with -i: it includes the status and the headers.")
    # Parsed before the service is loaded, so that errors come at once.
    request = _create_request(method, path, query, header, data) if method is not None else None
    payload = _read_event(context, event) if event is not None else None
    project: Project = context.obj
    # Only the result goes to stdout, not what the service prints.
    with redirect_stdout(sys.stderr):
        service, _, _ = load_service(project)
        configure_service_log(service)
        try:
            with closing(service.lambda_handler):
                gateway = Gateway(service, via, lambda_timeout=LONGEST_TIMEOUT)
                result, response = (
                    _send_request(gateway, request) if request is not None else _send_event(gateway, payload)
                )
        except KeyboardInterrupt:
            # Python itself would wait for the thread of a sync entry.
            abort()
    if response is None or raw:
        click.echo(json.dumps(result, indent=2))
    else:
        _print_response(response, include=include)
    context.exit(1 if response is not None and response.status >= 400 else 0)


def _send_request(gateway: Gateway, request: HttpRequest) -> tuple[Any, HttpResponse]:
    """Return the result of the handler and the response."""
    response = gateway.respond(request)
    result = response.raw
    if result is None:
        # A response of the gateway itself.
        body = response.body.decode("latin-1")
        result = {"statusCode": response.status, "headers": dict(response.headers), "body": body}
    return result, response


def _send_event(gateway: Gateway, event: Any) -> tuple[Any, HttpResponse | None]:
    """Return the result of the handler, and the response if the event is a request."""
    via = _detect_gateway(event)
    try:
        result = gateway.invoke(event, "invoke")
        return result, to_http_response(via, "", result) if via is not None else None
    except Exception as error:
        print_error(error)
        raise Exit(1) from error


def _detect_gateway(event: Any) -> Via | None:
    context = event.get("requestContext") if isinstance(event, Mapping) else None
    # An authorizer event has a type.
    if not isinstance(context, Mapping) or "type" in event:
        return None
    if "elb" in context:
        return "alb"
    return "http" if "http" in context else "rest"


def _print_response(response: HttpResponse, *, include: bool) -> None:
    if include:
        head = [f"HTTP/1.1 {response.status}", *(f"{name}: {value}" for name, value in response.headers), ""]
        click.echo("\n".join(head))
    click.echo(response.body, nl=False)


def _create_request(
    method: str, path: str, query: Sequence[str], header: Sequence[str], data: Sequence[str]
) -> HttpRequest:
    if not _HTTP_TOKEN.fullmatch(method):
        raise CommandError(f"Invalid method {method!r}. Expected a method such as GET.")
    path, _, typed_query = path.partition("?")
    if not path.startswith("/"):
        raise CommandError(f"Invalid path {path!r}. It must start with '/'.")
    if len(data) > 1:
        raise CommandError(f"-d can be given only once, not {len(data)} times.")
    _check_encoding(path, typed_query, query, header, data)
    pairs = [f"{quote_plus(name)}={quote_plus(value)}" for name, value in (_split("-q", text, "=") for text in query)]
    headers = [_parse_header(text) for text in header]
    if not any(name.lower() == "host" for name, _ in headers):
        headers.insert(0, ("Host", "localhost"))
    body = "".join(data)
    return HttpRequest(
        method=method.upper(),
        path=quote(path, safe=_PATH_SAFE),
        query="&".join(filter(None, [typed_query, *pairs])),
        headers=tuple(headers),
        body=_read_body(body[1:]) if body.startswith("@") else body.encode(),
    )


def _check_encoding(
    path: str, typed_query: str, query: Sequence[str], header: Sequence[str], data: Sequence[str]
) -> None:
    """Reject bytes that are not UTF-8. Python represents them by characters that cannot be encoded."""
    texts = {
        "The path": (path, "Percent-encode other bytes, as in '/%FF'."),
        "The query": (typed_query + "".join(query), "Percent-encode other bytes in the path, as in '/?name=%FF'."),
        "-H": ("".join(header), "Remove the other bytes."),
        # The name of a file may contain any bytes.
        "-d": ("".join(text for text in data if not text.startswith("@")), "Read other bytes from a file: '@file'."),
    }
    for name, (text, remedy) in texts.items():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            # The value is not shown: it may be a token.
            raise CommandError(f"{name} is not valid UTF-8. {remedy}") from error


def _read_body(name: str) -> bytes:
    if not name:
        raise CommandError("-d: expected the name of a file after '@', or '@-' for the standard input.")
    return _read(name)


def _parse_header(text: str) -> tuple[str, str]:
    name, value = _split("-H", text, ":")
    if not _HTTP_TOKEN.fullmatch(name):
        raise CommandError(f"-H: invalid header name {name!r}.")
    value = value.strip()
    if _LINE_BREAK.search(value):
        raise CommandError(f"-H: the value of {name!r} contains a line break or a NUL character.")
    return name, value


def _split(option: str, text: str, separator: str) -> tuple[str, str]:
    name, found, value = text.partition(separator)
    if not found or not name.strip():
        # The value is not shown: it may be a token.
        raise CommandError(f"{option}: expected NAME{separator}VALUE, got {name!r}.")
    return name.strip(), value


def _read_event(context: click.Context, path: Path) -> Any:
    # Options for requests in the config file are ignored; typed ones are a mistake.
    for name, option in {"query": "-q", "header": "-H", "data": "-d", "via": "--via"}.items():
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise CommandError(f"--event cannot be combined with {option}.")
    shown = "on stdin" if str(path) == "-" else str(path)
    try:
        return json.loads(_read(str(path)))
    except ValueError as error:
        raise CommandError(f"The event {shown} is not valid JSON: {error}.") from error
    except RecursionError as error:
        raise CommandError(f"The event {shown} is nested too deeply.") from error


def _read(name: str) -> bytes:
    if name == "-":
        # None if it is closed, as by `<&-`.
        if sys.stdin is None:
            raise CommandError("Cannot read the standard input: it is closed.")
        return sys.stdin.buffer.read()
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise CommandError(f"Cannot read {name!r}: {error.strerror}.") from error
