"""Alembic runs this file: migrations go over the connection that store.registry.migrate hands over."""

from alembic import context

from store.registry.migrate import tables

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=tables().metadata,
    render_as_batch=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
