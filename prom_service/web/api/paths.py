"""Parts of paths."""

from werkzeug.routing import BaseConverter


class Code(BaseConverter):
    """A name that a clinic or an instrument gave itself: 1 to 100 characters, of which none is a control character."""

    regex = r"[^\x00-\x1f\x7f]{1,100}"
    part_isolating = False
