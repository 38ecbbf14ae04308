"""ONNX Runtime behind one small class. The package is imported only when a session is created."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from framehop.errors import ClosedError, InvalidArgumentError, MissingExtraError, ModelError
from framehop.inference.providers import CPU, InputShapes, SessionOptions, check, choose
from framehop.inference.sidecar import Model
from framehop.installing import install

if TYPE_CHECKING:
    import onnxruntime

logger = logging.getLogger(__name__)

Outputs = dict[str, NDArray[np.float32]]

# The runtime's message begins with the place in its sources, and ends with the reason; the middle can be cut.
_HEAD, _TAIL = 120, 480

# This directory cannot exist, so weights outside the checked bytes are never found, wherever the process was started.
_NO_EXTERNAL_DATA = "/dev/null/none"


class OnnxSession:
    """One loaded network. Use from one thread at a time. Closing twice is harmless."""

    def __init__(self, model: Model, options: SessionOptions, *, outputs: Sequence[str], max_batch: int) -> None:
        """Load `model` and check it against its sidecar; `run` will return the named `outputs`.

        Raises MissingExtraError without onnxruntime, ModelError when network, sidecar and provider do not match.
        """
        runtime = _import_runtime()
        spec = model.sidecar.input
        shapes = InputShapes(name=spec.name, item=spec.item_shape, max_batch=max_batch)
        providers = choose(options, runtime.get_available_providers(), shapes)
        self._outputs = tuple(outputs)
        self._session: onnxruntime.InferenceSession | None = _load(runtime, model, options, providers)
        self.provider: Literal["cpu", "cuda", "tensorrt"] = check(options, self._session.get_providers())
        self._input, self._one_by_one = _check_input(self._session, model)
        self._file = model.file
        _check_outputs(self._session, model, self._outputs)

    @property
    def one_by_one(self) -> bool:
        """Whether a batch runs picture by picture because the network takes no more at once; `try_batch` finds out."""
        return self._one_by_one

    def try_batch(self, batch: NDArray[np.float32]) -> Outputs:
        """Run the largest batch that will come, once. Some networks claim a dynamic batch but take only one picture: these run one
        by one from now on, and a warning says so. Arguments and errors are those of `run`."""
        try:
            return self.run(batch)
        except ModelError as error:
            if len(batch) == 1 or self._one_by_one:
                raise
            if _lacks_memory(error) or self._takes_two(batch):
                raise ModelError(f"{error}; a smaller --max-batch may do") from error
            self._one_by_one = True
            logger.warning(
                "%s says that it takes any number of pictures, but takes one: they run one by one, which is slower. "
                "Export it with a batch that is dynamic inside too. %s",
                self._file,
                error,
            )
        return self.run(batch)

    def _takes_two(self, batch: NDArray[np.float32]) -> bool:
        try:
            self.run(batch[:2])
        except ModelError:
            return False
        return True

    def run(self, batch: NDArray[np.float32]) -> Outputs:
        """Run a batch. `batch`: float32 [N, …] in the sidecar's layout, N >= 1; C-contiguous, as the runtime would silently copy
        anything else. Returns float32 [N, …] by output name, owned by the caller. A network of fixed batch 1 runs N times.

        Raises InvalidArgumentError, ModelError when the runtime fails or an output is not one row per picture, ClosedError.
        """
        if self._session is None:
            raise ClosedError("the session is closed")
        if batch.dtype != np.float32 or not batch.flags.c_contiguous or len(batch) == 0:
            raise InvalidArgumentError("a batch must be float32, C-contiguous and not empty")
        if not self._one_by_one:
            return self._run_once(self._session, batch)
        rows = [self._run_once(self._session, batch[i : i + 1]) for i in range(len(batch))]
        return {name: np.concatenate([row[name] for row in rows]) for name in self._outputs}

    def _run_once(self, session: onnxruntime.InferenceSession, batch: NDArray[np.float32]) -> Outputs:
        try:
            values = session.run(list(self._outputs), {self._input: batch})
        except Exception as error:  # the runtime's errors have no common base class
            raise ModelError(f"ONNX Runtime failed on a batch of {len(batch)}: {_one_line(error)}") from error
        return {name: _checked(name, value, len(batch)) for name, value in zip(self._outputs, values, strict=True)}

    def close(self) -> None:
        self._session = None


def _import_runtime() -> ModuleType:
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingExtraError(
            f"running a model needs ONNX Runtime: {install('cpu')}, or [gpu] instead of [cpu] for NVIDIA"
        ) from error
    module: ModuleType = onnxruntime
    return module


def _load(
    runtime: ModuleType, model: Model, options: SessionOptions, providers: list[tuple[str, dict[str, str]]]
) -> onnxruntime.InferenceSession:
    if providers[0][0] != CPU and hasattr(runtime, "preload_dlls"):
        runtime.preload_dlls()  # loads CUDA's libraries from pip packages, which the loader does not search
    data = model.read()
    try:
        return runtime.InferenceSession(data, _session_options(runtime, options), providers=providers)
    except Exception as error:
        if "xternal data" in str(error):
            raise ModelError(
                f"{model.file} keeps weights in other files, which is refused: save it as one file"
            ) from error
        raise ModelError(f"ONNX Runtime cannot load {model.file}: {_one_line(error)}") from error


def _session_options(runtime: ModuleType, options: SessionOptions) -> onnxruntime.SessionOptions:
    chosen = runtime.SessionOptions()
    chosen.intra_op_num_threads = options.threads
    chosen.inter_op_num_threads = 1
    chosen.log_severity_level = 4  # errors reach us as exceptions; the runtime would print them as well
    chosen.add_session_config_entry("session.intra_op.allow_spinning", "0")  # decoding shares these cores
    chosen.add_session_config_entry("session.model_external_initializers_file_folder_path", _NO_EXTERNAL_DATA)
    return chosen


def _check_input(session: onnxruntime.InferenceSession, model: Model) -> tuple[str, bool]:
    """Return the input's name, and whether the network takes one picture at a time."""
    inputs = session.get_inputs()
    if len(inputs) != 1:
        raise ModelError(f"{model.file} has {len(inputs)} inputs; only networks with one, the picture, can be used")
    name, shape, kind = inputs[0].name, inputs[0].shape, inputs[0].type
    item = model.sidecar.input.item_shape
    if model.sidecar.input.name != name:
        raise ModelError(f"{model.path}: input.name: the network's input is called {name!r}")
    if kind != "tensor(float)":
        raise ModelError(f"{model.file}: the input is {kind}, only float32 is supported: convert the network's input")
    if len(shape) != 4 or not all(_fits(has, wants) for has, wants in zip(shape[1:], item, strict=True)):
        raise ModelError(f"{model.path}: input: the network takes {shape}, the sidecar describes {['N', *item]}")
    if isinstance(shape[0], int) and shape[0] != 1:
        raise ModelError(
            f"{model.file}: a fixed batch of {shape[0]} cannot be used: export it with a dynamic batch or 1"
        )
    return name, shape[0] == 1


