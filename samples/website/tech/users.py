"""The users of the website.

There is one, and its password is a variable of the environment, like the token of a service. For more users, read
hashes of passwords (Argon2) from a database, or let an identity provider log them in.
"""

import os
from secrets import compare_digest

USER = "ann"


def check_password(name: str, password: str) -> bool:
    """Return whether this is the password of the user. Without the variable `PASSWORD`, nobody can log in."""
    expected = os.environ.get("PASSWORD", "")
    return expected != "" and name == USER and compare_digest(password.encode(), expected.encode())
