"""The C++ core. Stubs are the reviewed contract; `stubtest` holds them to the built module.

Every buffer argument takes any contiguous bytes-like object (bytes, memoryview, mmap slice, NumPy array) and is borrowed
for the call only. Errors are the classes of :mod:`framehop.errors`, chosen by code.
"""

from collections.abc import Sequence
from types import TracebackType
from typing import Final, Literal, Self, final

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Buffer

__version__: Final[str]

# ---------------------------------------------------------------- process

def error_codes() -> list[str]:
    """Every error code of the core, by name; :mod:`framehop.errors` has one class for each."""

def arm_failpoint(name: str, nth: int = 1) -> None:
    """Make the nth hit of the named point raise SIGKILL in this process. For tests. Thread-safe."""

def failpoint(name: str) -> None:
    """A named point: does nothing unless armed. Thread-safe."""

def die_with_parent(parent_pid: int) -> None:
    """Have the kernel kill this process when the thread that spawned it ends (PR_SET_PDEATHSIG, SIGKILL).

    Raises RefusedError if the parent is not `parent_pid` any more: it died before the call.
    """

# ---------------------------------------------------------------- shm: bell

@final
class Bell:
    """A wake-up word in a shared file: waiters sample, look for work, and wait for the word to change.

    Thread-safe. Close twice harmlessly.
    """

    def __init__(self, path: str) -> None:
        """Open `path` (created with mode 0600 and one page if missing) and map it. Raises SystemCallError."""
    def sample(self) -> int:
        """The word now. Take it before looking for work: a ring after that makes `wait` return at once."""
    def ring(self) -> None:
        """Change the word and wake every waiter in every process. Call it after the commit."""
    def wait(self, sampled: int, timeout_s: float) -> bool:
        """Wait until the word differs from `sampled`: True; False after `timeout_s` seconds. GIL released; Ctrl-C works."""
    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None: ...

# ---------------------------------------------------------------- shm: ring

@final
class FrameTag:
    """Which frame a slot holds; written to the slot before the decode begins. Immutable, hashable, compares by value."""

    def __init__(self, stream: str, epoch: int, seq: int, partition: int = 0, offset: int = 0) -> None:
        """`stream`: 1–128 bytes of UTF-8. `epoch`: µs since 1970. Raises InvalidArgumentError."""
    @property
    def stream(self) -> str: ...
    @property
    def epoch(self) -> int: ...
    @property
    def seq(self) -> int: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...

@final
class SlotRef:
    """Names one picture in a ring: stale as soon as its slot is used again. Immutable, hashable, compares by value."""

    @property
    def slot(self) -> int: ...
    @property
    def generation(self) -> int: ...
    @property
    def width(self) -> int:
        """Pixels in the slot, after scaling in the decoder."""
    @property
    def height(self) -> int: ...
    @property
    def stride(self) -> int:
        """Bytes per row."""

SlotState = Literal["free", "filling", "ready"]

@final
class SlotInfo:
    """One line of the slot table, as `RingHost.slots()` saw it. A snapshot, not a lease."""

    @property
    def slot(self) -> int: ...
    @property
    def state(self) -> SlotState: ...
    @property
    def generation(self) -> int: ...
    @property
    def leases(self) -> int:
        """How many holders hold a lease now."""
    @property
    def tag(self) -> FrameTag | None:
        """The frame that is, or was last, in the slot; None if never used or being written this instant."""

@final
class HolderInfo:
    """One attached process."""

    @property
    def index(self) -> int: ...
    @property
    def pid(self) -> int: ...
    @property
    def role(self) -> Literal["writer", "detector", "tap"]: ...
    @property
    def leases(self) -> int: ...

def ring_bytes(*, slots: int, slot_bytes: int, tap_quota: int = 2) -> int:
    """What a ring of these numbers takes, both segments together. Creates nothing. Raises InvalidArgumentError."""

@final
class RingHost:
    """Creates a ring (two sealed memfds) and serves attachments on a Unix socket until closed.

    The host owns the segment's name and its holders' liveness: a pidfd per holder, watched by a thread of its own; the leases
    of a dead holder are taken back at once, zombie or not. Mapped memory lives on in processes that hold views.
    Thread-safe. Close twice harmlessly.
    """

    def __init__(self, path: str, *, slots: int, slot_bytes: int, tap_quota: int = 2) -> None:
        """`path`: the socket, in a directory of mode 0700 owned by this user (else RefusedError). `slots`: 1–4096 for the
        pipeline, `tap_quota` more that only taps can pin. `slot_bytes`: rounded up to whole pages.

        Raises OutOfMemoryError naming the bytes needed, SystemCallError.
        """
    @property
    def path(self) -> str: ...
    @property
    def ring_id(self) -> int:
        """Random 64-bit id of the segment."""
    @property
    def slot_count(self) -> int:
        """`slots` + `tap_quota`."""
    @property
    def slot_bytes(self) -> int: ...
    @property
    def total_bytes(self) -> int:
        """Both segments together."""
    def slots(self) -> list[SlotInfo]: ...
    def holders(self) -> list[HolderInfo]: ...
    def reclaimed(self) -> int:
        """Leases taken back from dead holders so far."""
    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None: ...

