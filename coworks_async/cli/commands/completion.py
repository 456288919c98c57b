"""`cws completion`: what makes a shell complete the words of `cws`."""

import click

from coworks_async.exceptions import CommandError

PROGRAM = "cws"

# Where each shell reads it; `source` in bash is slow enough to be noticed, a file is not.
INSTALL = {
    "bash": "cws completion bash > ~/.cws-complete.bash && echo '. ~/.cws-complete.bash' >> ~/.bashrc",
    "zsh": "cws completion zsh > ~/.cws-complete.zsh && echo '. ~/.cws-complete.zsh' >> ~/.zshrc  # after compinit",
    "fish": "cws completion fish > ~/.config/fish/completions/cws.fish",
}


@click.command()
@click.argument("shell", metavar="[bash|zsh|fish]", required=False)
@click.pass_context
def completion(context: click.Context, shell: str | None) -> None:
    """Print what has your shell complete the words of `cws`.

    The last lines of `cws completion bash` tell how to install it.
    """
    from click.shell_completion import BashComplete, FishComplete, ZshComplete

    shells = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}
    if shell not in shells:
        given = f"{shell!r} is no shell that it can complete in" if shell is not None else "Name your shell"
        raise CommandError(f"{given}: bash, zsh or fish, as in 'cws completion bash'.")
    click.echo(shells[shell](context.find_root().command, {}, PROGRAM, "_CWS_COMPLETE").source().rstrip())
    click.echo(f"\n# To have it in each new {shell}:\n#   {INSTALL[shell]}")
