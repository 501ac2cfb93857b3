"""Follows patients with hip or buttock pain and tells the clinic who needs a second look."""

__version__ = "0.1.0"
