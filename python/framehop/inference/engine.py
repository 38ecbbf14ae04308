"""The engine: preprocesses, infers and postprocesses for one model on one device. Only here do these three steps meet."""

from __future__ import annotations

import copy
import time
from collections.abc import Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from framehop.errors import ClosedError, InvalidArgumentError, ModelError
from framehop.inference import Model, Network, NetworkRun, OnnxSession, load_model
from framehop.inference.device import Device
from framehop.inference.engine_options import EngineOptions
from framehop.inference.postprocess import (
    NO_CANDIDATES,
    NO_OBJECTS,
    Candidates,
    Objects,
    Postprocessor,
    Wanted,
    finite,
)
from framehop.inference.preprocess import make_preprocessor, shared_stream
from framehop.inference.recognise import Plan, recognise
from framehop.inference.tiling import Tiling
from framehop.types import BatchTimings, Detections, ModelInfo, Need

__all__ = ["Engine", "EngineOptions", "load_model"]

Size = tuple[int, int]


class Engine:
    """Finds objects in pictures; it is a :class:`framehop.protocols.Detector`. Use from one thread at a time; `lane` makes one
    of the same network for another thread.

    with Engine(load_model("coco-ssd"), EngineOptions(conf=0.3)) as engine:
        [found] = engine.detect([decode_jpeg(data)])
    """

    def __init__(self, model: Model, options: EngineOptions | None = None) -> None:
        """Load and warm up `model`. Raises MissingExtraError without ONNX Runtime, ModelError, ConfigError."""
        options = options or EngineOptions()
        stream = shared_stream(options.preprocess, options.provider, options.device)
        model = model if model.sha256 else model.checked()
        with Network.open(model, 1 if options.side_by_side else options.threads) as network:
            self._plan = recognise(network, model)
            self._spec = spec = self._plan.spec
            self._tiling = Tiling.of(options.tiles, spec.nms, max_objects=spec.max_objects)
            self._post = Postprocessor(spec, _wanted(spec.labels, options))
            session = OnnxSession(
                model,
                spec.input,
                options.session(stream.handle if stream else 0),
                outputs=self._post.outputs,
                max_batch=options.max_batch,
                network=network,
            )
        self._provider = session.provider
        alone = options.side_by_side and session.provider == "cpu"
        self._max_batch = min(options.max_batch, max(1, session.fixed_batch)) if alone else options.max_batch
        place = Device.of(session.provider, options.device, stream)
        self._make_input = partial(
            make_preprocessor, options.preprocess, spec.input, spec.resize, max_batch=self._max_batch, device=place
        )
        self._input = self._make_input()
        self._session: OnnxSession | None = session
        self._batch_s = self._warm_up(session)
        self._one_by_one = session.one_by_one

    @property
    def info(self) -> ModelInfo:
        """The name and version of the model, the network's SHA-256, and the provider that really runs it."""
        spec = self._spec
        return ModelInfo(name=spec.name, version=spec.version, sha256=spec.sha256, provider=self._provider)

    @property
    def plan(self) -> Plan:
        """The description that was recognised, with the reason for each choice."""
        return self._plan

    @property
    def labels(self) -> Mapping[int, str]:
        """Names by label id; an id without a name is shown as its number."""
        return MappingProxyType(self._spec.labels)

    @property
    def max_batch(self) -> int:
        return self._max_batch

    @property
    def one_by_one(self) -> bool:
        """Whether the network takes only one picture at a time, so that a batch takes as long as its pictures one by one."""
        return self._one_by_one

    @property
    def need(self) -> Need:
        """The pixels to which a decoder may scale a picture down: those of the input, or more for tiles."""
        width, height = self._tiling.decode_size((self._spec.input.width, self._spec.input.height))
        return Need(width=width, height=height, fit=self._spec.resize.mode)

    @property
    def runs_per_picture(self) -> int:
        """The number of pictures that the network sees for one picture, at most: 1 without tiles."""
        return self._tiling.runs

    @property
    def batch_s(self) -> float:
        """Seconds that the largest batch took while the engine was made, with all that is only done for the first one."""
        return self._batch_s

    def lane(self) -> Engine:
        """Return another engine on the same network, with an input tensor of its own, so that two threads run it side by side. Each
        is closed by itself, and the network is freed with the last. Raises ClosedError, and what making a preprocessor raises."""
        lane = copy.copy(self)
        lane._session, lane._input = self._open().lane(), self._make_input()
        return lane

    def rehearse(self) -> None:
        """Run the largest batch on blank pictures. Lanes that rehearse side by side take the memory that they need at high load."""
        self._open().run(self._input.blank(self._max_batch))

    def _open(self) -> OnnxSession:
        if self._session is None:
            raise ClosedError("the engine is closed")
        return self._session

    def detect(
        self, pictures: Sequence[NDArray[np.uint8]], source_sizes: Sequence[Size] | None = None
    ) -> list[Detections]:
        """Return one result per picture, in order.

        `pictures`: uint8 [H, W, 3], RGB, borrowed for the call. `source_sizes`: (width, height) of each picture before the
        decoder scaled it; boxes are in these pixels. None if no picture was scaled. More than `max_batch` pictures run in several
        batches. A picture whose outputs hold NaN or infinity, or what its head cannot read, gets an error that begins with
        `bad_output`; the others are not affected.
        Raises InvalidArgumentError for a picture of another shape or dtype, ModelError when the runtime fails, ClosedError.
        """
        session = self._open()
        _check_pictures(pictures)
        sizes = [_size(picture) for picture in pictures] if source_sizes is None else source_sizes
        if len(sizes) != len(pictures):
            raise InvalidArgumentError(f"{len(pictures)} pictures, but {len(sizes)} source sizes")
        return self._tiling.detect(pictures, sizes, partial(self._detect_all, session))

    def _detect_all(
        self, session: OnnxSession, pictures: Sequence[NDArray[np.uint8]], sizes: Sequence[Size]
    ) -> list[Detections]:
        results: list[Detections] = []
        for first in range(0, len(pictures), self._max_batch):
            part = slice(first, first + self._max_batch)
            results += self._detect_batch(session, pictures[part], sizes[part])
        return results

    def _detect_batch(
        self, session: OnnxSession, pictures: Sequence[NDArray[np.uint8]], sizes: Sequence[Size]
    ) -> list[Detections]:
        began = time.perf_counter_ns()
        batch, transforms = self._input.fill(pictures)
        filled = time.perf_counter_ns()
        runs = session.run(batch)
        ran = time.perf_counter_ns()
        read = [one for run in runs for one in self._post.read(run.outputs, run.count)[: run.used]]
        found = self._objects(read, transforms, [_size(picture) for picture in pictures], sizes)
        timings = _timings(len(pictures), began, filled, ran, time.perf_counter_ns())
        return [_detections(objects, timings) for objects in found]

    def _objects(
        self,
        read: Sequence[Candidates | str],
        transforms: NDArray[np.float64],
        picture_sizes: Sequence[Size],
        source_sizes: Sequence[Size],
    ) -> list[Objects | str]:
        """Return the objects of each picture, or the reason why its outputs cannot be used."""
        kept = self._post.keep([NO_CANDIDATES if isinstance(one, str) else one for one in read])
        return [
            one
            if isinstance(one, str)
            else self._post.place(kept[i], transforms[i], picture_size=picture_sizes[i], source_size=source_sizes[i])
            for i, one in enumerate(read)
        ]

    def _warm_up(self, session: OnnxSession) -> float:
        """Run a batch of one and the largest batch; return the seconds of the latter. This allocates, and shows whether the head
        can read the outputs and whether the network takes a batch, which small batches would hide until the load is high. A GPU
        plans anew for each batch size."""
        self._read_blank(session.run(self._input.blank(1)))
        began_s = time.perf_counter()
        runs = session.try_batch(self._input.blank(self._max_batch))
        batch_s = time.perf_counter() - began_s
        try:
            self._read_blank(runs)
        except ModelError as error:
            session.run_one_by_one(error)  # its outputs have no axis for the pictures of a batch
            self._read_blank(session.run(self._input.blank(1)))
        return batch_s

    def _read_blank(self, runs: Sequence[NetworkRun]) -> None:
        """Raise ModelError if the head cannot read the outputs, as it never will."""
        for run in runs:
            for rows in self._post.rows(run.outputs, run.count):
                if finite(rows):
                    self._post.candidates(rows)

    def close(self) -> None:
        """Free the network, unless other lanes run it; `detect` then raises ClosedError. Closing twice is harmless."""
        if self._session is not None:
            self._session.close()
            self._input.close()
            self._session = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _wanted(labels: Mapping[int, str], options: EngineOptions) -> Wanted:
    return Wanted.of(labels, options.conf, options.classes, class_conf=options.class_conf, exclude=options.exclude)


