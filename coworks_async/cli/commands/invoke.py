"""`cws invoke`: one request through a gateway's event and the Lambda handler, or an event from a file."""

import json
import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO
from urllib.parse import quote, quote_plus

import click
from click.core import ParameterSource

from coworks_async.cli.options import NonEmptyPath, UnsplitText
from coworks_async.cli.project import Project
from coworks_async.cli.service import load_service
from coworks_async.exceptions import CommandError
from coworks_async.gateway.messages import VIAS, HttpRequest, HttpResponse, Via

if TYPE_CHECKING:
    from coworks_async.gateway import Gateway
    from coworks_async.service import TechMicroService

# What a path may hold as it is (RFC 3986, section 3.3), `%` since it may be encoded already.
_PATH_SAFE = "/%:@!$&'()*+,;=~"

# What a method and a header's name are made of (RFC 9110, section 5.6.2).
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")

# What would end a header, or the head (RFC 9110, section 5.5).
_BREAKS = re.compile(r"[\r\n\0]")

_OF_A_REQUEST = {"query": "-q", "header": "-H", "data": "-d", "via": "--via"}
"""The options that say something of a request; an event says it itself."""


@dataclass(frozen=True, slots=True)
class Output:
    """Where the answer goes, and nothing else: what the service prints meanwhile goes to stderr."""

    stream: TextIO
    include: bool
    raw: bool

    def answer(self, answer: HttpResponse) -> None:
        """Print an answer as curl does: the body's bytes, and with `-i` the head before them."""
        if self.include:
            head = [f"HTTP/1.1 {answer.status}", *(f"{name}: {value}" for name, value in answer.headers), ""]
            click.echo("\n".join(head), self.stream)
        self.stream.flush()
        self.stream.buffer.write(answer.body)
        self.stream.buffer.flush()

    def json(self, value: Any) -> None:
        """Print a value as JSON."""
        click.echo(json.dumps(value, indent=2), self.stream)


def _one(context: click.Context, parameter: click.Parameter, values: Sequence[str]) -> str | None:
    """Take the one value; of two, click would drop one in silence."""
    if len(values) > 1:
        raise CommandError(f"-d is the whole body: it comes once, not {len(values)} times.")
    return values[0] if values else None


@click.command()
@click.argument("method", required=False)
@click.argument("path", required=False, default="/")
@click.option("-q", "--query", metavar="NAME=VALUE", multiple=True, help="A parameter of the query; may come again.")
@click.option("-H", "--header", metavar="NAME:VALUE", multiple=True, help="A header; may come again.")
@click.option(
    "-d",
    "--data",
    type=UnsplitText(),
    multiple=True,
    callback=_one,
    help="The body; '@file' is what a file holds, '@-' the standard input.",
)
@click.option("--via", type=click.Choice(VIAS), default=VIAS[0], show_default=True, help="The gateway in between.")
@click.option(
    "--event",
    type=NonEmptyPath(exists=True, dir_okay=False, allow_dash=True),
    help="A file that holds an event in JSON, for the handler itself; '-' is the standard input.",
)
@click.option("-i", "--include", is_flag=True, help="Print the status and the headers too.")
@click.option("--json", "raw", is_flag=True, help="Print what the Lambda returned, as it is.")
@click.pass_obj
def invoke(
    project: Project,
    method: str | None,
    path: str,
    query: Sequence[str],
    header: Sequence[str],
    data: str | None,
    via: Via,
    event: Path | None,
    include: bool,
    raw: bool,
) -> None:
    """Call the Lambda handler once: `cws invoke GET /items/3`.

    The exit code is 0 for an answer of 2xx and 3xx, and 1 for any other and for an event that fails.
    """
    if (method is None) == (event is None):
        raise CommandError("Name a method and a path, as in 'cws invoke GET /', or a file with --event.")
    if raw and include:
        raise CommandError("--json has the status and the headers in it, as the Lambda returned them: leave out -i.")
    if event is not None:
        _check_alone(click.get_current_context())
    # Read before the service is, so that what is wrong with them is told first.
    request = _request(method, path, query, header, data) if method is not None else None
    given = _read_event(event) if event is not None else None
    output = Output(sys.stdout, include, raw)
    with redirect_stdout(sys.stderr):
        done = _call(project, via, request, given, output)
    sys.exit(0 if done else 1)


