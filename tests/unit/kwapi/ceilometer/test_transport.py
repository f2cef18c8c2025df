# SPDX-License-Identifier: Apache-2.0
"""Where Ceilometer listens, and with which properties, whatever our own bus is."""

from __future__ import annotations

import pytest
from oslo_config import cfg

from kwapi import exception
from kwapi.bus import transport as bus
from kwapi.ceilometer import transport as transports


def settings(conf: cfg.ConfigOpts) -> tuple[str, bool]:
    """Return host and durability of the transport to Ceilometer."""
    driver = transports.open_transport(conf)._driver
    return driver._url.hosts[0].hostname, driver.conf.oslo_messaging_rabbit.amqp_durable_queues


def test_its_queues_have_properties_of_their_own(conf: cfg.ConfigOpts) -> None:
    """Also on the bus on which our own are durable."""
    ours = bus.get_transport(conf, "rabbit://here/")
    assert ours._driver.conf.oslo_messaging_rabbit.amqp_durable_queues is True
    assert settings(conf) == ("here", False)
    conf.set_override("durable_queues", True, "ceilometer")
    assert settings(conf) == ("here", True)


def test_it_may_be_another_bus(conf: cfg.ConfigOpts) -> None:
    bus.get_transport(conf)
    conf.set_override("transport_url", "rabbit://notifications/", "oslo_messaging_notifications")
    assert settings(conf)[0] == "notifications"
    conf.set_override("transport_url", "rabbit://there/?amqp_durable_queues=true", "ceilometer")
    assert settings(conf) == ("there", True)


@pytest.mark.parametrize(
    "url", ["s3cret", "rabit://u:s3cret@host/", "rabbit://u:s3cret@host:port/"]
)
def test_a_wrong_url_is_told_in_a_sentence_without_the_password(
    conf: cfg.ConfigOpts, url: str
) -> None:
    conf.set_override("transport_url", url, "ceilometer")
    with pytest.raises(exception.ConfigurationInvalid) as caught:
        transports.open_transport(conf)
    assert str(caught.value).startswith("[ceilometer] transport_url: is no transport; one looks")
    assert "s3cret" not in str(caught.value)
