"""The work after the ack, a file for each kind of work; ``services`` holds all of it."""
