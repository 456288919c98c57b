"""What the tests of the modules share: those of a deploy's Terraform and AWS, and roots that call a module."""

from collections.abc import Callable, Iterator, Mapping

import pytest

from tests.deploy.conftest import account, emulator, new_account, toolchain
from tests.deploy.toolchain import Toolchain
from tests.terraform.applying import Applied

__all__ = ["account", "emulator", "new_account", "toolchain"]

NewRoot = Callable[..., Applied]


@pytest.fixture(scope="module")
def new_root(toolchain: Toolchain, emulator: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NewRoot]:
    """Make a root that calls a module with these inputs, initialised; what it made is destroyed at the end.

    Without an account's number it is the one that an emulator takes requests without credentials for: an API of
    another account cannot be called.
    """
    made: list[Applied] = []

    def new_root(
        kind: str, account: str = "000000000000", domain: Mapping[str, object] | None = None, **inputs: object
    ) -> Applied:
        root = Applied(kind, tmp_path_factory.mktemp(kind), toolchain, emulator, account, domain=dict(domain or {}))
        root.write(stage_name="dev", **inputs)
        root.terraform("init")
        made.append(root)
        return root

    yield new_root
    for root in made:
        root.terraform("destroy", "-auto-approve")
