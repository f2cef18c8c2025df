# SPDX-License-Identifier: Apache-2.0
"""The database that kwapi-collector writes and kwapi-api reads: records, senders, drivers.

``record`` (the arithmetic of kWh), ``state`` and ``snapshot`` are pure; ``store``
and ``tables`` have the SQL, ``alembic`` the schema's revisions.
"""
