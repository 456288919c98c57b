"""The reports, as a blueprint that `app.py` registers under `/reports`."""

from typing import Annotated

from coworks_async import Blueprint, entry, request
from msgspec import Meta, Struct
from sqlalchemy import select

from database import Link


class LinkVisits(Struct):
    """A link and the number of its visits."""

    code: str
    visits: int


class Reports(Blueprint):
    """Reports about all links of a user."""

    @entry
    async def get_top(self, limit: Annotated[int, Meta(ge=1, le=100)] = 10) -> list[LinkVisits]:
        """List your most visited links."""
        query = select(Link).where(Link.owner == request.auth["sub"])
        async with request.state.sessions() as session:
            links = await session.scalars(query.order_by(Link.visits.desc(), Link.code).limit(limit))
            return [LinkVisits(link.code, link.visits) for link in links]
