"""The words about acts on jobs: the reports of their ends, and the notes to one person."""

from dataclasses import dataclass

from bot.baseten.models import TrainingJob, TrainingProject
from bot.projects.acts_under_way import UnderWay
from bot.projects.job_acts import Act
from bot.projects.message_state import WatchJobChoice
from bot.slack.message import Message
from bot.views.blocks import actions, button, plain
from bot.views.failure import FailureWording
from bot.views.installation import Installation
from bot.views.job import does, job_name, logs_url, status, still_does
from bot.views.mentions import person
from bot.views.text import bold, code, duration, say, shorten
from bot.views.watch import WATCH_TOO, in_project

_DOING = {
    Act.STOP: "stopping it",
    Act.RUN_AGAIN: "running it again",
    Act.USE_SPOT: "moving it to spot capacity",
    Act.SET_PRIORITY: "changing its priority",
}


@dataclass(frozen=True, slots=True)
class ActEnd:
    """The end of an act that Baseten took.

    Attributes:
        act: the act.
        project: the project of the job.
        job: the job after the act.
        by: the user id of the person.
        new_job: the job that *Run again* started.
        priority: the new priority.
        waited: seconds that the bot waited in vain for a job to stop; 0 if it has stopped.
    """

    act: Act
    project: TrainingProject
    job: TrainingJob
    by: str
    new_job: TrainingJob | None = None
    priority: int | None = None
    waited: float = 0.0


def act_report(end: ActEnd, choice: WatchJobChoice | None) -> Message:
    """Return the reply in the thread, which names the person.

    Args:
        end: the act and its end.
        choice: the value of the button that watches a new job; None: no button.
    """
    said = _said(end, person(end.by))
    shown = end.new_job or end.job
    message = plain(said, f"<{logs_url(end.project.id, shown.id)}|Open logs>")
    if end.new_job is None or choice is None:
        return message
    name = shorten(" ".join(job_name(end.new_job).split()), 60)
    watch = button(f"Watch {name} too", WATCH_TOO, value=choice.model_dump_json())
    first, small = message.blocks
    return Message(message.text, [first, actions(watch), small])


def private_report(end: ActEnd) -> Message:
    """Return the report for the person alone."""
    shown = end.new_job or end.job
    return plain(_said(end, "You"), f"<{logs_url(end.project.id, shown.id)}|Open logs>")


def _said(end: ActEnd, who: str) -> str:
    job, now = in_project(end.project, end.job), status(end.job)
    match end.act:
        case Act.RUN_AGAIN if end.new_job is not None:
            name, again = bold(job_name(end.job)), does(end.new_job)
            if job_name(end.new_job) == job_name(end.job):
                again = f"the new job {code(end.new_job.id)} {say(status(end.new_job).does)}"
            return f"🔁 {who} ran {name} again in {bold(end.project.name)}: {again}."
        case Act.USE_SPOT:
            return f"🔄 {who} moved {job} to spot capacity. It {say(now.does)}."
        case Act.SET_PRIORITY:
            return f"🔢 {who} set the priority of {job} to {end.priority}. It {say(now.does)}."
        case _ if end.waited:
            return (
                f"⏳ {who} asked Baseten to stop {job}, but after {duration(end.waited)} it "
                f"{still_does(end.job)}."
            )
        case _ if now.words != "Stopped":
            return f"{now.mark} {who} asked Baseten to stop {job}, but it {say(now.does)} first."
        case _:
            return f"⏹️ {who} stopped {job}."


def no_right_to_act(team: str, user_id: str, installation: Installation) -> Message:
    """Return the refusal of a person who can view the job, but has no right to act on it."""
    where = f" in {bold(team)}" if team else ""
    needs = f": they need {say(user_id, 40)} and {bold(team)}" if team else " for access"
    return plain(
        f"You need the right *stop*{where} to stop, repeat or change jobs. Nothing was changed.",
        f"Ask {installation.operator}{needs}.",
    )


def does_not_fit(act: Act, project: TrainingProject, job: TrainingJob) -> Message:
    """Return the note that the job's status has changed, so that the act is not possible."""
    job_now = f"{in_project(project, job)} {say(status(job).does)}"
    match act:
        case Act.STOP:
            said, do = f"{job_now}, so there's nothing to stop.", ""
        case Act.RUN_AGAIN:
            said, do = f"{job_now}. Only a job that has ended can run again.", ""
        case _ if (job.availability_model or "").lower() == "spot" and act is Act.USE_SPOT:
            said, do = f"{in_project(project, job)} uses spot capacity already.", ""
        case _:
            said = f"{job_now}. Baseten changes only jobs that wait for GPU capacity."
            do = "To run it in another way, stop it and push it again."
    return plain(f"{said} Nothing was changed.", do)


def newer_job_exists(project: TrainingProject, newest: TrainingJob) -> Message:
    """Return the note that a newer job has started since the person was asked."""
    return plain(
        f"{in_project(project, newest)} has started in the meantime: it {say(status(newest).does)}."
        " I started nothing.",
        "If you want one more job, choose *Run again* once more.",
    )


def under_way(other: UnderWay) -> Message:
    """Return the note that another act on this job has not ended."""
    who = f"{person(other.user_id)} is" if other.user_id else "Somebody is"
    return plain(
        f"{who} {_DOING[other.act]} right now, so I did nothing.",
        "Wait for the end of that, then look at the job again.",
    )


def looking_for_new_job(name: str) -> Message:
    """Return the note that the outcome of *Run again* is not known yet."""
    return plain(
        f"⏳ Baseten didn't confirm that {bold(name)} runs again. I'm looking for the new job; "
        "you'll hear from me within a minute."
    )


def new_job_unknown(project: TrainingProject, job: TrainingJob) -> Message:
    """Return the note that the outcome of *Run again* remains unknown."""
    return plain(
        f"⚠️ A new job like {in_project(project, job)} may or may not have been started: Baseten "
        "didn't confirm it, and I couldn't find the new job.",
        "Look at *Jobs* in a few minutes before you run it again.",
    )


def stopping(name: str) -> Message:
    """Return the note that a job takes some time to stop."""
    return plain(f"⏳ Baseten is stopping {bold(name)}. I'll tell you when it has stopped.")


def act_wording(act: Act, *, sent: bool) -> FailureWording:
    """Return the wording for a failure.

    Args:
        act: the act.
        sent: whether Baseten might have got the request.
    """
    nothing = "Nothing was started." if act is Act.RUN_AGAIN else "Nothing was changed."
    unsure = {
        Act.STOP: "The job may or may not be stopping. It's safe to try again.",
        Act.RUN_AGAIN: "A new job may or may not have been started: look at *Jobs* first.",
        Act.USE_SPOT: "The job may or may not have been changed. It's safe to try again.",
        Act.SET_PRIORITY: "The job may or may not have been changed. It's safe to try again.",
    }[act]
    return FailureWording(nothing=nothing, unsure=unsure if sent else nothing)
