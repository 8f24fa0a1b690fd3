"""The decisions by grants and facts."""

from dataclasses import dataclass, field

import pytest

from bot.access.access_file import parse_access_file
from bot.access.grants import ANYWHERE, decide, is_unsure, refusal
from bot.access.rules import Actor, ActorKind, Refusal, Verb

DANA = Actor(id="U0DANA", channel_id="C0ML")
NIGHTLY = Actor(ActorKind.WORKFLOW, "Wf0NIGHTLY", channel_id="C0ML", execution_id="Fx1")
RULES = """
[[grant]]
to    = ["S0MLTEAM", "U0LEE"]
teams = ["Research", "id-ops"]
can   = ["create", "view"]
[[grant]]
to    = ["Wf0NIGHTLY"]
teams = ["Research"]
can   = ["create"]
[[grant]]
to    = ["U0DANA"]
teams = ["*"]
can   = ["stop"]
in    = ["C0ML"]
"""


@dataclass(frozen=True)
class Known:
    """Facts as a test has them."""

    groups: dict[str, frozenset[str]] = field(default_factory=dict)
    guests: dict[str, bool] = field(default_factory=dict)
    shared: dict[str, bool] = field(default_factory=dict)
    teams: dict[str, frozenset[str]] = field(
        default_factory=lambda: {
            "Research": frozenset({"Research", "id-research"}),
            "Ops": frozenset({"Ops", "id-ops"}),
            "id-ops": frozenset({"id-trap"}),  # a team whose name is another one's id
        }
    )

    def members(self, group_id: str) -> frozenset[str] | None:
        return self.groups.get(group_id)

    def is_guest(self, user_id: str) -> bool | None:
        return self.guests.get(user_id)

    def is_shared(self, channel_id: str) -> bool | None:
        return self.shared.get(channel_id)

    def team_keys(self, name: str) -> frozenset[str] | None:
        return self.teams.get(name)


IN_GROUP = Known(groups={"S0MLTEAM": frozenset({"U0DANA"})})
NOT_IN_GROUP = Known(groups={"S0MLTEAM": frozenset({"U0OTHER"})})


@pytest.mark.parametrize(
    ("facts", "actor", "verb", "team", "rule"),
    [
        (IN_GROUP, DANA, Verb.VIEW, "Research", "grant 1"),
        (NOT_IN_GROUP, DANA, Verb.VIEW, "Research", "no grant"),
        (Known(), DANA, Verb.VIEW, "Research", "no grant"),
        (Known(), Actor(id="U0LEE"), Verb.CREATE, "Research", "grant 1"),
        (Known(), Actor(id="U0LEE"), Verb.CREATE, "Ops", "grant 1"),  # by its id
        (Known(), Actor(id="U0LEE"), Verb.CREATE, "id-ops", "no grant"),
        (Known(), Actor(id="U0LEE"), Verb.LOGS, "Research", "no grant"),
        (Known(), Actor(id="U0LEE"), Verb.VIEW, "research", "an unknown team"),
        (Known(), Actor(id="U0LEE"), Verb.VIEW, "", "an unknown team"),
        (Known(), NIGHTLY, Verb.CREATE, "Research", "grant 2"),
        (Known(), NIGHTLY, Verb.VIEW, "Research", "no grant"),
        (Known(), Actor(ActorKind.WORKFLOW, "Wf0OTHER"), Verb.CREATE, "Research", "no grant"),
        (Known(), DANA, Verb.STOP, "Ops", "grant 3"),
        (Known(), DANA, Verb.STOP, "Nowhere", "an unknown team"),  # also for "*"
        (Known(), Actor(id="U0DANA", channel_id="C0X"), Verb.STOP, "Ops", "no grant"),
        (Known(), Actor(id="U0DANA"), Verb.STOP, "Ops", "no grant"),
        (Known(), Actor(id="U0DANA", channel_id=ANYWHERE), Verb.STOP, "Ops", "grant 3"),
    ],
)
def test_grants_decide_and_are_named(
    facts: Known, actor: Actor, verb: Verb, team: str, rule: str
) -> None:
    decision = decide(parse_access_file(RULES), facts, actor, verb, team)
    assert (decision.rule, decision.allowed) == (rule, rule.startswith("grant"))


def test_a_workflow_is_in_no_group() -> None:
    facts = Known(groups={"S0MLTEAM": frozenset({"Wf0NIGHTLY"})})
    assert not decide(parse_access_file(RULES), facts, NIGHTLY, Verb.VIEW, "Research").allowed


@pytest.mark.parametrize(
    ("rules", "facts", "actor", "reason"),
    [
        ("", Known(), DANA, None),
        ('channels = ["C0ML"]', Known(), DANA, None),
        ('channels = ["C0X"]', Known(), DANA, Refusal.CHANNEL),
        ('channels = ["C0X"]', Known(), NIGHTLY, Refusal.CHANNEL),
        ('channels = ["C0X"]', Known(), Actor(id="U0DANA", channel_id="D0DANA"), None),
        ('channels = ["C0X"]', Known(), Actor(id="U0DANA"), None),
        ('channels = ["C0X"]', Known(), Actor(id="U0DANA", channel_id=ANYWHERE), None),
        ('guests = "deny"', Known(), DANA, Refusal.UNKNOWN_PERSON),
        ('guests = "deny"', Known(guests={"U0DANA": True}), DANA, Refusal.GUEST),
        ('guests = "deny"', Known(guests={"U0DANA": False}), DANA, None),
        ('guests = "deny"', Known(), NIGHTLY, None),
        ('shared_channels = "deny"', Known(), DANA, Refusal.UNKNOWN_CHANNEL),
        ('shared_channels = "deny"', Known(shared={"C0ML": True}), DANA, Refusal.SHARED_CHANNEL),
        ('shared_channels = "deny"', Known(shared={"C0ML": False}), DANA, None),
        ('shared_channels = "deny"', Known(), Actor(id="U0DANA"), None),
    ],
)
def test_people_and_channels_can_be_refused_whatever_the_team(
    rules: str, facts: Known, actor: Actor, reason: Refusal | None
) -> None:
    file = parse_access_file(rules)
    assert refusal(file, facts, actor) is reason
    assert decide(file, facts, actor, Verb.VIEW, "Research").allowed == (reason is None)
    assert not decide(file, facts, actor, Verb.STOP, "Research").allowed


def test_only_a_person_with_an_unknown_group_is_unsure() -> None:
    file = parse_access_file(RULES)
    assert is_unsure(file, Known(), DANA)
    assert not is_unsure(file, IN_GROUP, DANA)
    assert not is_unsure(file, Known(), NIGHTLY)
    bound = parse_access_file(
        '[[grant]]\nto = ["S0X"]\nteams = ["*"]\ncan = ["view"]\nin = ["C0X"]\n'
    )
    assert not is_unsure(bound, Known(), DANA)
