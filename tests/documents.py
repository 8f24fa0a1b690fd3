"""The documents that the bot keeps, for tests that look at them as JSON."""

from bot.durable.model import State
from bot.durable.store import Store


async def documents_of(store: Store, collection: str) -> dict[str, State]:
    """Return the documents of a collection by key, as the bot reads them after its start."""
    _, documents = await store.read_changed(collection, {})
    return documents
