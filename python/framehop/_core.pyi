"""The C++ core. These stubs are its contract; `stubtest` checks that the built module agrees with them.

Every buffer argument takes any contiguous bytes-like object (bytes, memoryview, mmap slice, NumPy array) and is borrowed
for the call only. Errors are raised as the classes of :mod:`framehop.errors`, one for each error code.
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
    """Return the name of every error code of the core; :mod:`framehop.errors` has one class for each."""

def arm_failpoint(name: str, nth: int = 1) -> None:
    """Have this process killed by SIGKILL at the nth hit of the named point. Meant for tests. Thread-safe."""

def failpoint(name: str) -> None:
    """Mark the point `name`: does nothing unless the point is armed. Thread-safe."""

def raise_descriptor_limit() -> None:
    """Raise this process's limit of file descriptors as far as that goes without privileges, soft to hard. Thread-safe."""

def need_descriptors(count: int, what: str) -> None:
    """Raise SystemCallError, naming the limit, if `count` more file descriptors cannot be opened now. Whoever is about to use
    libzmq asks, since that aborts the process when there is none. `what` needs them. Thread-safe."""

def reserve_descriptors(count: int, what: str) -> None:
    """Do the same, and raise the soft limit first as far as `count` needs, where the hard one allows it."""

def die_with_parent(parent_pid: int) -> None:
    """Have the kernel kill this process when the thread that spawned it ends (PR_SET_PDEATHSIG, SIGKILL).

    Raises RefusedError if the parent is no longer `parent_pid` because it died before the call.
    """

# ---------------------------------------------------------------- shm: bell

@final
class Bell:
    """A wake-up word in a shared file: a waiter samples it, looks for work, and waits for the word to change.

    Thread-safe. Closing twice is harmless.
    """

    def __init__(self, path: str) -> None:
        """Open `path` (created with mode 0600 and one page if missing) and map it. Raises SystemCallError."""
    def sample(self) -> int:
        """Return the word as it is now. Sample before looking for work: if the bell rings after that, `wait` returns at once."""
    def ring(self) -> None:
        """Change the word and wake every waiter in every process. Call it after the commit."""
    def wait(self, sampled: int, timeout_s: float) -> bool:
        """Return True once the word differs from `sampled`, or False after `timeout_s` seconds. GIL released; Ctrl-C works."""
    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None: ...

# ---------------------------------------------------------------- shm: ring

@final
class FrameTag:
    """The identity of a slot's frame, written to the slot before the decode begins. Immutable, hashable, compares by value."""

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
    """A reference to one picture in a ring, stale once its slot is used again. Immutable, hashable, compares by value."""

    @property
    def slot(self) -> int: ...
    @property
    def generation(self) -> int: ...
    @property
    def width(self) -> int:
        """Width in pixels as stored in the slot, after any scaling by the decoder."""
    @property
    def height(self) -> int: ...
    @property
    def stride(self) -> int:
        """Bytes per row."""
    @property
    def format(self) -> PixelFormat: ...

PixelFormat = Literal["rgb8", "bgr8", "gray8", "i420", "nv12", "bytes"]
SlotState = Literal["free", "filling", "ready"]
Overflow = Literal["block", "drop-oldest-unpinned", "reject"]

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
        """Number of holders that hold a lease now."""
    @property
    def tag(self) -> FrameTag | None:
        """The slot's present or last frame; None if the slot was never used or its tag is being written at this instant."""

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

@final
class RingLook:
    """A ring as its host describes it: a snapshot, not a lease. `host`: the pid of the process that owns it."""

    @property
    def ring_id(self) -> int: ...
    @property
    def slot_count(self) -> int: ...
    @property
    def slot_bytes(self) -> int: ...
    @property
    def tap_quota(self) -> int: ...
    @property
    def host(self) -> int: ...
    @property
    def free(self) -> int: ...
    @property
    def filling(self) -> int: ...
    @property
    def ready(self) -> int: ...
    @property
    def pinned(self) -> int:
        """Number of slots that hold no picture any more and are leased all the same."""
    @property
    def formats(self) -> list[PixelFormat]:
        """The formats of the pictures that its slots hold, or held last."""
    @property
    def holders(self) -> list[HolderInfo]: ...

def look_at_ring(path: str, *, timeout_s: float = 5.0) -> RingLook:
    """Ask the host of the ring at `path`; takes no place in the ring. GIL released; Ctrl-C works. Raises SystemCallError when there
    is no host or it does not answer, RefusedError for another user's, WrongLayoutError for another version."""

def ring_bytes(*, slots: int, slot_bytes: int, tap_quota: int = 2) -> int:
    """Return the bytes that such a ring takes, both segments together. Creates nothing. Raises InvalidArgumentError."""

