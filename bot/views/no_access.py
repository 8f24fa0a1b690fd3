"""The words for a request that access rules refuse."""

from bot.access.rules import (
    CannotCreateError,
    MalformedIdError,
    MalformedPayloadError,
    NotAllowedError,
    NotServedError,
    Refusal,
    RightsUnknownError,
)
from bot.views.installation import Installation
from bot.views.text import bold, listing, say

_MOST_CHANNELS = 5
NO_ACCESS = (
    NotServedError,
    NotAllowedError,
    RightsUnknownError,
    CannotCreateError,
    MalformedIdError,
)


def no_access(
    error: NotServedError
    | NotAllowedError
    | RightsUnknownError
    | CannotCreateError
    | MalformedIdError,
    nothing: str,
    unsure: str,
    installation: Installation,
) -> tuple[str, str]:
    """Return the event and the next step.

    Args:
        error: the refusal.
        nothing: the sentence that nothing was done.
        unsure: the sentence about a project that was opened before the refusal.
        installation: the person to ask.
    """
    ask = installation.operator
    match error:
        case NotServedError():
            return _not_served(error, nothing, ask)
        case NotAllowedError(opened=True):
            return f"You can't use this project. {unsure}", f"Ask {ask} for access."
        case NotAllowedError():
            return (
                "There is no project here that you can use. Nothing was changed.",
                f"Ask {ask} for access.",
            )
        case MalformedPayloadError():
            return (
                f"Slack sent me this in a form that I can't read. {nothing}",
                f"Try again. If it happens again, tell {ask}.",
            )
        case RightsUnknownError(teams=teams):
            unknown = (
                "Baseten doesn't tell me right now which teams there are"
                if teams
                else "Slack doesn't tell me right now who is in a group"
            )
            return f"{unknown}, so I can't tell what you can use. {nothing}", _again(ask)
        case CannotCreateError(team=team, name=name, near=near):
            meant = f" Did you mean {bold(near)}?" if near else ""
            missing = f"Team {bold(team)} has no project {bold(name)}, and you can't create one."
            return f"{missing} Nothing was created.{meant}", _ask(ask, error.actor_id, team)
        case MalformedIdError():
            return (
                f"This message or dialog is not one that I made. {nothing}",
                "Run the command again to open the project.",
            )


def no_team(asked: str, actor_id: str, installation: Installation) -> tuple[str, str]:
    """Return the event and the next step; the same for a forbidden team and an unknown one.

    Args:
        asked: the text that the person typed.
        actor_id: the person or the workflow.
        installation: the person to ask.
    """
    happened = f"There's no team {bold(asked)} that you can use here. Nothing was created."
    return happened, _ask(installation.operator, actor_id, asked)


def _not_served(error: NotServedError, nothing: str, ask: str) -> tuple[str, str]:
    match error.refusal:
        case Refusal.GUEST:
            return f"I don't work for guests of this workspace. {nothing}", f"Ask {ask} for access."
        case Refusal.CHANNEL:
            return f"I don't work in this channel. {nothing}", _other_channels(error.channels)
        case Refusal.SHARED_CHANNEL:
            return (
                f"I don't work in channels that are shared with other companies. {nothing}",
                "Try again in a channel of your own workspace.",
            )
        case Refusal.UNKNOWN_PERSON | Refusal.UNKNOWN_CHANNEL:
            guest = error.refusal is Refusal.UNKNOWN_PERSON
            unknown = "you are a guest" if guest else "this channel is shared with another company"
            return (
                f"Slack doesn't tell me right now whether {unknown}, so I can't do this. {nothing}",
                _again(ask),
            )
        case _:
            return f"I only work for {say(error.audience, 100)}.", nothing


def _ask(operator: str, actor_id: str, team: str) -> str:
    return f"Ask {operator}: they need {say(actor_id, 40)} and {bold(team)}."


def _again(operator: str) -> str:
    return f"Try again in a minute. If it keeps happening, tell {operator}."


def _other_channels(channels: tuple[str, ...]) -> str:
    shown = [f"<#{channel}>" for channel in channels[:_MOST_CHANNELS]]
    more = len(channels) - len(shown)
    return f"Try again in {listing([*shown, *([f'{more} more'] if more else [])], 'or')}."
