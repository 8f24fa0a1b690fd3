"""The ways in which Baseten says no, and Slack under load, to give or to plan as faults."""

from bot.sandbox.faults import Respond


def validation_400(message: str = "training_project.name: Field required") -> Respond:
    """A request that the API does not understand."""
    return Respond(400, {"code": "VALIDATION_ERROR", "message": message})


def unauthorized_401() -> Respond:
    """Turned away by the proxy, before the API was reached."""
    return Respond(401, {"error": "Unauthorized"})


def wrong_key_403() -> Respond:
    """A missing or wrong key."""
    return permission_denied_403("Authorization error")


def training_disabled_403() -> Respond:
    """Training is not enabled for the organisation of the key."""
    return permission_denied_403("You are not authorized for Baseten training.")


def permission_denied_403(
    message: str = "You do not have permission to perform this action.",
) -> Respond:
    """The key is right, but may not do this."""
    return Respond(403, {"code": "PERMISSION_DENIED", "message": message})


def not_found_404(message: str = "Training project not found") -> Respond:
    """No such thing, or none that the key may see."""
    return Respond(404, {"code": "NOT_FOUND", "message": message})


def conflict_409(message: str = "The resource is being modified.") -> Respond:
    """The thing is in a state that does not allow this."""
    return Respond(409, {"code": "CONFLICT", "message": message})


def rate_limited_429(retry_after: int = 37, *, header: bool = False) -> Respond:
    """Too many requests.

    Args:
        retry_after: seconds to wait, told in the body.
        header: tell it in a `Retry-After` header as well.
    """
    body = {"error": "Rate limit exceeded. Please try again later.", "retry_after": retry_after}
    return Respond(429, body, headers={"Retry-After": str(retry_after)} if header else {})


def internal_500(message: str = "Internal error") -> Respond:
    """The API broke."""
    return Respond(500, {"code": "INTERNAL_ERROR", "message": message})


def bad_gateway_html_502() -> Respond:
    """The edge could not reach the API, and says so in HTML."""
    page = b"<html><head><title>502 Bad Gateway</title></head><body>Bad Gateway</body></html>"
    return Respond(502, body=page, headers={"Content-Type": "text/html"})


def firewall_202() -> Respond:
    """A firewall's challenge: empty, and no success in spite of its status."""
    return Respond(202, headers={"x-amzn-waf-action": "challenge"})


def slack_error(code: str, status: int = 200, *, after: bool = False) -> Respond:
    """Slack's Web API says no, or breaks.

    Args:
        code: Slack's error code, such as `internal_error`.
        status: the HTTP status, which Slack's own refusals leave at 200.
        after: do the work first: some of Slack's errors come after the message was posted.
    """
    return Respond(status, {"ok": False, "error": code}, after=after)


def slack_rate_limited_429(retry_after: int = 30) -> Respond:
    """Slack's Web API, called too often; its wait is always in a header."""
    body = {"ok": False, "error": "ratelimited"}
    return Respond(429, body, headers={"Retry-After": str(retry_after)})