@final
class RingHost:
    """The owner of a ring: creates it (two sealed memfds) and lets processes attach over a Unix socket until closed.

    A thread of the host watches a pidfd per holder; the leases of a dead holder are taken back at once, even of a zombie.
    Mapped memory lives on in processes that hold views.
    Thread-safe. Closing twice is harmless.
    """

    def __init__(self, path: str, *, slots: int, slot_bytes: int, tap_quota: int = 2) -> None:
        """`path`: the socket, in a directory of mode 0700 owned by this user (else RefusedError). `slots`: 1–4096 for the
        pipeline. `tap_quota`: further slots, which only taps can pin. `slot_bytes`: rounded up to whole pages.

        Raises SystemCallError, and OutOfMemoryError naming the bytes needed.
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
        """Size of both segments together."""
    def slots(self) -> list[SlotInfo]: ...
    def holders(self) -> list[HolderInfo]: ...
    def reclaimed(self) -> int:
        """Return the number of leases taken back from dead holders so far."""
    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None: ...

@final
class Slot:
    """A slot that the writer is filling: nobody can lease it until `publish`. It ends with `publish` or `abandon`."""

    @property
    def index(self) -> int: ...
    @property
    def generation(self) -> int: ...
    def array(self, height: int, width: int, pixel_format: PixelFormat = "rgb8") -> NDArray[np.uint8]:
        """Return a writable uint8 array over the slot's pixels: [height, width, 3] for rgb8 and bgr8, [height, width] for gray8,
        [height * 3 / 2, width] for i420 and nv12, the planes below each other as OpenCV has them, and [width] for bytes, whose
        height is 1. Do not keep it beyond `publish`: readers are promised pixels that no longer change. Raises
        PictureTooLargeError when it does not fit, InvalidArgumentError for sides of 0, and for odd ones of i420 and nv12."""
    def planes(self, height: int, width: int, pixel_format: PixelFormat) -> tuple[NDArray[np.uint8], ...]:
        """Return a writable array for each plane: of i420 Y [height, width], U and V of half the sides, of nv12 Y and UV
        [height / 2, width / 2, 2]; halves are rounded up. All other formats have one plane. Otherwise like `array`."""
    def publish(self) -> SlotRef:
        """Make the picture leasable, with the size last given to `array` or decoded. Raises ClosedError if the slot has ended."""
    def abandon(self) -> None:
        """Give the slot back unpublished. Harmless after `publish`, and when called twice. Like `array` and `publish` it raises
        RefusedError while a decoder writes to the slot."""

@final
class Ring:
    """The writer's side of a ring, which has one writer at a time. Attaching begins a new incarnation: slots that a dead
    predecessor left half written are freed, its published ones retired (a reader's lease on them stays good until it ends).

    Thread-safe.
    """

    @staticmethod
    def attach(path: str, *, timeout_s: float = 5.0) -> Ring:
        """Attach to a RingHost as its writer. Raises RefusedError while a living writer is attached, WrongLayoutError,
        SystemCallError when there is no host."""
    @staticmethod
    def create(path: str, *, slots: int, slot_bytes: int, tap_quota: int = 2) -> Ring:
        """Create host and writer in one process, for embedding; closing the ring closes its host."""
    @property
    def path(self) -> str: ...
    @property
    def ring_id(self) -> int: ...
    @property
    def incarnation(self) -> int:
        """Number of the writer: 1 for the first, one more for each successor."""
    @property
    def slot_count(self) -> int: ...
    @property
    def slot_bytes(self) -> int: ...
    def free_slots(self) -> int:
        """Return the number of slots that `try_acquire` could take now: free and leased by nobody."""
    def try_acquire(self, tag: FrameTag) -> Slot | None:
        """Take a free slot for `tag`, or None when all are in use. Never blocks."""
    def wait_acquire(self, tag: FrameTag, timeout_s: float) -> Slot | None:
        """Like `try_acquire`, but wait for a slot up to `timeout_s` seconds. GIL released; Ctrl-C works. Raises ClosedError when
        the ring is closed meanwhile."""
    def acquire(self, tag: FrameTag, *, overflow: Overflow, timeout_s: float = 5.0) -> Slot | None:
        """Take a slot for `tag`, and when none is free do what `overflow` says: `block` waits for one up to `timeout_s` seconds, as
        `wait_acquire` does; `drop-oldest-unpinned` retires the picture that was published first of those that nobody leases, and
        takes its slot; `reject` does without, as `try_acquire` does. None when that gives no slot. Only `block` waits."""
    def retire(self, ref: SlotRef) -> bool:
        """Give up a published picture: its slot is free once its last lease ends. Returns False if `ref` is stale."""
    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None: ...

@final
class Lease:
    """The right to read one slot. The slot is not reused until the lease was released (or garbage-collected) **and** the
    last array over it is gone, or until this process dies. Thread-safe."""

    @property
    def ref(self) -> SlotRef: ...
    @property
    def tag(self) -> FrameTag: ...
    def array(self) -> NDArray[np.uint8]:
        """Return a read-only uint8 array in the shape that `Slot.array` has for `ref.format`, without a copy; while it lives the
        slot is not reused. Raises ClosedError after `release`, InvalidArgumentError for i420 and nv12 with an odd side."""
    def planes(self) -> tuple[NDArray[np.uint8], ...]:
        """Return a read-only array for each plane, as `Slot.planes` has them, without a copy. Otherwise like `array`."""
    def release(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None: ...

@final
class RingReader:
    """A reader's side of a ring. It maps the pixels read-only. Thread-safe."""

    @staticmethod
    def attach(path: str, *, role: Literal["detector", "tap"] = "tap", timeout_s: float = 5.0) -> RingReader:
        """Attach to a RingHost as a reader. A tap has one slot of the ring's tap quota for itself, and more as long as others
        leave some. Raises RefusedError for a ring of another user, with no place left for a holder, or whose tap quota is shared
        out among other taps; WrongLayoutError; SystemCallError."""
    @property
    def path(self) -> str: ...
    @property
    def ring_id(self) -> int: ...
    @property
    def slot_count(self) -> int: ...
    @property
    def pixel_memory(self) -> tuple[int, int]:
        """Address and bytes of the mapping of all pixels, for making them known to a device. It lives as long as this object."""
    @property
    def alive(self) -> bool:
        """Whether the ring's host lives: without it no picture comes any more. Raises ClosedError."""
    @property
    def has_writer(self) -> bool:
        """Whether a writer is attached. While there is none, a successor may be on its way. Raises ClosedError."""
    def fileno(self) -> int:
        """Return a descriptor to wait on: it becomes readable when a writer comes or goes, until `alive` is asked, and stays so
        once the host is gone. Never read from it; it ends with `close`. Raises ClosedError."""
    def try_lease(self, slot: int, generation: int) -> Lease | None:
        """Lease the picture published in `slot` under `generation`; None when it is stale or a tap is over its quota, never
        other pixels. Raises InvalidArgumentError for a slot out of range."""
    def close(self) -> None:
        """Close the reader. Leases and arrays still held stay valid; the mapping ends with the last of them."""
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None: ...

# ---------------------------------------------------------------- codec

@final
class JpegInfo:
    """The content of a JPEG header; reading it decodes and allocates nothing."""

    @property
    def width(self) -> int:
        """Width in pixels after turning the picture upright, as its Exif orientation says."""
    @property
    def height(self) -> int: ...

def read_jpeg_header(data: Buffer) -> JpegInfo:
    """Read a picture's size. Raises CorruptPictureError, UnsupportedPictureError, and PictureTooLargeError for a side above
    65,500 pixels."""

def scaled_size(
    width: int, height: int, *, min_width: int = 0, min_height: int = 0, fit: ResizeMode = "stretch"
) -> tuple[int, int]:
    """Return (width, height) of the smallest eighth of an upright picture of `width` x `height` pixels that is enough as
    `decode_jpeg` has it, rounded up; the picture's own where none is. Raises InvalidArgumentError."""

def decode_jpeg(
    data: Buffer,
    *,
    min_width: int = 0,
    min_height: int = 0,
    fit: ResizeMode = "stretch",
    max_pixels: int = 67_108_864,
) -> NDArray[np.uint8]:
    """Decode to uint8 [H, W, 3], RGB, turned upright as its Exif orientation says.

    The picture is decoded at the scale that is decoded soonest (1/8, 2/8, 4/8 or 8/8) of those that are enough to resize it into
    `min_width` x `min_height` pixels by `fit`: with `stretch` it is not below either of them, with a letterbox not below what it
    covers. A minimum of 0 demands nothing; if both are 0, or the picture is smaller than they ask, it comes at full size. GIL
    released; thread-safe.
    Raises PictureTooLargeError if the header claims more than `max_pixels`, before anything is allocated;
    CorruptPictureError if pixels are missing or wrong (stray bytes between two markers or a missing end are tolerated);
    UnsupportedPictureError; OutOfMemoryError, which does not mean that the picture is bad.
    """

def encode_jpeg(pixels: NDArray[np.uint8], *, quality: int = 85) -> bytes:
    """Encode uint8 [H, W, 3], RGB, with contiguous pixels (rows may be strided), 1–65,500 pixels a side (libjpeg's limit).

    `quality`: 1–100; 4:2:0 chroma. GIL released; thread-safe. Raises InvalidArgumentError.
    """

@final
class DecodeResult:
    """The outcome of one picture of a batch."""

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
        """Width of the upright picture before scaling, in pixels; 0 when the header could not be read."""
    @property
    def source_height(self) -> int: ...
    @property
    def decode_us(self) -> int:
        """Time that this picture took on its thread, in microseconds."""

@final
class JpegDecoder:
    """A pool of C++ threads that decode batches straight into ring slots. Thread-safe: one batch runs, others wait."""

    def __init__(self, *, threads: int = 0, max_pixels: int = 67_108_864) -> None:
        """`threads`: 0 means one per core that this process may use."""
    @property
    def threads(self) -> int: ...
    def decode(
        self,
        slots: Sequence[Slot],
        pictures: Sequence[Buffer],
        *,
        min_width: int = 0,
        min_height: int = 0,
        fit: ResizeMode = "stretch",
    ) -> list[DecodeResult]:
        """Decode `pictures[i]` into `slots[i]` and publish it. `min_width`, `min_height`, `fit`: as `decode_jpeg` takes them;
        where no quick scale fits the slot, the picture is decoded at the smallest eighth that is enough. A slot whose picture
        fails is abandoned; the others are not affected. One GIL release for the whole batch. Never raises for a bad picture.
        Raises InvalidArgumentError when the lengths differ or a slot is given twice (the slots then stay with the caller),
        ClosedError after close."""
    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None: ...

# ---------------------------------------------------------------- image

ResizeMode = Literal["stretch", "letterbox", "letterbox-topleft"]

@final
class Preprocessor:
    """Resizes and normalises pictures into a model's input tensor. The kernel is fixed: bilinear, half-pixel centres, edges
    clamped, no antialias; value = pixel * scale[c] + bias[c]. Immutable, thread-safe."""

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
    def run(
        self,
        pictures: Sequence[NDArray[np.uint8]],
        out: NDArray[np.float32] | NDArray[np.float16] | NDArray[np.uint8],
    ) -> NDArray[np.float64]:
        """Fill `out[i]` from `pictures[i]` (uint8 [H, W, 3], RGB; rows may be strided, pixels contiguous).

        `out`: [N, H, W, 3] or [N, 3, H, W] by `layout`, C-contiguous, N >= len(pictures). Its dtype decides: float32; float16,
        rounded to the nearest, ties to even; uint8, the same and clamped to 0–255. Returns float64 [n, 4]: (scale_x, scale_y,
        pad_x, pad_y) with x_input = x_picture * scale_x + pad_x. One GIL release for the batch. Raises InvalidArgumentError for
        any other shape or dtype.
        """

def place(
    *, mode: ResizeMode, width: int, height: int, input_width: int, input_height: int
) -> tuple[int, int, int, int]:
    """Return (x, y, width, height): the rectangle of the input that a resized picture of `width` × `height` pixels covers, as the
    kernel places it. Raises InvalidArgumentError for an unknown mode, a side below 1, or an input's side above 16,384."""

def nms(
    pictures: Sequence[tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int32]]],
    *,
    iou: float,
    class_agnostic: bool,
    max_candidates: int,
    max_objects: int,
) -> list[NDArray[np.intp]]:
    """Suppress, in each picture by itself, boxes that overlap better ones; return the indices of those to keep, best first.

    `pictures`: boxes (float32 [k, 4]: x1, y1, x2, y2), scores (float32 [k]) and label ids (int32 [k]) of each, finite and
    C-contiguous. A box is dropped when it overlaps a better one that was kept by more than `iou` (0–1), with `class_agnostic` false
    only if both have one label; between equal scores the lower index is the better one. Only the `max_candidates` best are looked
    at and at most `max_objects` kept, both at least 1, which bounds the work by their product. One GIL release for all pictures.
    Raises InvalidArgumentError for any other shape, dtype or range.
    """

