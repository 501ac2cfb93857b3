"""The tables of the process report. The words here are printed on every form of it."""

from prom_service.reports.layout import GROUP, SHARE, TEXT, Column, Layout

MEASURE = Column("measure", "Measure", "Key of the measure; what it means stands in its own table.", TEXT)
TITLE = Column("title", "In words", "The measure in words; … marks a part of the one above.", TEXT)
WORDING = Column(
    "wording",
    "Wording",
    "Of figures that rest on scores: official, the instrument owner's wording, or provisional wording, our own, to"
    " which published thresholds do not strictly belong. Otherwise empty.",
    TEXT,
)

PROCESS = Layout(
    "process",
    "What was done",
    "Share of the documented episodes that meet each measure; those without documentation stand beside it and are"
    " neither met nor missed.",
    (
        GROUP,
        TITLE,
        WORDING,
        Column("applies", "Applies to", "Episodes that the measure is about."),
        Column("not_documented", "Not documented", "Of these: without the documentation that the measure needs."),
        Column("documented", "Documented", "Of these: with it. The denominator of the share."),
        Column("met", "Met", "Documented episodes that meet the measure. The numerator of the share."),
        Column("share", "Share met", "Met / documented.", SHARE, part="met", whole="documented"),
        MEASURE,
    ),
)
SHORT_PROGRAMMES = Layout(
    "short_programmes",
    "Programmes shorter than three months, with their outcome",
    "Episodes that ended before three calendar months since the start, once these have passed, by the judgements in"
    " force.",
    (
        GROUP,
        Column("checkpoint", "Checkpoint", "Timepoint of the judgement.", TEXT),
        Column(
            "outcome",
            "Outcome",
            "Judgement of the checkpoint. not_assessable: not judged, or without a score or a timely baseline.",
            TEXT,
        ),
        WORDING,
        Column("episodes", "Episodes", "Episodes of this row."),
        Column("short", "Short programmes", "All of this group and checkpoint.", repeated=True),
        Column("share", "Share", "Episodes / short programmes.", SHARE, part="episodes", whole="short"),
    ),
)
DEFINITIONS = Layout(
    "measures",
    "What each measure means",
    "An entry of the documentation ends at a comma, a semicolon, a line, “and”, “&”, “+” or “/”, and is known by the"
    " words it begins with.",
    (
        TITLE,
        Column("applies_to", "Applies to", "Whom the measure is about.", TEXT),
        Column("documented_when", "Documented", "What makes an episode a documented one.", TEXT),
        Column("met_when", "Met", "What the measure asks for.", TEXT),
        Column("better", "Better", "Whether a good clinic has more or fewer of them.", TEXT),
        Column("source", "Source", "Where the measure comes from.", TEXT),
        MEASURE,
    ),
)
LAYOUTS = (PROCESS, SHORT_PROGRAMMES, DEFINITIONS)
