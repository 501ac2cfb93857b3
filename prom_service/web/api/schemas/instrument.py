"""Instruments and scores as the API shows them."""

from marshmallow import Schema, fields, validate

from prom_service.services.languages import SPOKEN
from prom_service.services.paper_writing import PAPERS
from prom_service.web.api.fields import Strict
from prom_service.web.api.schemas.administration import ONE_INSTRUMENT, Answers


class WordsQuery(Strict):
    """In which language to show the words."""

    language = fields.String(
        validate=validate.OneOf(SPOKEN), metadata={"description": "The clinic's own when left out."}
    )


class OptionSchema(Schema):
    """One option of an item."""

    code = fields.Integer(required=True)
    text = fields.String(required=True)


class ItemSchema(Schema):
    """One question."""

    code = fields.String(required=True)
    text = fields.String(required=True)
    followup_text = fields.String(required=True, allow_none=True)
    section = fields.String(required=True)
    kind = fields.String(required=True)
    minimum = fields.Integer(required=True)
    maximum = fields.Integer(required=True)
    options = fields.List(fields.Nested(OptionSchema), required=True)
    low_label = fields.String(required=True, allow_none=True)
    high_label = fields.String(required=True, allow_none=True)
    na_allowed = fields.Boolean(required=True)
    activity = fields.Boolean(required=True)
    tier = fields.String(required=True, allow_none=True)
    baseline_only = fields.Boolean(required=True)


class InstrumentScaleSchema(Schema):
    """One scale: what it is made of, when its score is missing, and which end is best."""

    key = fields.String(required=True)
    title = fields.String(required=True)
    items = fields.List(fields.String(), required=True)
    scales = fields.List(fields.String(), required=True)
    combine = fields.String(required=True)
    missing_rule = fields.String(required=True)
    minimum = fields.Float(required=True)
    maximum = fields.Float(required=True)
    best = fields.Float(required=True)
    worst = fields.Float(required=True)


class ThresholdSchema(Schema):
    """One published or working number and where it comes from."""

    id = fields.String(required=True)
    scale = fields.String(required=True)
    kind = fields.String(required=True)
    value = fields.Float(required=True)
    unit = fields.String(required=True)
    population = fields.String(required=True)
    treatment = fields.String(required=True)
    timepoint = fields.String(required=True)
    method = fields.String(required=True)
    citation = fields.String(required=True)
    doi = fields.String(required=True)
    verified = fields.Boolean(required=True)
    note = fields.String(required=True)


class WordingPackSchema(Schema):
    """The clinic's wording pack whose words are shown."""

    id = fields.UUID(required=True)
    digest = fields.String(required=True, metadata={"description": "SHA-256 of the pack as it was loaded."})
    source = fields.String(required=True)
    recorded_at = fields.AwareDateTime(required=True)


class InstrumentShortSchema(Schema):
    """An instrument in the list."""

    ref = fields.String(required=True)
    title = fields.String(required=True)
    recall = fields.String(required=True)
    licence = fields.String(required=True)
    wording = fields.String(required=True, metadata={"description": "own: our short words; official: the owner's."})
    language = fields.String(required=True)
    item_count = fields.Function(lambda instrument: len(instrument.items), required=True, metadata={"type": "integer"})
    scale_keys = fields.Function(
        lambda instrument: [scale.key for scale in instrument.scales],
        required=True,
        metadata={"type": "array", "items": {"type": "string"}},
    )


class InstrumentSchema(Schema):
    """An instrument: what is asked, in the words in force at the clinic, and how it is scored."""

    ref = fields.String(required=True)
    title = fields.String(required=True)
    recall = fields.String(required=True)
    intro = fields.String(required=True)
    source = fields.String(required=True)
    licence = fields.String(required=True)
    wording = fields.String(required=True)
    wording_pack = fields.Nested(
        WordingPackSchema, required=True, allow_none=True, metadata={"description": "null: the words are ours."}
    )
    language = fields.String(required=True)
    derives_from = fields.String(required=True, allow_none=True)
    na_text = fields.String(required=True, allow_none=True)
    items = fields.List(fields.Nested(ItemSchema), required=True)
    scales = fields.List(fields.Nested(InstrumentScaleSchema), required=True)
    thresholds = fields.List(fields.Nested(ThresholdSchema), required=True)


class BlankPaperQuery(WordsQuery):
    """In which language a questionnaire will be printed, and on what."""

    paper = fields.String(validate=validate.OneOf(PAPERS), load_default="a4")


class AnswersSchema(Strict):
    """Answers to be scored."""

    answers = Answers(required=True, metadata=ONE_INSTRUMENT)


class ComputedScoreSchema(Schema):
    """One score; ``value`` is null when too little was answered."""

    value = fields.Float(required=True, allow_none=True)
    answered = fields.Integer(required=True)
    applicable = fields.Integer(required=True)
    items = fields.Integer(required=True)
    best = fields.Float(required=True)
    worst = fields.Float(required=True)


class ScoresSchema(Schema):
    """The scores of one set of answers, by scale."""

    instrument = fields.String(required=True)
    scores = fields.Dict(keys=fields.String(), values=fields.Nested(ComputedScoreSchema), required=True)
