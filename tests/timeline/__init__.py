"""The episode timeline against a model of its own: whatever people do and whenever the jobs run, its rules hold."""
