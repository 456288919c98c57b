"""Query strings and forms, read strictly: what is no UTF-8 is refused, not replaced."""

from urllib.parse import unquote

from coworks_async.exceptions import BadRequest


def parse_query(query_string: bytes, what: str = "query string") -> dict[str, list[str]]:
    """Return the names of a query string (or of a form), each with its values in order; an empty value is kept.

    As the URL standard has it for forms: https://url.spec.whatwg.org/#urlencoded-parsing

    Raises:
        BadRequest: it holds bytes that are no UTF-8.
    """
    names: dict[str, list[str]] = {}
    try:
        for pair in query_string.decode().split("&"):
            if pair:
                name, _, value = pair.partition("=")
                names.setdefault(_decode(name), []).append(_decode(value))
    except UnicodeDecodeError:
        raise BadRequest(f"The {what} is not UTF-8.") from None
    return names


def _decode(text: str) -> str:
    if "+" in text:
        text = text.replace("+", " ")
    return unquote(text, errors="strict") if "%" in text else text
