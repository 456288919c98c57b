"""A service with the admin blueprint, the profiler and X-Ray. Its token is `TOKEN` in `.env`."""

from aws_xray_sdk.core import xray_recorder
from coworks_async import TechMicroService, entry
from coworks_async.blueprints import Admin, Profiler
from coworks_async.extensions import XRay


class SimpleMicroService(TechMicroService):
    DOC_MD = """
    ## A value in memory

    This microservice stores **one value**: `GET /` returns it, `POST /` replaces it.

    This text is the class attribute `DOC_MD` (or `doc_md` of the instance), in
    [Markdown](https://commonmark.org/help/). The `Admin` blueprint shows it on its page.
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.register_blueprint(Admin(), url_prefix="/admin")
        self.value = 0

    @entry
    async def get(self):
        """Return the stored value."""
        return f"Stored value {self.value}.\n"

    @entry
    async def post(self, value: int | None = None):
        """Store a value.

        :param value: the new value; without one, the stored value is kept
        """
        if value is not None:
            self.value = value
        return f"Value stored ({value}).\n"


app = SimpleMicroService(name="sample-complete-microservice")
Profiler(app)
XRay(app, xray_recorder)
