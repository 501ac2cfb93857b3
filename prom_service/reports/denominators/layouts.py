"""The tables of who was asked, who answered and who can be judged. The words here are printed on every form."""

from prom_service.reports.layout import GROUP, KEY, SHARE, TEXT, TIMEPOINT, Column, Layout, with_interval

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
        Column(
            "excluded",
            "Excluded",
            "Due, but not to be asked; the reasons are in their own table. An episode closed on the day of the"
            " questionnaire or later had been asked.",
        ),
        Column("eligible", "Eligible", "Due and not excluded."),
        Column("invited", "Invited", "An email was tried, or the patient answered another way."),
        Column("delivered", "Delivered", "A mail server took an email and none bounced, or answered another way."),
        Column("started", "Started", "The patient pressed Start, or answers came in."),
        Column("complete", "Complete", "A complete set of answers came in, in time or late."),
        Column("partial", "Partial", "Unfinished answers were kept when the window passed."),
        Column("late", "Late", "Of complete and partial: answered after the window."),
        Column("scorable", "Scorable", "A primary scale has a score, from complete or partial answers."),
        Column(
            "with_baseline",
            "With baseline",
            "The same scale, of the same activities, has a score from a timely baseline.",
        ),
        *with_interval(
            Column(
                "response_rate",
                "Response rate",
                "With baseline / eligible.",
                SHARE,
                part="with_baseline",
                whole="eligible",
            )
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
        Column("eligible", "Eligible", "Due and not excluded.", repeated=True),
        Column("share", "Share of eligible", "Answered / eligible.", SHARE, part="answered", whole="eligible"),
    ),
)
LAYOUTS = (DENOMINATORS, LEFT_OUT, RESPONSE_BY_ATTEMPT, RESPONSE_BY_CHANNEL)
