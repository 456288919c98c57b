"""Path templates in Starlette's syntax, such as `/links/{code}/stats` and `/files/{path:path}`.

A segment is static, a parameter, or at the end the rest of the path: zero or more segments.
"""

import re

from msgspec import Struct

PathShape = tuple[str, ...]
"""The segments of a path, with `PARAMETER` or `REST` for its parameters."""

PARAMETER = "{}"
REST = "{+}"

_SEGMENT = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@-]+")  # RFC 3986, section 3.3, without percent-encoding
PARAMETER_SEGMENT = re.compile(r"\{(\w+)(:\w+)?\}")


class PathTemplate(Struct, frozen=True):
    """A path and its parameters.

    Attributes:
        names: the names of all parameters, in the order of the path.
        parameters: the name and the index in the shape of each parameter but the rest.
        rest_name: the name of the parameter that takes the rest of the path.
        static_length: the number of segments before the first parameter.
    """

    shape: PathShape
    names: tuple[str, ...]
    parameters: tuple[tuple[str, int], ...]
    rest_name: str | None
    static_length: int


def split_path(path: str) -> list[str]:
    return path.strip("/").split("/") if path.strip("/") else []


def parse_template(path: str) -> PathTemplate:
    """Parse a valid path."""
    shape: list[str] = []
    parameters: list[tuple[str, int]] = []
    rest_name = None
    for index, segment in enumerate(split_path(path)):
        found = PARAMETER_SEGMENT.fullmatch(segment)
        if found is None:
            shape.append(segment)
        elif found[2] is None:
            shape.append(PARAMETER)
            parameters.append((found[1], index))
        else:
            shape.append(REST)
            rest_name = found[1]
    names = (*(name for name, _ in parameters), *(() if rest_name is None else (rest_name,)))
    static_length = parameters[0][1] if parameters else len(shape) - (rest_name is not None)
    return PathTemplate(tuple(shape), names, tuple(parameters), rest_name, static_length)


def normalize_prefix(prefix: str) -> str:
    """Return a blueprint's prefix as `/admin`, empty for the root; raise `ValueError` with a message for users."""
    if not isinstance(prefix, str):
        raise ValueError(f"the prefix must be a string, not {prefix!r}.")
    segments = prefix.strip("/").split("/") if prefix.strip("/") else []
    if not all(map(_is_static, segments)):
        raise ValueError(
            f"the prefix {prefix!r} is not a static path. Allowed: letters, digits and -._~!$&'()*+,;=:@ between "
            "slashes. Declare path parameters in the entries."
        )
    return "".join(f"/{segment}" for segment in segments)


def normalize_template(path: str) -> str:
    """Return the path of an `@entry` without a slash at the end; raise `ValueError` with a message for users."""
    if not path.startswith("/"):
        raise ValueError(f"the path {path!r} does not start with '/'.")
    segments = path[1:].removesuffix("/").split("/") if path != "/" else []
    names = set()
    for index, segment in enumerate(segments):
        found = PARAMETER_SEGMENT.fullmatch(segment)
        if found is None:
            if not _is_static(segment):
                raise ValueError(
                    f"the path {path!r} has an invalid segment {segment!r}. A segment is {{name}}, or letters, digits "
                    "and -._~!$&'()*+,;=:@."
                )
            continue
        name, convertor = found[1], found[2]
        if not name.isidentifier() or not name.isascii():
            raise ValueError(f"the path {path!r} has an invalid parameter name {name!r}.")
        if name in names:
            raise ValueError(f"the path {path!r} contains {{{name}}} twice.")
        if convertor not in (None, ":path"):
            raise ValueError(f"the path {path!r} contains {segment}. Annotate the parameter with its type instead.")
        if convertor and index < len(segments) - 1:
            raise ValueError(f"the path {path!r} continues after {segment}, which takes the rest of the path.")
        names.add(name)
    return "/" + "/".join(segments)


def _is_static(segment: str) -> bool:
    return _SEGMENT.fullmatch(segment) is not None and segment not in (".", "..")
