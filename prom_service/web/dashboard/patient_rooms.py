"""The pages about patients and their courses of care, gathered."""

from prom_service.web.dashboard import (
    ages,
    answer_entry,
    answers_view,
    enrolment_form,
    handing_over,
    patient_routes,
    start_form,
    visit_form,
)

ROOMS = (ages, answer_entry, answers_view, enrolment_form, handing_over, patient_routes, start_form, visit_form)
"""Each hangs its routes and words on the one blueprint when it is imported."""

__all__ = ["ROOMS"]
