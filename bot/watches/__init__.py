"""Answers that follow their job until it ends."""
