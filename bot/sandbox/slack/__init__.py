"""A Slack on loopback: its Web API, its deliveries to the bot, and the actions of its users."""
