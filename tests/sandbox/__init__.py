"""The sandbox works with the official clients of Slack and Baseten."""
