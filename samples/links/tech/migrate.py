"""The command `cws migrate`."""

import asyncio

import click
from coworks_async.cli.project import Project, load_environment
from sqlalchemy.exc import SQLAlchemyError

from database import Base, create_engine, create_tables


@click.command()
@click.pass_obj
def migrate(project: Project) -> None:
    """Create the tables that the database does not have."""
    load_environment(project)
    try:
        url = asyncio.run(run_migration())
    except (OSError, SQLAlchemyError) as error:
        reason = str(error).partition("\n")[0]
        message = f"Cannot create the tables. {type(error).__name__}: {reason}. Check DATABASE_URL."
        raise click.ClickException(message) from error
    click.echo(f"{url}: {', '.join(sorted(Base.metadata.tables))} exist.")


async def run_migration() -> str:
    """Create the tables and return the URL of the database, without its password."""
    engine = create_engine()
    try:
        await create_tables(engine)
        return engine.url.render_as_string(hide_password=True)
    finally:
        await engine.dispose()
