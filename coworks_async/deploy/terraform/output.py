"""What Terraform said in one run: handed on to whoever watches, and kept for the error it may end in."""

from dataclasses import replace

from coworks_async.deploy.terraform.errors import CONSEQUENCES, read_text
from coworks_async.deploy.terraform.events import Diagnostic, Event, Failed, Finished, Started, Watch, parse
from coworks_async.deploy.terraform.redaction import Redaction

ALL = "all changes were made; nothing is left to do"


class Said:
    """The events of a run, and the lines that are none.

    Parameters: `hushed`, the summaries of the warnings that are not handed on; those that are come to it, so that
    each is told once. `redaction`, of what Terraform says in words.
    """

    def __init__(self, watch: Watch, hushed: set[str], redaction: Redaction) -> None:
        self.events: list[Event] = []
        self._text: list[str] = []
        self._watch = watch
        self._hushed = hushed
        self._redaction = redaction

    def hear(self, line: str) -> None:
        """Take a line, and hand on what it tells; an error is kept for the end."""
        event = parse(line)
        if event is None:
            if not line.startswith("{"):
                self._text.append(self._redaction.text(line))
            return
        if isinstance(event, Diagnostic):
            summary, detail = self._redaction.text(event.summary), self._redaction.text(event.detail)
            event = replace(event, summary=summary, detail=detail)
        self.events.append(event)
        if isinstance(event, Diagnostic):
            if event.severity == "error" or event.summary in self._hushed:
                return
            self._hushed.add(event.summary)
        self._watch(event)

    def diagnostics(self) -> list[Diagnostic]:
        """Return what was said of errors, be it in JSON or in text."""
        return [event for event in self.events if isinstance(event, Diagnostic)] or read_text(self._text)

    def progress(self, total: int | None) -> str:
        """Say how many of the changes to be made are made; nothing of a run that makes none."""
        if total is None:
            return ""
        return f" {self._made} of {total} changes were made; the same command goes on from there."

    @property
    def _made(self) -> int:
        return sum(isinstance(event, Finished) for event in self.events)

    def _went_well(self) -> bool:
        # That it was asked to end is an error of Terraform's too.
        errors = [event for event in self.events if isinstance(event, Diagnostic) and event.severity == "error"]
        return all(error.summary.startswith(CONSEQUENCES) for error in errors)

    def interrupted(self, total: int | None, *, killed: bool, done: str = ALL) -> str:
        """Say what was done, and what was not, when it was interrupted; `done` where all of it was."""
        if total is None:
            return "Interrupted while nothing was being changed."
        if not killed and self._made == total and self._went_well():
            return f"Interrupted: {done}."
        if not killed:
            return f"Interrupted:{self.progress(total)}"
        begun = [event.address for event in self.events if isinstance(event, Started)]
        for event in self.events:
            if isinstance(event, Finished | Failed):
                begun.remove(event.address)
        flight = f" In AWS, but not in the state, may be: {', '.join(begun)}." if begun else ""
        return f"Terraform was killed:{self.progress(total)}{flight}"
