# SPDX-License-Identifier: Apache-2.0
"""Who installs the published wheel with one extra has programs that work.

What a role's programs import is looked at without an installation, in
:mod:`tests.unit.test_roles`; here pip has the last word.
"""

from __future__ import annotations

import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.functional import distributions
from tests.unit import test_roles

#: Each installs a hundred packages; longer than any other test.
pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source distribution."""
    return distributions.build_sdist(tmp_path_factory.mktemp("distribution"))


@pytest.fixture(scope="module")
def wheel(sdist: Path) -> Path:
    """The wheel, made from the source distribution: what that lacks, this lacks."""
    return distributions.build_wheel(sdist)


@pytest.fixture(scope="module", params=[*test_roles.ROLES, "osc"])
def installed(
    request: pytest.FixtureRequest, wheel: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, distributions.Environment]:
    """A role, and an environment with nothing else."""
    folder = tmp_path_factory.mktemp(request.param)
    return request.param, distributions.Environment(folder, wheel, request.param)


def test_a_source_distribution_has_the_tree(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    # Of no use without git.
    assert set(distributions.list_sources()) - names == {".gitignore"}


def test_a_wheel_has_what_an_operator_copies(wheel: Path) -> None:
    """Under the prefix it is installed to, such as /opt/kwapi/etc."""
    names = {name.partition(".data/data/")[2] for name in zipfile.ZipFile(wheel).namelist()}
    wanted = {
        name
        for name in distributions.list_sources()
        if name.startswith("etc/") and not name.endswith("generator.conf")
    }
    assert wanted
    assert wanted - names == set()


def test_every_program_of_a_role_starts(
    installed: tuple[str, distributions.Environment], tmp_path: Path
) -> None:
    role, environment = installed
    for name in test_roles.ROLES.get(role, []):
        done = environment.run(name, "--help")
        assert done.returncode == 0, done.stderr
        assert "usage" in done.stdout
    for service in {"kwapi", "climate"} & {role}:
        path = tmp_path / "some.conf"
        path.write_text(f"[DEFAULT]\nstate_path = {tmp_path}\n")
        done = environment.run(f"{service}-manage", "--config-file", str(path), "db", "upgrade")
        assert (done.returncode, done.stderr) == (0, "")
        done = environment.run(f"{service}-manage", "--config-file", str(path), "config", "check")
        assert "[keystone_authtoken] auth_type: is not set" in done.stdout
    if role == "osc":
        done = environment.run("openstack", "lease", "create", "--help")
        assert done.returncode == 0, done.stderr
