"""What a timeline is drawn from: zones, instants at which it begins, and answers."""

import datetime as dt

from hypothesis import strategies as st

from tests.timeline.answers import GROC, IHOT, NPRS, SAFETY, Answers

ZONES = ("Europe/London", "America/New_York", "Asia/Kathmandu", "Pacific/Apia")
BEGINNINGS = tuple(
    dt.datetime.fromisoformat(f"{text}+00:00")
    for text in (
        "2026-03-02 08:00",
        "2026-02-15 13:07",  # 42 days before London's clocks go forward
        "2026-09-13 20:30",  # 42 days before they go back
        "2026-01-25 03:59",  # 42 days before New York's go forward
        "2026-09-20 17:45",  # 42 days before they go back
        "2011-11-18 11:00",  # 42 days before a date that Apia skipped
        "2011-09-30 22:15",  # three months before it
        "2027-11-29 09:00",  # three months before 29 February
        "2026-11-30 16:59",  # three months before a February without one
        "2024-02-29 12:00",
    )
)
PARTS = ((IHOT,), (NPRS,), (SAFETY,), (GROC,), (IHOT, NPRS), (NPRS, SAFETY))

answers = st.builds(
    Answers,
    ihot=st.sampled_from((50, 20, 36, 43, 57, 64, 90)),
    items=st.sampled_from((12, 6, 5)),
    nprs=st.sampled_from((5, 2, 4, 8)),
    psfs=st.sampled_from((4, 1, 6, 9)),
    groc=st.sampled_from((0, 4, -3, -6, None)),
    content=st.sampled_from((0, 1, None)),
    yes=st.sampled_from(((), (), (), ("R1",), ("R9",), ("R1", "R11"))),
)
