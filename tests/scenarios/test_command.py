"""``/training-project``, from the signed request or the socket to the message in the channel."""

import asyncio

from tests.conftest import RESEARCH, World


async def test_a_new_project_is_opened_and_the_channel_sees_it(world: World) -> None:
    delivery = await world.slack.command("research llama-3-finetune")
    assert delivery.status == 200
    assert not delivery.body
    await world.answered()
    (upsert,) = world.baseten.upserts
    assert upsert.path == f"/v1/teams/{RESEARCH}/training_projects"
    assert upsert.json() == {"training_project": {"name": "llama-3-finetune"}}
    assert upsert.headers["authorization"] == f"Api-Key {world.baseten.api_key}"
    (message,) = world.slack.messages
    assert message.channel == delivery.payload["channel_id"]
    assert "Created training project *llama-3-finetune* in team *Research*" in message.text
    assert world.slack.ephemerals == []
