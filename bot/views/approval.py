"""The question whether a new project is created, and its end."""

from typing import Any

from bot.access.access_file import groups_in
from bot.projects.approval import (
    AlreadyWaitsError,
    ApprovalChoice,
    ApprovalRequest,
    Decision,
    OutcomeTask,
    Verdict,
)
from bot.projects.creation import CreationOutcome
from bot.slack.message import Message
from bot.views.blocks import actions, button, context, mrkdwn, plain, section
from bot.views.installation import Installation
from bot.views.mentions import named, person
from bot.views.text import ago, bold, date, escape, listing, without_markup

APPROVE, DECLINE = "approve_project", "decline_project"
_LONGEST_NAME = 1000  # characters: people must see all of the name that they approve
_LONGEST_CONFIRM = 300  # characters
_MOST_DECIDERS = 10
_MARKS = {Verdict.APPROVED: "✅", Verdict.DECLINED: "🚫", Verdict.EXPIRED: "⌛"}
_ORIGINS = {
    CreationOutcome.CREATED: "I created it",
    CreationOutcome.EXISTED: "It already existed by then, so I opened it",
    CreationOutcome.UNKNOWN: "It's ready",
}
_NOTHING = "Nothing was created."
_UNCHANGED = "Nothing was changed."


def card(request: ApprovalRequest) -> Message:
    """Return the question with its buttons."""
    asked = f"🔐 {_requester(request, 'A')} asks for a new project {_project(request)}."
    until = f"If nobody decides, the request expires {date(request.expires_at)}."
    value = ApprovalChoice(project=request.key, id=request.id).model_dump_json()
    about = _shortly(request)
    approve = button("Approve", APPROVE, value=value, style="primary")
    approve |= _confirm("Create this project?", about, "Approve")
    decline = button("Decline", DECLINE, value=value)
    decline |= _confirm("Decline this project?", about, "Decline")
    small = f"Asked {date(request.asked_at)} · {until}"
    return Message(f"{asked}\n{until}", [section(asked), actions(approve, decline), context(small)])


def closed_card(request: ApprovalRequest, decision: Decision) -> Message:
    """Return the question after its end, with the decision in place of the buttons."""
    verdict, at = decision.verdict.value, date(decision.at)
    said = f"New project {_project(request)} was {verdict}."
    if decision.verdict is Verdict.EXPIRED:
        said = f"Nobody decided in time about a new project {_project(request)}."
    ended = f"{verdict} by {person(decision.by)}, {at}" if decision.by else f"{verdict} {at}"
    small = f"Requested by {_requester(request)} · {ended}"
    return plain(f"{_MARKS[decision.verdict]} {said}", small)


def waits(request: ApprovalRequest, link: str) -> Message:
    """Return the note for the requester that the request waits."""
    return plain(
        f"⏳ {bold(request.name)} in {bold(request.team)} waits for approval: I asked in "
        f"{_channel(request.channel_id)}. Nothing has been created yet.",
        f"You'll get a direct message with the decision, by {date(request.expires_at)} at the "
        f"latest.{_linked(link, 'Show the question')}",
    )


def already_waits(error: AlreadyWaitsError, *, workflow: bool) -> tuple[str, str]:
    """Return the event and the next step.

    Args:
        error: the earlier request.
        workflow: the words are for a step, which shows no mentions and no links.
    """
    request = error.request
    waiting = f"{bold(request.name)} in {bold(request.team)} already waits for approval"
    if workflow:
        return f"{waiting}. {_NOTHING}", "Run the workflow again later."
    asked = f"{_requester(request)} asked for it {ago(request.asked_at)}"
    return (
        f"{waiting} in {_channel(request.channel_id)}: {asked}. {_NOTHING}",
        f"I asked nobody again.{_linked(error.link, 'Show the question')}",
    )


def cannot_ask(request: ApprovalRequest, installation: Installation, *, unsure: bool) -> Message:
    """Return the note that the question was not posted, or might not be; nothing waits.

    A workflow's step shows no mentions, so its words name no channel.
    """
    project = f"A new project in {bold(request.team)} needs approval"
    where = f"in {_channel(request.channel_id)}" if request.requester else "in its channel"
    done = f"{_NOTHING} Your request does not wait any more."
    if unsure:
        return plain(
            f"⚠️ {project}, and Slack did not confirm my question {where}. {done}",
            "Try again in a minute.",
        )
    return plain(
        f"⚠️ {project}, but Slack does not let me ask {where}. {done}",
        f"Ask {installation.operator} to invite me there, then try again.",
    )


def own_request() -> Message:
    """Return the refusal of a requester's own decision."""
    return plain(f"⚠️ You asked for this project, so another person must decide. {_UNCHANGED}")


