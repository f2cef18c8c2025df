# SPDX-License-Identifier: Apache-2.0
"""The web pages as one WSGI application.

Owns how its parts are put together, and which way a request takes::

    front       headers for browsers; errors as pages
    link        a shared link's key becomes a cookie, if configured
    pipeline    as the API's: ids, errors, who asks
    the tree of URLs

It keeps nothing that could not be made again from the files, so any number of
processes may serve it.
"""

from __future__ import annotations

from wsgiref.types import WSGIApplication

from oslo_config import cfg

from energybase import clock as clocks
from energybase.web import healthcheck
from energybase.web import pipeline
from energybase.web import policy
from energybase.web import resource
from kwapi import policies
from kwapi.graphs import views
from kwapi.pages import access
from kwapi.pages import front
from kwapi.pages import sites
from kwapi.pages.controllers import root


def open_app(conf: cfg.ConfigOpts) -> WSGIApplication:
    """Return the pages over the configured directory; opens nothing yet.

    :raises ConfigurationInvalid: tariff, time zone or who may look is configured wrongly.
    """
    return build_app(conf, views.open_views(conf, clocks.Clock()))


def build_app(conf: cfg.ConfigOpts, shown: views.Views) -> WSGIApplication:
    """Return the pages that show these views.

    :raises ConfigurationInvalid: who may look is not configured as it must be.
    :raises ConfigFileValueError, InvalidRuleDefault..: what oslo says of a
        configuration or policy file that is wrong.
    """
    site = sites.Site(sites.Look.of(conf), shown)
    tree = resource.Application(
        root.build_tree(site, conf), policy.Enforcer(conf, policies.list_rules())
    )
    return front.Front(_guard(tree, conf, site), site.render_error)


def _guard(tree: WSGIApplication, conf: cfg.ConfigOpts, site: sites.Site) -> WSGIApplication:
    """Return the pages behind what lets visitors in."""
    strategy = conf.rrd.auth_strategy
    app = pipeline.wrap(
        tree,
        conf,
        service="kwapi",
        auth_strategy=strategy if strategy in ("keystone", "noauth") else "doors",
        public=list_public(site),
        doors=access.make_doors(conf),
    )
    key = access.find_link_key(conf)
    return access.Link(app, key) if key else app


def list_public(site: sites.Site) -> list[str]:
    """Return the paths that are for everybody, and tell nothing that is measured."""
    return ["", healthcheck.PATH, *site.static.list_paths()]
