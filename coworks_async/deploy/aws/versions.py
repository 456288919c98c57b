"""Publish versions of a function, and choose the one that the alias of its stage names.

Terraform changes `$LATEST`, from which Lambda makes versions. The gateway invokes the alias, so a change is served once
a version of it is published and the alias names that version.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-versions.html
https://docs.aws.amazon.com/lambda/latest/dg/configuration-aliases.html
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from coworks_async.aws.runtime.stream import STREAM_VARIABLE
from coworks_async.deploy.aws.account import aws_errors
from coworks_async.deploy.stack import ALIAS
from coworks_async.exceptions import CommandError, DeployError

LATEST = "$LATEST"

# What Terraform may change in `$LATEST`.
_CONFIGURATION = (
    *("Architectures", "CapacityProviderConfig", "CodeSha256", "DeadLetterConfig", "Environment", "EphemeralStorage"),
    *("FileSystemConfigs", "Handler", "KMSKeyArn", "Layers", "LoggingConfig", "MemorySize", "Role", "Runtime"),
    *("Timeout", "TracingConfig", "VpcConfig"),
)

_ROLLED_BACK = re.compile(r"Rolled back from version (\d+(?:, \d+)*)\.")

# The description of an alias has at most 256 characters.
_MAX_ROLLED_BACK = 20

_REMEDIES = {
    "PreconditionFailedException": "another command changed the alias meanwhile. Run this one again",
    "ResourceNotFoundException": (
        "the function does not exist in this account and region. Deploy the stage first, or choose another one with "
        "-s, --profile-name, --region or --local"
    ),
    "WaiterError": "Lambda cannot start this version. 'cws logs' shows why",
}


@dataclass(frozen=True, slots=True)
class Version:
    """A published version. Its description contains the archive's content hash and the git commit."""

    number: int
    published: str  # As AWS formats it.
    archive: str | None
    commit: str | None
    # The callers to which it streams, as `--stream` has set them.
    streams: str = ""


@dataclass(frozen=True, slots=True)
class LiveAlias:
    """The alias of a stage."""

    # None for `$LATEST`, which the alias names until the first version is published.
    version: int | None
    # Shares of the requests that other versions handle.
    weights: Mapping[int, float]
    # Versions that a rollback or a canary has taken back. Only `cws rollback --to` makes one live again.
    rolled_back: frozenset[int]
    revision: str

    @property
    def canary(self) -> int | None:
        """The version of a canary that is under way or was interrupted."""
        return max(self.weights, default=None)


@dataclass(frozen=True, slots=True)
class FunctionVersions:
    """The versions of a function, newest first, and its alias, which a stage of an earlier release may not have."""

    versions: tuple[Version, ...]
    alias: LiveAlias | None
    # Whether `$LATEST` differs from the newest version.
    has_unpublished_changes: bool

    @property
    def is_release_pending(self) -> bool:
        """Whether a deploy was killed before its version was live, perhaps during its canary."""
        alias = self.alias
        if alias is None:
            return False
        if self.has_unpublished_changes or alias.weights:
            return True
        return self.versions[0].number not in (alias.version, *alias.rolled_back)

    @property
    def live(self) -> Version | None:
        """The version that the alias names."""
        number = self.alias.version if self.alias is not None else None
        return next((version for version in self.versions if version.number == number), None)

    def is_taken_back(self, number: int) -> bool:
        """Return whether a rollback or a canary has taken a version back."""
        return self.alias is not None and number in self.alias.rolled_back

    def get_traffic(self, version: Version) -> float:
        """Return the percentage of the requests that a version handles."""
        if self.alias is None:
            return 0.0
        weights = self.alias.weights
        is_main = version.number == self.alias.version
        share = 1 - sum(weights.values()) if is_main else weights.get(version.number, 0)
        return round(100 * share, 2)


@dataclass(frozen=True, slots=True)
class Release:
    """The version that is live after a deploy or a rollback, the one before, and the newest one."""

    live: int | None
    previous: int | None
    newest: int
    has_moved: bool
    # Whether the newest version is not live because of a rollback.
    is_held: bool = False
    # The version whose canary this has ended, which was interrupted or is under way in another process.
    ended_canary: int | None = None

    def describe(self) -> str | None:
        """Return a line about the live version, or None if a deploy has left the newest one live."""
        if self.has_moved:
            previous = f" instead of {self.previous}" if self.previous not in (None, self.live) else ""
            ended = f" The canary of version {self.ended_canary} has ended." if self.ended_canary is not None else ""
            return f"Version {self.live} is live{previous}.{ended}"
        if self.is_held:
            return describe_held_version(self.live, self.newest)
        return None


