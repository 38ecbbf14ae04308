"""ONNX Runtime behind one small class. The package is imported only when a session is created."""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from framehop.errors import ClosedError, InvalidArgumentError, ModelError
from framehop.inference.binding import run_tensors
from framehop.inference.inputs import ExtraInputs, check_inputs, has_dynamic_batch, item_of
from framehop.inference.network import NUMERIC, Network, TensorInfo, tensor_info
from framehop.inference.providers import CPU, Active, Profile, ProviderOptions, SessionOptions, check, choose
from framehop.inference.runtime import import_runtime, load_network, one_line, quiet_options
from framehop.inference.sidecar import Model
from framehop.inference.spec import InputSpec
from framehop.inference.tensors import Batch, Tensor

if TYPE_CHECKING:
    import onnxruntime

logger = logging.getLogger(__name__)

Outputs = Mapping[str, Tensor]  # as the runtime gave them: floats or integers of any width


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkRun:
    """The outputs of one run of the network, by name. `count`: the pictures it ran on. Only the first `used` of them are the
    caller's: the others fill up the batch of a network whose batch is fixed."""

    outputs: Outputs
    count: int
    used: int


class OnnxSession:
    """One loaded network. Use from one thread at a time; `lane` makes one for another thread. Closing twice is harmless."""

    def __init__(
        self,
        model: Model,
        spec: InputSpec,
        options: SessionOptions,
        *,
        outputs: Sequence[str],
        max_batch: int,
        network: Network | None = None,
    ) -> None:
        """Load `model` and check that its inputs are as `spec` says; `run` will return the named `outputs`. `network`: the same
        model; on the CPU it is used, with the threads that it was opened with, and not loaded twice.

        Raises MissingExtraError without onnxruntime, ModelError when network, `spec`, `outputs` and provider do not match.
        """
        runtime = import_runtime()
        profile = _profile(model, spec, options, max_batch)
        providers = choose(options, runtime.get_available_providers(), profile)
        session = _load(runtime, model, options, providers, network)
        self.provider: Active = check(options, session.get_providers())
        infos = [tensor_info(value) for value in session.get_inputs()]
        with _described_by(model):
            self._fixed = _fixed_batch(check_inputs(infos, spec))
            self._extra = ExtraInputs(infos, spec, max_rows=max(max_batch, self._fixed))
            _check_outputs([tensor_info(value) for value in session.get_outputs()], outputs)
        self._session: onnxruntime.InferenceSession | None = session
        self._file, self._spec, self._outputs = model.file, spec, tuple(outputs)
        self._max_batch, self._at_once = max_batch, self._fixed or max_batch
        if self._fixed > 1:
            logger.warning("%s takes exactly %d pictures at once: other batches are filled up", model.file, self._fixed)

    def lane(self) -> OnnxSession:
        """Return a session on the same network for another thread: the runtime runs both at once. Each is closed by itself, and the
        network is freed with the last. Raises ClosedError."""
        self._open()
        return copy.copy(self)

    @property
    def fixed_batch(self) -> int:
        """The only number of pictures that the network takes at once; 0 if it takes any."""
        return self._fixed

    @property
    def one_by_one(self) -> bool:
        """Whether a batch runs picture by picture because the network takes no more at once; `try_batch` finds out."""
        return self._at_once == 1 < self._max_batch

    def try_batch(self, batch: Batch) -> list[NetworkRun]:
        """Run the largest batch that will come, once. Some networks claim a dynamic batch but take only one picture: these run one
        by one from now on, and a warning says so. Arguments and errors are those of `run`."""
        try:
            return self.run(batch)
        except ModelError as error:
            if len(batch) == 1 or self._at_once == 1:
                raise
            if self._takes_two(batch):
                raise ModelError(f"{error}; a smaller --max-batch may do") from error
            self._at_once = 1
            logger.warning(
                "%s says that it takes any number of pictures, but takes one: they run one by one, which is slower. "
                "Export it with a batch that is dynamic inside too. %s",
                self._file,
                error,
            )
        return self.run(batch)

    def run_one_by_one(self, reason: ModelError) -> None:
        """Run picture by picture from now on, and warn, as the outputs of a batch cannot be told apart. Raises `reason` if the
        network takes exactly so many pictures, or runs one by one already."""
        if self._at_once == 1 or self._fixed:
            raise reason
        self._at_once = 1
        logger.warning("%s has outputs without an axis for the batch: pictures run one by one. %s", self._file, reason)

    def _takes_two(self, batch: Batch) -> bool:
        try:
            self._run_once(batch[:2], 2)
        except ModelError:
            return False
        return True

    def run(self, batch: Batch) -> list[NetworkRun]:
        """Run a batch: [N, …] in the dtype and layout of the model's input, N >= 1; a C-contiguous array, or a tensor of the
        session's device, which is read where it lies. Returns one run if the network takes N pictures at once, else several, whose
        pictures are those of the batch in order. When memory runs out, fewer run at once from now on, and a warning says so.

        Raises InvalidArgumentError, ModelError when the runtime fails, ClosedError.
        """
        self._check(batch)
        while True:
            try:
                return [self._run_once(part, used) for part, used in self._parts(batch)]
            except ModelError as error:
                self._run_fewer(error, len(batch))

    def _check(self, batch: Batch) -> None:
        spec = self._spec
        self._open()
        if batch.dtype != np.dtype(spec.dtype) or batch.shape[1:] != spec.item_shape or len(batch) == 0:
            raise InvalidArgumentError(
                f"a batch must be {spec.dtype} {['N', *spec.item_shape]}, N >= 1, not {batch.dtype} {list(batch.shape)}"
            )
        if isinstance(batch, np.ndarray) and not batch.flags.c_contiguous:
            raise InvalidArgumentError("a batch must be C-contiguous: the runtime would copy it silently")

    def _open(self) -> onnxruntime.InferenceSession:
        if self._session is None:
            raise ClosedError("the session is closed")
        return self._session

    def _parts(self, batch: Batch) -> Iterator[tuple[Batch, int]]:
        """Yield what to run, and how many of its pictures are the caller's."""
        for first in range(0, len(batch), self._at_once):
            part = batch[first : first + self._at_once]
            yield (self._filled_up(part) if len(part) < self._fixed else part), len(part)

    def _filled_up(self, part: Batch) -> Batch:
        """Return `part` and blank pictures behind it. From a device it comes to this process's memory for that."""
        filled: Tensor = np.zeros((self._fixed, *self._spec.item_shape), self._spec.dtype)
        filled[: len(part)] = part if isinstance(part, np.ndarray) else part.numpy()
        return filled

    def _run_once(self, part: Batch, used: int) -> NetworkRun:
        count = len(part)
        try:
            feeds = {self._spec.name: part} | self._extra.of(count)
            outputs = run_tensors(self._open(), feeds, self._outputs, on_cpu=self.provider == "cpu")
        except Exception as error:  # the runtime's errors have no common base class
            raise ModelError(f"ONNX Runtime failed on a batch of {count}: {one_line(error)}") from error
        return NetworkRun(outputs=outputs, count=count, used=used)

    def _run_fewer(self, error: ModelError, rows: int) -> None:
        """Halve the number of pictures at once if memory ran out, else raise `error`."""
        at_once = min(self._at_once, rows)
        if self._fixed or at_once == 1 or not _lacks_memory(error):
            raise error
        self._at_once = at_once // 2
        logger.warning(
            "there is no memory for %d pictures at once: %d run at once from now on. --max-batch %d says so from the start. %s",
            at_once,
            self._at_once,
            self._at_once,
            error,
        )

    def close(self) -> None:
        self._session = None


