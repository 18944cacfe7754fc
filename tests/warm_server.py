"""A pytest plugin for the tests of warm kernels: one fork server for all of them."""

import pytest


@pytest.fixture(scope="session")
def server_for_tests(tmp_path_factory):
    """The address of a server that has imported what the course's lessons import."""
    from warm import server

    with server(tmp_path_factory.mktemp("server")) as address:
        yield address
