"""Entries as a service serves them."""

from collections.abc import Iterator
from functools import cached_property
from typing import Any

from msgspec import Struct

from coworks_async.entries.cors import ANY_ORIGIN, CORS, resolve_cors
from coworks_async.entries.decorators import EntryOptions
from coworks_async.entries.discovery import Declaration, iter_declarations
from coworks_async.entries.paths import PathTemplate, parse_template
from coworks_async.entries.plan import BindingPlan, compile_plan
from coworks_async.entries.signature import ParameterKind, Signature, read_signature
from coworks_async.exceptions import DeclarationError
from coworks_async.types import Function


class Entry(Struct, frozen=True, dict=True):
    """A method of a service or a blueprint that handles one HTTP method on one path.

    Attributes:
        method: `GET`, `POST`…
        path: in Starlette's syntax: `/content/{bucket}/{rest:path}`.
        endpoint: its name for `url_for`: the method's name, after `blueprint.` if it belongs to one.
        function: the method, bound to the service or blueprint.
        options: the options of its `@entry`.
        signature: its parameters.
        declaration: the class and the method that declare it.
        blueprint: the name of its blueprint; None for an entry of the service itself.
        cors: the policy for web pages of other origins; None if they may not read its responses.
    """

    method: str
    path: str
    endpoint: str
    function: Function
    options: EntryOptions
    signature: Signature
    declaration: Declaration
    blueprint: str | None = None
    cors: CORS | None = None

    @property
    def no_auth(self) -> bool:
        """Whether the entry requires no token."""
        return self.options.no_auth

    @property
    def scopes(self) -> frozenset[str]:
        """The scopes that the principal must have."""
        return self.options.scopes

    @property
    def no_cors(self) -> bool:
        """Whether the entry has no policy for pages of other origins."""
        return self.cors is None

    @property
    def background(self) -> bool:
        """Whether the entry accepts asynchronous calls."""
        return self.options.background

    @cached_property
    def template(self) -> PathTemplate:
        """The segments of the path and the names of its parameters."""
        return parse_template(self.path)

    @cached_property
    def plan(self) -> BindingPlan:
        """The binding plan, compiled on first access, which may raise `DeclarationError`."""
        return compile_plan(self.declaration, self.signature)

    def __str__(self) -> str:
        blueprint = f" in blueprint {self.blueprint!r}" if self.blueprint else ""
        return f"{self.method} {self.path} ({self.declaration.qualname}{blueprint})"


def build_entries(
    owner: Any, base: type, *, stage: str, cors: CORS | None, prefix: str = "", blueprint: str | None = None
) -> Iterator[Entry]:
    """Yield the entries of a service or a blueprint that exist on a stage. All stages' declarations are checked.

    `cors` is the policy of the owner.
    """
    for declaration in iter_declarations(type(owner), base):
        signature = read_signature(declaration)
        if declaration.options.smoke:
            _check_smoke(declaration, signature)
        stages = declaration.options.stages
        # An instance removes an entry like a subclass does: by setting it to None.
        is_removed = getattr(owner, declaration.name) is None
        if is_removed or (stages is not None and stage not in stages):
            continue
        path = prefix + declaration.path.removesuffix("/")
        yield Entry(
            method=declaration.method,
            path=(path if declaration.has_template else path + signature.path) or "/",
            endpoint=f"{blueprint}.{declaration.name}" if blueprint else declaration.name,
            function=declaration.function.__get__(owner),
            options=declaration.options,
            signature=signature,
            declaration=declaration,
            blueprint=blueprint,
            cors=_find_policy(declaration.options, cors),
        )


def _check_smoke(declaration: Declaration, signature: Signature) -> None:
    """Check that a deploy can call a smoke entry: with GET, and without any parameter."""
    if declaration.method != "GET":
        raise DeclarationError(f"{declaration.qualname}: smoke=True requires a GET entry, not {declaration.method}.")
    path = (ParameterKind.PATH, ParameterKind.PATH_REST)
    optional = (ParameterKind.REQUEST, ParameterKind.EXTRA)
    for parameter in signature.parameters:
        if parameter.kind in path or (parameter.required and parameter.kind not in optional):
            raise DeclarationError(
                f"{declaration.qualname}: smoke=True allows no required parameter or path parameter, such as "
                f"{parameter.name!r}. Remove it, or give it a default."
            )


def _find_policy(options: EntryOptions, inherited: CORS | None) -> CORS | None:
    if options.no_cors is None:
        return resolve_cors(options.cors, inherited)
    return None if options.no_cors else inherited or ANY_ORIGIN


def reject_token_header(entry: Entry, token_key: str) -> None:
    """Reject a parameter that is read from the header of the token, whose name only the service knows."""
    for parameter in entry.signature.of_kind(ParameterKind.HEADER):
        if parameter.alias.lower() == token_key.lower():
            raise DeclarationError(
                f"{entry.declaration.qualname}: parameter {parameter.name!r} is {parameter.alias}, the header of the "
                "token, which only token_authorizer receives. Return a mapping from it and use request.auth. With "
                "no_auth=True, use request.headers."
            )
