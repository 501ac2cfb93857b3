"""Responses, answers, scores and judgements as rows."""

import hashlib
import json
from collections.abc import Iterator

import numpy as np

import instruments
from instruments import NOT_APPLICABLE, SKIPPED
from prom_service.models import AnswerSet, Judgement, Response, Score
from prom_service.pathway.judgement import RULE_VERSION
from prom_service.simulation.answering import ACTIVITIES
from prom_service.simulation.population.answers import MODES, Answers
from prom_service.simulation.population.bulk import Bulk
from prom_service.simulation.population.care import REFS, TIMEPOINTS, Care
from prom_service.simulation.population.care_rows import Ids
from prom_service.simulation.population.judged import Judged, words
from prom_service.simulation.population.scored import AnswerSets
from prom_service.simulation.population.written import DAY, Ints, at, flags, instants

ENGINE = "1"
WORDINGS = ("own", "official")
CHANGED_OVER = 300
"""Days before the end on which every third clinic changed from our wording to the official one."""


def write_responses(writer: Bulk, clinic: str, ids: Ids, administrations: list[str], answers: Answers) -> list[str]:
    """Write the responses; return their ids."""
    response = writer.ids(len(answers))
    steps = len(TIMEPOINTS)
    writer.add(
        Response,
        len(answers),
        id=response,
        clinic_id=clinic,
        episode_id=at(answers.episode, ids.episode),
        administration_id=at(answers.episode * steps + answers.timepoint, administrations),
        number=answers.number.tolist(),
        amendment=flags(answers.amendment),
        partial=flags(answers.partial),
        late=flags(answers.late),
        mode=at(answers.mode, MODES),
        answered_by="self",
        language="en",
        entered_by="patient",
        digest=[hashlib.sha256(one.encode()).hexdigest() for one in response],
        answered_at=instants(answers.answered),
        recorded_at=instants(answers.recorded),
    )
    return response


def write_sets(
    writer: Bulk, clinic: str, number: int, ids: Ids, responses: list[str], answers: Answers, sets: list[AnswerSets]
) -> None:
    """Write what was answered to every instrument, and the scores."""
    official = _official(number, answers)
    recorded = instants(answers.recorded)
    for one in sets:
        rows = one.rows
        response = at(rows, responses)
        writer.add(
            AnswerSet,
            len(rows),
            id=writer.ids(len(rows)),
            clinic_id=clinic,
            response_id=response,
            instrument=one.instrument.ref,
            wording=at(official[rows], WORDINGS),
            answers=list(_answers(one, baseline=bool(len(rows)) and answers.timepoint[rows[0]] == 0)),
            codes=[row.tobytes() for row in np.ascontiguousarray(one.codes)],
        )
        for (ref, scale), scores in one.scores.items():
            definition = one.instrument if ref == one.instrument.ref else instruments.find(ref)
            writer.add(
                Score,
                len(rows),
                id=writer.ids(len(rows)),
                clinic_id=clinic,
                episode_id=at(answers.episode[rows], ids.episode),
                response_id=response,
                instrument=ref,
                scale=scale,
                value=[None if value != value else value for value in scores.values.tolist()],
                answered=scores.answered.tolist(),
                items=sum(1 for _ in definition.items_of(definition.scale(scale))),
                derived=int(one.derived(ref)),
                engine=ENGINE,
                recorded_at=at(rows, recorded),
            )


def write_judgements(
    writer: Bulk, clinic: str, number: int, ids: Ids, responses: list[str], care: Care, answers: Answers, judged: Judged
) -> None:
    """Write what every checkpoint was judged to be when its answer came in."""
    rows = judged.response
    pathway = care.pathway[answers.episode[rows]]
    official = _official(number, answers)
    before = np.where(judged.baseline < 0, official[rows], official[judged.baseline])
    wording = np.where(official[rows] == before, official[rows], 2)
    evidence = [
        json.dumps({"wording": word, "provisional_wording": word != "official", "rule_version": RULE_VERSION})
        for word in (*WORDINGS, "mixed")
    ]
    writer.add(
        Judgement,
        len(rows),
        id=writer.ids(len(rows)),
        clinic_id=clinic,
        episode_id=at(answers.episode[rows], ids.episode),
        checkpoint=at(answers.timepoint[rows], TIMEPOINTS),
        number=judged.number.tolist(),
        response_id=at(rows, responses),
        outcome=list(words(judged.outcome, answers.timepoint[rows])),
        reason="As judged by the rules.",
        evidence=at(wording, evidence),
        pathway=at(pathway, REFS),
        rule_version=RULE_VERSION,
        recorded_at=instants(answers.recorded[rows]),
    )


def _official(number: int, answers: Answers) -> Ints:
    """Return 1 for the responses that were asked in the official wording."""
    always, changed = number % 3 == 0, number % 3 == 1
    since = answers.answered >= np.max(answers.answered, initial=0) - CHANGED_OVER * DAY
    return (since * changed + always).astype(np.int64)


def _answers(one: AnswerSets, *, baseline: bool) -> Iterator[str]:
    """Yield each response's answers as JSON: an item that was skipped is absent."""
    items = one.instrument.item_codes
    whole = "{" + ", ".join(f'"{item}": %d' for item in items) + "}"
    plain = ((one.codes != SKIPPED) & (one.codes != NOT_APPLICABLE)).all(axis=1).tolist()
    names = dict(zip(items, ACTIVITIES, strict=False)) if one.instrument.key == "psfs" and baseline else {}
    for is_plain, row in zip(plain, one.codes.tolist(), strict=True):
        if is_plain and not names:
            yield whole % tuple(row)
            continue
        given = {item: code for item, code in zip(items, row, strict=True) if code != SKIPPED}
        said = {item: "NA" if code == NOT_APPLICABLE else code for item, code in given.items()}
        yield json.dumps(said | {f"{item}.text": names[item] for item in given if item in names})