def all_finite(values: NDArray[np.float32]) -> bool:
    """Return whether no value of a C-contiguous float32 array, of any number of axes, is NaN or infinite. Raises
    InvalidArgumentError for any other layout or dtype."""

def best_classes(
    scores: NDArray[np.float32], threshold: float
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    """Return the rows of `scores` (float32 [A, C], C >= 1, C-contiguous) whose best class reaches `threshold`: their rising
    indices, that class and its score, three arrays [k]. Between equal scores the lower class wins; NaN reaches nothing. Raises
    InvalidArgumentError for any other shape, layout or dtype."""

# ---------------------------------------------------------------- wire

@final
class FrameRequest:
    """A descriptor as the detector received it. Its fields are in range, but only the slot table says what a slot holds."""

    @property
    def peer(self) -> bytes:
        """The worker's routing id, to which the answer goes."""
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
        """CLOCK_MONOTONIC when the worker sent it; comparable with ours, as both are on one host."""
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
        """The reason of a failure; else empty."""
    @property
    def boxes(self) -> list[tuple[float, float, float, float]]:
        """x1, y1, x2, y2 of each box, in pixels of the source picture."""
    @property
    def scores(self) -> list[float]:
        """The confidence of each box, 0–1."""
    @property
    def label_ids(self) -> list[int]: ...
    @property
    def model(self) -> int:
        """The detector's number for the model that looked at the picture, from 1; 0 when none did."""
    @property
    def batch_size(self) -> int: ...
    @property
    def hop_us(self) -> int:
        """Microseconds from the worker's send to the detector's receive."""
    @property
    def wait_us(self) -> int:
        """Microseconds from the receive to the start of preprocessing."""
    @property
    def preprocess_us(self) -> int: ...
    @property
    def infer_us(self) -> int: ...
    @property
    def postprocess_us(self) -> int: ...

@final
class HopClient:
    """A worker's end of the hop: one connection to one incarnation of a detector, from hello to loss.
    A lost client stays lost: send what is unanswered again through a new client. Use it from one thread, and
    not in a forked child (ClosedError). Closing does not linger."""

    def __init__(self, address: str, *, ring_path: str, ring_id: int) -> None:
        """`address`: as HopServer takes it; the detector need not be there yet. `ring_path`: 1–107 bytes. Sends a hello that names
        this worker's ring at once. The queues are so large that only `credits` limits what is under way. Raises
        InvalidArgumentError, SystemCallError, also when too few file descriptors are left, and OutOfMemoryError."""
    @property
    def credits(self) -> int:
        """Number of descriptors that may be unanswered at once, from the detector's welcome; 0 before it and after the loss."""
    @property
    def detector_id(self) -> int:
        """Random id of the detector's incarnation, from its welcome; 0 before it."""
    @property
    def unanswered(self) -> int:
        """Number of descriptors sent and not answered yet."""
    @property
    def lost(self) -> bool:
        """Whether the connection ended: the detector died, closed, or, over ZeroMQ, was silent for 3 s. Only `poll` updates it."""
    def send(self, refs: Sequence[SlotRef], sizes: Sequence[tuple[int, int]]) -> bool:
        """Send one descriptor per ref, with the source picture's (width, height), in one message. Returns False, with nothing
        sent, when that would exceed `credits` or there is no detector: try after the next answers. Never blocks. Raises
        InvalidArgumentError for more descriptors than `credits` in one call, for sides that are not 1–65,535 pixels, and for
        pictures that are not rgb8."""
    def poll(self, timeout_s: float, wake_fds: Sequence[int] = ()) -> tuple[list[HopReply], list[int]]:
        """Wait at most `timeout_s` for answers, a welcome, the loss, or a readable fd of `wake_fds` (level-triggered). Return
        the answers at hand (up to 1,024) and the readable fds. Malformed messages are counted in `malformed` and dropped.
        GIL released; Ctrl-C works."""
    @property
    def malformed(self) -> int:
        """Number of messages dropped so far: they do not parse, or answer no descriptor that is unanswered."""
    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None: ...

@final
class AccessUnit:
    """The facts that an access unit of H.264 or H.265 states. `keyframe`: decoding can begin here (IDR, CRA, BLA, or a recovery
    point at this picture). `clean`: and no picture that is shown earlier comes after it. `reference`: other pictures may need it.
    `leading`: H.265, comes after its key frame and is shown before it. `parameter_sets`: it has all kinds that a decoder needs."""

    @property
    def has_picture(self) -> bool: ...
    @property
    def keyframe(self) -> bool: ...
    @property
    def clean(self) -> bool: ...
    @property
    def reference(self) -> bool: ...
    @property
    def leading(self) -> bool: ...
    @property
    def parameter_sets(self) -> bool: ...

def read_access_unit(codec: Literal["h264", "h265"], data: Buffer) -> AccessUnit:
    """Read an access unit in Annex B form without decoding it. Raises CorruptPictureError for anything else, with more than 4,096
    units too. GIL released."""

def parameter_sets(codec: Literal["h264", "h265"], data: Buffer) -> bytes:
    """Return the parameter sets of an access unit in Annex B form, in their order. Errors as above. GIL released."""

VIDEO: bool
"""Whether this build has libavcodec. Without it there are no VideoDecoder, VideoPool and VideoPicture."""

@final
class VideoPicture:
    """A decoded picture in libavcodec's memory, with the pixels that are shown, as stored: not turned."""

    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...
    def rgb(self, *, orientation: int = 1, min_width: int = 0, min_height: int = 0) -> NDArray[np.uint8]:
        """Return uint8 [H, W, 3], RGB, turned upright from `orientation` (1 to 8, as Exif counts), at the smallest eighth of its
        size that is not below the minimum; (0, 0) for full size. Raises UnsupportedPictureError, InvalidArgumentError. GIL
        released."""

@final
class VideoOutcome:
    """The fate of an access unit. `result`: `decoded`; `failed`, damaged or in need of a picture that is; `no_keyframe`, before the
    first key frame; `not_shown`, a unit without a picture of its own. `picture` only when decoded, `error` and `message` only when
    failed. `decode_us`: of the call that gave the picture."""

    @property
    def key(self) -> int: ...
    @property
    def result(self) -> Literal["decoded", "failed", "no_keyframe", "not_shown"]: ...
    @property
    def picture(self) -> VideoPicture | None: ...
    @property
    def error(self) -> str: ...
    @property
    def message(self) -> str: ...
    @property
    def decode_us(self) -> int: ...

@final
class VideoWritten:
    """A picture's slot. `ref` is None when that failed; the slot is then given back, and `error` has the code."""

    @property
    def ref(self) -> SlotRef | None: ...
    @property
    def error(self) -> str: ...
    @property
    def message(self) -> str: ...

@final
class VideoDecoder:
    """The decoder of one stream, without threads of its own. One call at a time."""

    def __init__(self, codec: Literal["h264", "h265"], *, max_pixels: int = ..., max_bytes: int = ...) -> None:
        """`max_pixels`: of a picture, as encoded. `max_bytes`: of all pictures that it keeps at a time; a unit that needs more
        fails. Raises UnsupportedPictureError when the installed libavcodec lacks the codec, InvalidArgumentError."""
    @property
    def bytes(self) -> int:
        """Number of bytes of memory that it takes, about, at most since the size of its pictures changed last."""
    @property
    def held(self) -> int:
        """Number of units whose picture is held back, because a later one may be shown before it."""
    def take_held(self) -> list[VideoOutcome]:
        """Return what is held back. Decoding goes on afterwards as if nothing had been taken. GIL released."""
    def note_gap(self) -> None:
        """Note that units are missing before the next one: what may need them fails until the next key frame."""

@final
class VideoPool:
    """Threads that decode streams side by side, and write pictures into slots. Thread-safe; one call works at a time."""

    def __init__(self, *, threads: int) -> None:
        """Raises InvalidArgumentError unless 1 <= threads <= 256."""
    @property
    def threads(self) -> int: ...
    def decode(
        self, work: Sequence[tuple[VideoDecoder, Sequence[tuple[int, int, Buffer]]]]
    ) -> list[list[VideoOutcome]]:
        """Decode the units of each stream in their order: (key, shown_at, bytes in Annex B form). `key`: a number of the caller's;
        `shown_at`: a time that follows the order on the screen. Return by stream the outcomes that are known now, in any order; a
        unit may have its outcome in a later call. Raises what is no fault of the bytes, as OutOfMemoryError: the decoders must
        then be dropped. GIL released."""
    def write(
        self,
        work: Sequence[tuple[VideoPicture, Slot, int]],
        *,
        min_width: int = 0,
        min_height: int = 0,
        fit: ResizeMode = "stretch",
    ) -> list[VideoWritten]:
        """Write each picture as RGB into its slot, turned upright by its Exif orientation (1–8), and publish the slot. It keeps
        its size if the slot has room for it; else it is scaled to the smallest eighth that is enough to resize it into `min_width`
        x `min_height` by `fit`. GIL released."""

SHM_LINK_BYTES: Final[int]
"""Bytes of memory that a worker's link to its detector takes over shared memory."""

@final
class HopGreeting:
    """A worker's hello. It is only a claim: any process of this user may say it, and the ring may be gone, or never have been."""

    @property
    def peer(self) -> bytes:
        """The worker's name at this server, as in its requests."""
    @property
    def ring_id(self) -> int: ...
    @property
    def ring_path(self) -> str:
        """The socket of the ring in which its pictures lie: 1–107 bytes."""

@final
class HopServer:
    """The detector's end of the hop. It answers each hello with a welcome. Use it from one thread, and not in a forked child
    (ClosedError)."""

    def __init__(self, address: str, *, credits: int = 64) -> None:
        """`address`: `ipc://PATH` for ZeroMQ or, in a directory of mode 0700, `shm://PATH` for shared memory. The directory
        exists; a socket file left by a dead process is replaced, and `close` removes ours. `credits`: 1–4096 per worker. Raises
        InvalidArgumentError, SystemCallError, also when too few file descriptors are left, and RefusedError for a directory that
        is open to others or, over shared memory, a path that a living process serves."""
    @property
    def detector_id(self) -> int: ...
    def poll(
        self, timeout_s: float, wake_fds: Sequence[int] = ()
    ) -> tuple[list[FrameRequest], list[HopGreeting], list[int]]:
        """Wait like `HopClient.poll`; return the requests at hand, the hellos among the messages, and the readable `wake_fds`.
        Malformed messages are counted and dropped."""
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
        model: int = 0,
    ) -> bool:
        """Answer one request. Returns False when its worker is gone; this is no error, as its successor reads the log. A worker
        that does not read until there is no room for an answer is disconnected, and so asks again.

        Shapes and dtypes are as in HopReply. Raises InvalidArgumentError for more than 4,096 boxes, boxes with a status other
        than "ok", coordinates that are not finite, scores outside 0–1 and negative label ids. `message` is cut to 1,024 bytes,
        and not sent with status "ok"."""
    def disconnect(self, peer: bytes) -> None:
        """End the connection of a peer that cannot be served, by the `peer` of its greeting or a request. An honest one comes
        again with what is unanswered. Requests that it sent before may still come. Harmless when it is gone."""
    @property
    def malformed(self) -> int:
        """Number of messages dropped so far: they do not parse, are for another incarnation, or leave their worker with more
        than `credits` descriptors unanswered. Those of the last kind also end their worker's connection."""
    def close(self) -> None:
        """End all connections and remove the socket file. Over ZeroMQ, answers have a second at most to leave; over shared
        memory they need none."""
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None: ...

