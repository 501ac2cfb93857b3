"""The rule of the safety questions."""

from collections.abc import Iterator, Sequence
from typing import Any

import instruments
from prom_service.pathway.case import Case
from prom_service.pathway.evidence import instant
from prom_service.pathway.facts import Finding, SafetyFacts
from prom_service.pathway.shape import SAFETY

URGENT_TIERS = ("emergency", "same_day")
ITEMS_NAMED = 3


def red_flag_symptom(case: Case) -> Iterator[Finding]:
    """One finding for each administration in which an emergency or same-day safety item was ever answered yes.

    Urgent for an emergency item, or with a background factor on record; else high. A yes later changed to no
    or left open keeps the finding, and both are in its evidence. Its basis names the items, so a further item is a new
    basis.
    Source: Finucane et al. 2020, J Orthop Sports Phys Ther 50:350; the tiers are a working rule of this service.
    """
    for (administration_id, timepoint), reported in _reported_symptoms(case).items():
        urgent = bool(case.facts.background) or any(symptom.tier == "emergency" for symptom in reported)
        yield case.finding(
            "red_flag_symptom",
            checkpoint=timepoint,
            basis=f"administration:{administration_id}:{','.join(sorted(symptom.item for symptom in reported))}",
            severity="urgent" if urgent else "high",
            why=_red_flag_sentence(reported),
            evidence={
                "symptoms": [_symptom(symptom) for symptom in reported],
                "background": [{"item": item, "text": _question(item, "")} for item in case.facts.background],
                "wording": "own",
            },
        )


def _reported_symptoms(case: Case) -> dict[tuple[str, str], list[SafetyFacts]]:
    """For each administration and its timepoint the symptoms ever reported, emergencies first."""
    reported: dict[tuple[str, str], list[SafetyFacts]] = {}
    for symptom in sorted(case.facts.safety, key=lambda symptom: (symptom.tier, len(symptom.item), symptom.item)):
        if symptom.ever_yes and symptom.tier in URGENT_TIERS:
            reported.setdefault((symptom.administration_id, symptom.timepoint), []).append(symptom)
    return reported


def _red_flag_sentence(reported: Sequence[SafetyFacts]) -> str:
    named = "; ".join(f"“{_question(symptom.item, symptom.timepoint)}”" for symptom in reported[:ITEMS_NAMED])
    more = f" and {len(reported) - ITEMS_NAMED} more" if len(reported) > ITEMS_NAMED else ""
    now = [symptom.now_yes for symptom in reported]
    became = {"changed to no": now.count(False), "left open": now.count(None)}
    later = "".join(f" Later {what}: {count}." for what, count in became.items() if count)
    return f"The patient answered yes to: {named}{more}.{later}"


def _symptom(symptom: SafetyFacts) -> dict[str, Any]:
    return {
        "item": symptom.item,
        "tier": symptom.tier,
        "text": _question(symptom.item, symptom.timepoint),
        "answered_yes_at": instant(symptom.said_at),
        "now_yes": symptom.now_yes,
    }


def _question(code: str, timepoint: str) -> str:
    item = instruments.find(SAFETY).item(code)
    return item.followup_text if timepoint not in ("", "baseline") and item.followup_text else item.text
