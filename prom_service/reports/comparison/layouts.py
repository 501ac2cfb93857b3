"""The tables of the comparison report. The words here are printed on every form of it."""

from dataclasses import replace
from functools import partial

from prom_service.reports.comparison import differences
from prom_service.reports.comparison.limits import against_limits
from prom_service.reports.layout import GROUP, NUMBER, SHARE, TEXT, Column, Layout, with_interval

UNIT = replace(
    GROUP, title="Unit", meaning="Whose episodes these are, in order of name; All is every episode of the report."
)
WORDING = Column(
    "wording",
    "Wording",
    "official: the instrument owner's wording. provisional wording: our own, to which published thresholds do not"
    " strictly belong. The two are never added up.",
    TEXT,
)
RESPONSE = with_interval(
    Column("response_rate", "Response rate", "Responded / eligible.", SHARE, part="responded", whole="eligible")
)
IMPROVED = Column("share_improved", "Share improved", "Improved / judged.", SHARE, part="improved", whole="judged")
VERDICT = (
    Column(
        "position",
        "Position",
        "inside the 95 % limits; above or below the 95 % or the 99.8 % limit; unclear: inside or outside, the"
        " counts are rounded too far to tell; not compared: see rankable.",
        TEXT,
        derived=True,
    ),
    Column("rankable", "Rankable", "no: too little is known to compare this unit with others.", TEXT, derived=True),
    Column("reason", "Why not", "Why the unit is not compared.", TEXT, derived=True),
    Column(
        "target", "Overall share", "The share of all units together: the middle of the limits.", SHARE, derived=True
    ),
    Column(
        "low_998",
        "99.8 % limit, low",
        "If this unit's true share were the overall one, chance alone would put it below this 1 time in 1,000. Exact"
        " binomial, interpolated (Spiegelhalter 2005, doi:10.1002/sim.1970).",
        SHARE,
        derived=True,
    ),
    Column("low_95", "95 % limit, low", "Likewise, 25 times in 1,000.", SHARE, derived=True),
    Column("high_95", "95 % limit, high", "Likewise above this, 25 times in 1,000.", SHARE, derived=True),
    Column("high_998", "99.8 % limit, high", "Likewise above this, 1 time in 1,000.", SHARE, derived=True),
)

