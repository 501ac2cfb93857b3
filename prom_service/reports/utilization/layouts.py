"""The tables of the utilization report. The words here are printed on every form of it."""

from dataclasses import replace

import pandas as pd

from prom_service.reports import continued, denominators
from prom_service.reports.layout import GROUP, KEY, NUMBER, SHARE, TEXT, Column, Layout, nothing_hidden, with_interval

LIMIT = Column(
    "visit_limit",
    "Limit",
    "Visit limit of the pathway: an administrative threshold, not a clinical limit. Empty when pathways differ.",
    KEY,
)


def shares_of_due(shown: pd.DataFrame, _off: int) -> pd.DataFrame:
    """Return the table with the shares missing of those who are not yet due: they are no part of the due."""
    shares = ("due", "share", "share_low", "share_high")
    return nothing_hidden(shown, shown["outcome"] == "not_yet_due", shares)


VISITS_PER_EPISODE = Layout(
    "visits_per_episode",
    "Visits per episode beside the limit",
    "Median, 75th percentile and share over the limit are those of closed episodes; open ones stand apart.",
    (
        GROUP,
        Column("episodes", "Episodes", "Episodes in the report."),
        Column("closed", "Closed", "Episodes that had ended."),
        Column("median", "Median visits", "Median of the visits of closed episodes.", NUMBER, rests_on="closed"),
        Column(
            "percentile_75",
            "75th percentile",
            "75th percentile of the visits of closed episodes, interpolated linearly.",
            NUMBER,
            rests_on="closed",
        ),
        Column(
            "percentile_75_low",
            "75th percentile, from",
            "Lower end of its 95 % interval, distribution-free from exact binomial ranks (Conover 1999, section 3.2)."
            " Empty when there are too few episodes for one.",
            NUMBER,
            rests_on="closed",
        ),
        Column(
            "percentile_75_high",
            "75th percentile, to",
            "Upper end of the same interval.",
            NUMBER,
            rests_on="closed",
        ),
        LIMIT,
        Column("over", "Closed over limit", "Closed episodes with more visits than the limit."),
        *with_interval(
            Column("share_over", "Share over limit", "Closed over limit / closed.", SHARE, part="over", whole="closed")
        ),
        Column("open", "Open", "Episodes still running."),
        Column("open_over", "Open over limit", "Open episodes that have passed the limit already."),
    ),
)
VISIT_DISTRIBUTION = Layout(
    "visit_distribution",
    "How many visits episodes took",
    "Episodes by their number of counted visits. Counted are attended visits of the formats that the pathway counts.",
    (
        Column("visits", "Visits", "Number of counted visits of one episode.", KEY),
        Column("closed", "Closed episodes", "Episodes that have ended: their number of visits is final."),
        Column("open", "Open episodes", "Episodes still running: their visits so far."),
    ),
)
VISITS_BY_OUTCOME = Layout(
    "visits_by_outcome",
    "Visits beside the outcome at 3 months",
    "Due episodes, within and over the visit limit, by the judgement in force. Outcomes resting on provisional wording"
    " stand in rows of their own and are not added to those of the official wording.",
    (
        GROUP,
        Column("visits", "Visits", "within: not more visits than the limit so far. over: more.", TEXT),
        Column(
            "outcome",
            "Outcome",
            "Judgement of the 3-month checkpoint. not_assessable: due, but a score or a timely baseline is missing,"
            " for whatever reason. not_yet_due: the window was still open.",
            TEXT,
        ),
        Column(
            "wording",
            "Wording",
            "official: the instrument owner's wording. provisional wording: our own, to which published thresholds"
            " do not strictly belong. Empty where no score was judged.",
            TEXT,
        ),
        Column("episodes", "Episodes", "Episodes of this row."),
        Column(
            "due",
            "Due",
            "All due episodes of this group and visits, whatever their outcome and wording. Those not yet due are no"
            " part of them.",
            repeated=True,
        ),
        *with_interval(Column("share", "Share of due", "Episodes / due.", SHARE, part="episodes", whole="due")),
        Column("open", "Still open", "Of the episodes of this row: still running, so their visits may grow."),
        Column(
            "early",
            "Judged early",
            "Judged so already while the window was open; counted under not_yet_due, never here.",
        ),
    ),
    derive=shares_of_due,
)
ACTIVITY = Layout(
    "activity",
    "Visits",
    "Counted visits of the episodes in the report (basis episodes), or those dated in the period (basis activity)."
    " A visit that serves two episodes is one visit; divided by clinician it belongs to the visit's own clinician.",
    (
        GROUP,
        Column("visits", "Visits", "Distinct visits.", rests_on="served"),
        Column(
            "shared",
            "Shared visits",
            "Of these: visits serving more than one episode of the report.",
            rests_on="served",
        ),
        Column("served", "Episodes served", "Distinct episodes with at least one of these visits."),
    ),
)
ACTIVITY_BY_MONTH = replace(
    ACTIVITY,
    name="activity_by_month",
    title="Visits by month",
    columns=(Column("month", "Month", "Calendar month of the visit.", TEXT), *ACTIVITY.columns[1:]),
)
LAYOUTS = (
    VISITS_PER_EPISODE,
    VISIT_DISTRIBUTION,
    VISITS_BY_OUTCOME,
    *continued.LAYOUTS,
    *denominators.LAYOUTS,
    ACTIVITY,
    ACTIVITY_BY_MONTH,
)
