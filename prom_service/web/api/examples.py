"""Examples in the API's document: for each route what it takes and what it answers, as ``examples.json`` holds them."""

import json
from functools import cache
from importlib.resources import files
from typing import Any

from apispec import BasePlugin

JSON = "application/json"


class Examples(BasePlugin):
    """Puts the example of a route beside the schemas of its body and of its answer."""

    def operation_helper(self, path: str | None = None, operations: Any = None, **_rest: Any) -> None:
        """Add to each operation of ``path`` what is known of it."""
        for method, operation in (operations or {}).items():
            example = of_route(method.upper(), (path or "").removeprefix("/api/v1"))
            if "body" in example and "requestBody" in operation:
                operation["requestBody"]["content"][JSON]["example"] = example["body"]
            for status, response in operation.get("responses", {}).items():
                content = response.get("content", {}).get(JSON) if str(status).startswith("2") else None
                answer = example.get(f"answer {status}", example.get("answer"))
                if content is not None and answer is not None:
                    content["example"] = answer


def of_route(method: str, path: str) -> dict[str, Any]:
    """Return the example of a route such as ``POST /patients``: ``body`` and ``answer``, where it has them.

    ``answer 202`` is what it answers with that status, where it has several.
    """
    found: dict[str, Any] = _all().get(f"{method} {path}", {})
    return found


@cache
def _all() -> dict[str, Any]:
    text = (files("prom_service.web.api") / "examples.json").read_text(encoding="utf-8")
    examples: dict[str, Any] = json.loads(text)
    return examples