# ---------------------------------------------------------------- trips, for `framehop bench hop`

def time_hop_trips(client: HopClient, count: int) -> NDArray[np.int64]:
    """Send so many descriptors, one at a time, and wait for the answer of each; return int64 [count]: nanoseconds of each trip. The
    other side is in `answer_hop_trips`. GIL released; it cannot be interrupted, and gives up after 20 s without an answer: raises
    SystemCallError."""

def answer_hop_trips(server: HopServer, count: int) -> None:
    """Answer so many descriptors, without boxes. As `time_hop_trips`."""

@final
class BareBells:
    """One side of trips through shared memory with eventfds as the wake, and nothing else: the least that they could cost. It
    notices no death, and waits without an end: end the process."""

    def __init__(self, memory: int, *, mine: int, theirs: int) -> None:
        """`memory`: a memfd of 128 bytes at least. `mine`, `theirs`: eventfds that block. All are borrowed. Raises
        SystemCallError."""
    def time_trips(self, count: int) -> NDArray[np.int64]:
        """Make trips of 64 bytes; return int64 [count]: nanoseconds of each. GIL released."""
    def answer_trips(self, count: int) -> None: ...

@final
class BareZmq:
    """One side of trips over libzmq alone: a DEALER, or with `bind` a ROUTER, at an ipc:// address. Raises SystemCallError."""

    def __init__(self, address: str, *, bind: bool) -> None: ...
    def time_trips(self, count: int) -> NDArray[np.int64]:
        """Make trips of 64 bytes; return int64 [count]: nanoseconds of each. GIL released; gives up after 20 s."""
    def answer_trips(self, count: int) -> None: ...