def describe_held_version(live: int | None, newest: int) -> str:
    """Return why the newest version is not live, and how to make it live."""
    return (
        f"Version {live} stays live, because version {newest} was taken back. 'cws rollback --to {newest}' makes it "
        "live again."
    )


def describe_version(archive: str, commit: str | None) -> str:
    """Return the description of a version, which `read_versions` parses."""
    return f"archive={archive}" + (f" commit={commit}" if commit is not None else "")


def read_versions(session: Any, function: str) -> FunctionVersions | None:
    """Return the versions of a function; None if it does not exist."""
    client = session.client("lambda")
    with aws_errors(f"Cannot read the versions of {function}"):
        try:
            return _read_versions(client, function)
        except client.exceptions.ResourceNotFoundException:
            return None


def release_version(session: Any, function: str, description: str, keep: int) -> Release:
    """Publish a version if code or configuration has changed, make it live, and delete old versions.

    Lambda compares `$LATEST` with its newest version and returns that one if they are equal. If it is not live because
    of a rollback, it stays so.
    """
    client = session.client("lambda")
    newest, alias = publish_version(client, function, description)
    has_moved = newest not in (alias.version, *alias.rolled_back) or bool(alias.weights)
    if has_moved:
        move_alias(client, function, alias, newest)
    delete_old_versions(client, function, keep)
    is_held = newest in alias.rolled_back and newest != alias.version
    live = newest if has_moved else alias.version
    return Release(live, alias.version, newest, has_moved, is_held, alias.canary)


def publish_version(client: Any, function: str, description: str) -> tuple[int, LiveAlias]:
    """Publish a version if something has changed, and return the number of the newest one and the alias."""
    with aws_errors(f"Cannot publish a version of {function}", _REMEDIES):
        client.get_waiter("function_updated_v2").wait(FunctionName=function)
        newest = int(client.publish_version(FunctionName=function, Description=description)["Version"])
        return newest, get_alias(client, function)


def roll_back(session: Any, function: str, to: int | None = None) -> Release:
    """Make a version live: by default the one before, or during a canary the one that handles the other requests.

    The alias changes in one call, so it names either version if this is interrupted.
    """
    client = session.client("lambda")
    with aws_errors(f"Cannot roll back {function}", _REMEDIES):
        found = _read_versions(client, function)
    alias = found.alias
    if alias is None or not found.versions:
        raise DeployError(f"{function} has no version behind an alias {ALIAS!r} yet. Deploy it first.")
    target, newest = _choose_target(found.versions, alias, to), found.versions[0].number
    _check_streams(found.versions, target)
    has_moved = target != alias.version or bool(alias.weights)
    if has_moved:
        left = {alias.version or target, alias.canary or target, newest}
        move_alias(client, function, alias, target, {number for number in left if number > target})
    return Release(target, alias.version, newest, has_moved, ended_canary=alias.canary)


def _choose_target(versions: Sequence[Version], alias: LiveAlias, to: int | None) -> int:
    numbers = [version.number for version in versions]
    if to is not None:
        if to not in numbers:
            existing = ", ".join(map(str, numbers))
            raise CommandError(f"--to: version {to} does not exist. The versions are {existing}.")
        return to
    if alias.version is not None and alias.weights:
        return alias.version
    older = [number for number in numbers if alias.version is None or number < alias.version]
    older = [number for number in older if number not in alias.rolled_back]
    if not older:
        raise DeployError(
            f"Version {alias.version} is live, and there is no good version before it. Deploy the earlier "
            "code instead, or choose a version with --to."
        )
    return older[0]


def _check_streams(versions: Sequence[Version], target: int) -> None:
    """Check that a version streams to the same callers as the newest one, which the gateway is configured for."""
    streams = {version.number: version.streams for version in versions}
    if streams[target] != versions[0].streams:
        raise DeployError(
            f"Version {target} does not stream to the same callers as version {versions[0].number}, for which the "
            "gateway is configured: its requests would fail. Deploy the earlier code instead."
        )


def move_alias(
    client: Any, function: str, alias: LiveAlias, version: int, taken_back: Collection[int] = frozenset()
) -> None:
    """Send all requests to a version, once Lambda can start it."""
    wait_until_active(client, function, version)
    update_alias(client, function, alias, version, taken_back)


