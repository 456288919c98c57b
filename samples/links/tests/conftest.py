"""`app.py` reads this variable when it is imported. No test asks this identity provider."""

import os

os.environ["JWT_ISSUER"] = "https://login.example/"
