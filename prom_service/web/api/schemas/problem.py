"""Problems, and which of them each method may answer with."""

from http import HTTPStatus

from marshmallow import Schema, fields


class ProblemSchema(Schema):
    """A problem document (RFC 9457)."""

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(metadata={"description": "What went wrong, in one sentence."})
    instance = fields.String(required=True, metadata={"description": "Finds this request in the service's log."})
    reason = fields.String(metadata={"description": "A code for programs, where there is one."})
    errors = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.String()),
        metadata={"description": "For each field what is wrong and what is allowed."},
    )


_READING = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.SERVICE_UNAVAILABLE,
)
_WRITING = (
    *_READING,
    HTTPStatus.CONFLICT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
)
PROBLEMS = {
    "get": (*_READING, HTTPStatus.NOT_MODIFIED),
    "post": _WRITING,
    "put": _WRITING,
    "delete": _WRITING,
    "patch": (*_WRITING, HTTPStatus.PRECONDITION_FAILED, HTTPStatus.PRECONDITION_REQUIRED),
}