def _check_alone(context: click.Context) -> None:
    """Check that nothing of a request is typed beside an event; what a project's file has for requests may stay."""
    typed = [
        option
        for name, option in _OF_A_REQUEST.items()
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE
    ]
    if typed:
        raise CommandError(f"--event is a whole event: it goes with no {', '.join(typed)}.")


def _call(project: Project, via: Via, request: HttpRequest | None, event: Any, output: Output) -> bool:
    """Call the handler with a request or an event, print what comes, and tell whether it is a good answer."""
    from coworks_async.gateway import Gateway

    service = _service(project)
    gateway = Gateway(service, via)
    try:
        return _ask(gateway, request, output) if request is not None else _send(gateway, event, output)
    finally:
        service.lambda_handler.container.close()


def _service(project: Project) -> "TechMicroService":
    from coworks_async.cli.logs import configure_service_log

    service, _, _ = load_service(project)
    configure_service_log()
    return service


def _ask(gateway: "Gateway", request: HttpRequest, output: Output) -> bool:
    """Send a request through the gateway, print its answer, and tell whether it is a good one."""
    answer = gateway.answer(request)
    if output.raw:
        # Where the gateway answers alone nothing was returned; its answer is told in the same form.
        alone = {"statusCode": answer.status, "headers": dict(answer.headers), "body": answer.body.decode("latin-1")}
        output.json(answer.raw if answer.raw is not None else alone)
    else:
        output.answer(answer)
    return answer.status < 400


def _send(gateway: "Gateway", event: Any, output: Output) -> bool:
    """Give an event to the handler, print what it returns, and tell whether it is a good answer."""
    from coworks_async.gateway import print_error, to_http_response

    via = _via_of(event)
    try:
        returned = gateway.invoke(event, "invoke")
        answer = to_http_response(via, "", returned) if via is not None else None
    except Exception as error:
        print_error(error)
        return False
    if answer is None or output.raw:
        output.json(returned)
    else:
        output.answer(answer)
    return answer is None or answer.status < 400


def _via_of(event: Any) -> Via | None:
    """Tell which gateway takes the answer to an event, None where it is no request."""
    context = event.get("requestContext") if isinstance(event, Mapping) else None
    if not isinstance(context, Mapping) or "type" in event:
        return None
    if "elb" in context:
        return "alb"
    return "http" if "http" in context else "rest"


def _request(method: str, path: str, query: Sequence[str], header: Sequence[str], data: str | None) -> HttpRequest:
    if not _TOKEN.fullmatch(method):
        raise CommandError(f"The method {method!r} is none: expected one like GET.")
    path, _, sent = path.partition("?")
    if not path.startswith("/"):
        raise CommandError(f"The path {path!r} does not start with a slash.")
    pairs = [f"{quote_plus(name)}={quote_plus(value)}" for name, value in (_pair("-q", text, "=") for text in query)]
    headers = [_header(text) for text in header]
    if not any(name.lower() == "host" for name, _ in headers):
        headers.insert(0, ("Host", "localhost"))
    return HttpRequest(
        method=method.upper(),
        path=quote(path, safe=_PATH_SAFE),
        query="&".join(filter(None, [sent, *pairs])),
        headers=tuple(headers),
        body=_body(data) if data is not None else b"",
    )


def _header(text: str) -> tuple[str, str]:
    name, value = _pair("-H", text, ":")
    if not _TOKEN.fullmatch(name):
        raise CommandError(f"-H: {name!r} is no name of a header.")
    value = value.strip()
    if _BREAKS.search(value):
        raise CommandError(f"-H: the value of {name!r} has a line's end in it, or a NUL.")
    return name, value


def _pair(option: str, text: str, separator: str) -> tuple[str, str]:
    name, found, value = text.partition(separator)
    if not found or not name.strip():
        # What stands after the separator may be a token: it is not repeated.
        raise CommandError(f"{option}: {name!r} is no NAME{separator}VALUE.")
    return name.strip(), value


def _body(data: str) -> bytes:
    if not data.startswith("@"):
        return data.encode()
    if data == "@-":
        return sys.stdin.buffer.read()
    try:
        return Path(data[1:]).read_bytes()
    except OSError as error:
        raise CommandError(f"The file {data[1:]!r} cannot be read: {error.strerror}.") from error


def _read_event(path: Path) -> Any:
    shown = "of the standard input" if str(path) == "-" else str(path)
    try:
        return json.loads(sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes())
    except (OSError, ValueError) as error:
        raise CommandError(f"The event {shown} is no JSON: {error}.") from error
    except RecursionError as error:
        raise CommandError(f"The event {shown} is nested too deeply.") from error
