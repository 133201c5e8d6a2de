"""`python -m dayuan` is the command line."""

from dayuan.cli import app

app()
