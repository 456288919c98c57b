"""What asks for an asynchronous call, and tells of it: `InvocationType`, `X-CWS-S3Bucket` and `X-CWS-S3Key`."""

from collections.abc import Mapping, Sequence

from starlette.datastructures import Headers

from coworks_async.exceptions import DeclarationError, FieldError, UnprocessableContent
from coworks_async.types import Scope

INVOCATION_TYPE = b"invocationtype"

ASYNC_INVOKER = "coworks.dispatch"
"""The key of a scope under which an adapter tells what runs an encoded call; it gets the call and the scope."""

RUNNING_ENTRY = "coworks.background"
"""The key of a scope under which stands the entry whose asynchronous call it runs, so that no call makes another and
none reaches another entry."""

OUTERMOST = "coworks.outermost"
"""The key of a scope under which a mounted service finds the pipeline whose lifespan is that of the process."""

StoreIn = Mapping[str, Sequence[str]]
"""Where a service stores the answers of asynchronous calls: the prefixes of keys, by bucket."""

_BUCKET = "X-CWS-S3Bucket"
_KEY = "X-CWS-S3Key"

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
_KEY_LIMIT = 1024


def _invocation_type(scope: Scope) -> str | None:
    """Return the value in lower case; sent twice, it is one value, which is no type."""
    values = [value for name, value in scope["headers"] if name == INVOCATION_TYPE]
    return b",".join(values).decode("latin-1").strip().lower() if values else None


def is_asynchronous(scope: Scope) -> bool:
    """Tell whether a request asks to be run later."""
    return _invocation_type(scope) == "event"


def invocation_type_error(scope: Scope) -> FieldError | None:
    """Return what is wrong with the invocation type of a request that is run now, None where nothing is."""
    told = _invocation_type(scope)
    if told is None or told == "requestresponse":
        return None
    if told == "event":
        return FieldError("header", "InvocationType", "RequestResponse", "This entry takes no asynchronous calls")
    return FieldError("header", "InvocationType", "Event or RequestResponse", "No type of invocation")


def store_target(headers: Headers, store_in: StoreIn) -> tuple[str, str] | None:
    """Return the bucket and the key where an answer is to be stored, None where it is not.

    Prefixes are compared letter by letter: S3 knows no `..`, so neither does this.

    Raises:
        Invalid: one of the two lacks or comes twice, or the service does not store there.
    """
    buckets, keys = headers.getlist(_BUCKET), headers.getlist(_KEY)
    if not buckets and not keys:
        return None
    faults = [
        FieldError("header", name, "one value", "Given more than once" if values else "Missing")
        for name, values in ((_BUCKET, buckets), (_KEY, keys))
        if len(values) != 1
    ]
    if faults:
        raise UnprocessableContent(faults)
    [bucket], [key] = buckets, keys
    if bucket not in store_in:
        raise UnprocessableContent(
            [FieldError("header", _BUCKET, "a bucket of this service's", "Nothing is stored there")]
        )
    if not any(key.startswith(prefix) for prefix in store_in[bucket]):
        raise UnprocessableContent(
            [FieldError("header", _KEY, "a key that this service may write", "Nothing is stored there")]
        )
    if not key or not key.isascii() or not key.isprintable() or len(key) > _KEY_LIMIT:
        raise UnprocessableContent(
            [FieldError("header", _KEY, f"1 to {_KEY_LIMIT} printable characters of ASCII", "No key")]
        )
    return bucket, key


def check_store_in(where: str, store_in: StoreIn) -> None:
    """Check the attribute of a class.

    Raises:
        DeclarationError: it is no mapping of buckets to several prefixes; a lone string would be one for each letter.
    """
    if not isinstance(store_in, Mapping) or not all(
        isinstance(bucket, str)
        and isinstance(prefixes, Sequence)
        and not isinstance(prefixes, str)
        and all(isinstance(prefix, str) for prefix in prefixes)
        for bucket, prefixes in store_in.items()
    ):
        raise DeclarationError(
            f"{where}.store_in is {store_in!r}; it maps buckets to lists of key prefixes, "
            'as in {"bucket": ["results/"]}.'
        )
