"""The name is the route: from a method's name to its verb and its static path."""

import re

VERBS = ("get", "post", "put", "patch", "delete", "options")

HEAD = "head"


def route_from_name(name: str) -> tuple[str, str]:
    """Return the HTTP method and the static path that a method's name stands for.

    `_` is `/`; the ones that lead and trail the path only tell methods apart. A name without a verb is a POST.

    Raises:
        ValueError: the name makes no route; the message tells why and the remedy.

    Example:
        >>> route_of("get_content_of")
        ('GET', '/content/of')
        >>> route_of("get__content_")
        ('GET', '/content')
        >>> route_of("checkout")
        ('POST', '/checkout')
    """
    verb, _, rest = name.partition("_")
    if verb == HEAD:
        raise ValueError(f"HEAD is made from GET; rename it to get{name[len(HEAD) :]}")
    if verb not in VERBS:
        verb, rest = "post", name
    rest = rest.strip("_")
    if "__" in rest:
        raise ValueError("two underscores inside a name make an empty path segment; keep one")
    return verb.upper(), "/" + rest.replace("_", "/") if rest else "/"


_PREFIX = r"(/[A-Za-z0-9._~!$&'()*+,;=:@-]+)*"


def normalize_prefix(prefix: str) -> str:
    """Return a blueprint's prefix with one leading slash and no trailing one, empty for the root.

    Raises:
        ValueError: the prefix holds what no static path can hold (RFC 3986, section 3.3).

    Example:
        >>> normal_prefix("admin/")
        '/admin'
    """
    if not isinstance(prefix, str):
        raise ValueError(f"the prefix is {prefix!r}, which is no string")
    normal = "/" + prefix.strip("/") if prefix.strip("/") else ""
    if not re.fullmatch(_PREFIX, normal) or any(part in (".", "..") for part in normal.split("/")):
        raise ValueError(
            f"the prefix {prefix!r} is no static path: letters, digits and -._~!$&'()*+,;=:@ between slashes; "
            "take a parameter in the entries instead"
        )
    return normal
