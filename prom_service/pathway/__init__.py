"""What should happen in an episode, and what its answers mean: pure functions, no database and no framework."""
