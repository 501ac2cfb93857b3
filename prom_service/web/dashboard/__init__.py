"""The pages of the staff: a log-in, the worklist of flags, and one flag with its reasons."""

from prom_service.web.dashboard import (
    account_form,
    administration_routes,
    episode_routes,
    escalation_form,
    figures,
    flag_routes,
    log_in,
    missing_routes,
    pathway_routes,
    patient_rooms,
    report_episode_routes,
    report_routes,
    report_task_routes,
    second_factor,
    settings_routes,
    worklist_routes,
)
from prom_service.web.dashboard.blueprint import blueprint, install, show_problem

ROOMS = (
    account_form,
    administration_routes,
    episode_routes,
    escalation_form,
    figures,
    flag_routes,
    log_in,
    missing_routes,
    pathway_routes,
    *patient_rooms.ROOMS,
    report_episode_routes,
    report_routes,
    report_task_routes,
    second_factor,
    settings_routes,
    worklist_routes,
)
"""Each hangs its routes, or its filters, on the one blueprint when it is imported."""

__all__ = ["ROOMS", "blueprint", "install", "show_problem"]
