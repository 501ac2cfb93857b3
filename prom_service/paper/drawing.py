"""Drawing a questionnaire as a PDF. All words go to the typesetter as data: no character of them is markup."""

import io
import json
from importlib.resources import files
from typing import Final

from prom_service.paper.contents import contents
from prom_service.paper.questionnaire import Questionnaire

PAPERS = {"a4": "a4", "letter": "us-letter"}
"""The papers there are to print on, each with the typesetter's name for it."""
TEMPLATE = (files("prom_service.paper") / "questionnaire.typ").read_bytes()
ACCESSIBLE: Final = "ua-1"
"""PDF/UA-1 (ISO 14289-1): tagged, with a title and a language, and every letter drawn."""


def draw(questionnaire: Questionnaire, *, paper: str = "a4") -> bytes:
    """Return the PDF; the same questionnaire gives the same bytes. ``paper`` is one of ``PAPERS``.

    It is tagged for screen readers, and says so unless some letter can be drawn with no font at hand (such as a small
    picture in the name of an activity): that one is an empty box.
    """
    import typst  # 80 MB of compiled code, and few processes ever draw.

    said = {**contents(questionnaire), "paper": PAPERS[paper]}
    if questionnaire.occasion:
        said["code"] = qr_code(questionnaire.occasion.link)
    inputs = {"said": json.dumps(said)}
    try:
        return typst.compile(TEMPLATE, format="pdf", sys_inputs=inputs, pdf_standards=ACCESSIBLE)
    except typst.TypstError:
        return typst.compile(TEMPLATE, format="pdf", sys_inputs=inputs)


def qr_code(address: str) -> str:
    """Return the QR code of an address as a picture (SVG), with the quiet zone of four modules round it."""
    import segno  # Takes as long to load as a page takes to serve, and few requests need it.

    picture = io.BytesIO()
    segno.make_qr(address, error="m").save(picture, kind="svg", border=4, xmldecl=False, nl=False)
    return picture.getvalue().decode()
