"""Follows patients with hip or buttock pain and tells the clinic who needs a second look."""

__version__ = "0.2.0"