@final
class Slot:
    """A slot in the writer's hands, state `filling`: nobody can lease it. Ends by `publish` or `abandon`."""

    @property
    def index(self) -> int: ...
    @property
    def generation(self) -> int: ...
    def array(self, height: int, width: int) -> NDArray[np.uint8]:
        """Writable uint8 [height, width, 3] over the slot's pixels. Do not keep it beyond `publish`: readers are promised
        pixels that no longer change. Raises PictureTooLargeError when it does not fit."""
    def publish(self) -> SlotRef:
        """Make the picture leasable, with the size last given to `array` or decoded. Raises ClosedError when done before."""
    def abandon(self) -> None:
        """Give the slot back unpublished. Harmless after `publish` or a second time."""

@final
class Ring:
    """The writer's side. One writer at a time; attaching adopts the ring under a new incarnation: half-written slots of a dead
    predecessor are freed, its published ones retired (a reader's lease on them stays good until it ends).

    Thread-safe.
    """

    @staticmethod
    def attach(path: str, *, timeout_s: float = 5.0) -> Ring:
        """Attach to a RingHost as its writer. Raises RefusedError while a living writer is attached, WrongLayoutError,
        SystemCallError when there is no host."""
    @staticmethod
    def create(path: str, *, slots: int, slot_bytes: int, tap_quota: int = 2) -> Ring:
        """For embedding: host and writer in one process; closing the ring closes its host."""
    @property
    def path(self) -> str: ...
    @property
    def ring_id(self) -> int: ...
    @property
    def incarnation(self) -> int:
        """1 for the first writer, one more for each successor."""
    @property
    def slot_count(self) -> int: ...
    @property
    def slot_bytes(self) -> int: ...
    def free_slots(self) -> int:
        """Slots that `try_acquire` could take now: free and leased by nobody."""
    def try_acquire(self, tag: FrameTag) -> Slot | None:
        """Take a free slot for `tag`, or None when all are in use. Never blocks."""
    def wait_acquire(self, tag: FrameTag, timeout_s: float) -> Slot | None:
        """Like `try_acquire`, waiting for a slot up to `timeout_s` seconds. GIL released; Ctrl-C works."""
    def retire(self, ref: SlotRef) -> bool:
        """The writer needs the picture no longer: free once its last lease ends. False if `ref` is stale."""
    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None: ...

