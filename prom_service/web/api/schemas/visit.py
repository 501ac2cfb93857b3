"""Visits as the API takes and shows them."""

from typing import Any

from marshmallow import Schema, fields, post_load, pre_load, validate

from prom_service.models.visit import VISIT_STATUSES
from prom_service.pathway.shape import VISIT_FORMATS
from prom_service.services.visits import VisitDetails
from prom_service.web.api.fields import Day, Strict, Text, YesNo


class DocumentationSchema(Strict):
    """What was done at a visit, where the clinic documents it; the columns of the visits file."""

    exercise_load = Text()
    repetitions = Text()
    sets = Text()
    time_under_tension = Text()
    rest = Text()
    sessions_per_week = Text()
    progression = Text()
    interventions = Text(longest=500)
    education = Text(longest=500)
    medication = Text(longest=500)
    imaging = Text(longest=500)


class VisitNumberSchema(Strict):
    """The clinic's own number of a visit."""

    external_id = Text(longest=100, shortest=1, required=True)


class VisitDetailsSchema(Strict):
    """A visit as the clinic reports it."""

    visited_on = Day(
        data_key="date",
        required=True,
        metadata={"description": "Also taken as `visited_on`. An attended visit is no later than today at the clinic."},
    )
    clinician = Text(longest=100)
    status = fields.String(validate=validate.OneOf(VISIT_STATUSES))
    format = fields.String(validate=validate.OneOf(VISIT_FORMATS))
    reassessed = YesNo(metadata={"description": "The clinician reviewed the plan with the patient at this visit."})
    documentation = fields.Nested(DocumentationSchema)

    @pre_load
    def rename(self, values: Any, **_options: Any) -> Any:
        """Take ``visited_on``, the name inside the service, for ``date``, the name in files."""
        if isinstance(values, dict) and "visited_on" in values and "date" not in values:
            values = {("date" if name == "visited_on" else name): value for name, value in values.items()}
        return values

    @post_load
    def as_details(self, values: dict[str, Any], **_options: Any) -> VisitDetails:
        """Return what the service takes."""
        return VisitDetails(**values)


class VisitSchema(Schema):
    """A visit. A voided one stays in sight and does not count."""

    id = fields.UUID(required=True)
    external_id = fields.String(required=True)
    visited_on = fields.Date(data_key="date", required=True)
    clinician = fields.String(required=True)
    status = fields.String(required=True, validate=validate.OneOf(VISIT_STATUSES))
    format = fields.String(required=True, validate=validate.OneOf(VISIT_FORMATS))
    reassessed = fields.Boolean(required=True)
    documentation = fields.Dict(required=True)
    voided_at = fields.AwareDateTime(required=True, allow_none=True)
    number = fields.Integer(required=True, metadata={"description": "Number of its newest version, from 1."})
    recorded_at = fields.AwareDateTime(required=True)