# ---------------------------------------------------------------- frames between hosts

@final
class ReceiverInfo:
    """One receiver of a FrameSender. `stream`: the one it asked for, empty for all. `received`: frames that it is done with.
    `skipped`: frames that it was not sent, since newer ones came first."""

    @property
    def session(self) -> int: ...
    @property
    def delivery(self) -> Literal["latest", "lossless"]: ...
    @property
    def stream(self) -> str: ...
    @property
    def address(self) -> str: ...
    @property
    def sent(self) -> int: ...
    @property
    def received(self) -> int: ...
    @property
    def skipped(self) -> int: ...

@final
class FrameSender:
    """Sends frames to receivers on other hosts, pixels straight from their slots. Use it from one thread, and not in a forked
    child (ClosedError)."""

    def __init__(
        self,
        address: str,
        *,
        secret_key: str | None = None,
        receiver_keys: Sequence[str] = (),
        insecure: bool = False,
        credits: int = 8,
        max_receivers: int = 16,
        silence_s: float = 5.0,
    ) -> None:
        """`address`: `tcp://HOST:PORT`, port 0 for any that is free, or `ipc://PATH`. `secret_key`, and the public `receiver_keys`
        that may connect: 40 characters of Z85 each. `credits`: 1–64, the most frames on their way to one receiver, and so the slots
        that a stopped one may hold, until nothing was heard of it for `silence_s` and its connection ends. Raises RefusedError for
        tcp:// without a key unless `insecure`, InvalidArgumentError, SystemCallError."""
    @property
    def address(self) -> str:
        """The address, with the port that was found."""
    @property
    def receivers(self) -> list[ReceiverInfo]: ...
    @property
    def malformed(self) -> int:
        """Number of messages dropped so far, as they do not parse or claim what was never sent. Each ends its connection."""
    @property
    def refused(self) -> int:
        """Number of handshakes that failed so far: a wrong key, or none."""
    def poll(self, timeout_s: float, wake_fds: Sequence[int] = ()) -> tuple[int, list[str], list[int]]:
        """Wait for what receivers ask, or for one of `wake_fds`, and serve it. Return the number of requests served, notes for a
        log on who was refused or cut off, and the readable `wake_fds`. Call it at least once a second. Ctrl-C works. GIL
        released."""
    def has_room(self, stream: str) -> bool:
        """Whether no lossless receiver of this stream is out of credit."""
    def send(self, lease: Lease, *, note: bytes = b"", skip: bool = False) -> bool:
        """Send the picture in a leased slot to every receiver of its stream, without copying it. The lease is shared: it ends with
        `lease` and the last message. `note`: at most 1 MiB for the receivers, as the event in JSON. Return False, with nothing
        sent, while a lossless receiver has no credit; with `skip`, that receiver misses the frame, counted, and the others get it.
        Never blocks. Raises InvalidArgumentError, ClosedError."""
    def send_jpeg(
        self, jpeg: Buffer, *, tag: FrameTag, width: int, height: int, note: bytes = b"", skip: bool = False
    ) -> bool:
        """Send a JPEG as it is, without copying it: `jpeg` must not change until it is let go of, after the last message. Otherwise
        like `send`."""
    def send_as_jpeg(self, lease: Lease, *, quality: int = 85, note: bytes = b"") -> None:
        """Send the picture in a leased slot as a JPEG, and wait for nobody, as `send` with `skip`. It is encoded once for all
        receivers, and not at all while none of them has credit: then a `latest` one gets it with its next want, from a copy of the
        pixels, unless a newer one comes first. So the lease can be released at once. `quality`: 1–100.
        GIL released. Raises InvalidArgumentError, ClosedError, OutOfMemoryError."""
    def drain(self, timeout_s: float) -> bool:
        """Wait at most `timeout_s` until each receiver is done with what was sent to it, or has gone; return whether they are.
        Serves them as `poll` does. Ctrl-C works. GIL released."""
    def close(self) -> None:
        """Wait a second at most until each receiver is done with what was sent to it, then end all connections, and with
        them the leases. The end of a `with` that raised does not wait. Closing twice is harmless."""
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None: ...

