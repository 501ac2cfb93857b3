"""Tasks as the API shows them."""

from marshmallow import Schema, fields, validate

from prom_service.models.report_task import TASK_STATUSES


class TaskSchema(Schema):
    """A report that is made in the background."""

    id = fields.UUID(required=True)
    status = fields.String(required=True, validate=validate.OneOf(TASK_STATUSES))
    progress = fields.Float(required=True, metadata={"description": "From 0 to 1."})
    report = fields.String(required=True)
    format = fields.String(required=True)
    parameters = fields.Dict(required=True, metadata={"description": "The question; `as_of` is when it was asked."})
    created_at = fields.AwareDateTime(required=True)
    finished_at = fields.AwareDateTime(required=True, allow_none=True)
    expires_at = fields.AwareDateTime(required=True, metadata={"description": "Until when the file is kept."})
    result = fields.String(
        required=True, allow_none=True, metadata={"description": "Where the file is; null while there is none."}
    )
    error = fields.String(required=True, allow_none=True, metadata={"description": "Why it failed."})
