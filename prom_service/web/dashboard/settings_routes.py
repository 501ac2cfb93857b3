"""The settings of a clinic, for those who administer it, with what patients will read."""

from collections.abc import Mapping
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from werkzeug.exceptions import BadRequest
from werkzeug.wrappers import Response

from prom_service.errors import InvalidInputError, StaleVersionError
from prom_service.language import SPOKEN
from prom_service.models import Clinic
from prom_service.queries.webhooks import disabled_webhooks
from prom_service.services.clinic_settings import TEXTS, ClinicSettings, change_settings, check_settings, settings_of
from prom_service.services.clinic_texts import ClinicTexts
from prom_service.web import audit, guards
from prom_service.web.context import prom
from prom_service.web.dashboard.blueprint import blueprint, clinics_shown, common
from prom_service.web.dashboard.patient_words import LANGUAGES
from prom_service.web.dashboard.staff_session import chosen_clinic
from prom_service.web.dashboard.words import IDENTITY_CHECK_WORDS, SETTINGS, read_in
from prom_service.web.survey import texts as survey_texts

ADMINISTRATOR = "clinic_admin"


@blueprint.get("/settings")
@guards.admits(ADMINISTRATOR)
def show_settings() -> str:
    """Show what the clinic decides itself, and what patients read of it."""
    return _settings_page()


@blueprint.post("/settings")
@guards.admits(ADMINISTRATOR)
def change() -> Response | tuple[str, int] | str:
    """Save the settings, or show what patients would read; nothing is saved that somebody else changed meanwhile."""
    wanted, seen = _typed(), request.form.get("seen", "")
    if not seen:
        raise BadRequest("The form is not complete. Load the page again.")
    try:
        if request.form.get("go") == "preview":
            check_settings(wanted)
            return _settings_page(wanted, seen)
        with audit.writing() as session:
            changed = change_settings(session, chosen_clinic(), wanted, seen=seen)
            audit.about(detail=", ".join(changed))
    except InvalidInputError as error:
        return _settings_page(wanted, seen, errors=error.errors), 422
    except StaleVersionError as error:
        return _settings_page(wanted, seen, errors={"changed": [str(error)]}, stale=True), 409
    flash("The settings are saved.")
    return redirect(url_for(".show_settings"), code=303)


def _typed() -> ClinicSettings:
    """Return the settings as the form has them."""
    given = request.form
    return ClinicSettings(
        name=given.get("name", "").strip(),
        phone=given.get("phone", "").strip(),
        weekend_mail=given.get("weekend_mail") == "yes",
        identity_check=given.get("identity_check", ""),
        show_trend=given.get("show_trend") == "yes",
        texts={
            language: {name: given.get(f"{name}.{language}", "").strip() for name in TEXTS}
            for language in SPOKEN
            if f"urgent_text.{language}" in given
        },
    )


def _settings_page(
    typed: ClinicSettings | None = None,
    seen: str = "",
    *,
    errors: Mapping[str, list[str]] | None = None,
    stale: bool = False,
) -> str:
    """Return the page with what was typed, or with what is on record; ``stale`` tells the two apart."""
    clinic_id = chosen_clinic()
    with prom.reading() as session:
        clinic = session.get_one(Clinic, clinic_id)
        kept = settings_of(session, clinic)
        clinics = clinics_shown(session)
        gone = [webhook for _, webhooks in disabled_webhooks(session, [clinic_id]) for webhook in webhooks]
    read_in(clinic.time_zone)
    shown = typed or kept
    view: dict[str, Any] = {
        "clinic": clinic,
        "clinics": clinics,
        "clinic_id": clinic_id,
        "gone": gone,
        "shown": shown,
        "seen": kept.mark if stale or not seen else seen,
        "differences": _differences(kept, shown) if stale else [],
        "unsaved": typed is not None,
        "preview": [] if errors else _preview(shown, clinic.language),
    }
    words = {"languages": LANGUAGES, "checks": IDENTITY_CHECK_WORDS, "errors": errors or {}}
    return render_template("dashboard/settings.html", **view, **words, **common())


def _differences(kept: ClinicSettings, typed: ClinicSettings) -> list[tuple[str, object]]:
    """Return by its label what is on record where it differs from what was typed."""
    plain = [(label, getattr(kept, name), getattr(typed, name)) for name, label in SETTINGS.items()]
    texts = [
        (f"{name.replace('_', ' ')} ({language})", text, typed.texts.get(language, {}).get(name))
        for language, said in kept.texts.items()
        for name, text in said.items()
    ]
    return [(label, now) for label, now, then in (*plain, *texts) if now != then]


def _preview(shown: ClinicSettings, own: str) -> list[dict[str, Any]]:
    """Return by language what a patient reads before the first question: in the clinic's own where it has no other."""
    said = {language: texts for language, texts in shown.texts.items() if all(texts.values())}
    return [
        {
            "text": survey_texts.find(language),
            "said": ClinicTexts(language if language in said else own, **said.get(language, shown.texts.get(own, {}))),
        }
        for language in shown.texts
        if own in said
    ]