def _fits(has: int | str | None, wants: int) -> bool:
    return not isinstance(has, int) or has == wants


def _check_outputs(session: onnxruntime.InferenceSession, model: Model, outputs: Sequence[str]) -> None:
    known = [output.name for output in session.get_outputs()]
    for name in outputs:
        if name not in known:
            raise ModelError(f"{model.path}: head: the network has no output {name!r}; it has: {', '.join(known)}")


def _checked(name: str, value: object, rows: int) -> NDArray[np.float32]:
    if not isinstance(value, np.ndarray) or value.dtype != np.float32 or value.ndim < 1 or len(value) != rows:
        found = f"{value.dtype} {list(value.shape)}" if isinstance(value, np.ndarray) else type(value).__name__
        raise ModelError(f"output {name!r} is {found}; expected float32 with {rows} rows, one per picture")
    return value


def _lacks_memory(error: ModelError) -> bool:
    """Return whether memory ran out, which says nothing about the network. The runtime has no error class for it, only words."""
    return any(words in str(error).lower() for words in ("out of memory", "allocate", "bad_alloc", "alloc_failed"))


def _one_line(error: Exception) -> str:
    """Return the message as one line, cut to both ends if it is long."""
    text = " ".join(str(error).split())
    return text if len(text) <= _HEAD + _TAIL else f"{text[:_HEAD]} … {text[-_TAIL:]}"
