"""A population of any size, written straight into the tables: for recounts, plans of queries and benchmarks.

The facts are those that the services would have left behind, so far as reports and sweeps read them: windows follow
from the plan, scores from the answers, judgements from the rules. Two things are shorter than in life. The evidence of
a judgement or a flag names the wording and the rules and leaves out the numbers, and messages have the events that
count. The same ``Size`` gives the same rows, ids included, on both databases.
"""

from prom_service.simulation.population.writing import Size, write_population

__all__ = ["Size", "write_population"]