@final
class ReceivedFrame:
    """A frame that came. `number`: of its session, from 0; `skipped`: frames of the session that were not sent, as newer ones came
    first. `sent_us`: microseconds since 1970, by the sender's clock. `width`, `height`: pixels. Thread-safe."""

    @property
    def stream(self) -> str: ...
    @property
    def epoch(self) -> int: ...
    @property
    def seq(self) -> int: ...
    @property
    def session(self) -> int: ...
    @property
    def number(self) -> int: ...
    @property
    def skipped(self) -> int: ...
    @property
    def sent_us(self) -> int: ...
    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...
    @property
    def encoding(self) -> Literal["jpeg", "rgb8", "bgr8", "gray8", "i420", "nv12", "bytes"]: ...
    @property
    def payload(self) -> NDArray[np.uint8]:
        """Read-only uint8 [N]: the bytes where they were received, not copied. For a JPEG, what `decode_jpeg` takes."""
    @property
    def note(self) -> bytes:
        """The bytes that the sender gave with the frame, as the event in JSON."""
    def array(self) -> NDArray[np.uint8]:
        """Return a read-only array over `payload`, in the shape that `Slot.array` has for `encoding`. Raises InvalidArgumentError
        for a JPEG, and for i420 and nv12 with an odd side."""
    def planes(self) -> tuple[NDArray[np.uint8], ...]:
        """Return a read-only array over each plane in `payload`, as `Slot.planes` has them. Raises InvalidArgumentError for a
        JPEG."""

