"""The pages of the staff: a log-in, the worklist of flags, and one flag with its reasons."""

from prom_service.web.dashboard.routes import blueprint, install, show_problem

__all__ = ["blueprint", "install", "show_problem"]
