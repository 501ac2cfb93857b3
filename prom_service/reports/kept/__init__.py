"""What every episode of a clinic was at the beginning of a month, kept so that a report only has to add it up.

``content`` is what is kept of one clinic, ``reading`` makes the frames of a report of it. What is kept is found by the
selects of the report itself (``utilization.keeping``): nothing here knows a rule.
"""
