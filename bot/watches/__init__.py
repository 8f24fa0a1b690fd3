"""Watches: a message shows the progress of its job until the job ends."""
