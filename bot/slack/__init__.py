"""Calls of Slack's Web API and response URLs. No other package calls Slack."""
