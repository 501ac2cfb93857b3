"""A QuestionnaireResponse that somebody sends: read into answers, or refused with every fault named by its linkId."""

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from instruments import check_answers, find
from instruments.activities import ratings
from instruments.definition import Instrument
from instruments.errors import UnknownInstrumentError
from instruments.interchange import names
from instruments.interchange.fhir_answers import read_items
from prom_service.errors import InvalidInputError
from prom_service.fhir.answers import ANSWERED_BY, MODE
from prom_service.fhir.element import ADMINISTRATION
from prom_service.models.response import ANSWERED_BY as ALL_ANSWERED_BY

MODES: Final = ("desk", "paper", "phone")
STATUSES: Final = ("completed", "amended")
KIND: Final = "QuestionnaireResponse"
_ELEMENTS: Final = {
    *("resourceType", "id", "meta", "language", "text", "contained", "extension", "identifier"),
    *("basedOn", "partOf", "questionnaire", "_questionnaire", "status", "subject", "encounter", "authored", "author"),
    *("source", "item"),
}
_REQUEST: Final = {"method", "url"}
NOT_UNDERSTOOD: Final = "Is not understood here."

Errors = dict[str, list[str]]


@dataclass(frozen=True)
class Occasion:
    """What answers sent together have in common: when, how, by whom, and for which administration they were given."""

    administration_id: uuid.UUID
    patient_id: str | None
    authored: str | None
    answered_by: str
    mode: str
    language: str | None


@dataclass(frozen=True)
class Sent:
    """Answers to one questionnaire. ``claims`` are scores by scale that the sender computed: compared, never kept."""

    instrument: Instrument
    answers: Mapping[str, Any]
    claims: Mapping[str, float]
    occasion: Occasion


def place(link_id: str) -> str:
    """Return the FHIRPath of an item."""
    if link_id == "item":
        return f"{KIND}.item"
    quoted = link_id.replace("\\", "\\\\").replace("'", "\\'")
    return f"{KIND}.repeat(item).where(linkId='{quoted}')"


def read_response(document: object) -> Sent:
    """Return what the document says; raise ``InvalidInputError`` with everything that is wrong with it."""
    if not isinstance(document, Mapping) or document.get("resourceType") != KIND:
        raise InvalidInputError({KIND: [f"The body must be a {KIND}."]})
    errors: Errors = {f"{KIND}.{name}": [NOT_UNDERSTOOD] for name in sorted(set(document) - _ELEMENTS)}
    if document.get("status") not in STATUSES:
        errors[f"{KIND}.status"] = [f"Allowed are {', '.join(STATUSES)}."]
    instrument = _instrument(document, errors)
    administration_id = _administration(document, errors)
    patient_id = _patient(document, errors)
    authored, language = (_text(document, name, errors) for name in ("authored", "language"))
    mode, answered_by = _coded(document, errors)
    read = read_items(instrument, document.get("item", [])) if instrument else None
    if instrument and read:
        wrong = {**check_answers(instrument, ratings(read.answers)).errors, **read.errors}
        errors |= {place(link_id): [problem] for link_id, problem in wrong.items()}
        if not wrong and not ratings(read.answers):
            errors[f"{KIND}.item"] = ["Answer at least one question."]
    if errors or instrument is None or administration_id is None or read is None:
        raise InvalidInputError(errors)
    claims = {**dict(_contained_claims(instrument, document.get("contained"))), **read.claims}
    occasion = Occasion(administration_id, patient_id, authored, answered_by, mode, language)
    return Sent(instrument, read.answers, claims, occasion)


def read_transaction(document: object) -> list[Sent]:
    """Return the responses of a transaction, which are one set of answers; raise with everything that is wrong."""
    entries = document.get("entry") if isinstance(document, Mapping) else None
    if not isinstance(document, Mapping) or document.get("resourceType") != "Bundle":
        raise InvalidInputError({"Bundle": ["The body must be a Bundle."]})
    if document.get("type") != "transaction":
        raise InvalidInputError({"Bundle.type": ["Must be transaction."]})
    if not isinstance(entries, list) or not entries:
        raise InvalidInputError({"Bundle.entry": [f"Must be a list of {KIND} to create."]})
    errors: Errors = {"Bundle.implicitRules": [NOT_UNDERSTOOD]} if "implicitRules" in document else {}
    sent = [_read_entry(f"Bundle.entry[{number}]", entry, errors) for number, entry in enumerate(entries)]
    read = [one for one in sent if one]
    if not errors and len({one.occasion for one in read}) > 1:
        errors["Bundle.entry"] = ["All must belong to one administration, and to the same moment, patient and mode."]
    if not errors and len({one.instrument for one in read}) < len(read):
        errors["Bundle.entry"] = ["A questionnaire is answered more than once."]
    if errors:
        raise InvalidInputError(errors)
    return read


