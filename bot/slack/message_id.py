"""The ids by which a post is known: the same for each repeat of it."""

from typing import Any
from uuid import UUID, uuid4, uuid5

_EVENT = "training_project"  # the type of our messages' metadata
_IDS = UUID("5f6b1c1e-6f0c-4f0b-9d5e-2f4b8a1d7c3e")  # the namespace of our messages' ids


def client_msg_id(post_id: str) -> str:
    """Return the UUID that each request of this post carries."""
    return str(uuid5(_IDS, post_id))


def identity(post_id: str) -> dict[str, Any]:
    """Return the fields of a message by which `Poster.find` knows it."""
    if not post_id:
        return {"client_msg_id": str(uuid4())}
    metadata = {"event_type": _EVENT, "event_payload": {"work": post_id}}
    return {"client_msg_id": client_msg_id(post_id), "metadata": metadata}
