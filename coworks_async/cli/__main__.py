"""`python -m coworks_async.cli` is `cws`: debuggers start a module."""

from coworks_async.cli import main

main()