def _check_pictures(pictures: object) -> None:
    """Raise a message of its own for each common mistake of a first call. The kernel checks the rest."""
    if not isinstance(pictures, Sequence) or isinstance(pictures, str | bytes):
        raise InvalidArgumentError(
            f"detect takes a list of pictures, as in detect([picture]), not what is {_kind(pictures)}"
        )
    for index, picture in enumerate(pictures):
        if not isinstance(picture, np.ndarray):
            raise InvalidArgumentError(
                f"pictures[{index}] is {_kind(picture)}, not pixels: give uint8 [H, W, 3] in RGB, for a JPEG"
                " framehop.decode_jpeg(path.read_bytes())"
            )
        if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8:
            raise InvalidArgumentError(
                f"pictures[{index}] is {picture.dtype} {list(picture.shape)}, and must be uint8 [H, W, 3], RGB"
            )


def _kind(value: object) -> str:
    """Return a short description of `value` for a message."""
    return repr(value[:64]) if isinstance(value, str) else f"of type {type(value).__name__}"


def _size(picture: NDArray[np.uint8]) -> Size:
    return picture.shape[1], picture.shape[0]


def _timings(batch_size: int, began_ns: int, filled_ns: int, ran_ns: int, done_ns: int) -> BatchTimings:
    return BatchTimings(
        batch_size=batch_size,
        preprocess_us=(filled_ns - began_ns) // 1000,
        infer_us=(ran_ns - filled_ns) // 1000,
        postprocess_us=(done_ns - ran_ns) // 1000,
    )


def _detections(found: Objects | str, timings: BatchTimings) -> Detections:
    boxes, scores, label_ids = NO_OBJECTS if isinstance(found, str) else found
    error = found if isinstance(found, str) else ""
    return Detections(boxes=boxes, scores=scores, label_ids=label_ids, error=error, timings=timings)