def _load(
    runtime: ModuleType,
    model: Model,
    options: SessionOptions,
    providers: list[tuple[str, ProviderOptions]],
    network: Network | None,
) -> onnxruntime.InferenceSession:
    """Return the network on the first of `providers` that works; on the CPU it is the one of `network`, if there is one."""
    if providers[0][0] == CPU:
        return network.session if network else _load_on(runtime, model, options, providers)
    if hasattr(runtime, "preload_dlls"):
        runtime.preload_dlls()  # loads CUDA's libraries from pip packages, which the loader does not search
    try:
        return _load_on(runtime, model, options, providers)
    except ModelError as error:
        if len(providers) == 1 or not (options.allow_fallback or options.provider == "auto"):
            raise
        logger.warning("%s does not work here, so the CPU is used: %s", providers[0][0], error)
    return network.session if network else _load_on(runtime, model, options, [(CPU, {})])


def _load_on(
    runtime: ModuleType, model: Model, options: SessionOptions, providers: list[tuple[str, ProviderOptions]]
) -> onnxruntime.InferenceSession:
    return load_network(runtime, model.read(), model.file, quiet_options(runtime, options.threads), providers)


@contextmanager
def _described_by(model: Model) -> Iterator[None]:
    """Name the file with the description in an error about it."""
    try:
        yield
    except ModelError as error:
        raise ModelError(f"{model.where}: {error}") from error


def _fixed_batch(picture: TensorInfo) -> int:
    """Return the only number of pictures that the network takes at once; 0 if it takes any."""
    return 0 if has_dynamic_batch(picture) else picture.shape[0] or 0


def _profile(model: Model, spec: InputSpec, options: SessionOptions, max_batch: int) -> Profile:
    """Return the shapes that TensorRT must know before it loads the network, which the CPU therefore loads first."""
    if options.provider != "tensorrt":
        return Profile()
    with Network.open(model) as network:
        check_inputs(network.inputs, spec)
        dynamic = {info.name: item_of(info, spec) for info in network.inputs if has_dynamic_batch(info)}
    return Profile(items=dynamic, max_batch=max_batch)


def _check_outputs(infos: Sequence[TensorInfo], outputs: Sequence[str]) -> None:
    known = {info.name: info for info in infos}
    for name in outputs:
        if name not in known:
            raise ModelError(f"head: the network has no output {name!r}; it has: {', '.join(known)}")
        if known[name].dtype not in NUMERIC:
            raise ModelError(f"head: output {name!r} is {known[name].dtype}; only tensors of numbers can be read")


def _lacks_memory(error: ModelError) -> bool:
    """Return whether memory ran out, which says nothing about the network. The runtime has no error class for it, only words."""
    text = str(error).lower()
    return any(words in text for words in ("out of memory", "outofmemory", "allocat", "bad_alloc", "alloc_failed"))
