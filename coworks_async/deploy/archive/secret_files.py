"""Keep credentials out of the archive: files that contain them by their name, and private keys in any file."""

import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from pathlib import Path

from coworks_async.deploy.archive.source_files import file_errors
from coworks_async.exceptions import CommandError, DeployError

# Of PEM, OpenSSH, PGP and SSH2 (four dashes and a space), as the rule `private-key` of gitleaks, without its end.
# https://github.com/gitleaks/gitleaks/blob/master/config/gitleaks.toml
_PRIVATE_KEY = re.compile(rb"-{4,5} ?BEGIN [A-Z0-9 _-]{0,100}PRIVATE KEY", re.IGNORECASE)
# The start of a PEM file in base64, as in a kubeconfig and in a Kubernetes secret.
_ENCODED_KEYS = [
    b64encode(b"-----BEGIN %bPRIVATE KEY" % kind).rstrip(b"=")[:-1]  # the last character depends on what follows
    for kind in (b"", b"RSA ", b"EC ", b"DSA ", b"OPENSSH ", b"ENCRYPTED ")
]
_MAX_MATCH = 128
_CHUNK = 1024 * 1024


def check_private_keys(files: Mapping[str, Path], allowed: Sequence[str] = ()) -> None:
    """Raise a `DeployError` if a file contains a private key, unless its path in the archive is allowed."""
    unknown = [path for path in allowed if path not in files]
    if unknown:
        raise CommandError(
            f"--allow-secret: the archive contains no file {unknown[0]!r}. 'cws zip --list' lists its files."
        )
    found = [path for path, source in files.items() if path not in allowed and contains_private_key(source)]
    if found:
        raise DeployError(
            f"The archive would contain a private key: {', '.join(found)}. Exclude the file in .cwsignore, or include "
            f"it with --allow-secret {found[0]}."
        )


def contains_private_key(path: Path) -> bool:
    """Return whether a file contains the first line of a private key, also in base64 or in PowerShell's UTF-16."""
    tail = b""
    with file_errors(path), path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            # The end of the last chunk may contain the start of a match.
            text = tail + chunk.replace(b"\0", b"")
            if _PRIVATE_KEY.search(text) or any(encoded in text for encoded in _ENCODED_KEYS):
                return True
            tail = text[-_MAX_MATCH:]
    return False
