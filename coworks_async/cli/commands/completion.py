"""`cws completion`: print the completion script of a shell."""

import click
from click.shell_completion import BashComplete, FishComplete, ZshComplete

from coworks_async.exceptions import CommandError

SHELLS = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}

# A file, because running `cws` in each new shell would delay its start.
INSTALL = {
    "bash": "cws completion bash > ~/.cws-complete.bash && echo '. ~/.cws-complete.bash' >> ~/.bashrc",
    "zsh": "cws completion zsh > ~/.cws-complete.zsh && echo '. ~/.cws-complete.zsh' >> ~/.zshrc  # after compinit",
    "fish": "cws completion fish > ~/.config/fish/completions/cws.fish",
}


@click.command()
@click.argument("shell", type=click.Choice(tuple(SHELLS)), required=False)
@click.pass_context
def completion(context: click.Context, shell: str | None) -> None:
    """Print a script that completes commands, options and values in your shell.

    The last lines of `cws completion bash` show how to install it.
    """
    if shell is None:
        raise CommandError("Expected a shell: bash, zsh or fish, as in 'cws completion bash'.")
    click.echo(SHELLS[shell](context.find_root().command, {}, "cws", "_CWS_COMPLETE").source().rstrip())
    click.echo(f"\n# To install it in {shell}:\n#   {INSTALL[shell]}")
