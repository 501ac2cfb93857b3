"""`prom …`: the roof. It composes what the floors below offer, and decides nothing.

Exit codes: 0 done, 1 failed, 2 wrong use. A failure is one plain sentence on standard error, never a traceback.
"""

import click

from prom_service import __version__
from prom_service.cli.lazy import Lazy, LazyGroup

COMMANDS = (
    Lazy("demo", "prom_service.cli.demo", "Simulate a clinic group and serve it."),
    Lazy("serve", "prom_service.cli.serve", "Serve the web pages and run the scheduler, in one process."),
    Lazy("web", "prom_service.cli.serve", "Serve the web pages and the API."),
    Lazy("scheduler", "prom_service.cli.serve", "Run the jobs: open, send, close, assess."),
    Lazy(
        "db",
        "prom_service.cli.database",
        "Bring the database up to date, check it, say it was put back.",
    ),
    Lazy("config", "prom_service.cli.config", "Check or show the settings."),
    Lazy("organisation", "prom_service.cli.clinics", "Add organisations."),
    Lazy("clinic", "prom_service.cli.clinics", "Add, activate and list clinics, write their texts, name who is told."),
    Lazy("user", "prom_service.cli.accounts", "Add staff accounts and look after them."),
    Lazy("apikey", "prom_service.cli.accounts", "Create, list, rotate and revoke API keys."),
    Lazy("import", "prom_service.cli.importing", "Import patients, visits or answers from a CSV file."),
    Lazy("export", "prom_service.cli.exporting", "Write a clinic's answers for another system."),
    Lazy("instruments", "prom_service.cli.instruments", "List, show and check instruments and their wording."),
    Lazy("pathway", "prom_service.cli.pathways", "Draft, preview and activate a clinic's versions of a pathway."),
    Lazy("score", "prom_service.cli.score", "Score a CSV file of answers."),
    Lazy("timeline", "prom_service.cli.episodes", "Show what was sent, what will be, and why not."),
    Lazy("paper", "prom_service.cli.episodes", "Write a questionnaire for paper."),
    Lazy("assess", "prom_service.cli.episodes", "Bring judgements and flags up to now."),
    Lazy("brake", "prom_service.cli.brake", "Show whether sending has stopped by itself, or let it go on."),
    Lazy("webhook", "prom_service.cli.webhooks", "List the receivers of a clinic, or tell one of them again."),
    Lazy("report", "prom_service.cli.reports", "Write a report."),
    Lazy("audit", "prom_service.cli.audit", "Verify who read and changed what, or list it."),
    Lazy("verify", "prom_service.cli.verification", "Compute every score and judgement again."),
)
"""Every command, the module that holds it under its name, and what it does."""


@click.group(cls=LazyGroup, commands_listed=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="prom")
def main() -> None:
    """Follow adults treated for hip or buttock pain with patient-reported outcome measures.

    Settings come from the environment (PROM_…); `prom config check` says what is wrong with them.
    """
