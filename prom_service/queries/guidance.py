"""What is useful to do about a flag at this moment: its pathway's guidance, for as long as that can be followed."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

NO_LONGER_ASKED = {
    "text": "Answers for this moment can no longer be taken: there is nothing to send or to call for. Answers that "
    "were given on paper or by phone while it was open can still be entered, with that day. Mend the cause shown "
    "(such as the address), so that the next questionnaire arrives, and ask how the patient is at the next visit. "
    "No answer does not mean that all is well.",
    "source": "Working text of this service",
    "evidence_status": "working",
    "options": [],
}


def with_guidance_at(flag: Mapping[str, Any], now: dt.datetime) -> dict[str, Any]:
    """Return a flag as it is read, with guidance that can still be followed ``now``."""
    closes_at = flag["evidence"].get("closes_at") if flag["kind"] == "survey_missed" else None
    if closes_at is None or dt.datetime.fromisoformat(closes_at) > now:
        return dict(flag)
    return {**flag, "guidance": NO_LONGER_ASKED}
