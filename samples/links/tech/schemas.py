"""The values that clients send and receive."""

from typing import Annotated

from msgspec import Meta, Struct

Code = Annotated[str, Meta(pattern="^[A-Za-z0-9_-]{1,40}$")]
# A host without user name, so that a link cannot pretend to lead to another host.
Url = Annotated[str, Meta(pattern=r"^https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?([/?#]\S*)?$", max_length=2000)]


class NewLink(Struct):
    """A link to create."""

    code: Code
    url: Url


class LinkInfo(Struct):
    """A link of the user, with the number of its visits."""

    code: str
    url: str
    visits: int


class ImportResult(Struct):
    """The number of links that an import created, and the codes that were already taken."""

    created: int
    taken: list[str]
