"""The transports from Slack, HTTP and Socket Mode, and the health pages for the platform."""
