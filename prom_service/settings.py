"""Settings, read from the environment once, with every fault reported together.

A secret may come from a file instead: ``PROM_SECRET_KEY_FILE=/run/secrets/key``.
"""

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from email.errors import MessageError
from email.headerregistry import Address
from email.utils import parseaddr
from pathlib import Path
from urllib.parse import SplitResult, parse_qs, urlsplit

from prom_service.errors import PromError

ENVIRONMENTS = ("production", "demo", "development", "test")
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
SECRETS = ("PROM_SECRET_KEY", "PROM_DATABASE_URL", "PROM_SMTP_URL", "PROM_MAIL_HOOK_SECRET", "PROM_BOUNCE_IMAP_URL")
SECRET_LENGTH = 32
TLS = ("required", "offered", "off")
"""What an SMTP address may say of encryption."""
_HOST = re.compile(r"(?=.*[a-z])[a-z0-9-]+(\.[a-z0-9-]+)*", re.IGNORECASE)


class SettingsError(PromError):
    """Some settings are missing or wrong; ``faults`` has one sentence for each."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults
        super().__init__("\n".join(faults))


RANGES = {
    "tick_seconds": (1, 3600),
    "web_threads": (1, 256),
    "trusted_proxies": (0, 100),
    "api_rate_limit": (0, 1_000_000),
    "kept_from_episodes": (1, 1_000_000_000),
}


@dataclass(frozen=True)
class Settings:
    """How this process runs. The field ``database_url`` is the variable ``PROM_DATABASE_URL``, and so on."""

    env: str = "development"
    database_url: str = "sqlite:///var/prom.db"
    base_url: str = "http://127.0.0.1:8000"
    secret_key: str = "development-only-secret-key-not-for-production"  # noqa: S105 (refused in production)
    smtp_url: str = ""
    mailbox_dir: str = "var/mailbox"
    mail_from: str = "Questionnaires <questionnaires@clinic.invalid>"
    mail_allow: tuple[str, ...] = ()
    mail_hook_secret: str = ""
    bounce_imap_url: str = ""
    webhook_allow: tuple[str, ...] = ()
    audit_head_file: str = ""
    trusted_proxies: int = 0
    tick_seconds: int = 15
    web_threads: int = 8
    api_rate_limit: int = 600
    kept_from_episodes: int = 2000
    log_level: str = "INFO"
    second_factor: str = ""

    @property
    def in_production(self) -> bool:
        """Say whether real patients are served."""
        return self.env == "production"

    @property
    def second_factor_required(self) -> bool:
        """Say whether every log-in of the staff needs a code beside the password; otherwise each person chooses."""
        return self.in_production or self.second_factor == "required"

    @property
    def secret(self) -> bytes:
        """The key of every digest kept in place of a token."""
        return self.secret_key.encode()

    @property
    def audit_heads(self) -> Path | None:
        """Where the heads of the audit are kept: as set, else beside the file of SQLite, else nowhere."""
        if self.audit_head_file:
            return Path(self.audit_head_file)
        kind, _, rest = self.database_url.partition(":///")
        file = rest.partition("?")[0]
        return Path(f"{file}.audit-heads") if kind.startswith("sqlite") and file not in ("", ":memory:") else None


def read(environ: Mapping[str, str]) -> Settings:
    """Return the settings in ``environ``; raise ``SettingsError`` naming everything that is wrong."""
    faults: list[str] = []
    values: dict[str, object] = {}
    for field in fields(Settings):
        variable = f"PROM_{field.name.upper()}"
        text = _text(environ, variable, faults)
        if text is None:
            continue
        try:
            values[field.name] = _parse(text, field.type)
        except ValueError:
            faults.append(f"{variable} must be a whole number, not {text!r}")
    settings = Settings(**values)  # type: ignore[arg-type]
    faults += _check(settings, named=set(values))
    if faults:
        raise SettingsError(faults)
    return settings


def _text(environ: Mapping[str, str], variable: str, faults: list[str]) -> str | None:
    path = environ.get(f"{variable}_FILE") if variable in SECRETS else None
    if path is None:
        return environ.get(variable)
    if variable in environ:
        faults.append(f"{variable} and {variable}_FILE are both set; keep one")
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        faults.append(f"{variable}_FILE cannot be read: {error.strerror}")
    except UnicodeDecodeError:
        faults.append(f"{variable}_FILE is not UTF-8")
    return None


def _parse(text: str, kind: object) -> object:
    if kind is int:
        return int(text)
    if kind is str:
        return text
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _check(settings: Settings, named: set[str]) -> list[str]:
    faults = _check_addresses(settings)
    if settings.env not in ENVIRONMENTS:
        faults.append(f"PROM_ENV must be one of {', '.join(ENVIRONMENTS)}, not {settings.env!r}")
    if not _holds_address(settings.mail_from):
        faults.append("PROM_MAIL_FROM must hold an email address, such as Questionnaires <questions@example.org>")
    faults += [
        f"PROM_{name.upper()} must be between {least} and {most}"
        for name, (least, most) in RANGES.items()
        if not least <= getattr(settings, name) <= most
    ]
    faults += _check_choices(settings)
    faults += [
        f"PROM_MAIL_ALLOW must hold addresses and domains such as @example.org, not {entry!r}"
        for entry in settings.mail_allow
        if "@" not in entry
    ]
    faults += [
        f"PROM_WEBHOOK_ALLOW must hold hosts and networks such as hooks.internal or 10.1.0.0/16, not {entry!r}"
        for entry in settings.webhook_allow
        if not _is_host_or_network(entry)
    ]
    if len(settings.secret_key) < SECRET_LENGTH:
        faults.append(f"PROM_SECRET_KEY must have at least {SECRET_LENGTH} characters")
    if settings.mail_hook_secret and len(settings.mail_hook_secret) < SECRET_LENGTH:
        faults.append(f"PROM_MAIL_HOOK_SECRET must have at least {SECRET_LENGTH} characters, or be empty")
    return faults + (_check_production(settings, named) if settings.in_production else [])


def _check_addresses(settings: Settings) -> list[str]:
    """Name the settings whose address cannot be used; none is repeated, since a password may be in it."""
    faults = []
    base = _split(settings.base_url, "http", "https")
    if base is None or base.query or base.fragment:
        faults.append("PROM_BASE_URL must be an address such as https://questions.example.org")
    if not _is_database(settings.database_url):
        faults.append("PROM_DATABASE_URL must be sqlite:///file or postgresql+psycopg://user:password@host/name")
    smtp = _split(settings.smtp_url, "smtp", "smtps")
    if settings.smtp_url and (smtp is None or smtp.path.strip("/") or smtp.fragment):
        faults.append("PROM_SMTP_URL must be smtp://user:password@host:port or smtps://…, percent-encoded")
    elif smtp and not set(parse_qs(smtp.query, keep_blank_values=True).get("tls", ())) <= set(TLS):
        faults.append(f"PROM_SMTP_URL must have as tls one of {', '.join(TLS)}")
    if settings.bounce_imap_url and _split(settings.bounce_imap_url, "imap", "imaps") is None:
        faults.append("PROM_BOUNCE_IMAP_URL must be imaps://user:password@host/folder or imap://…, percent-encoded")
    return faults


def _split(address: str, *schemes: str) -> SplitResult | None:
    """Return the parts of an address with one of the schemes and a host; None when it is no such address."""
    try:
        parts = urlsplit(address)
        good = parts.scheme in schemes and parts.hostname and parts.port != 0
    except ValueError:  # Of a port that is no number, too.
        return None
    return parts if good else None


def _is_database(url: str) -> bool:
    from sqlalchemy.engine import make_url  # Slow to import, and not every command needs it.
    from sqlalchemy.exc import SQLAlchemyError

    try:
        return make_url(url).get_dialect().name in ("sqlite", "postgresql")
    except (SQLAlchemyError, ValueError):
        return False


def _holds_address(text: str) -> bool:
    """Say whether emails can be sent from ``text``: a fault of the sender would else be one of every email."""
    try:
        address = Address(addr_spec=parseaddr(text)[1])
    except (ValueError, IndexError, MessageError):
        return False
    return bool(address.domain) and address.addr_spec.isascii()


def _is_host_or_network(entry: str) -> bool:
    try:
        ipaddress.ip_network(entry)
    except ValueError:
        return _HOST.fullmatch(entry) is not None
    return True


def _check_choices(settings: Settings) -> list[str]:
    faults = []
    if settings.log_level.upper() not in LOG_LEVELS:
        faults.append(f"PROM_LOG_LEVEL must be one of {', '.join(LOG_LEVELS)}, not {settings.log_level!r}")
    if settings.second_factor not in ("", "required", "optional"):
        faults.append(f"PROM_SECOND_FACTOR must be required or optional, not {settings.second_factor!r}")
    return faults


def _check_production(settings: Settings, named: set[str]) -> list[str]:
    faults = [
        f"PROM_{name.upper()} must be set in production"
        for name in ("database_url", "base_url", "secret_key", "smtp_url", "mail_from")
        if name not in named or not getattr(settings, name)
    ]
    if settings.secret_key == Settings.secret_key:
        faults.append("PROM_SECRET_KEY must not be the key for development, which everybody knows")
    if settings.second_factor == "optional":
        faults.append("PROM_SECOND_FACTOR cannot be optional in production")
    if "base_url" in named and not settings.base_url.lower().startswith("https://"):
        faults.append("PROM_BASE_URL must begin with https:// in production")
    return faults


def from_process() -> Settings:
    """Return the settings of this process."""
    return read(os.environ)
