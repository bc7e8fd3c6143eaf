"""Who listens: the sockets of a process and all below it, as the kernel tells (proc_net(5))."""

import ipaddress
import socket
import ssl
from contextlib import suppress
from pathlib import Path

LISTEN = "0A"


def processes(pid):
    """Return a process and every one below it."""
    words = [
        word for path in Path(f"/proc/{pid}/task").glob("*/children") for word in path.read_text().split()
    ]
    return {pid}.union(*(processes(int(word)) for word in words))


def command_lines(program):
    """Return the command lines of all processes that run a program."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it ended meanwhile
            found.append(path.read_bytes().decode().replace("\0", " "))
    return [words for words in found if program in words]


def heard(pid):
    """Return the addresses at which a process or one below it listens."""
    inodes = set()
    for one in processes(pid):
        for link in Path(f"/proc/{one}/fd").glob("*"):
            try:
                target = str(link.readlink())
            except OSError:
                continue
            inodes.add(target.removeprefix("socket:[").removesuffix("]"))
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            cells = line.split()
            if cells[3] == LISTEN and cells[9] in inodes:
                found.add(_place(cells[1]))
    return found


def heard_elsewhere(pid):
    """Return those addresses that other machines can reach."""
    return {(host, port) for host, port in heard(pid) if not ipaddress.ip_address(host).is_loopback}


def speaks_tls(place):
    """Whether whoever listens there begins with a TLS handshake."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with socket.create_connection(place, timeout=10) as plain, context.wrap_socket(plain) as secure:
            return secure.version() is not None
    except ssl.SSLError as fault:
        return "CERTIFICATE_REQUIRED" in str(fault)


def _place(text):
    host, port = text.split(":")
    words = [bytes.fromhex(host[n : n + 8])[::-1] for n in range(0, len(host), 8)]
    return str(ipaddress.ip_address(b"".join(words))), int(port, 16)
