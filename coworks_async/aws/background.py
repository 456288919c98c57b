"""Asynchronous calls in a second invocation: the call that an envelope holds, and answers kept in S3."""

import importlib
from collections.abc import Iterator
from typing import Any, Protocol

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.routing import Host, Mount

from coworks_async._compat import get_route_path
from coworks_async.aws.async_invoke import ENVELOPE
from coworks_async.aws.authorizer import create_marker
from coworks_async.entries.entry import Entry
from coworks_async.exceptions import AsyncCallError
from coworks_async.pipeline.async_calls import AsyncCall, Service
from coworks_async.pipeline.invocation import StoreIn, store_target
from coworks_async.types import Event


class Target(Service, Protocol):
    """What is known of a service."""

    def entry_at(self, method: str, path: str) -> Entry | None: ...


class AcceptedCall(msgspec.Struct, frozen=True):
    """A call, the service that has accepted it, and the entry which it is of."""

    call: AsyncCall
    service: Target
    entry: Entry


def accept_envelope(event: Event, context: Any, outer: Target) -> AcceptedCall:
    """Return the call of an envelope, with what accepted it: a service, or one that is mounted below it.

    Raises:
        BackgroundError: it is no call, or one of another function or stage, or its service or entry is not there, or
            takes no asynchronous calls.
    """
    try:
        told = msgspec.convert(event[ENVELOPE], _Envelope)
        for text in (told.call.query_string, *(text for pair in told.call.headers for text in pair)):
            text.encode("latin-1")
    except (msgspec.ValidationError, UnicodeEncodeError) as error:
        raise AsyncCallError(f"The envelope holds no background call ({type(error).__name__})") from None
    call = told.call
    if told.mark != create_marker(context):
        raise AsyncCallError(f"The background call {call} is for another function or stage")
    service = service_at(told.mount, outer)
    if service is None:
        raise AsyncCallError(f"The background call {call} is for a service that is not mounted at {told.mount!r}")
    entry = service.entry_at(call.method, get_route_path({"path": call.path, "root_path": call.root_path}))
    if entry is None or entry.endpoint != call.endpoint or not entry.background:
        raise AsyncCallError(f"The background call {call} finds no such entry that takes asynchronous calls")
    return AcceptedCall(call, service, entry)


def mount_of(service: object, outer: Target) -> str | None:
    """Return where a service is mounted, the key by which `accepted_of` finds it; None where that would not."""
    places = (place for place, mounted in services_of(outer) if mounted is service)
    place = next(places, None)
    return place if place is not None and service_at(place, outer) is service else None


def service_at(place: str, outer: Target) -> Target | None:
    """Return the service at a place, the first as a router would."""
    return next((service for known, service in services_of(outer) if known == place), None)


def services_of(app: Any, place: str = "") -> Iterator[tuple[str, Target]]:
    """Yield a service and those that are mounted below it, each with its place.

    A wrapper that keeps what it wraps as `app`, as middleware does, is looked through.
    """
    if hasattr(app, "entry_at"):
        yield place, app
    if hasattr(app, "routes"):
        for route in app.routes:
            if isinstance(route, Mount):
                yield from services_of(route.app, place + route.path)
            elif isinstance(route, Host):
                yield from services_of(route.app, f"{place}//{route.host}")
    elif hasattr(app, "app"):
        yield from services_of(app.app, place)


class _Envelope(msgspec.Struct, frozen=True):
    mark: str
    mount: str
    call: AsyncCall


async def store_in_s3(response: Response, headers: Headers, store_in: StoreIn) -> None:
    """Store a response where the headers of its request say, if they do; its status is in the object's metadata.

    Raises:
        Invalid: the service does not store there.
        Exception: what boto3 raises.
    """
    target = store_target(headers, store_in)
    if target is not None:
        await run_in_threadpool(_put, *target, response)


def _put(bucket: str, key: str, response: Response) -> None:
    told = {
        "ContentType": response.headers.get("content-type"),
        "ContentEncoding": response.headers.get("content-encoding"),
    }
    aws_client("s3").put_object(
        Bucket=bucket,
        Key=key,
        Body=bytes(response.body),
        Metadata={"status": str(response.status_code)},
        **{name: value for name, value in told.items() if value},
    )


def aws_client(name: str) -> Any:
    """Return a client of boto3, which is loaded now and not before, from a session of its own for this thread."""
    return importlib.import_module("boto3.session").Session().client(name)
