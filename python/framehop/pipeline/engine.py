"""The engine: preprocess, infer and postprocess of one model, on one device. The only place where these three meet."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from framehop.errors import ClosedError, InvalidArgumentError
from framehop.infer import Model, OnnxSession, Provider, SessionOptions, find_model, finite_rows
from framehop.postprocess import NO_OBJECTS, Head, HeadOptions, Objects, Postprocessor, make_head
from framehop.preprocess import InputTensor
from framehop.types import BatchTimings, Detections, ModelInfo

BAD_OUTPUT = "bad_output"


def load_model(name_or_path: str | Path) -> Model:
    """A model ready for :class:`Engine`: by built-in name (`coco-ssd`), or by the path of a `model.yaml`, of a
    directory with one, or of a `.onnx` file beside one.

    Everything that needs no runtime is checked now, before any process is started: the sidecar, its head, the network's
    SHA-256. Raises ModelError.
    """
    model = find_model(name_or_path)
    _head(model)
    model.read()
    return model


class Engine:
    """Finds objects in pictures; a :class:`framehop.protocols.Detector`. Use from one thread at a time.

    with Engine(load_model("coco-ssd")) as engine:
        [found] = engine.detect([decode_jpeg(data)])
    """

    def __init__(
        self,
        model: Model,
        *,
        provider: Provider = "auto",
        threads: int = 0,
        max_batch: int = 8,
        device: int = 0,
        engine_cache: Path | None = None,
    ) -> None:
        """Load and warm up `model`. `provider`, `threads`, `device`, `engine_cache`: see SessionOptions. `max_batch`:
        pictures per run of the network, 1–256; the input tensor is allocated for so many.

        Raises MissingExtraError without ONNX Runtime, ModelError, InvalidArgumentError.
        """
        if not 1 <= max_batch <= 256 or threads < 0:
            raise InvalidArgumentError(f"max_batch must be 1 to 256 and threads 0 or more: {max_batch}, {threads}")
        head = _head(model)
        options = SessionOptions(provider=provider, threads=threads, device=device, engine_cache=engine_cache)
        self._model = model
        self._max_batch = max_batch
        self._post = _postprocessor(model, head)
        self._input = _input_tensor(model, max_batch)
        self._session: OnnxSession | None = OnnxSession(model, options, outputs=head.outputs, max_batch=max_batch)
        self._provider = self._session.provider
        self._warm_up(self._session)

    @property
    def info(self) -> ModelInfo:
        """Name, version and SHA-256 from the sidecar; the provider that really runs it."""
        sidecar = self._model.sidecar
        return ModelInfo(name=sidecar.name, version=sidecar.version, sha256=sidecar.sha256, provider=self._provider)

    @property
    def labels(self) -> Mapping[int, str]:
        """Names by label id. The network may know ids without a name."""
        return MappingProxyType(self._model.sidecar.labels)

    @property
    def max_batch(self) -> int:
        return self._max_batch

    @property
    def min_width(self) -> int:
        """With `min_height`, what to give a decoder that can scale down: the sides of the input tensor.

        A stretched picture needs both. A letterboxed one would do with less on its shorter side, but which that is
        depends on the picture; asking for both sides is right for every shape and only ever decodes more than needed,
        never less.
        """
        return self._model.sidecar.input.width

    @property
    def min_height(self) -> int:
        return self._model.sidecar.input.height

    def detect(
        self, pictures: Sequence[NDArray[np.uint8]], source_sizes: Sequence[tuple[int, int]] | None = None
    ) -> list[Detections]:
        """One result per picture, in order.

        `pictures`: uint8 [H, W, 3], RGB, borrowed for the call. `source_sizes`: (width, height) of each picture before
        the decoder scaled it, in which boxes are given; None if it did not. More than `max_batch` pictures run in
        several batches. A picture whose outputs hold NaN or infinity gets the error `bad_output`; its neighbours are
        untouched. Raises InvalidArgumentError for a picture of another shape or dtype, ModelError when the runtime
        fails, ClosedError.
        """
        if self._session is None:
            raise ClosedError("the engine is closed")
        sizes = [_size(picture) for picture in pictures] if source_sizes is None else source_sizes
        if len(sizes) != len(pictures):
            raise InvalidArgumentError(f"{len(pictures)} pictures, but {len(sizes)} source sizes")
        results: list[Detections] = []
        for first in range(0, len(pictures), self._max_batch):
            part = slice(first, first + self._max_batch)
            results += self._detect_batch(self._session, pictures[part], sizes[part])
        return results

    def _detect_batch(
        self, session: OnnxSession, pictures: Sequence[NDArray[np.uint8]], sizes: Sequence[tuple[int, int]]
    ) -> list[Detections]:
        began = time.perf_counter_ns()
        batch, transforms = self._input.fill(pictures)
        filled = time.perf_counter_ns()
        outputs = session.run(batch)
        ran = time.perf_counter_ns()
        usable = finite_rows(outputs)
        found: list[Objects | None] = [
            self._post.objects(
                {name: rows[i] for name, rows in outputs.items()},
                transforms[i],
                picture_size=_size(picture),
                source_size=sizes[i],
            )
            if usable[i]
            else None
            for i, picture in enumerate(pictures)
        ]
        timings = BatchTimings(
            batch_size=len(pictures),
            preprocess_us=(filled - began) // 1000,
            infer_us=(ran - filled) // 1000,
            postprocess_us=(time.perf_counter_ns() - ran) // 1000,
        )
        return [_detections(objects, timings) for objects in found]

    def _warm_up(self, session: OnnxSession) -> None:
        """The first run allocates; it also shows whether the head can read the outputs. A GPU plans anew for every
        batch size."""
        for count in {1} if self._provider == "cpu" else {1, self._max_batch}:
            outputs = session.run(self._input.blank(count))
            self._post.head.candidates({name: rows[0] for name, rows in outputs.items()}, self._post.score_threshold)

    def close(self) -> None:
        """Free the network. Twice is harmless; `detect` raises ClosedError afterwards."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _head(model: Model) -> Head:
    sidecar = model.sidecar
    options = HeadOptions(
        width=sidecar.input.width, height=sidecar.input.height, params=sidecar.head.params, where=str(model.path)
    )
    return make_head(sidecar.head.name, options)


def _postprocessor(model: Model, head: Head) -> Postprocessor:
    sidecar = model.sidecar
    return Postprocessor(
        head=head,
        score_threshold=sidecar.score_threshold,
        iou=sidecar.nms.iou,
        class_agnostic=sidecar.nms.class_agnostic,
        max_candidates=sidecar.nms.max_candidates,
        max_objects=sidecar.max_objects,
    )


def _input_tensor(model: Model, max_batch: int) -> InputTensor:
    spec, resize = model.sidecar.input, model.sidecar.resize
    return InputTensor(
        width=spec.width,
        height=spec.height,
        max_batch=max_batch,
        mode=resize.mode,
        layout=spec.layout,
        colour=spec.colour,
        scale=spec.scales,
        bias=spec.biases,
        pad=resize.pad,
    )


def _size(picture: NDArray[np.uint8]) -> tuple[int, int]:
    if picture.ndim != 3:
        raise InvalidArgumentError(f"a picture must be uint8 [H, W, 3], not {picture.dtype} {list(picture.shape)}")
    return picture.shape[1], picture.shape[0]


def _detections(objects: Objects | None, timings: BatchTimings) -> Detections:
    boxes, scores, label_ids = objects or NO_OBJECTS
    error = "" if objects is not None else BAD_OUTPUT
    return Detections(boxes=boxes, scores=scores, label_ids=label_ids, error=error, timings=timings)
