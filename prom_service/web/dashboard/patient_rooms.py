"""The pages about patients and their courses of care, gathered."""

from prom_service.web.dashboard import ages, enrolment_form, patient_routes, visit_form

ROOMS = (ages, enrolment_form, patient_routes, visit_form)
"""Each hangs its routes and words on the one blueprint when it is imported."""

__all__ = ["ROOMS"]
