"""Questionnaires for hip and buttock pain: what is asked, how it is scored, what a change is compared with.

Definitions are data; scores are unrounded; too few answers make a score missing, never zero.
"""

from instruments.answer import NOT_APPLICABLE, SKIPPED, CheckedAnswers, NotApplicable
from instruments.catalogue import all_instruments, derived_from, find, find_in
from instruments.codes import check_codes, decode, encode
from instruments.definition import Instrument, Item, Scale
from instruments.scoring import ScaleScores, Score, score, score_codes
from instruments.validation import check_answers

__all__ = [
    "NOT_APPLICABLE",
    "SKIPPED",
    "CheckedAnswers",
    "Instrument",
    "Item",
    "NotApplicable",
    "Scale",
    "ScaleScores",
    "Score",
    "all_instruments",
    "check_answers",
    "check_codes",
    "decode",
    "derived_from",
    "encode",
    "find",
    "find_in",
    "score",
    "score_codes",
]
