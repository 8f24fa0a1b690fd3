"""The pictures of the README and the icon of the app: ``python -m tests.pictures`` draws them."""
