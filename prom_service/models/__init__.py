"""The tables, one file per aggregate. Each row of a clinic carries ``clinic_id``; facts are append-only."""

from prom_service.db import Base
from prom_service.models.administration import Administration, Link, SavedAnswer
from prom_service.models.api_key import ApiKey, IdempotentRequest
from prom_service.models.audit import AuditChain, AuditEntry
from prom_service.models.clinic import Clinic, ClinicText, Organisation
from prom_service.models.clinic_pathway import ClinicPathway, PathwayActivation, PathwayPreview
from prom_service.models.episode import Assessment, Episode, EpisodeChange
from prom_service.models.escalation import Alert, EscalationPlan, LastLook
from prom_service.models.flag import Flag, FlagEvent
from prom_service.models.kept import KeptCounts
from prom_service.models.message import Message, MessageEvent
from prom_service.models.operation import Brake, Heartbeat, JobRun, Lease, Pace
from prom_service.models.patient import Patient, PatientChange
from prom_service.models.report_task import ReportLetter, ReportSubscription, ReportTask
from prom_service.models.response import AnswerSet, Judgement, Response, Score
from prom_service.models.user import Membership, RecoveryCode, StaffSession, Throttle, User
from prom_service.models.visit import EpisodeVisit, Visit, VisitVersion
from prom_service.models.webhook import Webhook, WebhookDelivery, WebhookSecret
from prom_service.models.wording import PinnedPack, WordingPack, WordingWithdrawal

__all__ = [
    "Administration",
    "Alert",
    "AnswerSet",
    "ApiKey",
    "Assessment",
    "AuditChain",
    "AuditEntry",
    "Base",
    "Brake",
    "Clinic",
    "ClinicPathway",
    "ClinicText",
    "Episode",
    "EpisodeChange",
    "EpisodeVisit",
    "EscalationPlan",
    "Flag",
    "FlagEvent",
    "Heartbeat",
    "IdempotentRequest",
    "JobRun",
    "Judgement",
    "KeptCounts",
    "LastLook",
    "Lease",
    "Link",
    "Membership",
    "Message",
    "MessageEvent",
    "Organisation",
    "Pace",
    "PathwayActivation",
    "PathwayPreview",
    "Patient",
    "PatientChange",
    "PinnedPack",
    "RecoveryCode",
    "ReportLetter",
    "ReportSubscription",
    "ReportTask",
    "Response",
    "SavedAnswer",
    "Score",
    "StaffSession",
    "Throttle",
    "User",
    "Visit",
    "VisitVersion",
    "Webhook",
    "WebhookDelivery",
    "WebhookSecret",
    "WordingPack",
    "WordingWithdrawal",
]
