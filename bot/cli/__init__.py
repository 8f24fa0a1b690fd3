"""The commands ``check`` and ``demo``."""
