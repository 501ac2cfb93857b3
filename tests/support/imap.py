"""A real IMAP server on a real socket, with one folder, that hangs up when it is told to."""

import re
import socketserver
import threading
from collections.abc import Callable
from typing import Any

CREDENTIALS = ("reports", "open sesame")


class ImapServer:
    """A server on a free port of 127.0.0.1, running inside ``with``.

    ``emails`` are what the folder holds, numbered from 1; ``seen`` are the numbers that were marked. ``drop_at`` names
    the command at which it hangs up instead of answering; ``refused`` are the numbers that it does not give out;
    ``before_marking`` is called with the number to be marked.
    """

    def __init__(self) -> None:
        self.emails: list[bytes] = []
        self.seen: set[int] = set()
        self.fetched: list[int] = []
        self.refused: set[int] = set()
        self.drop_at: str | None = None
        self.before_marking: Callable[[int], None] = lambda number: None
        self._server = _Server(("127.0.0.1", 0), _Conversation)
        self._server.owner = self
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self) -> "ImapServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """Where it is, with its credentials."""
        user, password = CREDENTIALS
        return f"imap://{user}:{password.replace(' ', '%20')}@127.0.0.1:{self._server.server_address[1]}/Bounces"


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    owner: ImapServer


class _Conversation(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self.wfile.write(b"* OK ready\r\n")
        for line in self.rfile:
            tag, command, rest = re.fullmatch(r"(\S+) ((?:UID )?\S+) ?(.*)", line.decode().strip()).groups()  # type: ignore[union-attr]
            owner: ImapServer = self.server.owner  # type: ignore[attr-defined]
            if owner.drop_at == command:
                return
            answer = getattr(self, f"on_{command.lower().replace(' ', '_')}", None)
            status = answer(owner, rest) if answer else "BAD"
            self.wfile.write(f"{tag} {status} done\r\n".encode())
            if command == "LOGOUT":
                return

    def on_capability(self, owner: ImapServer, rest: str) -> str:
        self.wfile.write(b"* CAPABILITY IMAP4rev1\r\n")
        return "OK"

    def on_login(self, owner: ImapServer, rest: str) -> str:
        user, password = CREDENTIALS
        return "OK" if rest == f'{user} "{password}"' else "NO"

    def on_select(self, owner: ImapServer, rest: str) -> str:
        self.wfile.write(f"* {len(owner.emails)} EXISTS\r\n".encode())
        return "OK" if rest == '"Bounces"' else "NO"

    def on_uid_search(self, owner: ImapServer, rest: str) -> str:
        unseen = [str(number) for number in range(1, len(owner.emails) + 1) if number not in owner.seen]
        self.wfile.write(f"* SEARCH {' '.join(unseen)}\r\n".encode())
        return "OK"

    def on_uid_fetch(self, owner: ImapServer, rest: str) -> str:
        found: Any = re.fullmatch(r"(\d+) \(BODY\.PEEK\[\]<0\.(\d+)>\)", rest)
        number = int(found[1])
        if number in owner.refused:
            return "NO"
        owner.fetched.append(number)
        content = owner.emails[number - 1][: int(found[2])]
        head = f"* {number} FETCH (UID {number} BODY[]<0> {{{len(content)}}}\r\n"
        self.wfile.write(head.encode() + content + b")\r\n")
        return "OK"

    def on_uid_store(self, owner: ImapServer, rest: str) -> str:
        number = int(rest.split()[0])
        owner.before_marking(number)
        owner.seen.add(number)
        return "OK"

    def on_logout(self, owner: ImapServer, rest: str) -> str:
        self.wfile.write(b"* BYE\r\n")
        return "OK"