def not_a_decider(by: tuple[str, ...]) -> Message:
    """Return the refusal of anybody else's decision."""
    groups = groups_in(by)
    shown = [f"<!subteam^{each}>" if each in groups else person(each) for each in by]
    more = len(shown) - _MOST_DECIDERS
    shown = [*shown[:_MOST_DECIDERS], *([f"{more} more"] if more > 0 else [])]
    return plain(f"⚠️ Only {listing(shown)} can decide this. {_UNCHANGED}")


def over(decision: Decision | None) -> Message:
    """Return the note that a request has ended already; None: how is unknown."""
    match decision:
        case Decision(verdict=Verdict.EXPIRED):
            said = "This request has expired."
        case Decision(verdict=verdict, by=by, at=at):
            said = f"{person(by)} already {verdict.value} this, {ago(at)}."
        case _:
            said = "This request does not wait for a decision any more."
    return plain(f"⚠️ {said} {_UNCHANGED}")


def expired() -> Message:
    """Return the note that a decision came too late."""
    return plain(f"⚠️ This request has expired. {_UNCHANGED}")


def outcome(task: OutcomeTask, command: str) -> Message:
    """Return the direct message to the requester.

    Args:
        task: the request and its end.
        command: the command that asks again; empty if it is too long.
    """
    request, decision = task.request, task.decision
    project, mark = f"{bold(request.name)} in {bold(request.team)}", _MARKS[decision.verdict]
    again = f"To ask again, run {command}" if command else ""
    match decision.verdict:
        case Verdict.APPROVED:
            did = _ORIGINS[task.origin or CreationOutcome.UNKNOWN]
            shown = f": <{escape(task.link)}|show the message>" if task.link else ""
            return plain(f"{mark} {person(decision.by)} approved {project}. {did}{shown}.")
        case Verdict.DECLINED:
            return plain(f"{mark} {person(decision.by)} declined {project}. {_NOTHING}", again)
        case Verdict.EXPIRED:
            return plain(
                f"{mark} Nobody decided about {project} within a day, so your request has expired. "
                f"{_NOTHING}",
                again,
            )


def step_outcome(task: OutcomeTask) -> str:
    """Return the error of a workflow's step, in plain text."""
    request = task.request
    said = f"The new project {_project(request)} was declined."
    if task.decision.verdict is Verdict.EXPIRED:
        said = f"Nobody decided within a day about the new project {_project(request)}."
    return without_markup(f"{said} {_NOTHING}")


def tries_again(name: str, approver: str) -> Message:
    """Return the direct message about a failure after which the bot tries again."""
    return plain(
        f"⏳ {person(approver)} approved {bold(name)}, but Baseten or Slack doesn't answer right "
        "now.",
        "You don't need to do anything: I keep trying for an hour, and tell you the outcome.",
    )


def after_approval(name: str, approver: str, failure: Message, *, opened: bool) -> Message:
    """Return the direct message about a failure after the approval, which came hours later.

    Args:
        name: the name of the project.
        approver: the person.
        failure: the words for the failure.
        opened: the project was opened before the failure.
    """
    said = f"{person(approver)} approved {bold(name)}, but I couldn't finish:"
    again = "If you ask again, the project needs approval again, unless it exists by then."
    more = [] if opened else [context(again)]
    text = "\n".join([said, failure.text, *([] if opened else [again])])
    return Message(text, [section(said), *failure.blocks, *more])


def _project(request: ApprovalRequest) -> str:
    return f"{bold(request.name, _LONGEST_NAME)} in team {bold(request.team)}"


def _requester(request: ApprovalRequest, article: str = "a") -> str:
    if request.requester:
        return person(request.requester)
    return f"{article} workflow{f' for {named(request.for_person)}' if request.for_person else ''}"


def _shortly(request: ApprovalRequest) -> str:
    """Return the project and the requester; escaped names are cut until Slack takes the text."""
    who = person(request.requester) if request.requester else "a workflow"
    texts = (
        f"{bold(request.name, most)} in team {bold(request.team, most)}, requested by {who}."
        for most in (90, 40, 15)
    )
    return next(text for text in texts if len(text) <= _LONGEST_CONFIRM)


def _channel(channel_id: str) -> str:
    return f"<#{escape(channel_id)}>"


def _linked(link: str, words: str) -> str:
    return f" <{escape(link)}|{words}>" if link else ""


def _confirm(title: str, text: str, label: str) -> dict[str, Any]:
    """Return the question before a click counts.

    https://docs.slack.dev/reference/block-kit/composition-objects/confirmation-dialog-object
    """

    def words(text: str) -> dict[str, Any]:
        return {"type": "plain_text", "text": text, "emoji": False}

    return {
        "confirm": {
            "title": words(title),
            "text": mrkdwn(text),
            "confirm": words(label),
            "deny": words("Cancel"),
        }
    }
