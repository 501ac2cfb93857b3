"""The reports counted again, each by plain Python over plain rows."""
