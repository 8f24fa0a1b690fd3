"""Follows: a channel, or a person, hears of the jobs of a project, of a team, or of their own."""
