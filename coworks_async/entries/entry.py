"""An entry, as the service serves it."""

from collections.abc import Iterator
from functools import cached_property
from typing import Any

from msgspec import Struct

from coworks_async.entries.decorators import EntryOptions
from coworks_async.entries.discovery import Declaration, iter_declarations
from coworks_async.entries.plan import BindingPlan, compile_plan
from coworks_async.entries.signature import ParameterKind, Signature, read_signature
from coworks_async.types import Function


class Entry(Struct, frozen=True, dict=True):
    """One HTTP method on one path, and the method of a class that answers it.

    Attributes:
        method: `GET`, `POST`…
        path: as Starlette writes it: `/content/{bucket}/{rest:path}`.
        endpoint: the name for `url_for`: the method's, after its blueprint's and a dot.
        function: the method, bound to its service or blueprint.
        blueprint: the name of its blueprint, None for the service's own.
    """

    method: str
    path: str
    endpoint: str
    function: Function
    options: EntryOptions
    signature: Signature
    declaration: Declaration
    blueprint: str | None = None

    @property
    def no_auth(self) -> bool:
        return self.options.no_auth

    @property
    def no_cors(self) -> bool:
        return self.options.no_cors

    @property
    def background(self) -> bool:
        return self.options.background

    @cached_property
    def prefix(self) -> str:
        """The static start of its path, empty for the root."""
        return self.path[: len(self.path) - len(self.signature.path)].rstrip("/")

    @cached_property
    def path_param_names(self) -> tuple[str, ...]:
        """The names of the segments that are parameters, in order, without the rest of the path."""
        return tuple(parameter.name for parameter in self.signature.of(ParameterKind.PATH))

    @cached_property
    def path_rest_name(self) -> str | None:
        """The name of the parameter that takes the rest of the path."""
        return next((parameter.name for parameter in self.signature.of(ParameterKind.PATH_REST)), None)

    @cached_property
    def plan(self) -> BindingPlan:
        """The compiled plan; what raises `DeclarationError` when it is first asked for."""
        return compile_plan(self.declaration, self.signature)

    def __str__(self) -> str:
        of = f" of the blueprint {self.blueprint!r}" if self.blueprint else ""
        return f"{self.method} {self.path} ({self.declaration.where}{of})"


def build_entries(
    owner: Any, base: type, *, stage: str, prefix: str = "", blueprint: str | None = None
) -> Iterator[Entry]:
    """Yield the entries that the class of `owner` declares and that exist on this stage.

    Raises:
        DeclarationError: something is declared that cannot be served.
    """
    for declaration in iter_declarations(type(owner), base):
        signature = read_signature(declaration)
        stages = declaration.options.stages
        # An instance removes an entry like a subclass does: by setting it to None.
        is_removed = getattr(owner, declaration.name) is None
        if is_removed or (stages is not None and stage not in stages):
            continue
        static = prefix + (declaration.path if declaration.path != "/" else "")
        yield Entry(
            method=declaration.method,
            path=static + signature.path or "/",
            endpoint=f"{blueprint}.{declaration.name}" if blueprint else declaration.name,
            function=declaration.function.__get__(owner),
            options=declaration.options,
            signature=signature,
            declaration=declaration,
            blueprint=blueprint,
        )
