"""Compare what is drawn with the file that holds how it should look."""

import json
import os
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parent / "data" / "golden"


def assert_golden(name: str, drawn: dict[str, Any]) -> None:
    """Compare with ``tests/data/golden/NAME.json``; ``WRITE_GOLDEN=1`` writes it instead."""
    path = _FOLDER / f"{name}.json"
    if os.environ.get("WRITE_GOLDEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(drawn, indent=2, ensure_ascii=False, sort_keys=True) + "\n")
    assert drawn == json.loads(path.read_text())
