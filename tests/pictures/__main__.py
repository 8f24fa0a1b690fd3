"""Draw all pictures into ``.github/``, without any network."""

import asyncio
import sys

from tests.pictures import icon, recorded
from tests.process import ROOT

FOLDER = ROOT / ".github"


def main() -> None:
    """Write the pictures and print their sizes."""
    drawn = {f"{name}.svg": svg.encode() for name, svg in asyncio.run(recorded.pictures()).items()}
    drawn["icon.png"] = icon.png()
    for name, content in drawn.items():
        (FOLDER / name).write_bytes(content)
        sys.stdout.write(f".github/{name}: {len(content) // 1000} kB\n")


if __name__ == "__main__":
    main()
