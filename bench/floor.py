"""What a competent first version does: Flask, marshmallow with a field for every item, plain ORM. Not crippled."""

import datetime as dt
import uuid
from typing import Any

import sqlalchemy as sa
from flask import Flask, jsonify, request
from marshmallow import Schema, ValidationError, fields, validate
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

import instruments
from prom_service.models import FlagEvent

ASKED = ("ihot-12-1.0", "nprs-1.0", "safety-1.0")
PAGE = 100


class Base(DeclarativeBase):
    pass


class FloorResponse(Base):
    __tablename__ = "floor_response"

    id: Mapped[uuid.UUID] = mapped_column(sa.Uuid(), primary_key=True, default=uuid.uuid4)
    answers: Mapped[dict[str, Any]] = mapped_column(sa.JSON())
    recorded_at: Mapped[dt.datetime] = mapped_column(sa.DateTime(timezone=True))
    scores: Mapped[list["FloorScore"]] = relationship()


class FloorScore(Base):
    __tablename__ = "floor_score"

    id: Mapped[uuid.UUID] = mapped_column(sa.Uuid(), primary_key=True, default=uuid.uuid4)
    response_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("floor_response.id"))
    scale: Mapped[str]
    value: Mapped[float | None]


def _schema_of(ref: str) -> Schema:
    items = instruments.find(ref).items
    columns = {
        item.code: fields.Integer(strict=True, validate=validate.Range(item.minimum, item.maximum)) for item in items
    }
    return Schema.from_dict(columns)()


class EventSchema(Schema):
    number = fields.Integer()
    type = fields.String()
    at = fields.AwareDateTime()
    actor = fields.String()
    flag = fields.Dict()


def make_app(url: str, clinic_id: uuid.UUID) -> Flask:
    """Return the floor: `/submit`, `/events` and `/hello`, without keys, clinics, judgements or flags."""
    app = Flask(__name__)
    engine = sa.create_engine(url, pool_size=20)
    sa.event.listen(engine, "connect", _as_durable_as_ours)
    Base.metadata.create_all(engine)
    schemas = {ref: _schema_of(ref) for ref in ASKED}
    events = EventSchema(many=True)

    @app.post("/submit")
    def submit() -> Any:
        try:
            answers = {ref: schemas[ref].load(given) for ref, given in request.get_json()["answers"].items()}
        except ValidationError as error:
            return jsonify(error.messages), 422
        scores = [
            FloorScore(scale=f"{ref}.{key}", value=one.value)
            for ref, given in answers.items()
            for key, one in instruments.score(instruments.find(ref), given).items()
        ]
        with Session(engine, expire_on_commit=False) as session, session.begin():
            session.add(FloorResponse(answers=answers, recorded_at=dt.datetime.now(dt.UTC), scores=scores))
        return jsonify({"scores": {one.scale: one.value for one in scores}}), 201

    @app.get("/events")
    def list_events() -> Any:
        after = int(request.args["after"])
        query = sa.select(FlagEvent).where(FlagEvent.clinic_id == clinic_id).order_by(FlagEvent.number)
        with Session(engine) as session:
            rows = session.scalars(query.where(FlagEvent.number > after).limit(PAGE)).all()
            return jsonify({"items": events.dump(rows)})

    @app.get("/hello")
    def hello() -> Any:
        return jsonify({"hello": "world"})

    return app


def _as_durable_as_ours(connection: Any, _record: Any) -> None:
    if type(connection).__module__.startswith("sqlite3"):
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=10000"):
            connection.execute(f"PRAGMA {pragma}")
