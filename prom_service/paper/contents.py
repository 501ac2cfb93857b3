"""All that is set on the sheets, as plain values: what the template is given.

Whatever a clinic wrote itself is kept apart from our words, for it may be in another language than the sheet.
"""

from typing import Any

from instruments.activities import TEXT
from prom_service.language import Texts
from prom_service.paper.questionnaire import Block, Occasion, Part, Question, Questionnaire

NOT_APPLICABLE = "NA"
NO_BREAK = "\u00a0"
FORM = ("date", "day", "month", "year", "who", "self", "helped", "proxy", "activity")

Contents = dict[str, Any]


def contents(questionnaire: Questionnaire) -> Contents:
    """Return what is said on the sheets of this questionnaire."""
    text, staff = questionnaire.texts, questionnaire.staff_texts
    noted = ("codes", "line") if "line" in questionnaire.kinds else ("codes",)
    return {
        "language": _language(text),
        "own_language": _language(questionnaire.clinic_texts),
        "staff_language": _language(staff),
        "how": [text.plain(f"how.{kind}") for kind in (*questionnaire.kinds, "mend")],
        "words": {key: text.plain(f"form.{key}") for key in FORM},
        "page": text.entries["form.page"],
        "note": text.plain("note.own_wording") if questionnaire.own_wording else "",
        "parts": [_part(questionnaire, part, number) for number, part in enumerate(questionnaire.parts, start=1)],
        "staff": _notice(staff.plain("staff.title"), *(_said(staff.plain(f"staff.{key}")) for key in noted)),
        **(_asked(questionnaire, questionnaire.occasion) if questionnaire.occasion else _blank(questionnaire)),
    }


def _language(text: Texts) -> Contents:
    return {"code": text.code.partition("-")[0], "rtl": text.direction == "rtl"}


def _blank(questionnaire: Questionnaire) -> Contents:
    """Return what a sheet for anybody says beside the questions."""
    text, instrument = questionnaire.texts, questionnaire.parts[0].instrument
    return {
        "title": instrument.title,
        "head": instrument.ref,
        "side": "",
        "foot": instrument.ref,
        "lead": [text.plain("lead.skip")],
        "whose": {
            "number": text.plain("form.number"),
            "side": text.plain("form.side"),
            "sides": [text.plain(f"side.{side}") for side in ("left", "right", "both")],
        },
        "notices": [],
        "phone": None,
    }


def _asked(questionnaire: Questionnaire, occasion: Occasion) -> Contents:
    """Return what a sheet for one patient says beside the questions."""
    text, clinic = questionnaire.texts, occasion.clinic
    whose = {"patient": occasion.patient_number, "episode": occasion.episode_number, "timepoint": occasion.timepoint}
    lead = (
        text.plain("lead.asked_by", clinic=clinic.name),
        text.plain(f"side_asked.{occasion.side}"),
        text.plain("lead.until_late" if occasion.late else "lead.until", day=text.day(occasion.last_day)),
        text.plain("lead.skip"),
    )
    return {
        "title": text.plain("title.asked"),
        "head": f"{clinic.name} · {_number(clinic.phone)}",
        "side": text.plain(f"side.{occasion.side}"),
        "foot": text.plain("form.whose", **whose),
        "lead": [words for words in lead if words],
        "whose": None,
        "notices": [_urgent(questionnaire, occasion), _reading(questionnaire, occasion)],
        "phone": {key: text.plain(f"phone.{key}") for key in ("title", "how", "code")} | {"link": occasion.link},
    }


def _urgent(questionnaire: Questionnaire, occasion: Occasion) -> Contents:
    text = questionnaire.texts
    return _notice(text.plain("urgent.title"), _said(text.plain("urgent.wait")), _own(occasion.clinic.urgent_text))


def _reading(questionnaire: Questionnaire, occasion: Occasion) -> Contents:
    text, clinic = questionnaire.texts, occasion.clinic
    return _notice(
        text.plain("reading.title"),
        _said(text.plain("reading.when", clinic=clinic.name)),
        _own(f"{clinic.reply_hours}."),
        _said(text.plain("reading.phone", clinic=clinic.name, phone=_number(clinic.phone))),
    )


def _part(questionnaire: Questionnaire, part: Part, number: int) -> Contents:
    text, count = questionnaire.texts, len(questionnaire.parts)
    place = text.plain("title.part", number=number, count=count) if count > 1 else ""
    said_once = questionnaire.own_wording or not part.own_wording
    return {
        "ref": part.instrument.ref,
        "title": ": ".join(words for words in (place, part.section) if words),
        "note": "" if said_once else text.plain("note.own_wording_here"),
        "intro": part.intro,
        "blocks": [_block(questionnaire, part, block) for block in part.blocks()],
    }


def _block(questionnaire: Questionnaire, part: Part, block: Block) -> Contents:
    return {
        "kind": block.kind,
        "section": block.section,
        "options": [{"code": str(code), "text": words} for code, words in block.questions[0].item.choices],
        "advice": _advice(questionnaire, block.tier),
        "questions": [_question(part, question) for question in block.questions],
    }


def _question(part: Part, question: Question) -> Contents:
    item = question.item
    return {
        "code": item.code,
        "text": question.text,
        "low": item.low_label,
        "high": item.high_label,
        "codes": [str(code) for code in range(item.minimum, item.maximum + 1)],
        "not_applicable": {"code": NOT_APPLICABLE, "text": part.instrument.na_text} if item.na_allowed else None,
        "activity": question.activity,
        "named_under": item.code + TEXT if item.activity and not question.activity else "",
    }


def _advice(questionnaire: Questionnaire, tier: str) -> Contents | None:
    """Return what a yes calls for. A sheet for anybody names no clinic."""
    if not tier:
        return None
    text, occasion = questionnaire.texts, questionnaire.occasion
    clinic = occasion.clinic if occasion else None
    says = [_said(text.plain(f"advice.{tier}.text"))]
    if tier == "same_day" and clinic:
        says += [_said(text.plain("advice.same_day.call", clinic=clinic.name, phone=_number(clinic.phone)))]
        says += [_own(f"{clinic.reply_hours}.")]
    if tier == "same_day":
        says += [_said(text.plain("advice.same_day.worse"))]
    says += [_own(clinic.urgent_text) if clinic else _said(text.plain("urgent.anybody"))]
    return _notice(text.plain(f"advice.{tier}.title"), *says)


def _notice(title: str, *says: Contents) -> Contents:
    return {"title": title, "says": says}


def _said(words: str) -> Contents:
    return {"words": words, "own": False}


def _own(words: str) -> Contents:
    """Return words that the clinic wrote itself."""
    return {"words": words, "own": True}


def _number(phone: str) -> str:
    """Return a phone number that no line end parts, and that reads from left to right in any language."""
    return f"\u2066{phone.replace(' ', NO_BREAK)}\u2069"
