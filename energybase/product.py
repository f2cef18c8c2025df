# SPDX-License-Identifier: Apache-2.0
"""A product's options, and how each of its processes loads its configuration.

Owns what products do alike: the option ``state_path`` that the floor reads,
log levels of talkative libraries, and where configuration files are looked for.
Which options there are is the product's to say.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

from oslo_config import cfg
from oslo_log import log
from oslo_middleware import cors

from energybase import service

#: Loggers that are too talkative at their own default level.
_LOG_LEVELS = ("kombu=WARN", "amqp=WARN", "alembic=WARN", "waitress=WARN")


class Product(NamedTuple):
    """What several services have in common: one configuration file, one state directory.

    :ivar name: of its folder below ``/etc`` and ``/var/lib``, of its file, and of its log.
    :ivar title: what operators call it.
    :ivar options: by group, in the order of the sample; a group may come again.
    :ivar log_levels: of libraries that this product alone uses, as oslo.log takes them.
    :ivar cors_methods: HTTP methods that pages of other origins may use.
    """

    name: str
    title: str
    options: Sequence[tuple[str, Sequence[Any]]]
    log_levels: Sequence[str]
    cors_methods: Sequence[str]

    def list_opts(self) -> list[tuple[str | None, list[Any]]]:
        """Return every option for ``oslo-config-generator``."""
        groups: dict[str | None, list[Any]] = {None: [self._make_state_path_opt()]}
        for group, opts in self.options:
            groups.setdefault(group, []).extend(opts)
        return list(groups.items())

    def register_opts(self, conf: cfg.ConfigOpts) -> None:
        """Register every option; those without a group on the command line too."""
        for group, opts in self.list_opts():
            if group is None:
                conf.register_cli_opts(opts)
            conf.register_opts(opts, group=group)

    def load(
        self,
        argv: Sequence[str] | None,
        prog: str,
        cli_opts: Sequence[Any] = (),
        files: Sequence[str] | None = None,
    ) -> cfg.ConfigOpts:
        """Return the configuration of one of the product's processes, with logging set up by it.

        :param files: read from the product's folder in /etc, those of them that
            exist, when the command line names none; by default the product's own.
        """
        self.set_defaults()
        names = (f"{self.name}.conf",) if files is None else files
        paths = (f"/etc/{self.name}/{name}" for name in names)
        return service.prepare(
            argv,
            prog,
            register=(self.register_opts,),
            cli_opts=cli_opts,
            config_files=list(filter(os.path.exists, paths)),
            project=self.name,
        )

    def set_defaults(self) -> None:
        """Set what other libraries' options default to in this product."""
        levels = [*log.get_default_log_levels(), *_LOG_LEVELS, *self.log_levels]
        cors.set_defaults(allow_methods=list(self.cors_methods))
        log.set_defaults(default_log_levels=levels)

    def _make_state_path_opt(self) -> cfg.Opt:
        return cfg.StrOpt(
            "state-path",
            default=f"/var/lib/{self.name}",
            help=f"Directory for everything {self.title} writes; the SQLite database is in it by "
            "default.",
        )
