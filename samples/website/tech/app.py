"""The service website: pages from templates, static files, and a login with a signed session cookie."""

import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from coworks_async import Blueprint, Problem, TechMicroService, entry, request
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.templating import Jinja2Templates

from users import check_password

FOLDER = Path(__file__).parent

HEADERS = {
    # Nothing from other sites, no inline scripts or styles, and no frame of another site around a page.
    "Content-Security-Policy": "default-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    # A page shows who is logged in.
    "Cache-Control": "no-store",
}


def read_session(request: Request) -> dict[str, Any]:
    """Return the variables of every template."""
    return {"user": request.session.get("user")}


templates = Jinja2Templates(FOLDER / "templates", context_processors=[read_session])


class Website(TechMicroService):
    """Pages. A browser sends no token when it opens one, so the session identifies the user and all are `no_auth`."""

    def __init__(self, **kwargs: Any) -> None:
        if not os.environ["SESSION_SECRET"]:
            raise ValueError("SESSION_SECRET is empty, so anyone could sign a session. Set a random value.")
        session = Middleware(
            SessionMiddleware,
            secret_key=os.environ["SESSION_SECRET"],
            max_age=8 * 60 * 60,
            same_site="lax",
            # Browsers send a secure cookie to http://127.0.0.1 too.
            https_only=True,
        )
        static = Mount("/static", StaticFiles(directory=FOLDER / "static"), name="static")
        super().__init__(middleware=[session], routes=[static], **kwargs)
        self.before_request(reject_other_sites)
        self.after_request(add_headers)
        self.register_blueprint(Account(), url_prefix="/account")

    @entry(no_auth=True)
    async def get(self) -> Response:
        """Show the home page."""
        return templates.TemplateResponse(request, "home.html")

    @entry(no_auth=True)
    async def get_login(self) -> Response:
        """Show the form."""
        return templates.TemplateResponse(request, "login.html")

    @entry(no_auth=True)
    async def post_login(self, *, name: str, password: str) -> Response:
        """Log in, or show the form again."""
        if not check_password(name, password):
            return templates.TemplateResponse(request, "login.html", {"name": name, "failed": True}, status_code=403)
        request.session.clear()
        request.session["user"] = name
        return redirect("account.get")

    @entry(no_auth=True)
    async def post_logout(self) -> Response:
        """Log out."""
        request.session.clear()
        return redirect("get")


class Account(Blueprint):
    """Pages for the user who is logged in."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.before_request(require_login)

    @entry(no_auth=True)
    async def get(self) -> Response:
        """Show the page of the user."""
        return templates.TemplateResponse(request, "account.html")


def redirect(endpoint: str) -> Response:
    """Redirect to an entry, below the stage of the API. The browser sends a GET."""
    return RedirectResponse(request.app.url_for(endpoint), status_code=303)


async def require_login() -> Response | None:
    """Redirect to the form if nobody is logged in."""
    return None if "user" in request.session else redirect("get_login")


async def reject_other_sites() -> None:
    """Reject a form that a page of another site sends. A browser names its site in `Origin`."""
    origin = request.headers.get("origin")
    if request.method not in ("GET", "HEAD") and origin is not None and urlsplit(origin).netloc != request.url.netloc:
        raise Problem(403, "This form belongs to another site.")


async def add_headers(response: Response) -> Response:
    """Protect each page."""
    response.headers.update(HEADERS)
    return response


app = Website(name="website")
