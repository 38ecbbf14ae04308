"""Decides who may look and who may change something, by tokens and logins, and bounds how often somebody may try."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from framehop.errors import ConfigError
from framehop.web.errors import ApiError

V = TypeVar("V")

CONTROL = "control"  # behind a token that is for more than looking
MAX_TOKENS = 64
SHORTEST_TOKEN = 16
LONGEST_TOKEN = 512
MAX_SESSIONS = 1024
SESSION_S = 30 * 86_400
TRIES = 5  # wrong tokens from one address in a minute
TRIES_OF_ALL = 60
TRIES_S = 60.0
MAX_ADDRESSES = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token. `control`: whoever has it may change what is read, too."""

    text: str
    control: bool = False


def make_token() -> str:
    return secrets.token_urlsafe(24)


def read_tokens(path: Path) -> tuple[Token, ...]:
    """Return the tokens of a file, one a line, each with `control` behind it if it is for more than looking. Raises ConfigError
    when there is none, or one that is easy to guess."""
    try:
        with path.open("rb") as file:
            text = file.read(MAX_TOKENS * (LONGEST_TOKEN + 16)).decode("ascii")
    except OSError as error:
        raise ConfigError(f"--token-file {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"--token-file {path} is not ASCII text: put a token on each line") from error
    lines = [line for line in text.splitlines() if line.strip()]
    if not 0 < len(lines) <= MAX_TOKENS:
        raise ConfigError(f"--token-file {path} has {len(lines)} tokens: put 1 to {MAX_TOKENS} there, one a line")
    return tuple(_token_of(line, f"--token-file {path}") for line in lines)


def _token_of(line: str, where: str) -> Token:
    text, *rights = line.split()
    if rights not in ([], [CONTROL]):
        raise ConfigError(f"{where}: what may stand behind a token is {CONTROL!r}, and nothing else")
    if not SHORTEST_TOKEN <= len(text) <= LONGEST_TOKEN:
        raise ConfigError(
            f"{where} has a token of {len(text)} characters: use {SHORTEST_TOKEN} to {LONGEST_TOKEN}, "
            "as openssl rand -hex 24 makes them"
        )
    return Token(text=text, control=bool(rights))


class Access:
    """Checks tokens and keeps the sessions of those who have logged in. Use in the event loop."""

    def __init__(self, tokens: Sequence[Token] = ()) -> None:
        """`tokens`: none where everybody who can reach the page may look, and nobody change anything."""
        self._tokens = [(_digest(token.text), token.control) for token in tokens]
        self._sessions: OrderedDict[bytes, tuple[float, bool]] = OrderedDict()  # until when, and whether with control
        self._wrong: OrderedDict[str, deque[float]] = OrderedDict()
        self._wrong_of_all: deque[float] = deque(maxlen=TRIES_OF_ALL)
        self._known: OrderedDict[str, None] = OrderedDict()  # addresses that have sent the token

    @property
    def needed(self) -> bool:
        return bool(self._tokens)

    def allows(self, cookie: str, bearer: str, address: str) -> bool:
        """Return whether a request with this cookie or this bearer token may look. Raises ApiError (429) after too many wrong
        tokens."""
        if not self._tokens or self.has_session(cookie):
            return True
        return bool(bearer) and self._is_token(bearer, address)

    def controls(self, cookie: str, bearer: str) -> bool:
        """Return whether a request that is allowed may change something."""
        if self.has_session(cookie):  # then nobody has counted how often its bearer tokens were wrong
            return self._session(cookie)[1]
        return bool(self._control_of(bearer))

    def login(self, token: str, address: str) -> str:
        """Return the value of a new session's cookie. Raises ApiError: 401, or 429 after too many wrong tokens."""
        if not self._is_token(token, address):
            raise ApiError(
                401, "this is not the token: framehop printed it when it started, or it is in the --token-file"
            )
        cookie = secrets.token_urlsafe(32)
        self._sessions[_digest(cookie)] = time.monotonic() + SESSION_S, bool(self._control_of(token))
        while len(self._sessions) > MAX_SESSIONS:
            self._sessions.popitem(last=False)
        return cookie

    def logout(self, cookie: str) -> None:
        self._sessions.pop(_digest(cookie), None)

    def has_session(self, cookie: str) -> bool:
        """Return whether somebody has logged in with this cookie, and not out again."""
        return self._session(cookie)[0] > time.monotonic()

    def _session(self, cookie: str) -> tuple[float, bool]:
        # Looked up by digest: the time that takes tells nothing of the sessions there are.
        return self._sessions.get(_digest(cookie), (0.0, False)) if cookie else (0.0, False)

    def _control_of(self, text: str) -> bool | None:
        """Return whether a token is for more than looking; None for one that is not ours. Takes as long for every text."""
        digest, found = _digest(text), None
        for ours, control in self._tokens:
            if hmac.compare_digest(digest, ours):
                found = control
        return found

    def _is_token(self, token: str, address: str) -> bool:
        self._check_tries(address)
        right = not self._tokens or self._control_of(token) is not None
        if right:
            _put(self._known, address, None)
        else:
            self._note_wrong(address)
        return right

    def _check_tries(self, address: str) -> None:
        """Raise ApiError after too many wrong tokens. Strangers' guesses do not keep out who has had the token before."""
        limits = [(self._wrong.get(address, deque()), TRIES)]
        if address not in self._known:
            limits.append((self._wrong_of_all, TRIES_OF_ALL))
        now = time.monotonic()
        for tries, allowed in limits:
            while tries and tries[0] <= now - TRIES_S:
                tries.popleft()
            if len(tries) >= allowed:
                wait_s = int(tries[0] + TRIES_S - now) + 1
                raise ApiError(429, f"too many wrong tokens: try again in {wait_s} s", retry_after_s=wait_s)

    def _note_wrong(self, address: str) -> None:
        now = time.monotonic()
        _put(self._wrong, address, self._wrong.get(address, deque(maxlen=TRIES)))
        self._wrong[address].append(now)
        self._wrong_of_all.append(now)


def _put(kept: OrderedDict[str, V], address: str, value: V) -> None:
    """Keep something of an address, and forget the address that is silent for longest when there are too many."""
    kept[address] = value
    kept.move_to_end(address)
    if len(kept) > MAX_ADDRESSES:
        kept.popitem(last=False)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode(errors="surrogateescape")).digest()
