# SPDX-License-Identifier: Apache-2.0
"""Run by alembic: performs migrations on the connection that energybase.db.migration hands over."""

from alembic import context

from kwapi.store import tables

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=tables.METADATA,
    version_table=context.config.attributes["version_table"],
)
# Not begin_transaction: the transaction is the caller's, with its lock.
context.run_migrations()
