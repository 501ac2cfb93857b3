"""Letters: one email each, ready to be handed over."""

import uuid
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Letter:
    """One message as it goes out. Its token stands in clear here and nowhere else, so no part of it is printed."""

    message_id: uuid.UUID
    claim: str
    """The claim it was written under; whoever holds another one may not send it."""
    sender: str = field(repr=False)
    to: str = field(repr=False)
    content: bytes = field(repr=False)
    """Headers and body as they go over the wire: CRLF, 7 bit, no line over 998 characters."""
