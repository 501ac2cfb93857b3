"""The pages a patient sees: one link, one page of questions after another, no log-in and no cookie."""

from prom_service.web.survey.routes import blueprint, show_problem

__all__ = ["blueprint", "show_problem"]
