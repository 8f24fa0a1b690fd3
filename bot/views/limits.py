"""The words for the limits of the bot as a whole, towards Baseten and Slack."""

from bot.views.text import duration


def paused(server: str, wait: float, nothing: str, again: str) -> tuple[str, str]:
    """Return the event and the next step, while a server keeps failing.

    Args:
        server: its name.
        wait: seconds until the next check.
        nothing: the sentence that nothing was done.
        again: the clause that follows "Try again …".
    """
    return (
        f"{server} does not answer at the moment; I'm checking whether it works again. {nothing}",
        f"Try again in {duration(wait)}{again}",
    )


def too_large(most: int, unsure: str, operator: str) -> tuple[str, str]:
    """Return the event and the next step, after an answer of more than ``most`` bytes."""
    return (
        f"Baseten's answer has more than {most >> 20} MiB, which is more than I read. {unsure}",
        f"If it keeps happening, tell {operator}.",
    )
