"""The error responses of Baseten and Slack, for the sandbox's own answers and as faults."""

from bot.sandbox.faults import Respond


def validation_400(message: str = "training_project.name: Field required") -> Respond:
    """The API does not understand the request."""
    return Respond(400, {"code": "VALIDATION_ERROR", "message": message})


def unauthorized_401() -> Respond:
    """The proxy in front of the API refuses the request."""
    return Respond(401, {"error": "Unauthorized"})


def wrong_key_403() -> Respond:
    """A missing or wrong key."""
    return permission_denied_403("Authorization error")


def training_disabled_403() -> Respond:
    """Training is not enabled for the organization of the key."""
    return permission_denied_403("You are not authorized for Baseten training.")


def permission_denied_403(
    message: str = "You do not have permission to perform this action.",
) -> Respond:
    """The key is valid, but lacks the permission."""
    return Respond(403, {"code": "PERMISSION_DENIED", "message": message})


def not_found_404(message: str = "Training project not found") -> Respond:
    """Nothing with this id exists, or the key cannot see it."""
    return Respond(404, {"code": "NOT_FOUND", "message": message})


def conflict_409(message: str = "The resource is being modified.") -> Respond:
    """The state of the resource does not allow this."""
    return Respond(409, {"code": "CONFLICT", "message": message})


def rate_limited_429(retry_after: int = 37, *, header: bool = False) -> Respond:
    """Too many requests.

    Args:
        retry_after: seconds to wait, in the body.
        header: send it in a `Retry-After` header as well.
    """
    body = {"error": "Rate limit exceeded. Please try again later.", "retry_after": retry_after}
    return Respond(429, body, headers={"Retry-After": str(retry_after)} if header else {})


def internal_500(message: str = "Internal error") -> Respond:
    """The API fails."""
    return Respond(500, {"code": "INTERNAL_ERROR", "message": message})


def bad_gateway_html_502() -> Respond:
    """The proxy cannot reach the API, and answers in HTML."""
    page = b"<html><head><title>502 Bad Gateway</title></head><body>Bad Gateway</body></html>"
    return Respond(502, body=page, headers={"Content-Type": "text/html"})


def firewall_202() -> Respond:
    """The firewall sends a challenge: an empty body, and no success although the status is 202."""
    return Respond(202, headers={"x-amzn-waf-action": "challenge"})


def slack_error(code: str, status: int = 200, *, after: bool = False) -> Respond:
    """Slack's Web API returns an error.

    Args:
        code: the error code, such as `internal_error`.
        status: the HTTP status, which Slack's own refusals leave at 200.
        after: do the work first: Slack returns some errors after it has posted the message.
    """
    return Respond(status, {"ok": False, "error": code}, after=after)


def slack_rate_limited_429(retry_after: int = 30) -> Respond:
    """The rate limit of Slack's Web API; its wait is always in a header."""
    body = {"ok": False, "error": "ratelimited"}
    return Respond(429, body, headers={"Retry-After": str(retry_after)})
