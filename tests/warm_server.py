"""A pytest plugin for the tests of warm kernels: one fork server for all of them."""

import pytest

from labs.kit.warm import starting


@pytest.fixture(scope="session")
def server_for_tests(tmp_path_factory):
    """The address of a server that has imported what the course's lessons import."""
    from warm import fixed

    with starting.session(fixed(tmp_path_factory.mktemp("server"))) as address:
        yield address
