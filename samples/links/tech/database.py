"""The tables of the service, and its pool of connections to PostgreSQL or SQLite."""

import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import ForeignKey, event, func, select
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, column_property, mapped_column

# In Lambda, the temporary folder is the only one that can be written. It is lost with the execution environment.
SQLITE_FILE = Path(tempfile.gettempdir(), "links.db")


class Base(DeclarativeBase):
    """Base of the tables."""


def utc_now() -> datetime:
    """Return the current time without a time zone, because SQLite does not store one."""
    return datetime.now(UTC).replace(tzinfo=None)


class Visit(Base):
    """A use of a link."""

    __tablename__ = "visits"

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(ForeignKey("links.code", ondelete="CASCADE"), index=True)
    time: Mapped[datetime] = mapped_column(default=utc_now)


class Link(Base):
    """A short code for a URL."""

    __tablename__ = "links"

    code: Mapped[str] = mapped_column(primary_key=True)
    url: Mapped[str]
    owner: Mapped[str] = mapped_column(index=True)
    visits: Mapped[int] = column_property(
        select(func.count(Visit.id)).where(Visit.code == code).correlate_except(Visit).scalar_subquery()
    )


class Logo(Base):
    """The image of a link, in its own table: queries of links do not read it."""

    __tablename__ = "logos"

    code: Mapped[str] = mapped_column(ForeignKey("links.code", ondelete="CASCADE"), primary_key=True)
    media_type: Mapped[str]
    content: Mapped[bytes]


def create_engine() -> AsyncEngine:
    """Create the pool of connections to `DATABASE_URL`, or to a SQLite file without it."""
    url = os.environ.get("DATABASE_URL") or f"sqlite+aiosqlite:///{SQLITE_FILE}"
    # A database closes connections that were idle for long, for example while Lambda freezes the function.
    engine = create_async_engine(url, pool_pre_ping=True)
    if engine.dialect.name == "sqlite":
        event.listen(engine.sync_engine, "connect", enable_foreign_keys)
    return engine


def enable_foreign_keys(connection: Any, _record: object) -> None:
    """Make SQLite enforce foreign keys, and so delete the visits of a deleted link."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


async def create_tables(engine: AsyncEngine) -> None:
    """Create the tables that do not exist."""
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
