"""`app.py` reads this variable when it is imported."""

import os

os.environ["SESSION_SECRET"] = "a secret for tests"
