"""The versions of the Lambda layers in this account and region."""

import threading
import time
from collections.abc import Iterator
from typing import Any

from msgspec import Struct

# Anyone may call the service, but AWS limits the requests of the whole account.
CACHE_SECONDS = 60


class LayerVersion(Struct, frozen=True):
    """A version of a layer. `arn` is the value of `cws deploy --layers`."""

    arn: str
    name: str
    version: int
    description: str
    runtimes: list[str]
    architectures: list[str]
    created: str


class LayerCatalog:
    """Lists the layers whose names start with a prefix. Each list is used for a minute."""

    def __init__(self, client: Any, prefix: str) -> None:
        self.client = client
        self.prefix = prefix
        self._lock = threading.Lock()
        self._versions: list[LayerVersion] = []
        self._expires = 0.0

    def list_versions(self) -> list[LayerVersion]:
        """Return all versions, the newest first."""
        # With a lock, simultaneous requests read the layers once.
        with self._lock:
            if time.monotonic() >= self._expires:
                self._versions = sorted(self._read_versions(), key=lambda version: version.created, reverse=True)
                self._expires = time.monotonic() + CACHE_SECONDS
            return self._versions

    def _read_versions(self) -> Iterator[LayerVersion]:
        for page in self.client.get_paginator("list_layers").paginate():
            for layer in page["Layers"]:
                if layer["LayerName"].startswith(self.prefix):
                    yield from self._read_layer(layer["LayerName"])

    def _read_layer(self, name: str) -> Iterator[LayerVersion]:
        for page in self.client.get_paginator("list_layer_versions").paginate(LayerName=name):
            for version in page["LayerVersions"]:
                yield LayerVersion(
                    arn=version["LayerVersionArn"],
                    name=name,
                    version=version["Version"],
                    description=version.get("Description", ""),
                    runtimes=version.get("CompatibleRuntimes", []),
                    architectures=version.get("CompatibleArchitectures", []),
                    created=version["CreatedDate"],
                )
