"""The commands ``check`` and ``demo``; the demo needs the extra ``demo``."""
