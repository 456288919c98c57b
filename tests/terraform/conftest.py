"""Fixtures of the module tests: Terraform, the emulator, and root modules that call a module."""

from collections.abc import Callable, Iterator, Mapping

import pytest

from tests.deploy.conftest import account, emulator, new_account, toolchain
from tests.deploy.toolchain import Toolchain
from tests.terraform.applied_module import AppliedModule

__all__ = ["account", "emulator", "new_account", "toolchain"]

CreateRoot = Callable[..., AppliedModule]


@pytest.fixture(scope="module")
def create_root(toolchain: Toolchain, emulator: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CreateRoot]:
    """Return a function that creates an initialized root module, which is destroyed at the end.

    By default it uses the only account whose APIs can be called in the emulator.
    """
    roots: list[AppliedModule] = []

    def create_root(
        kind: str, account: str = "000000000000", domain: Mapping[str, object] | None = None, **inputs: object
    ) -> AppliedModule:
        root = AppliedModule(
            kind, tmp_path_factory.mktemp(kind), toolchain, emulator, account, domain=dict(domain or {})
        )
        root.write(stage_name="dev", **inputs)
        root.terraform("init")
        roots.append(root)
        return root

    yield create_root
    for root in roots:
        root.terraform("destroy", "-auto-approve")
