"""A PDF as its readers have it: words to a person and to a screen reader, shapes to a ruler, a code to a phone."""

from dataclasses import dataclass
from functools import cached_property

import pypdfium2
import zxingcpp
from pypdfium2 import raw

MILLIMETRE = 72 / 25.4
UNSEEN = dict.fromkeys(map(ord, "\u2066\u2069"))


@dataclass(frozen=True)
class Shape:
    """Something drawn, with its size in millimetres."""

    width: float
    height: float


class Sheets:
    """The pages of a PDF."""

    def __init__(self, pdf: bytes) -> None:
        self.document = pypdfium2.PdfDocument(pdf)
        self.claims_to_be_accessible = b"<pdfuaid:part>1</pdfuaid:part>" in pdf
        self.is_tagged = bool(raw.FPDFCatalog_IsTagged(self.document.raw))

    @cached_property
    def pages(self) -> list[str]:
        """The words of each page, with single spaces."""
        return [" ".join(page.get_textpage().get_text_bounded().translate(UNSEEN).split()) for page in self.document]

    @cached_property
    def text(self) -> str:
        """All words."""
        return " ".join(self.pages)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the first page in millimetres."""
        width, height = self.document[0].get_size()
        return round(width / MILLIMETRE), round(height / MILLIMETRE)

    def shapes(self, number: int) -> list[Shape]:
        """Return what is drawn on a page, from 0."""
        paths = self.document[number].get_objects(filter=[raw.FPDF_PAGEOBJ_PATH])
        bounds = [path.get_bounds() for path in paths]
        return [Shape((right - left) / MILLIMETRE, (top - bottom) / MILLIMETRE) for left, bottom, right, top in bounds]

    def left_of(self, word: str) -> float:
        """Return how far from the left edge of the first page the run of letters begins that holds the word."""
        page = self.document[0]
        runs = page.get_objects(filter=[raw.FPDF_PAGEOBJ_TEXT], textpage=page.get_textpage())
        return next(float(run.get_bounds()[0]) for run in runs if word in run.extract().split())

    def code(self) -> str:
        """Return what a phone reads from the QR code of the first page."""
        picture = self.document[0].render(scale=3, grayscale=True).to_numpy()
        [read] = zxingcpp.read_barcodes(picture)
        return str(read.text)
