"""The documents of a collection as models; only documents that have changed are read again."""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

from bot.durable.model import State
from bot.durable.store import Store

Model = TypeVar("Model")

_YIELD_EVERY = 20  # documents that are parsed, between two yields to the event loop


class ParsedDocuments(Generic[Model]):
    """Read all documents of a collection.

    Args:
        store: holds the documents.
        collection: their kind.
        read: returns the model for a key and a document; None if the document is unreadable.
    """

    def __init__(
        self, store: Store, collection: str, read: Callable[[str, State | None], Model | None]
    ) -> None:
        self._store = store
        self._collection = collection
        self._read = read
        self._versions: dict[str, str] = {}  # of the models in the next dictionary
        self._known: dict[str, Model] = {}

    async def all(self) -> list[Model]:
        """Return all readable documents, in no order.

        Raises:
            StoreUnavailableError: the database does not answer.
        """
        versions, changed = await self._store.read_changed(self._collection, self._versions)
        known = {key: model for key, model in self._known.items() if key in versions}
        for number, (key, document) in enumerate(changed.items()):
            known.pop(key, None)
            if (model := self._read(key, document)) is not None:
                known[key] = model
            if number % _YIELD_EVERY == 0:
                await asyncio.sleep(0)
        self._versions, self._known = versions, known
        await asyncio.sleep(0)
        return list(known.values())