def wait_until_active(client: Any, function: str, version: int) -> None:
    """Wait until Lambda can start a version: one with SnapStart is pending until its snapshot exists."""
    with aws_errors(_cannot_make_live(function, version), _REMEDIES):
        state = client.get_function_configuration(FunctionName=function, Qualifier=str(version)).get("State")
        if state in ("Pending", "Failed"):
            client.get_waiter("published_version_active").wait(FunctionName=function, Qualifier=str(version))


def update_alias(
    client: Any,
    function: str,
    alias: LiveAlias,
    version: int,
    taken_back: Collection[int] = frozenset(),
    weights: Mapping[int, float] = MappingProxyType({}),
) -> LiveAlias:
    """Set the version of the alias and the weights of others, unless the alias has changed meanwhile.

    The versions in `taken_back` are recorded with those that were taken back before.
    """
    rolled_back = sorted((alias.rolled_back | frozenset(taken_back)) - {version}, reverse=True)
    with aws_errors(_cannot_make_live(function, version), _REMEDIES):
        updated = client.update_alias(
            FunctionName=function,
            Name=ALIAS,
            FunctionVersion=str(version),
            Description=note_rollbacks(rolled_back[:_MAX_ROLLED_BACK]),
            RoutingConfig={"AdditionalVersionWeights": {str(number): weight for number, weight in weights.items()}},
            RevisionId=alias.revision,
        )
    return _parse_alias(updated)


def get_alias(client: Any, function: str) -> LiveAlias:
    """Return the alias of a function, which must exist."""
    with aws_errors(f"Cannot read the alias of {function}"):
        return _parse_alias(client.get_alias(FunctionName=function, Name=ALIAS))


def note_rollbacks(versions: Sequence[int]) -> str:
    """Return the description of an alias, which names the versions that were taken back."""
    return f"Rolled back from version {', '.join(map(str, versions))}." if versions else ""


def delete_old_versions(client: Any, function: str, keep: int) -> None:
    """Delete all but the newest versions, the newest good ones and those that an alias names.

    So versions that were taken back do not use up the targets of a rollback.
    """
    with aws_errors(f"The deploy is complete, but old versions of {function} cannot be deleted"):
        pages = client.get_paginator("list_aliases").paginate(FunctionName=function)
        aliases = [_parse_alias(alias) for page in pages for alias in page["Aliases"]]
        named = {number for alias in aliases for number in (alias.version, *alias.weights)}
        found = _read_versions(client, function)
        numbers = [version.number for version in found.versions]
        good = [number for number in numbers if not found.is_taken_back(number)]
        kept = {*numbers[:keep], *good[:keep], *named}
        for number in numbers:
            if number not in kept:
                client.delete_function(FunctionName=function, Qualifier=str(number))


def _cannot_make_live(function: str, version: int) -> str:
    return f"Cannot make version {version} of {function} live"


def _read_versions(client: Any, function: str) -> FunctionVersions:
    pages = client.get_paginator("list_versions_by_function").paginate(FunctionName=function)
    configurations = {each["Version"]: each for page in pages for each in page["Versions"]}
    latest = configurations.pop(LATEST)
    published = sorted(configurations.values(), key=lambda each: int(each["Version"]), reverse=True)
    try:
        alias = _parse_alias(client.get_alias(FunctionName=function, Name=ALIAS))
    except client.exceptions.ResourceNotFoundException:
        alias = None
    is_equal = bool(published) and _select_configuration(latest) == _select_configuration(published[0])
    return FunctionVersions(tuple(map(_parse_version, published)), alias, not is_equal)


def _select_configuration(function: Mapping[str, Any]) -> list[Any]:
    # The rest of SnapStart is the state of a version's snapshot.
    return [*map(function.get, _CONFIGURATION), function.get("SnapStart", {}).get("ApplyOn")]


def _parse_version(configuration: Mapping[str, Any]) -> Version:
    words = configuration.get("Description", "").split()
    values = dict(word.split("=", 1) for word in words if "=" in word)
    number, published = int(configuration["Version"]), configuration["LastModified"]
    streams = configuration.get("Environment", {}).get("Variables", {}).get(STREAM_VARIABLE, "")
    return Version(number, published, values.get("archive"), values.get("commit"), streams)


def _parse_alias(alias: Mapping[str, Any]) -> LiveAlias:
    version = alias["FunctionVersion"]
    weights = alias.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})
    rolled_back = _ROLLED_BACK.search(alias.get("Description", ""))
    return LiveAlias(
        version=None if version == LATEST else int(version),
        weights={int(number): weight for number, weight in weights.items()},
        rolled_back=frozenset(map(int, rolled_back[1].split(", "))) if rolled_back is not None else frozenset(),
        revision=alias["RevisionId"],
    )
