"""The sandbox is held to what the official clients of Slack and Baseten expect."""
