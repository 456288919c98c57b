"""A service for short links: a database, tokens of an identity provider, uploads, events and a background job."""

import asyncio
import os
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from coworks_async import (
    CORS,
    EventSourceResponse,
    Header,
    Problem,
    ServerSentEvent,
    TechMicroService,
    entry,
    request,
    sse,
)
from coworks_async.extensions import JWT
from msgspec import Meta
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.responses import RedirectResponse, Response

from csv_links import read_links
from database import Link, Logo, Visit, create_engine, create_tables
from reports import Reports
from schemas import Code, ImportResult, LinkInfo, Url

LOGO_TYPES = ("image/jpeg", "image/png", "image/webp")

POLL_SECONDS = 0.5
"""Time between two queries for the events of a link."""


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[dict[str, Any]]:
    """Open the pool of connections, which all requests share as `request.state.sessions`."""
    engine = create_engine()
    try:
        # SQLite is for trying the service. For PostgreSQL, run `cws migrate` before a deploy.
        if engine.dialect.name == "sqlite":
            await create_tables(engine)
        yield {"sessions": async_sessionmaker(engine, expire_on_commit=False)}
    finally:
        await engine.dispose()


class Links(TechMicroService):
    """Short links, which belong to the user who created them."""

    cors = CORS(
        origins=os.environ.get("WEB_ORIGIN", "http://localhost:3000"), headers="Last-Event-ID", expose="Location"
    )

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(lifespan=lifespan, **kwargs)

    @entry("/to/{code}", no_auth=True)
    async def get_target(self, code: str) -> RedirectResponse:
        """Redirect to the URL of a link, and count the visit."""
        async with request.state.sessions.begin() as session:
            link = await session.get(Link, code)
            if link is None:
                raise Problem(404, f"There is no link {code!r}.")
            session.add(Visit(code=code))
        return RedirectResponse(link.url)

    @entry("/links")
    async def get_links(self, limit: Annotated[int, Meta(ge=1, le=100)] = 20, after: str = "") -> list[LinkInfo]:
        """List your links, ordered by code. For the next page, pass the last code as `after`."""
        query = select(Link).where(Link.owner == request.auth["sub"], Link.code > after)
        async with request.state.sessions() as session:
            links = await session.scalars(query.order_by(Link.code).limit(limit))
            return [LinkInfo(link.code, link.url, link.visits) for link in links]

    @entry("/links", scopes={"links:write"})
    async def post_links(self, url: Url, code: Code | None = None) -> tuple[LinkInfo, int, dict[str, str]]:
        """Create a link, with a random code if you pass no code."""
        code = code or secrets.token_urlsafe(6)
        try:
            async with request.state.sessions.begin() as session:
                session.add(Link(code=code, url=url, owner=request.auth["sub"]))
        except IntegrityError:
            raise Problem(409, f"The code {code!r} is taken.") from None
        return LinkInfo(code, url, visits=0), 201, {"Location": self.url_for("get_link", code=code)}

    @entry("/links/{code}")
    async def get_link(self, code: str) -> LinkInfo:
        """Return one of your links."""
        async with request.state.sessions() as session:
            link = await find_own_link(session, code)
        return LinkInfo(link.code, link.url, link.visits)

    @entry("/links/{code}", scopes={"links:write"})
    async def delete_link(self, code: str) -> None:
        """Delete one of your links, with its visits and its logo."""
        async with request.state.sessions.begin() as session:
            await session.delete(await find_own_link(session, code))

    @entry("/links/{code}/stats")
    async def get_stats(self, code: str) -> dict[str, int]:
        """Return the number of visits for each day with visits."""
        day = func.date(Visit.time)
        query = select(day, func.count(Visit.id)).where(Visit.code == code).group_by(day).order_by(day)
        async with request.state.sessions() as session:
            await find_own_link(session, code)
            # PostgreSQL returns dates, SQLite text.
            return {str(day): visits for day, visits in await session.execute(query)}

    @entry("/links/{code}/logo", scopes={"links:write"})
    async def put_logo(self, code: str, logo: UploadFile) -> None:
        """Upload the logo of one of your links."""
        if logo.content_type not in LOGO_TYPES:
            raise Problem(415, f"A logo is one of {', '.join(LOGO_TYPES)}.")
        content = await logo.read()
        async with request.state.sessions.begin() as session:
            await find_own_link(session, code)
            await session.merge(Logo(code=code, media_type=logo.content_type, content=content))

    @entry("/links/{code}/logo", no_auth=True)
    async def get_logo(self, code: str) -> Response:
        """Return the logo of a link."""
        async with request.state.sessions() as session:
            logo = await session.get(Logo, code)
        if logo is None:
            raise Problem(404, f"There is no logo of {code!r}.")
        # Browsers must not guess another type, such as HTML, from the content.
        return Response(logo.content, media_type=logo.media_type, headers={"X-Content-Type-Options": "nosniff"})

    @entry("/links/{code}/events")
    async def get_events(
        self,
        code: str,
        seconds: Annotated[float, Meta(ge=0, le=20)] = 20,
        last_event_id: Annotated[int | None, Header()] = None,
    ) -> EventSourceResponse:
        """Send the number of visits of one of your links now, and whenever it changes.

        The stream ends, because Lambda sends it as a whole. A client continues with the last id that it received.
        """
        sessions = request.state.sessions
        async with sessions() as session:
            await find_own_link(session, code)
        return sse(watch_visits(sessions, code, seconds, last_event_id))

    @entry("/imports", scopes={"links:write"}, background=True)
    async def post_imports(self, links: UploadFile) -> ImportResult:
        """Create links from a CSV file with the columns `code` and `url`.

        With `InvocationType: Event` it runs in the background. Lambda may run it twice, so taken codes are no error.
        """
        rows = read_links(await links.read())
        async with request.state.sessions.begin() as session:
            taken = set(await session.scalars(select(Link.code).where(Link.code.in_([row.code for row in rows]))))
            new = [row for row in rows if row.code not in taken]
            session.add_all(Link(code=row.code, url=row.url, owner=request.auth["sub"]) for row in new)
        return ImportResult(created=len(new), taken=sorted(taken))


async def find_own_link(session: AsyncSession, code: str) -> Link:
    """Return a link of the user. A link of another user is a 404 too, so that nobody can find out its code."""
    link = await session.get(Link, code)
    if link is None or link.owner != request.auth["sub"]:
        raise Problem(404, f"You have no link {code!r}.")
    return link


async def watch_visits(
    sessions: async_sessionmaker[AsyncSession], code: str, seconds: float, sent: int | None
) -> AsyncIterator[ServerSentEvent]:
    """Yield the number of visits if it is not the one that was sent, then whenever it changes."""
    query = select(func.count(Visit.id)).where(Visit.code == code)
    end = time.monotonic() + seconds
    while True:
        # A connection for each query: a stream would keep it for a long time.
        async with sessions() as session:
            visits = await session.scalar(query)
        if visits != sent:
            yield ServerSentEvent({"visits": visits}, event="visits", id=str(visits))
            sent = visits
        if time.monotonic() >= end:
            return
        await asyncio.sleep(POLL_SECONDS)


app = Links(name="links")
app.register_blueprint(Reports(), url_prefix="/reports")
JWT(app, issuer=os.environ["JWT_ISSUER"], audience="links")
