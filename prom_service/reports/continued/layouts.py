"""The tables of care that went on. The words here are printed on every form of them."""

from prom_service.reports.layout import GROUP, KEY, NUMBER, SHARE, TEXT, Column, Layout

WORDING = Column(
    "wording",
    "Wording",
    "official: the instrument owner's wording. provisional wording: our own, to which published thresholds do not"
    " strictly belong.",
    TEXT,
)

VISITS_AFTER_IMPROVEMENT = Layout(
    "visits_after_improvement",
    "Visits after improvement was demonstrated",
    "Improvement is demonstrated by the first response that reaches the full 3-month criterion of a function scale;"
    " counted visits dated after the day it was answered, by the clinic's clock. Not assessable is not demonstrated."
    " Median and 75th percentile are those of closed episodes; open ones stand apart.",
    (
        GROUP,
        WORDING,
        Column("episodes", "Episodes", "Episodes in the report, whatever their wording.", repeated=True),
        Column("demonstrated", "Demonstrated", "Of these: with improvement demonstrated under this wording."),
        Column("closed", "Closed", "Of the demonstrated: episodes that had ended."),
        Column("visits_closed", "Visits after, closed", "All their counted visits after it.", rests_on="closed"),
        Column("median", "Median after", "Median of these visits per closed episode.", NUMBER, rests_on="closed"),
        Column(
            "percentile_75",
            "75th percentile",
            "75th percentile of these visits per closed episode, interpolated linearly.",
            NUMBER,
            rests_on="closed",
        ),
        Column("open", "Open", "Of the demonstrated: episodes still running."),
        Column("visits_open", "Visits after, open", "All their counted visits after it so far.", rests_on="open"),
    ),
)
VISITS_AFTER_IMPROVEMENT_EACH = Layout(
    "visits_after_improvement_each",
    "How many visits episodes took after improvement",
    "Episodes with improvement demonstrated, by the number of counted visits after it.",
    (
        Column("visits", "Visits after", "Number of counted visits of one episode after improvement.", KEY),
        WORDING,
        Column("closed", "Closed episodes", "Episodes that have ended: their number of visits is final."),
        Column("open", "Open episodes", "Episodes still running: their visits so far."),
    ),
)
VISITS_WITHOUT_REVIEW = Layout(
    "visits_without_review",
    "Visits after a finding that nobody reviewed",
    "Episodes with a standing non-responder or deterioration flag of a checkpoint. Reviewed is: resolved with a reason,"
    " or a visit dated after the flag at which the clinician reassessed; acknowledging is not reviewing. Counted visits"
    " dated after the day on which the finding was first flagged, by the clinic's clock: another flag that took its"
    " place on the spot begins nothing anew.",
    (
        GROUP,
        Column("checkpoint", "Checkpoint", "Checkpoint of the flag.", TEXT),
        WORDING,
        Column("flagged", "Flagged", "Episodes with such a flag."),
        Column("reviewed", "Reviewed", "Of these: each such flag of the checkpoint was reviewed."),
        Column("unreviewed", "Not reviewed", "Of these: one was not."),
        Column("share", "Share not reviewed", "Not reviewed / flagged.", SHARE, part="unreviewed", whole="flagged"),
        Column("unreviewed_open", "… still open", "Of those not reviewed: episodes still running."),
        Column("with_visits", "… with visits since", "Of those not reviewed: with a visit since they were flagged."),
        Column(
            "visits_unreviewed",
            "Visits without review",
            "Visits of those not reviewed after they were first flagged.",
            rests_on="with_visits",
        ),
        Column(
            "visits_before_review",
            "Visits before review",
            "Visits of the reviewed between first flag and review.",
            rests_on="reviewed",
        ),
    ),
)
LAYOUTS = (VISITS_AFTER_IMPROVEMENT, VISITS_AFTER_IMPROVEMENT_EACH, VISITS_WITHOUT_REVIEW)