@final
class FrameReceiver:
    """Receives frames from a FrameSender, and connects again whenever that was away. Use it from one thread, and not in a forked
    child (ClosedError)."""

    def __init__(
        self,
        address: str,
        *,
        secret_key: str | None = None,
        sender_key: str | None = None,
        insecure: bool = False,
        delivery: Literal["latest", "lossless"] = "latest",
        credits: int = 4,
        stream: str = "",
        max_bytes: int = ...,
    ) -> None:
        """`address`: as the sender's. `secret_key`: this receiver's, `sender_key`: the public one of the sender that it trusts.
        `delivery`: `latest` gets the newest frame whenever it asks, `lossless` every one, with up to `credits` (1–64) on their way.
        `stream`: empty for all. `max_bytes`: of one picture; a larger one ends the connection. Raises as FrameSender does."""
    @property
    def session(self) -> int:
        """The sender's number for this connection; 0 until it has answered. After a break it is another: what was on its way then
        is lost."""
    @property
    def malformed(self) -> int:
        """Number of messages dropped so far, as they do not parse."""
    def poll(self, timeout_s: float, wake_fds: Sequence[int] = ()) -> tuple[list[ReceivedFrame], list[str], list[int]]:
        """Wait for the next frame, or for one of `wake_fds`. Return the frame in a list, notes for a log on why there is no
        connection, and the readable `wake_fds`. Calling it says that the frame before is done with; who does not call is cut off
        after the sender's `silence_s`, and let in again later. Ctrl-C works. GIL released."""
    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None: ...
