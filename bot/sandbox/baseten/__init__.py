"""A Baseten on loopback: the part of its management API that the bot calls."""
