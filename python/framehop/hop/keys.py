"""The key files of a sender of frames and of its receivers: CURVE keys as 40 characters of Z85, in JSON."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec
import zmq

from framehop.errors import ConfigError
from framehop.hop.messages import KEY_CHARACTERS

SENDER_FILE = "sender.key"
RECEIVER_FILE = "receiver.key"
LARGEST = 1 << 16

_Keys = TypeVar("_Keys", bound=msgspec.Struct)


class SenderKeys(msgspec.Struct, frozen=True, kw_only=True, tag="framehop-sender", forbid_unknown_fields=True):
    """The sender's file of keys. `receivers`: the public keys that may connect. To let in one more, add its key; to keep one out,
    remove it; then start the sender again."""

    secret: str
    receivers: list[str]

    def __repr__(self) -> str:
        return f"SenderKeys({len(self.receivers)} receivers)"


class ReceiverKeys(msgspec.Struct, frozen=True, kw_only=True, tag="framehop-receiver", forbid_unknown_fields=True):
    """The keys that a receiver has. `sender`: the public key of the sender that it trusts."""

    secret: str
    sender: str

    def __repr__(self) -> str:
        return "ReceiverKeys()"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFiles:
    """The files that were made: one stays with the sender, the other goes to each machine that receives."""

    sender: Path
    receiver: Path


def create_keys(directory: Path) -> KeyFiles:
    """Make a pair for each end, in two files that only their owner can read. Raises ConfigError when they exist, and OSError."""
    files = KeyFiles(sender=directory / SENDER_FILE, receiver=directory / RECEIVER_FILE)
    for file in (files.sender, files.receiver):
        if file.exists():
            raise ConfigError(
                f"{file} exists: whoever has the old keys could not connect any more. Name another directory, or remove it"
            )
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    sender_public, sender_secret = _pair()
    receiver_public, receiver_secret = _pair()
    _write(files.sender, SenderKeys(secret=sender_secret, receivers=[receiver_public]))
    try:
        _write(files.receiver, ReceiverKeys(secret=receiver_secret, sender=sender_public))
    except BaseException:
        files.sender.unlink()  # alone it is worth nothing, and would be in the way of the next try
        raise
    return files


def _pair() -> tuple[str, str]:
    public, secret = zmq.curve_keypair()
    return public.decode(), secret.decode()


def _write(file: Path, keys: msgspec.Struct) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(msgspec.json.format(msgspec.json.encode(keys), indent=2) + b"\n")
    except BaseException:
        file.unlink()
        raise


def load_sender_keys(file: Path) -> SenderKeys:
    """Read a sender's keys. Raises ConfigError, saying what to do."""
    keys = _load(file, SenderKeys, SENDER_FILE)
    _check(file, [keys.secret, *keys.receivers])
    return keys


def load_receiver_keys(file: Path) -> ReceiverKeys:
    """Read a receiver's keys. Raises ConfigError, saying what to do."""
    keys = _load(file, ReceiverKeys, RECEIVER_FILE)
    _check(file, [keys.secret, keys.sender])
    return keys


def _load(file: Path, kind: type[_Keys], name: str) -> _Keys:
    try:
        with file.open("rb") as opened:
            if os.fstat(opened.fileno()).st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise ConfigError(f"{file} can be read by others: chmod 600 it, or make new keys if they may have")
            return msgspec.json.decode(opened.read(LARGEST), type=kind)
    except OSError as error:
        raise ConfigError(
            f"the keys {file} cannot be read: {error.strerror}; `framehop keys create DIRECTORY` makes keys"
        ) from error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"{file} is no {name} of framehop keys create: {error}") from error


def _check(file: Path, keys: list[str]) -> None:
    for key in keys:
        if len(key) != KEY_CHARACTERS or not key.isascii():
            raise ConfigError(f"{file}: a key has {KEY_CHARACTERS} characters; make keys anew by framehop keys create")
