"""The base of the models that are kept as the state of a task."""

from pydantic import BaseModel, ConfigDict

from bot.durable.model import State


class TaskState(BaseModel):
    """What a task needs to run, in any process."""

    model_config = ConfigDict(frozen=True)

    def state(self, **changes: object) -> State:
        """Return it as JSON, with these changes."""
        return self.model_copy(update=changes).model_dump(mode="json")
