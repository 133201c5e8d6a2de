"""The composition root: command line, settings, and the processes that the rooms are wired into."""
