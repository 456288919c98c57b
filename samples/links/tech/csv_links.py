"""Read links from a CSV file."""

import csv
from typing import Annotated

import msgspec
from coworks_async import Problem

from schemas import NewLink

Rows = Annotated[list[NewLink], msgspec.Meta(max_length=1000)]


def read_links(content: bytes) -> list[NewLink]:
    """Return the rows of a file with the columns `code` and `url`, without repeated codes."""
    try:
        rows = list(csv.DictReader(content.decode("utf-8-sig").splitlines(), strict=True))
        links = msgspec.convert(rows, Rows)
    except (UnicodeDecodeError, csv.Error, msgspec.ValidationError) as error:
        raise Problem(422, f"The file is not a CSV file of links: {error}.") from None
    return list({link.code: link for link in links}.values())
