"""Pure functions from data to Block Kit. Each file draws one thing that a person sees."""
