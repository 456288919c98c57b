"""Headers and scope keys of asynchronous calls: `InvocationType`, `X-CWS-S3Bucket` and `X-CWS-S3Key`."""

from collections.abc import Mapping, Sequence

from starlette.datastructures import Headers

from coworks_async.exceptions import DeclarationError, FieldError, UnprocessableContent
from coworks_async.types import Scope

INVOCATION_TYPE = b"invocationtype"

ASYNC_INVOKER = "coworks.async_invoker"
"""Scope key: the Lambda handler's callable that runs an encoded call, given the call and the scope."""

RUNNING_ENTRY = "coworks.running_entry"
"""Scope key: the entry of the asynchronous call being run. Such a call starts no other and reaches no other entry."""

MOUNTED = "coworks.mounted"
"""Scope key: a service has passed the request to one of its own routes or mounts."""

StoreIn = Mapping[str, Sequence[str]]
"""Allowed locations of the responses of asynchronous calls: key prefixes by bucket."""

_BUCKET = "X-CWS-S3Bucket"
_KEY = "X-CWS-S3Key"

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
_KEY_LIMIT = 1024


def is_asynchronous(scope: Scope) -> bool:
    return _invocation_type(scope) == "event"


def invocation_type_error(scope: Scope) -> FieldError | None:
    """Return the error of a synchronous request's invocation type, or None."""
    value = _invocation_type(scope)
    if value is None or value == "requestresponse":
        return None
    if value == "event":
        return asynchronous_call_error("This entry does not accept asynchronous calls")
    return FieldError("header", "InvocationType", "Event or RequestResponse", "Unknown invocation type")


def asynchronous_call_error(detail: str) -> FieldError:
    return FieldError("header", "InvocationType", "RequestResponse", detail)


def _invocation_type(scope: Scope) -> str | None:
    """Return the value in lower case. A repeated header is joined, which matches no valid type."""
    values = [value for name, value in scope["headers"] if name == INVOCATION_TYPE]
    return b",".join(values).decode("latin-1").strip().lower() if values else None


def parse_store_location(headers: Headers, store_in: StoreIn) -> tuple[str, str] | None:
    """Return the bucket and key where a response is to be stored, or None."""
    buckets, keys = headers.getlist(_BUCKET), headers.getlist(_KEY)
    if not buckets and not keys:
        return None
    errors = [
        FieldError("header", name, "one value", "Given more than once" if values else "Missing")
        for name, values in ((_BUCKET, buckets), (_KEY, keys))
        if len(values) != 1
    ]
    if errors:
        raise UnprocessableContent(errors)
    [bucket], [key] = buckets, keys
    error = None
    if bucket not in store_in:
        error = FieldError("header", _BUCKET, "an allowed bucket", "Not an allowed bucket")
    elif not any(key.startswith(prefix) for prefix in store_in[bucket]):  # S3 does not resolve `..`
        error = FieldError("header", _KEY, "a key with an allowed prefix", "Not an allowed prefix")
    elif not key or not key.isascii() or not key.isprintable() or len(key) > _KEY_LIMIT:
        error = FieldError("header", _KEY, f"1 to {_KEY_LIMIT} printable ASCII characters", "Not a valid key")
    if error is not None:
        raise UnprocessableContent([error])
    return bucket, key


def check_async_limits(class_name: str, max_calls: int | None, shutdown_timeout: float | None) -> None:
    if max_calls is not None and (not isinstance(max_calls, int) or isinstance(max_calls, bool) or max_calls < 1):
        raise DeclarationError(
            f"{class_name}.max_async_calls is {max_calls!r}. It must be an integer over 0, or None for no limit."
        )
    if shutdown_timeout is not None and (
        not isinstance(shutdown_timeout, int | float) or isinstance(shutdown_timeout, bool) or not shutdown_timeout >= 0
    ):
        raise DeclarationError(
            f"{class_name}.async_shutdown_timeout is {shutdown_timeout!r}. It must be a number of seconds, or None for "
            "no limit."
        )


def check_timeout_margin(class_name: str, margin: float | None) -> None:
    if margin is not None and (not isinstance(margin, int | float) or isinstance(margin, bool) or not margin > 0):
        raise DeclarationError(
            f"{class_name}.lambda_timeout_margin is {margin!r}. It must be a number of seconds over 0, or None to let "
            "Lambda end the process at its timeout."
        )


def check_store_in(class_name: str, store_in: StoreIn) -> None:
    if not isinstance(store_in, Mapping) or not all(
        isinstance(bucket, str)
        and isinstance(prefixes, Sequence)
        and not isinstance(prefixes, str)  # it would be one prefix per character
        and all(isinstance(prefix, str) for prefix in prefixes)
        for bucket, prefixes in store_in.items()
    ):
        raise DeclarationError(
            f"{class_name}.store_in is {store_in!r}. It must map buckets to lists of key prefixes, "
            'as in {"bucket": ["results/"]}.'
        )