@final
class Lease:
    """The right to read one slot. The slot cannot be reused until `release` was called (or the lease collected) **and** the
    last array of it is gone, or this process has died. Thread-safe."""

    @property
    def ref(self) -> SlotRef: ...
    @property
    def tag(self) -> FrameTag: ...
    def array(self) -> NDArray[np.uint8]:
        """Read-only uint8 [height, width, 3], RGB, straight over shared memory; keeps the slot. Raises ClosedError after
        `release`."""
    def release(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None: ...

@final
class RingReader:
    """A reader's side: its mapping of the pixels is read-only. Thread-safe."""

    @staticmethod
    def attach(path: str, *, role: Literal["detector", "tap"] = "tap", timeout_s: float = 5.0) -> RingReader:
        """Raises RefusedError (another user, no holder place left), WrongLayoutError, SystemCallError."""
    @property
    def path(self) -> str: ...
    @property
    def ring_id(self) -> int: ...
    @property
    def slot_count(self) -> int: ...
    def try_lease(self, slot: int, generation: int) -> Lease | None:
        """Lease the picture published in `slot` under `generation`; None when stale, never wrong pixels. A tap over its quota
        gets None as well. Raises InvalidArgumentError for a slot out of range."""
    def close(self) -> None:
        """Leases and arrays still held stay valid; the mapping goes with the last of them."""
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None: ...

# ---------------------------------------------------------------- codec

@final
class JpegInfo:
    """What the header says; nothing was decoded or allocated for it."""

    @property
    def width(self) -> int:
        """Of the picture upright: as Exif's orientation says it is to be seen."""
    @property
    def height(self) -> int: ...

def read_jpeg_header(data: Buffer) -> JpegInfo:
    """Raises CorruptPictureError, UnsupportedPictureError, and PictureTooLargeError for a side above 65,500 pixels."""

def decode_jpeg(
    data: Buffer, *, min_width: int = 0, min_height: int = 0, max_pixels: int = 67_108_864
) -> NDArray[np.uint8]:
    """Decode to uint8 [H, W, 3], RGB, turned upright as Exif's orientation says.

    With `min_width` and `min_height` at the smallest DCT scale (1/8 … 8/8) not below either; a side of 0 asks for nothing,
    both 0 mean full size. A picture smaller than the minimum comes at full size. GIL released; thread-safe.
    Raises PictureTooLargeError (header claims more than `max_pixels`, checked before anything is allocated),
    CorruptPictureError (pixels are missing or wrong; what only looks odd, such as stray bytes between two markers or a missing
    end, is taken), UnsupportedPictureError; OutOfMemoryError, which says nothing of the picture.
    """

def encode_jpeg(pixels: NDArray[np.uint8], *, quality: int = 85) -> bytes:
    """Encode uint8 [H, W, 3], RGB, pixels contiguous (rows may be strided), 1–65,500 pixels a side (libjpeg's limit).

    `quality`: 1–100; 4:2:0 chroma. GIL released; thread-safe. Raises InvalidArgumentError.
    """

@final
class DecodeResult:
    """What became of one picture of a batch."""

    @property
    def ref(self) -> SlotRef | None:
        """The published slot; None when the picture failed."""
    @property
    def error(self) -> str:
        """Error code by name, as in `error_codes()`; empty when decoded."""
    @property
    def message(self) -> str: ...
    @property
    def source_width(self) -> int:
        """Pixels of the picture itself, upright, before scaling; 0 when the header could not be read."""
    @property
    def source_height(self) -> int: ...
    @property
    def decode_us(self) -> int:
        """Time this picture took on its thread, microseconds."""

@final
class JpegDecoder:
    """Decodes batches straight into ring slots on a C++ thread pool. Thread-safe: one batch at a time, others wait."""

    def __init__(self, *, threads: int = 0, max_pixels: int = 67_108_864) -> None:
        """`threads`: 0 for one per core that this process may use."""
    @property
    def threads(self) -> int: ...
    def decode(
        self, slots: Sequence[Slot], pictures: Sequence[Buffer], *, min_width: int = 0, min_height: int = 0
    ) -> list[DecodeResult]:
        """Decode `pictures[i]` into `slots[i]` and publish it; a slot whose picture fails is abandoned, its neighbours are
        untouched. One GIL release for the whole batch. Never raises for a bad picture; InvalidArgumentError when the lengths
        differ or a slot is given twice (the slots then stay with the caller), ClosedError after close."""
    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None: ...

# ---------------------------------------------------------------- image

ResizeMode = Literal["stretch", "letterbox", "letterbox-topleft"]

@final
class Preprocessor:
    """Resizes and normalises pictures into a model's input tensor. The kernel is stated and fixed: bilinear, half-pixel
    centres, edges clamped, no antialias; value = pixel * scale[c] + bias[c]. Immutable, thread-safe."""

    def __init__(
        self,
        *,
        width: int,
        height: int,
        mode: ResizeMode = "stretch",
        layout: Literal["NHWC", "NCHW"] = "NHWC",
        colour: Literal["RGB", "BGR"] = "RGB",
        scale: tuple[float, float, float] = (1.0, 1.0, 1.0),
        bias: tuple[float, float, float] = (0.0, 0.0, 0.0),
        pad: float = 114.0,
    ) -> None:
        """`scale`, `bias`: per channel in the *model's* channel order. `pad`: pixel value (0–255) around a letterboxed picture."""
    def run(self, pictures: Sequence[NDArray[np.uint8]], out: NDArray[np.float32]) -> NDArray[np.float64]:
        """Fill `out[i]` from `pictures[i]` (uint8 [H, W, 3], RGB; rows may be strided, pixels contiguous).

        `out`: float32 [N, H, W, 3] or [N, 3, H, W] by `layout`, C-contiguous, N >= len(pictures). Returns float64 [n, 4]:
        (scale_x, scale_y, pad_x, pad_y) with x_input = x_picture * scale_x + pad_x. One GIL release for the batch.
        Raises InvalidArgumentError for any other shape or dtype.
        """

# ---------------------------------------------------------------- wire

@final
class FrameRequest:
    """A descriptor as the detector received it. Fields are checked, and still only a claim: the slot table is the truth."""

    @property
    def peer(self) -> bytes:
        """The worker's routing id, for the answer."""
    @property
    def ring_id(self) -> int: ...
    @property
    def slot(self) -> int: ...
    @property
    def generation(self) -> int: ...
    @property
    def source_width(self) -> int: ...
    @property
    def source_height(self) -> int: ...
    @property
    def sent_ns(self) -> int:
        """CLOCK_MONOTONIC of the worker when it was sent (same host, same clock)."""
    @property
    def received_ns(self) -> int: ...

@final
class HopReply:
    """The detector's answer to one descriptor."""

    @property
    def slot(self) -> int: ...
    @property
    def generation(self) -> int: ...
    @property
    def status(self) -> Literal["ok", "stale", "failed"]: ...
    @property
    def message(self) -> str:
        """Why it failed; empty otherwise."""
    @property
    def boxes(self) -> NDArray[np.float32]:
        """float32 [N, 4]: x1, y1, x2, y2 in source pixels."""
    @property
    def scores(self) -> NDArray[np.float32]: ...
    @property
    def label_ids(self) -> NDArray[np.int32]: ...
    @property
    def batch_size(self) -> int: ...
    @property
    def hop_us(self) -> int:
        """Worker's send to detector's receive."""
    @property
    def wait_us(self) -> int:
        """Received to start of preprocessing."""
    @property
    def preprocess_us(self) -> int: ...
    @property
    def infer_us(self) -> int: ...
    @property
    def postprocess_us(self) -> int: ...

@final
class HopClient:
    """A worker's end of the hop (ZeroMQ DEALER): one connection to one incarnation of a detector, from hello to loss.
    Once `lost` it stays lost; what is unanswered then has to be sent again through a new client. Use from one thread, and
    not in a forked child (ClosedError). Closing does not linger."""

    def __init__(self, address: str, *, ring_path: str, ring_id: int) -> None:
        """`address`: `ipc://…`; nobody need be there yet. Sends hello (which ring this worker writes) at once; the
        high-water marks are set so that `credits` decides, never ZeroMQ. `ring_path`: 1–107 bytes. Raises
        InvalidArgumentError, SystemCallError."""
    @property
    def credits(self) -> int:
        """Descriptors that may be unanswered at once, as the detector's welcome said; 0 until it came, and once lost."""
    @property
    def detector_id(self) -> int:
        """Random id of the detector's incarnation, from its welcome; 0 until it came."""
    @property
    def unanswered(self) -> int:
        """Descriptors sent and not answered yet."""
    @property
    def lost(self) -> bool:
        """The connection ended: the detector died, closed, or was silent for 3 s. Learned in `poll`."""
    def send(self, refs: Sequence[SlotRef], sizes: Sequence[tuple[int, int]]) -> bool:
        """Send one descriptor per ref, with the source picture's (width, height), in one message. False when that would
        exceed `credits` or there is no detector: nothing was sent, try after the next answers. Never blocks. Raises
        InvalidArgumentError for more descriptors than `credits` in one call, and for sides that are not 1–65,535 pixels."""
    def poll(self, timeout_s: float, wake_fds: Sequence[int] = ()) -> tuple[list[HopReply], list[int]]:
        """Wait until answers, a welcome, the loss, or one of `wake_fds` (readable, level-triggered) is there, at most
        `timeout_s`; return the answers at hand (up to 1,024) and the fds that are readable. Malformed messages are counted
        in `malformed` and dropped. GIL released; Ctrl-C works."""
    @property
    def malformed(self) -> int:
        """Messages dropped so far: not parsed, or answers to nothing that is unanswered."""
    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None: ...

@final
class HopServer:
    """The detector's end of the hop (ZeroMQ ROUTER, mandatory). Answers hellos with a welcome itself. Use from one thread,
    and not in a forked child (ClosedError)."""

    def __init__(self, address: str, *, credits: int = 64) -> None:
        """Binds `ipc://…`, replacing a socket file left by the dead; its directory must exist. `close` removes the file.
        `credits`: 1–4096 per worker. Raises InvalidArgumentError, SystemCallError."""
    @property
    def detector_id(self) -> int: ...
    def poll(
        self, timeout_s: float, wake_fds: Sequence[int] = ()
    ) -> tuple[list[FrameRequest], list[tuple[int, str]], list[int]]:
        """Wait like `HopClient.poll`; return the requests at hand, the hellos among the messages as (ring_id, ring_path),
        and the readable `wake_fds`. Malformed messages are counted and dropped."""
    def reply(
        self,
        request: FrameRequest,
        *,
        status: Literal["ok", "stale", "failed"] = "ok",
        message: str = "",
        boxes: NDArray[np.float32] | None = None,
        scores: NDArray[np.float32] | None = None,
        label_ids: NDArray[np.int32] | None = None,
        batch_size: int = 0,
        wait_us: int = 0,
        preprocess_us: int = 0,
        infer_us: int = 0,
        postprocess_us: int = 0,
    ) -> bool:
        """Answer one request. False when its worker is gone (that is no error: its successor reads the log).

        At most 4,096 boxes; shapes and dtypes as in HopReply, coordinates finite, scores 0–1, label ids not negative,
        boxes with status "ok" only, else InvalidArgumentError. `message` is cut to 1,024 bytes, and not sent with status "ok"."""
    @property
    def malformed(self) -> int:
        """Messages dropped so far: not parsed, for another incarnation, or more descriptors in one than `credits`."""
    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None: ...
