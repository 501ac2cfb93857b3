"""A client of the API in one file: copy it and change it. Python 3.11, standard library only.

It sends again what may be sent again: reads at any time, writes under an Idempotency-Key of their own, so that nothing
happens twice. It waits as long as the service says (``Retry-After``), and raises ``ApiError`` with the service's own
words, field by field, for what cannot be taken.
"""

import json
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypedDict

MOST_TRIES = 5
TRIED_AGAIN = (409, 429, 503)
Reason = Literal[
    "reassessed", "plan_changed", "referred", "contacted", "not_clinically_relevant", "false_alarm", "other"
]


class PatientReference(TypedDict):
    """Whose flag it is."""

    id: str
    external_id: str


class Flag(TypedDict):
    """A flag, as far as most programs need it; the document at /api/v1/openapi.json has the rest."""

    id: str
    number: int
    episode_id: str
    patient: PatientReference
    clinician: str
    kind: str
    checkpoint: str | None
    severity: Literal["urgent", "high", "medium", "low"]
    queue: Literal["clinical", "follow_up"]
    status: Literal["open", "acknowledged", "assigned", "snoozed", "resolved", "superseded"]
    raised_at: str
    why: str


class FlagEvent(TypedDict):
    """One step of a flag, with the flag as it was after it."""

    number: int
    type: str
    at: str
    flag: Flag


class ApiError(Exception):
    """The service refused; ``errors`` says for each field what is wrong and what is allowed."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        self.status = status
        self.errors: dict[str, list[str]] = dict(problem.get("errors", {}))
        self.reason: str | None = problem.get("reason")
        self.instance: str | None = problem.get("instance")
        fields = "; ".join(f"{name}: {' '.join(texts)}" for name, texts in self.errors.items())
        super().__init__(f"{status} {problem.get('title', '')}. {problem.get('detail', '')} {fields}".strip())


@dataclass
class Prom:
    """The service at ``base_url``, as the holder of ``key`` sees it."""

    base_url: str
    key: str = field(repr=False)
    timeout: float = 30.0
    sleep: Callable[[float], None] = time.sleep

    def enrol(self, patient: Mapping[str, Any], episode: Mapping[str, Any]) -> str:
        """Register a patient and a course of care, or find both where they are; return the episode's id.

        A number that is that of another patient's course of care is refused as the service refuses it.
        """
        self._once("/patients", patient, external_id=patient["external_id"])
        whose = {"external_id": patient["external_id"]}
        wanted = {"external_id": episode["external_id"], "patient_external_id": patient["external_id"]}
        return self._once("/episodes", {**episode, "patient": whose}, **wanted)

    def record_visit(self, episode_id: str, visit_id: str, visit: Mapping[str, Any]) -> None:
        """Record a visit under the clinic's own id; sent again, it corrects what was recorded."""
        self.call("PUT", f"/episodes/{episode_id}/visits/{urllib.parse.quote(visit_id, safe='')}", visit)

    def flags(self, **wanted: str) -> tuple[list[Flag], int]:
        """Return the live flags, or those ``wanted``, and the number from which the feed goes on."""
        first = self.call("GET", "/flags", query=wanted)
        position: int = first["feed_position"]
        return [*first["items"], *self._rest("/flags", first["next"])], position

    def follow(self, after: int) -> Iterator[FlagEvent]:
        """Yield every flag event numbered above ``after``, in order, until there is none.

        Keep the number of the last event you have dealt with, and go on from there the next time. An ``ApiError`` with
        the reason ``beyond_the_end`` means that a backup was put back: begin again with ``flags``.
        """
        while events := self.call("GET", "/flag-events", query={"after": str(after), "limit": "100"})["items"]:
            yield from events
            after = events[-1]["number"]

    def acknowledge(self, flag_id: str, *, on_behalf_of: Mapping[str, str] | None = None) -> Flag:
        """Say that a person, named by the clinic's own ``{"id", "name"}``, has seen the flag."""
        return self._step(flag_id, "acknowledge", on_behalf_of)

    def resolve(self, flag_id: str, reason: Reason, *, note: str = "", on_behalf_of: Any = None) -> Flag:
        """Close the flag with a reason; that is what counts as a review."""
        return self._step(flag_id, "resolve", on_behalf_of, reason=reason, note=note)

    def call(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, query: Mapping[str, str] | None = None
    ) -> Any:
        """Send a request, again when it may be, and return what the answer holds."""
        address = f"{self.base_url.rstrip('/')}/api/v1{path}" + (f"?{urllib.parse.urlencode(query)}" if query else "")
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        if method == "POST":
            headers["Idempotency-Key"] = str(uuid.uuid4())
        content = None if body is None else json.dumps(body, allow_nan=False).encode()
        request = urllib.request.Request(address, data=content, headers=headers, method=method)  # noqa: S310
        for tries in range(1, MOST_TRIES + 1):
            try:
                with urllib.request.urlopen(request, timeout=self.timeout) as answer:  # noqa: S310
                    return json.load(answer) if answer.status != 204 else None
            except urllib.error.HTTPError as error:
                wait = error.headers.get("Retry-After")
                if error.code not in TRIED_AGAIN or wait is None or tries == MOST_TRIES:
                    raise ApiError(error.code, json.load(error)) from None
                self.sleep(float(wait))
            except (TimeoutError, urllib.error.URLError):
                if tries == MOST_TRIES:
                    raise
                self.sleep(2.0**tries)
        raise AssertionError("the last try returns or raises")

    def _once(self, path: str, body: Mapping[str, Any], **wanted: str) -> str:
        try:
            made: str = self.call("POST", path, body)["id"]
            return made
        except ApiError as error:
            if error.status != 409:
                raise
            found = self.call("GET", path, query=wanted)["items"]
            if not found:
                raise
            known: str = found[0]["id"]
            return known

    def _step(self, flag_id: str, step: str, on_behalf_of: Mapping[str, str] | None, **more: str) -> Flag:
        body = {**more, **({"on_behalf_of": dict(on_behalf_of)} if on_behalf_of else {})}
        flag: Flag = self.call("POST", f"/flags/{flag_id}/{step}", body)
        return flag

    def _rest(self, path: str, cursor: str | None) -> Iterator[Any]:
        while cursor:
            page = self.call("GET", path, query={"cursor": cursor})
            yield from page["items"]
            cursor = page["next"]
