"""``python -m scheduler``: one scheduler process, set up by the environment."""

import logging

from prom_service import runtime, settings
from scheduler import runner

if __name__ == "__main__":
    environment = settings.from_process()
    logging.basicConfig(level=environment.log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    runner.run(runtime.build(environment))
