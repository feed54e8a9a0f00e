"""Put on PYTHONPATH by the tests: a server that cannot leave this machine, and that tells when it tries."""

import os
import sys

LOCAL = {"127.0.0.1", "localhost", "::1", "0.0.0.0", "", None}


def _guard(event: str, args: tuple) -> None:
    if event == "socket.connect":
        address = args[1]
        host = address[0] if isinstance(address, tuple) else "127.0.0.1"
    elif event == "socket.getaddrinfo":
        host = args[0].decode() if isinstance(args[0], bytes) else args[0]
    else:
        return
    if host not in LOCAL:
        with open(os.environ["OFFLINE_LOG"], "a") as log:
            log.write(f"{event} {host}\n")
        raise OSError(f"offline: {host}")


sys.addaudithook(_guard)