UNITS = Layout(
    "units",
    "Units side by side",
    "Units stand in order of name; nothing here is a ranking.",
    (
        UNIT,
        Column("episodes", "Episodes", "Episodes in the report."),
        Column("due", "Due", "The window of the 3-month questionnaire had passed."),
        Column("eligible", "Eligible", "Due and to be asked."),
        Column("responded", "Responded", "A primary scale has a score at 3 months and at a timely baseline."),
        *RESPONSE,
        Column("judged", "Judged", "The 3-month checkpoint was judged, in either wording."),
        Column("closed", "Closed", "Episodes that had ended."),
    ),
)
SHARE_IMPROVED = Layout(
    "share_improved",
    "Share improved at 3 months, against the limits of chance",
    "Unadjusted: nothing is known here of how ill the patients of each unit were. Fewer than 30 judged, or a response"
    " below 60 %: not compared.",
    (
        UNIT,
        WORDING,
        Column("judged", "Judged", "Eligible and due, with a judgement under this wording."),
        Column("improved", "Improved", "Judged improved."),
        *with_interval(IMPROVED),
        *VERDICT,
        Column("eligible", "Eligible", "Due and to be asked, whatever the wording.", repeated=True),
        Column("responded", "Responded", "Score and timely baseline, whatever the wording.", repeated=True),
        RESPONSE[0],
    ),
    derive=partial(against_limits, part="improved", size="judged", share="share_improved", response="response_rate"),
)
SHARE_OVER = Layout(
    "share_over_limit",
    "Share of closed episodes over the visit limit, against the limits of chance",
    "Unadjusted. The visit limit is an administrative threshold, not a clinical limit. Fewer than 30 closed: not"
    " compared. Visits need no answer, so the response rate plays no part.",
    (
        UNIT,
        Column("closed", "Closed", "Episodes that had ended."),
        Column("over", "Over limit", "Closed episodes with more visits than the limit of their pathway."),
        *with_interval(
            Column("share_over", "Share over limit", "Over limit / closed.", SHARE, part="over", whole="closed")
        ),
        *VERDICT,
    ),
    derive=partial(against_limits, part="over", size="closed", share="share_over"),
)
BOUNDS = Layout(
    "bounds",
    "Share improved if those not judged were counted",
    "How far the share could lie from the one above: if none of the eligible who could not be judged had improved, and"
    " if all of them had.",
    (
        UNIT,
        WORDING,
        Column("judged", "Judged", "Eligible and due, with a judgement under this wording."),
        Column("improved", "Improved", "Judged improved."),
        Column("not_judged", "Not judged", "Eligible and due, with a judgement under no wording.", repeated=True),
        IMPROVED,
        Column("everyone", "Judged or not", "Judged under this wording, or not judged at all.", repeated=True),
        Column("at_best", "Improved at best", "Improved, or not judged at all.", repeated=True),
        Column(
            "worst",
            "If none improved",
            "Improved / judged or not; of rounded counts the least that this can be.",
            SHARE,
            part="improved",
            whole="everyone",
            end="least",
        ),
        Column(
            "best",
            "If all improved",
            "Improved at best / judged or not; of rounded counts the most that this can be.",
            SHARE,
            part="at_best",
            whole="everyone",
            end="most",
        ),
    ),
)
CHARACTERISTIC = Column("characteristic", "Characteristic", "What is compared.", TEXT)
WHO = (
    "Responders are the eligible with a score at 3 months and at a timely baseline; non-responders all other eligible."
)
RESPONDERS = Layout(
    "responders",
    "Who answered: age and sex",
    WHO,
    (
        CHARACTERISTIC,
        Column("category", "Category", "Age in whole years on the first day of the episode; sex as recorded.", TEXT),
        Column("responders", "Responders", "Responders of this category."),
        Column("all_responders", "All responders", "Responders of every category.", repeated=True),
        Column(
            "share_responders",
            "Of responders",
            "Responders of this category / all responders.",
            SHARE,
            part="responders",
            whole="all_responders",
        ),
        Column("non_responders", "Non-responders", "Non-responders of this category."),
        Column("all_non_responders", "All non-responders", "Non-responders of every category.", repeated=True),
        Column(
            "share_non_responders",
            "Of non-responders",
            "Non-responders of this category / all non-responders.",
            SHARE,
            part="non_responders",
            whole="all_non_responders",
        ),
        Column("difference", "Difference", "Of responders, less of non-responders.", SHARE, derived=True),
    ),
    derive=differences.of_shares,
)


def _of(side: str, title: str) -> tuple[Column, ...]:
    return (
        Column(side, title, f"{title} of whom this is known."),
        Column(f"mean_{side}", f"Mean, {title.lower()}", "To one decimal.", NUMBER, rests_on=side, decimals=1),
        Column(
            f"deviation_{side}",
            f"SD, {title.lower()}",
            "Standard deviation (n − 1).",
            NUMBER,
            rests_on=side,
            decimals=1,
        ),
    )


RESPONDER_MEANS = Layout(
    "responder_means",
    "Who answered: age, visits and baseline",
    WHO + " A standardised difference beyond ±0.1 is often taken for more than negligible.",
    (
        CHARACTERISTIC,
        Column("measure", "Scale and wording", "Of a baseline score: instrument, scale / wording.", TEXT),
        *_of("responders", "Responders"),
        *_of("non_responders", "Non-responders"),
        Column("difference", "Difference", "Mean of responders, less that of non-responders.", NUMBER, derived=True),
        Column(
            "standardised",
            "Standardised difference",
            "Difference / pooled standard deviation (Austin 2009, doi:10.1002/sim.3697).",
            NUMBER,
            derived=True,
        ),
    ),
    derive=differences.of_means,
)
LAYOUTS = (UNITS, SHARE_IMPROVED, SHARE_OVER, BOUNDS, RESPONDERS, RESPONDER_MEANS)
