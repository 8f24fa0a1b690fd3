"""A client of Baseten's management API. This package does not use Slack."""
