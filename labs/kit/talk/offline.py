"""A process without a network: whatever it asks of another machine fails at once.

Only this machine itself can be reached. Child processes are told of a proxy that is not
there. This is how a preflight finds out, on a machine with a network, what a room without
one does to a demo.
"""

import ipaddress
import sys
from typing import Any

PORT = 9  # "discard": nothing listens there
NOWHERE = f"http://127.0.0.1:{PORT}"
OFFLINE = "there is no network"  # in what a refused request says
HERE = ("localhost", "127.0.0.1", "::1", "0.0.0.0", "")


class NoNetwork(OSError):
    """Something was asked of another machine."""


def variables() -> dict[str, str]:
    """Those that send the requests of child processes nowhere, but for this machine's own."""
    names = ("http_proxy", "https_proxy", "all_proxy")
    proxies = {one: NOWHERE for name in names for one in (name, name.upper())}
    here = ",".join(filter(None, HERE))
    return {**proxies, "no_proxy": here, "NO_PROXY": here}


def cut_off() -> None:
    """Cut this process off from every other machine, for good."""
    sys.addaudithook(_refuse)


def _refuse(event: str, arguments: tuple) -> None:
    if event == "socket.getaddrinfo":
        _check(*arguments[:2])
    elif event in ("socket.connect", "socket.sendto") and isinstance(arguments[1], tuple):
        _check(*arguments[1][:2])


def _check(host: Any, port: Any) -> None:
    name = host.decode() if isinstance(host, bytes) else host or ""
    if not is_here(name) or port == PORT:
        asked = "another machine" if port == PORT else name
        raise NoNetwork(f"it asks {asked}, and {OFFLINE}")


def is_here(host: str) -> bool:
    """Whether the host is this machine."""
    try:
        return host in HERE or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
