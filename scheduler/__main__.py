"""``python -m scheduler``: one scheduler process, set up by the environment."""

from prom_service import logs, runtime, settings
from scheduler import runner

if __name__ == "__main__":
    environment = settings.from_process()
    logs.to_stderr(environment.log_level)
    runner.run(runtime.build(environment))
