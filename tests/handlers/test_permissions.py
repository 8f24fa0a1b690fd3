"""What a person can read about teams that they cannot view."""

from bot.access.rules import Actor, Verb
from bot.connections import connections
from bot.durable.database import open_store
from bot.handlers.permissions import Permissions
from bot.projects.request import ProjectRequest, parse
from bot.projects.service import Projects
from tests.conftest import Env

SECRET = "Research Lab"
DANA = Actor(id="U0DANA0001", channel_id="C0SANDBOX1")


async def test_a_second_reading_of_the_words_tells_nothing_about_a_team_that_nobody_shows(
    idle_env: Env, sqlite_url: str
) -> None:
    idle_env.baseten.add_team(SECRET, id="secret1")
    idle_env.baseten.add_project("secret1", "sft")
    asked = parse("research lab sft")
    assert isinstance(asked, ProjectRequest)

    def only_creates_there(actor: Actor, verb: Verb, team: str) -> bool:
        assert actor == DANA
        return team != SECRET or verb is Verb.CREATE

    async with connections(idle_env.settings()) as out, open_store(sqlite_url) as store:
        projects = Projects(out.baseten, store)
        await projects.names_in(await projects.find_team(SECRET))  # so that nobody waits for them
        for permissions, listed in ((Permissions(), True), (Permissions(only_creates_there), None)):
            (reading,) = (await permissions.find_existing(DANA, projects, asked)).readings
            assert (reading.team.name, reading.name, reading.listed) == (SECRET, "sft", listed)
