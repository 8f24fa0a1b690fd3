"""Structured logs, and the redaction of secrets in logs and messages."""
