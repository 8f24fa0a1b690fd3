"""Baseten's management API. Knows nothing of Slack."""
