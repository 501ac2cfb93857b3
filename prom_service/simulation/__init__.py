"""A synthetic clinic group that lives through months in seconds, by the real services and jobs under a moving clock."""
