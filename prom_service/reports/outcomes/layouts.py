"""The tables of the outcomes report. The words here are printed on every form of it."""

from dataclasses import replace

from prom_service.reports import denominators
from prom_service.reports.layout import GROUP, KEY, NUMBER, SHARE, TEXT, TIMEPOINT, Column, Layout, with_interval
from prom_service.reports.outcomes.published import where_published

SCALE = Column("scale", "Scale", "Scale of the questionnaire.", TEXT)
WORDING = Column(
    "wording",
    "Wording",
    "official: baseline and score were both given in the instrument owner's wording. provisional wording: one of them"
    " in our own, to which published thresholds do not strictly belong. The two are never added up.",
    TEXT,
)
OF_ITSELF = replace(
    WORDING, meaning="official: given in the instrument owner's wording. provisional wording: given in our own."
)
PAIRS = Column("pairs", "With baseline", "Episodes with a score here and one from a timely baseline.")
CHANGES = Layout(
    "changes",
    "Change since the start",
    "Episodes whose window had passed, with a score and a timely baseline of the same scale. A positive change is"
    " always for the better, whichever end of the scale is best.",
    (
        GROUP,
        SCALE,
        TIMEPOINT,
        WORDING,
        PAIRS,
        Column(
            "mean_baseline", "Mean at start", "Mean of their baseline scores.", NUMBER, rests_on="pairs", decimals=1
        ),
        Column(
            "mean_score", "Mean here", "Mean of their scores at this timepoint.", NUMBER, rests_on="pairs", decimals=1
        ),
        Column(
            "mean_change",
            "Mean change",
            "Mean of their changes; positive is better.",
            NUMBER,
            rests_on="pairs",
            decimals=1,
        ),
        Column(
            "change_low",
            "Mean change, from",
            "Lower end of the 95 % interval of the mean change (Student's t); missing for one episode.",
            NUMBER,
            rests_on="pairs",
            decimals=1,
        ),
        Column(
            "change_high", "Mean change, to", "Upper end of the same interval.", NUMBER, rests_on="pairs", decimals=1
        ),
        Column("median", "Median change", "Half changed by at most this.", NUMBER, rests_on="pairs", decimals=1),
        Column(
            "quartile_1",
            "Quarter changed by at most",
            "First quartile of the changes, interpolated linearly.",
            NUMBER,
            rests_on="pairs",
            decimals=1,
        ),
        Column(
            "quartile_3",
            "Quarter changed by at least",
            "Third quartile of the changes.",
            NUMBER,
            rests_on="pairs",
            decimals=1,
        ),
    ),
)
RESPONDERS = Layout(
    "responders",
    "Who reached which threshold",
    "Every threshold of the registry for care without an operation, and the working ones where a pathway names them."
    " None of them is this service's verdict on one person; that is the judgement, which also asks the patient.",
    (
        GROUP,
        SCALE,
        TIMEPOINT,
        WORDING,
        Column(
            "threshold",
            "Threshold",
            "MIC, MCII: important change. SCB: large change. PASS: acceptable state, a place on the scale. working"
            " (ours): no published value.",
            TEXT,
        ),
        Column(
            "value",
            "Value",
            "The amount of change, or the place on the scale.",
            NUMBER,
            rests_on="assessable",
            decimals=2,
        ),
        Column("unit", "Unit", "points of the scale, or % of the baseline score.", TEXT),
        Column("assessable", "Assessable", "Episodes with a score and a baseline; for PASS with a score."),
        Column("reached", "Reached it", "Of these, how many changed for the better by this or more, or are there."),
        *with_interval(Column("share", "Share", "Reached it / assessable.", SHARE, part="reached", whole="assessable")),
        Column("verified", "Verified", "Whether the value was read in its source; ours has none.", TEXT),
        Column("row", "Row", "Its row in the table of thresholds.", TEXT),
    ),
)
THRESHOLDS = Layout(
    "thresholds",
    "Where the thresholds come from",
    "The rows of the registry that the table above compares with.",
    (
        Column("row", "Row", "Its name in the registry of thresholds.", TEXT),
        SCALE,
        Column("threshold", "Threshold", "Its kind, as above.", TEXT),
        Column("value", "Value", "The amount of change, or the place on the scale.", TEXT),
        Column("unit", "Unit", "points of the scale, or % of the baseline score.", TEXT),
        Column("verified", "Verified", "Whether the value was read in its source; ours has none.", TEXT),
        Column("source", "Source", "Where the threshold comes from.", TEXT),
        Column("population", "Found in", "Patients, treatment and time for which it was found.", TEXT),
        Column("note", "Note", "What to keep in mind where others are compared with it.", TEXT),
    ),
)
RELIABLE = Layout(
    "reliable_change",
    "Change beyond the measurement error of one person",
    "A change smaller than the error (the smallest change detectable in one person with 95 % confidence) may be chance;"
    " a larger one need not be important.",
    (
        GROUP,
        SCALE,
        TIMEPOINT,
        WORDING,
        PAIRS,
        Column("assessable", "Assessable", "With baseline, where a measurement error is published."),
        Column("better", "Better", "Better by the error or more."),
        Column("share_better", "Share better", "Better / assessable.", SHARE, part="better", whole="assessable"),
        Column("within", "Within error", "Changed by less than the error."),
        Column("share_within", "Share within", "Within error / assessable.", SHARE, part="within", whole="assessable"),
        Column("worse", "Worse", "Worse by the error or more."),
        Column("share_worse", "Share worse", "Worse / assessable.", SHARE, part="worse", whole="assessable"),
        Column(
            "error",
            "Error",
            "Smallest change detectable in one person, in points; the larger one where sources disagree. Missing where"
            " none is published.",
            NUMBER,
            rests_on="assessable",
            decimals=2,
        ),
        Column("source", "Source", "Where the error comes from; none published: nothing can be said.", TEXT),
    ),
    derive=where_published,
)
SCORES = Layout(
    "scores",
    "Scores over time",
    "All scores of each timepoint whose window had passed, so the episodes need not be the same from one to the next."
    " Many at either end of a scale mean that it cannot show their change.",
    (
        GROUP,
        SCALE,
        TIMEPOINT,
        OF_ITSELF,
        Column("scores", "Scores", "Episodes with a score at this timepoint; at baseline, a timely one."),
        Column("quartile_1", "First quartile", "A quarter scored at most this.", NUMBER, rests_on="scores", decimals=1),
        Column("median", "Median", "Half scored at most this.", NUMBER, rests_on="scores", decimals=1),
        Column(
            "quartile_3", "Third quartile", "Three quarters scored at most this.", NUMBER, rests_on="scores", decimals=1
        ),
        Column("worst", "Worst possible", "The worst end of the scale.", KEY),
        Column("at_worst", "At worst", "Scores at the worst end (floor)."),
        Column("share_worst", "Share at worst", "At worst / scores.", SHARE, part="at_worst", whole="scores"),
        Column("best", "Best possible", "The best end of the scale.", KEY),
        Column("at_best", "At best", "Scores at the best end (ceiling)."),
        Column("share_best", "Share at best", "At best / scores.", SHARE, part="at_best", whole="scores"),
    ),
)
ACCEPTABLE = Layout(
    "acceptable_state",
    "Is the present state acceptable?",
    "Answers to the question whether it would be all right if the problem stayed as it is.",
    (
        GROUP,
        TIMEPOINT,
        OF_ITSELF,
        Column("answered", "Answered", "Episodes in which the question was answered."),
        Column("yes", "Yes", "Of these: acceptable."),
        *with_interval(Column("share", "Share yes", "Yes / answered.", SHARE, part="yes", whole="answered")),
    ),
)
MOMENTS = ("baseline", "6-weeks", "3-months")
"""The timepoints of every pathway that ships, in which a course is told."""
COURSES = Layout(
    "courses",
    "Single courses",
    "The thin lines above: a few episodes of each pathway, evenly spread over those with a baseline and a later score,"
    " on the scales by which it judges. They are an impression, not a sample to count from, and only the clinic itself"
    " sees them.",
    (
        SCALE,
        OF_ITSELF,
        Column("pathway", "Pathway", "Pathway of the episode.", TEXT),
        Column("course", "Course", "Number of the line within its pathway; it names nobody.", KEY),
        *(
            Column(moment, moment.replace("-", " "), "Score at this timepoint.", NUMBER, rests_on=moment)
            for moment in MOMENTS
        ),
    ),
)
LAYOUTS = (CHANGES, RESPONDERS, THRESHOLDS, RELIABLE, SCORES, COURSES, ACCEPTABLE, *denominators.LAYOUTS)
