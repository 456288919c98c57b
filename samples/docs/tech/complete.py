from aws_xray_sdk.core import xray_recorder

from coworks_async import TechMicroService, entry
from coworks_async.blueprints import Admin, Profiler
from coworks_async.extensions import XRay


class SimpleMicroService(TechMicroService):
    DOC_MD = """
    ## A value in memory

    This microservice keeps **one value**: `GET /` reads it, `POST /` stores another.

    Its documentation is the class attribute `DOC_MD`, or the instance's `doc_md`, written in
    [Markdown](https://commonmark.org/help/). The page of the `Admin` blueprint shows it.
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.register_blueprint(Admin(), url_prefix="/admin")
        self.value = 0

    @entry
    async def get(self):
        """Read the stored value."""
        return f"Stored value {self.value}.\n"

    @entry
    async def post(self, value: int | None = None):
        """Store a value.

        :param value: the value to store; without it, the old one stays
        """
        if value is not None:
            self.value = value
        return f"Value stored ({value}).\n"


app = SimpleMicroService(name="sample-complete-microservice")
Profiler(app)
XRay(app, xray_recorder)
