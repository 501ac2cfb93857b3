"""A questionnaire on paper as an answer: a file to be printed, under a name that says nothing of whose it is."""

from http import HTTPStatus

from flask import Response

MEDIA_TYPE = "application/pdf"
DESCRIPTION = {"type": "string", "contentMediaType": MEDIA_TYPE, "description": "The questionnaire, to be printed."}


def answer(pdf: bytes, status: HTTPStatus = HTTPStatus.OK) -> Response:
    """Return the answer that hands the file over."""
    response = Response(pdf, status, content_type=MEDIA_TYPE)
    response.headers["Content-Disposition"] = 'attachment; filename="questionnaire.pdf"'
    return response
