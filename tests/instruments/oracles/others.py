"""iHOT, and the short instruments beside the hip questionnaires."""

from fractions import Fraction

from tests.instruments.oracles import Answers, Oracle, Scored, given, numbered


def ihot(items: int) -> Oracle:
    """The mean of the answered items that apply, each 0 to 100, if they are at least half of those that apply."""
    codes = numbered("Q", items)

    def score(answers: Answers) -> Scored:
        numbers = given(answers, codes)
        not_applicable = sum(answers.get(code) == "NA" for code in codes)
        enough = bool(numbers) and 2 * len(numbers) >= items - not_applicable
        return {"total": (Fraction(sum(numbers), len(numbers)) if enough else None, len(numbers))}

    may_not_apply = {12: (5, 6, 8, 9), 33: (23, 24, 25, 26, 28, 32)}[items]
    return Oracle(dict.fromkeys(codes, (0, 100)), frozenset(f"Q{number}" for number in may_not_apply), score)


def one_number(lowest: int, highest: int) -> Oracle:
    """The answer is the score."""

    def score(answers: Answers) -> Scored:
        numbers = given(answers, ["Q1"])
        return {"total": (Fraction(numbers[0]) if numbers else None, len(numbers))}

    return Oracle({"Q1": (lowest, highest)}, frozenset(), score)


def psfs(answers: Answers) -> Scored:
    """The mean of the rated activities, at least one."""
    numbers = given(answers, numbered("Q", 5))
    return {"total": (Fraction(sum(numbers), len(numbers)) if numbers else None, len(numbers))}


def s_lanss(answers: Answers) -> Scored:
    """Points for every yes (Bennett 2005, doi:10.1016/j.jpain.2004.11.007); all seven answers are needed."""
    points = {"Q1": 5, "Q2": 5, "Q3": 3, "Q4": 2, "Q5": 1, "Q6": 5, "Q7": 3}
    answered = len(given(answers, list(points)))
    total = sum(points[code] for code in points if answers.get(code) == 1)
    return {"total": (Fraction(total) if answered == 7 else None, answered)}


def no_score(answers: Answers) -> Scored:
    return {}


PSFS = Oracle(dict.fromkeys(numbered("Q", 5), (0, 10)), frozenset(), psfs)
S_LANSS = Oracle(dict.fromkeys(numbered("Q", 7), (0, 1)), frozenset(), s_lanss)
SAFETY = Oracle(dict.fromkeys(numbered("R", 13), (0, 1)), frozenset(), no_score)
