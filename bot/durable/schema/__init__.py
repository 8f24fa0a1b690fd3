"""The numbered files of the schema, which both databases apply in order."""

from importlib.resources import files

MIGRATIONS: list[tuple[int, str]] = sorted(
    (int(file.name.removesuffix(".sql")), file.read_text())
    for file in files(__package__).iterdir()
    if file.name.endswith(".sql")
)
