"""The tables of the utilization report: their columns, what each means, and what a reader outside the clinic may see.

The words here are the definitions printed on every form of the report.
"""

from dataclasses import dataclass, replace

import pandas as pd

SMALLEST_SHOWN = 8
ROUNDED_TO = 5
HIDDEN = f"<{SMALLEST_SHOWN}"
"""Stands where a count of 1 to 7 is not shown, and for every figure that rests on one."""

TEXT, KEY, COUNT, SHARE, NUMBER = "text", "key", "count", "share", "number"


@dataclass(frozen=True)
class Column:
    """One column. A share is ``part`` / ``whole``; a number rests on as many cases as ``rests_on`` says.

    Kinds: ``text`` and ``key`` name the row, ``count`` counts people or visits, ``share`` lies in 0 … 1.
    """

    key: str
    title: str
    meaning: str
    kind: str = COUNT
    part: str = ""
    whole: str = ""
    rests_on: str = ""


@dataclass(frozen=True)
class Layout:
    """One table."""

    name: str
    title: str
    meaning: str
    columns: tuple[Column, ...]

    def named(self, *kinds: str) -> list[str]:
        """Return the keys of its columns, of these kinds or of all."""
        return [column.key for column in self.columns if not kinds or column.kind in kinds]


def finish(counts: pd.DataFrame, layout: Layout, *, audience: str) -> pd.DataFrame:
    """Return the table as its readers may see it: for ``quality`` small counts hidden, the rest rounded to 5.

    Shares are computed last, from what is shown, so they give nothing away. A share of nothing is missing.
    """
    frame = counts.copy()
    hidden = pd.DataFrame(False, index=frame.index, columns=layout.named())
    if audience == "quality":
        for key in layout.named(COUNT):
            hidden[key] = frame[key].between(1, SMALLEST_SHOWN - 1)
            frame[key] = (frame[key] + ROUNDED_TO // 2) // ROUNDED_TO * ROUNDED_TO
    for column in layout.columns:
        if column.kind == SHARE:
            frame[column.key] = (frame[column.part] / frame[column.whole].where(frame[column.whole] > 0)).clip(upper=1)
            hidden[column.key] = hidden[column.part] | hidden[column.whole]
        elif column.kind == NUMBER:
            hidden[column.key] = hidden[column.rests_on]
    frame = frame[layout.named()]
    for key in layout.named():
        if hidden[key].any():
            frame[key] = frame[key].astype(object).mask(hidden[key], HIDDEN)
    return frame


GROUP = Column("group", "Group", "The group by which the report is divided; All is every episode of the report.", TEXT)
TIMEPOINT = Column("timepoint", "Timepoint", "Planned moment of the questionnaire.", TEXT)
LIMIT = Column(
    "visit_limit",
    "Limit",
    "Visit limit of the pathway: an administrative threshold, not a clinical limit. Empty when pathways differ.",
    KEY,
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
        LIMIT,
        Column("over", "Closed over limit", "Closed episodes with more visits than the limit."),
        Column("share_over", "Share over limit", "Closed over limit / closed.", SHARE, part="over", whole="closed"),
        Column("open", "Open", "Episodes still running."),
        Column("open_over", "Open over limit", "Open episodes that have passed the limit already."),
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
        Column("due", "Due", "All due episodes of this group and visits, whatever their outcome and wording."),
        Column("share", "Share of due", "Episodes / due.", SHARE, part="episodes", whole="due"),
        Column("open", "Still open", "Of the episodes of this row: still running, so their visits may grow."),
        Column(
            "early",
            "Judged early",
            "Judged so already while the window was open; counted under not_yet_due, never here.",
        ),
    ),
)
DENOMINATORS = Layout(
    "denominators",
    "Who was asked, who answered, who can be judged",
    "From every episode down to those with a score and a baseline. From invited to started, whoever came further by"
    " another way (tablet, paper, phone) is counted in each step.",
    (
        GROUP,
        TIMEPOINT,
        Column("episodes", "Episodes", "Episodes of the report that have this timepoint."),
        Column("not_yet_due", "Not yet due", "The window was still open; they are in no later column."),
        Column("due", "Due", "The window had passed."),
        Column("excluded", "Excluded", "Due, but not to be asked; the reasons are in their own table."),
        Column("eligible", "Eligible", "Due and not excluded."),
        Column("invited", "Invited", "An email was tried, or the patient answered another way."),
        Column("delivered", "Delivered", "A mail server took an email and none bounced, or answered another way."),
        Column("started", "Started", "The patient pressed Start, or answers came in."),
        Column("complete", "Complete", "A complete set of answers came in, in time or late."),
        Column("partial", "Partial", "Unfinished answers were kept when the window passed."),
        Column("late", "Late", "Of complete and partial: answered after the window."),
        Column("scorable", "Scorable", "A primary scale has a score, from complete or partial answers."),
        Column("with_baseline", "With baseline", "The same scale has a score from a timely baseline."),
        Column(
            "response_rate",
            "Response rate",
            "With baseline / eligible.",
            SHARE,
            part="with_baseline",
            whole="eligible",
        ),
    ),
)
LEFT_OUT = Layout(
    "left_out",
    "Who is left out, and why",
    "Every episode that is missing in the last step of the table before, once, with the first reason that applies.",
    (
        GROUP,
        TIMEPOINT,
        Column("step", "Missing from", "The first step that the episode did not reach.", TEXT),
        Column("reason", "Reason", "Why.", TEXT),
        Column("episodes", "Episodes", "Episodes left out there."),
    ),
)
RESPONSE_BY_ATTEMPT = Layout(
    "response_by_attempt",
    "Answers by email",
    "Eligible and due. An answer belongs to the last email delivered before it.",
    (
        TIMEPOINT,
        Column("attempt", "Attempt", "0 is the invitation, n the n-th reminder.", KEY),
        Column("delivered", "Delivered", "Patients to whom this email was delivered."),
        Column("answered", "Answered", "Answers by link between this email and the next."),
        Column("share", "Share answered", "Answered / delivered.", SHARE, part="answered", whole="delivered"),
    ),
)
RESPONSE_BY_CHANNEL = Layout(
    "response_by_channel",
    "Answers by channel",
    "Eligible and due, complete and partial.",
    (
        TIMEPOINT,
        Column("channel", "Channel", "web: by emailed link. desk, paper, phone: taken in by staff.", TEXT),
        Column("answered", "Answered", "Answers that came in this way."),
        Column("eligible", "Eligible", "Due and not excluded."),
        Column("share", "Share of eligible", "Answered / eligible.", SHARE, part="answered", whole="eligible"),
    ),
)
ACTIVITY = Layout(
    "activity",
    "Visits",
    "Counted visits of the episodes in the report (basis episodes), or those dated in the period (basis activity)."
    " A visit that serves two episodes is one visit; divided by clinician it belongs to the visit's own clinician.",
    (
        GROUP,
        Column("visits", "Visits", "Distinct visits."),
        Column("shared", "Shared visits", "Of these: visits serving more than one episode of the report."),
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
    DENOMINATORS,
    LEFT_OUT,
    RESPONSE_BY_ATTEMPT,
    RESPONSE_BY_CHANNEL,
    ACTIVITY,
    ACTIVITY_BY_MONTH,
)
