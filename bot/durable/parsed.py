"""The documents of a collection as models; only documents that have changed are read again."""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

import structlog
from pydantic import BaseModel, ValidationError

from bot.durable.model import Amend, State
from bot.durable.store import Store

log = structlog.stdlib.get_logger(__name__)

Model = TypeVar("Model", bound=BaseModel)

_YIELD_EVERY = 20  # documents that are parsed, between two yields to the event loop


class ChangedError(Exception):
    """Somebody else has changed the document since it was read; nothing is written."""


class ParsedDocuments(Generic[Model]):
    """Read and change the documents of a collection.

    A document of another version that is unreadable counts as missing. It can be replaced, but not
    deleted. Every coroutine raises `StoreUnavailableError` if the database does not answer.

    Args:
        store: holds the documents.
        collection: their kind.
        model: the type of the models.
    """

    def __init__(self, store: Store, collection: str, model: type[Model]) -> None:
        self._store = store
        self._collection = collection
        self._model = model
        self._versions: dict[str, str] = {}  # of the models in the next dictionary
        self._known: dict[str, Model] = {}

    async def all(self) -> list[Model]:
        """Return all readable documents, in no order."""
        versions, changed = await self._store.read_changed(self._collection, self._versions)
        known = {key: model for key, model in self._known.items() if key in versions}
        for number, (key, document) in enumerate(changed.items()):
            known.pop(key, None)
            if (model := self.parse(key, document)) is not None:
                known[key] = model
            if number % _YIELD_EVERY == 0:
                await asyncio.sleep(0)
        self._versions, self._known = versions, known
        await asyncio.sleep(0)
        return list(known.values())

    async def read(self, key: str) -> Model | None:
        """Return a document; None if it is missing."""
        return self.parse(key, await self._store.read(self._collection, key))

    async def amend(self, key: str, change: Callable[[Model | None], Model | None]) -> Model | None:
        """Change a document atomically, and return the new one; see `amendment`."""
        (document,) = await self._store.write(self.amendment(key, change))
        return self.parse(key, document)

    def amendment(self, key: str, change: Callable[[Model | None], Model | None]) -> Amend:
        """Return a change of a document, for use in a unit.

        Args:
            key: the key of the document.
            change: returns the new model for the present one. If it returns the model that it
                gets, the document does not change.
        """

        def changed(document: State | None) -> State | None:
            kept = self.parse(key, document)
            new = change(kept)
            if new is kept:
                return document
            return None if new is None else new.model_dump(mode="json")

        return self._store.amendment(self._collection, key, changed)

    def replacement(self, key: str, before: Model | None, after: Model | None) -> Amend:
        """Return a change of a document that has not changed; else it raises `ChangedError`."""

        def changed(kept: Model | None) -> Model | None:
            if kept != before:
                raise ChangedError
            return after

        return self.amendment(key, changed)

    def parse(self, key: str, document: State | None) -> Model | None:
        """Return the model of a document; None if it is missing."""
        if document is None:
            return None
        try:
            return self._model.model_validate(document)
        except ValidationError as error:
            log.error(  # noqa: TRY400 - the traceback would hold the document
                "cannot read a document",
                collection=self._collection,
                document=key,
                error_count=error.error_count(),
            )
            return None
