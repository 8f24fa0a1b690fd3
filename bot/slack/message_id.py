"""The ids of a post. Each repeat of a post carries the same ids."""

from typing import Any
from uuid import UUID, uuid4, uuid5

_EVENT = "training_project"  # the event type in the metadata of the bot's messages
_IDS = UUID("5f6b1c1e-6f0c-4f0b-9d5e-2f4b8a1d7c3e")  # the namespace of the UUIDs


def client_msg_id(post_id: str) -> str:
    """Return the ``client_msg_id`` of a post: the same UUID for each repeat."""
    return str(uuid5(_IDS, post_id))


def identity(post_id: str) -> dict[str, Any]:
    """Return the fields by which `Poster.find_message_ts` recognizes a message.

    Without a post id, the message gets a new UUID and cannot be found later.

    https://docs.slack.dev/messaging/message-metadata
    """
    if not post_id:
        return {"client_msg_id": str(uuid4())}
    metadata = {"event_type": _EVENT, "event_payload": {"work": post_id}}
    return {"client_msg_id": client_msg_id(post_id), "metadata": metadata}
