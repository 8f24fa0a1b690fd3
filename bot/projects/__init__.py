"""Projects: read a request, find its team, compare names, and open the project in Baseten."""