def _read_entry(at: str, entry: object, errors: Errors) -> Sent | None:
    request = _part(entry, "request") if isinstance(entry, Mapping) else {}
    if not isinstance(entry, Mapping) or (request.get("method"), request.get("url")) != ("POST", KIND):
        errors[f"{at}.request"] = [f"Only POST {KIND} is done in a transaction."]
        return None
    errors.update({f"{at}.request.{name}": [NOT_UNDERSTOOD] for name in sorted(set(request) - _REQUEST)})
    try:
        return read_response(entry.get("resource"))
    except InvalidInputError as error:
        errors.update({f"{at}.resource{name.removeprefix(KIND)}": texts for name, texts in error.errors.items()})
        return None


def _instrument(document: Mapping[str, Any], errors: Errors) -> Instrument | None:
    said = _text(document, "questionnaire", errors)
    try:
        return find(names.reference_of(said or ""))
    except UnknownInstrumentError:
        problem = "There is no such questionnaire; name it by url and version: url|version."
        errors.setdefault(f"{KIND}.questionnaire", [problem if said else "Is needed."])
        return None


def _administration(document: Mapping[str, Any], errors: Errors) -> uuid.UUID | None:
    """Return the administration that ``basedOn`` names by its identifier."""
    based_on = document.get("basedOn")
    for one in based_on if isinstance(based_on, list) else []:
        identifier = one.get("identifier") if isinstance(one, Mapping) else None
        if isinstance(identifier, Mapping) and identifier.get("system") == ADMINISTRATION:
            return _uuid(identifier.get("value"), "basedOn", errors)
    errors[f"{KIND}.basedOn"] = [f"An identifier of the system {ADMINISTRATION} must name the administration."]
    return None


def _uuid(value: object, name: str, errors: Errors) -> uuid.UUID | None:
    try:
        return uuid.UUID(value if isinstance(value, str) else "")
    except ValueError:
        errors[f"{KIND}.{name}"] = ["The value of the identifier must be a UUID."]
        return None


def _patient(document: Mapping[str, Any], errors: Errors) -> str | None:
    """Return the id of the patient whom ``subject`` names, if it names one."""
    subject = document.get("subject")
    if subject is None:
        return None
    said = subject.get("reference") if isinstance(subject, Mapping) else None
    if not isinstance(said, str) or not said.rpartition("/")[0].endswith("Patient"):
        errors[f"{KIND}.subject"] = ["Must be a reference such as Patient/[id], or be left out."]
        return None
    return said.rpartition("/")[2]


def _text(document: Mapping[str, Any], name: str, errors: Errors) -> str | None:
    value = document.get(name)
    if value is None or isinstance(value, str):
        return value
    errors[f"{KIND}.{name}"] = ["Must be a text."]
    return None


def _coded(document: Mapping[str, Any], errors: Errors) -> tuple[str, str]:
    """Return how the answers were taken and who gave them, from the extensions."""
    coded = {MODE: MODES[0], ANSWERED_BY: _by_source(document)}
    for extension in _mappings(document.get("extension")):
        url = extension.get("url")
        if url in (MODE, ANSWERED_BY):
            allowed = MODES if url == MODE else ALL_ANSWERED_BY
            coded[url] = str(extension.get("valueCode"))
            if coded[url] not in allowed:
                errors[f"{KIND}.extension('{url}')"] = [f"Its valueCode must be one of {', '.join(allowed)}."]
    return coded[MODE], coded[ANSWERED_BY]


def _by_source(document: Mapping[str, Any]) -> str:
    source = document.get("source")
    said = f"{source.get('type')} {source.get('reference')}" if isinstance(source, Mapping) else ""
    if "RelatedPerson" in said:
        return "proxy"
    return "self" if "Patient" in said else "unknown"


def _contained_claims(instrument: Instrument, contained: object) -> Iterator[tuple[str, float]]:
    """Yield the scores that contained Observations say they are."""
    of_code = {
        (coding["system"], coding["code"]): scale.key
        for scale in instrument.scales
        for coding in names.scale_codings(instrument, scale)
    }
    for resource in _mappings(contained):
        value = _part(resource, "valueQuantity").get("value")
        if (
            resource.get("resourceType") != "Observation"
            or isinstance(value, bool)
            or not isinstance(value, int | float)
        ):
            continue
        for coding in _mappings(_part(resource, "code").get("coding")):
            known = of_code.get((str(coding.get("system")), str(coding.get("code"))))
            if known:
                yield known, float(value)


def _part(resource: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = resource.get(name)
    return part if isinstance(part, Mapping) else {}


def _mappings(value: object) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []
