# SPDX-License-Identifier: Apache-2.0
"""REST for every service: routing, authentication, errors, conditional answers, processes.

Owns all that services have in common over HTTP; what an URL answers is each service's.

::

    options         where a service listens, and for whom
    workers         the processes of a program; server: waitress in one of them
    lazy            the same application for another WSGI server
    pipeline        middleware and its order: errors, loopback, authentication
    healthcheck     /healthcheck
    resource        the tree of URLs; versions: its first two documents
    policy          who may do what
    conditional     entity tags, 304, compression
"""
