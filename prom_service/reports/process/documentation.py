"""What the visits of each episode document, read by the database.

An entry of the documentation ends at a comma, a semicolon, a line, "and", "&", "+" or "/". It is known by the word it
begins with, so that "no MRI" is none; capitals and hyphens do not matter.
"""

from typing import Any

import sqlalchemy as sa

from prom_service.db import months_later
from prom_service.reports import known
from prom_service.reports.cohort import Cohort, yes
from prom_service.reports.known import AT_ONCE
from prom_service.reports.process.measures import DOSE, WORDS

Condition = sa.ColumnElement[bool]
Text = sa.ColumnElement[str]
THREE_MONTHS = 3
TEXTS = ("interventions", "education", "imaging", "medication")
"""The fields of a visit that hold entries."""
BETWEEN = "[ \\t_-]*[,;&+/\\r\\n][ \\t\\r\\n,;&+/_-]*"
"""What stands between two entries, beside the word "and"."""
BLANK = "[ \\t_-]+"


def attended(cohort: Cohort) -> sa.CTE:
    """Select the attended visits of each chosen episode: episode_id, visited_on, early, the fields of DOSE and TEXTS.

    The documentation is taken apart here, once. ``early`` is 1 before the day on which the episode has lasted three
    calendar months, else 0; a field of ``DOSE`` is 1 where it is documented, else 0; a text is missing where it is not.
    """
    chosen = cohort.chosen
    lasted = months_later(chosen.c.started_on, THREE_MONTHS)
    course = sa.select(chosen.c.id, lasted.label("three_months_on")).cte("course").prefix_with(AT_ONCE)
    visits = known.attended(cohort.scope).subquery()
    early = yes(sa.cast(visits.c.visited_on, sa.String) < course.c.three_months_on)
    said: dict[str, Any] = {name: yes(_said(visits, name).is_not(None)) for name in DOSE}
    said |= {name: _said(visits, name) for name in TEXTS}
    return (
        sa.select(
            visits.c.episode_id,
            visits.c.visited_on,
            early.label("early"),
            *(column.label(name) for name, column in said.items()),
        )
        .join(course, course.c.id == visits.c.episode_id)
        .cte("visited")
        .prefix_with(AT_ONCE)
    )


def documented(visits: sa.CTE, red_flags: sa.CTE) -> sa.CTE:
    """Select what the ``attended`` visits of each episode document.

    ``red_flags``: episode_id, on. Columns: episode_id, first_visit_on, early (a visit before three months), each field
    of ``DOSE``, exercise_complete; and the entries of interventions, education, early_imaging and open_imaging (of
    those early visits by whose day no red flag was on record). Conditions are 1 or 0, entries empty without any.
    """
    said = _strung_together(visits, red_flags)
    lists = ("interventions", "education", "early_imaging", "open_imaging")
    plain = [column for column in said.c if column.key not in lists]
    read = sa.select(*plain, *(entries(said.c[name]).label(name) for name in lists))
    return read.cte("documented").prefix_with(AT_ONCE)


def drugs(visits: sa.CTE) -> sa.CTE:
    """Select the episodes whose visits document medication, and whether an opioid was the ``first`` drug (1 or 0).

    First are the drugs of the first day on which one is documented.
    """
    given = (
        sa.select(visits.c.episode_id, visits.c.visited_on, entries(visits.c.medication).label("medication"))
        .where(visits.c.medication.is_not(None))
        .cte("medication")
        .prefix_with(AT_ONCE)
    )
    named = sa.not_(only(given.c.medication, "none"))
    place_of_drug = sa.cast(given.c.visited_on, sa.String) + sa.case(
        (names(given.c.medication, "opioid"), "0"), else_="1"
    )
    first = sa.func.min(sa.case((named, place_of_drug)))  # Of the visits of one day, one with an opioid comes first.
    opioid = yes(sa.func.substr(first, len("2026-01-01") + 1, 1) == "0").label("first")
    return sa.select(given.c.episode_id, opioid).group_by(given.c.episode_id).cte("drugs")


def entries(text: Text) -> Text:
    """Return each entry between a comma and a blank, in small letters; empty where nothing is documented."""
    text = sa.func.replace(sa.func.lower(text), " and ", ",")
    text = sa.func.regexp_replace(text, BETWEEN, ",", "g")
    text = sa.func.trim(sa.func.regexp_replace(text, BLANK, " ", "g"), " ,")
    return sa.case((text != "", "," + sa.func.replace(text, ",", " ,") + " "), else_="")


def names(entries: Text, kind: str) -> Condition:
    """Return whether one of the entries begins with a word of that kind."""
    return sa.or_(*(entries.contains(word) for word in _written(kind)))


def only(entries: Text, kind: str) -> Condition:
    """Return whether every entry begins with a word of that kind, also when there is none."""
    others = entries
    for word in _written(kind):
        others = sa.func.replace(others, word, "")
    return sa.not_(others.contains(","))


def _written(kind: str) -> tuple[str, ...]:
    """The words of that kind as they open an entry."""
    return tuple(f",{word.replace('-', ' ')}" for word in WORDS[kind])


def _strung_together(visits: sa.CTE, red_flags: sa.CTE) -> sa.CTE:
    """One row for each episode: the texts of its visits strung together, so that they are read once."""
    day = visits.c.visited_on
    early = visits.c.early == 1
    open_ = sa.and_(early, sa.or_(red_flags.c.on.is_(None), red_flags.c.on > day))
    whole = sa.and_(*(visits.c[name] == 1 for name in DOSE))
    texts = {
        "interventions": visits.c.interventions,
        "education": visits.c.education,
        "early_imaging": sa.case((early, visits.c.imaging)),
        "open_imaging": sa.case((open_, visits.c.imaging)),
    }
    return (
        sa.select(
            visits.c.episode_id,
            sa.func.min(day).label("first_visit_on"),
            sa.func.max(visits.c.early).label("early"),
            *(sa.func.max(visits.c[name]).label(name) for name in DOSE),
            sa.func.max(yes(whole)).label("exercise_complete"),
            *(sa.func.aggregate_strings(text, ",").label(name) for name, text in texts.items()),
        )
        .select_from(visits)
        .outerjoin(red_flags, red_flags.c.episode_id == visits.c.episode_id)
        .group_by(visits.c.episode_id)
        .cte("said")
        .prefix_with(AT_ONCE)
    )


def _said(visits: Any, name: str) -> Text:
    """What a visit documents under a name; missing where it is empty."""
    said: Text = visits.c.documentation[name].as_string()
    return sa.func.nullif(sa.func.trim(said), "")
