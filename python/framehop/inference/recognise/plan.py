"""Recognition: a network and what its user says of it make a complete description, with a reason for every choice in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from operator import itemgetter

from framehop.errors import ModelError
from framehop.inference.head_overrides import keys_of, make_head_spec, reads_one_output
from framehop.inference.head_specs import HeadSpec
from framehop.inference.network import Network
from framehop.inference.postprocess import make_head
from framehop.inference.recognise.beside import read_beside
from framehop.inference.recognise.check import best_score, complaint
from framehop.inference.recognise.choices import Reason, ReasonedChoices
from framehop.inference.recognise.choosing_head import choose_head
from framehop.inference.recognise.facts import Facts
from framehop.inference.recognise.family import Match
from framehop.inference.recognise.find import RIVAL, SURE, Fit, family_of, find, likely_head
from framehop.inference.recognise.first_try import Tried, first_try, outputs_for
from framehop.inference.recognise.labels import Labelled, choose_labels
from framehop.inference.recognise.notes import read_notes
from framehop.inference.recognise.preparing import choose_input, choose_resize
from framehop.inference.sidecar import Model
from framehop.inference.spec import InputSpec, ModelSpec, NmsSpec, ResizeSpec
from framehop.inference.tensors import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A complete description of a model. `family`: what it was recognised as. `reasons`: of each choice, in the order of
    `model.yaml`."""

    spec: ModelSpec
    family: str
    reasons: tuple[Reason, ...]


def recognise(network: Network, model: Model) -> Plan:
    """Complete what the sidecar of `model` says by what `network` is, and check both together on the bundled picture.

    What the sidecar says comes first, then the metadata, the names of inputs and outputs, shapes, and the values of a run. Raises
    ModelError that names the file, what was found and the key to set, if a choice cannot be made or is plainly wrong.
    """
    try:
        return _Recogniser(network, model).plan()
    except ModelError as error:
        raise ModelError(f"{model.where}: {error}") from error


def _with_range(found: Fit, scale: float, bias: float) -> Fit:
    preparation = replace(found.family.preparation, scale=scale, bias=bias)
    return found._replace(family=replace(found.family, preparation=preparation))


class _Recogniser:
    """One recognition of one network."""

    def __init__(self, network: Network, model: Model) -> None:
        self._network = network
        self._model = model
        self._said = model.overrides
        self._notes = read_notes(network.metadata)
        self._beside = read_beside(model.file, labels=not (self._said.labels or self._notes.names))

    def plan(self) -> Plan:
        tried = first_try(self._network, self._said, self._notes, self._beside)
        facts = Facts(
            size=(tried.tensor.width, tried.tensor.height),
            layout=tried.tensor.layout,
            extra=tried.tensor.extra,
            notes=self._notes,
            config=self._beside.config,
            labels=len(self._named()),
            outputs=self._of_interest(tried.outputs),
        )
        found = self._find(facts, tried)
        choices = ReasonedChoices(self._model.path)
        spec = self._spec(choices, tried, found)
        self._check(spec, facts, outputs_for(self._network, tried, spec.input, spec.resize))
        return Plan(spec=spec, family=found.family.title, reasons=tuple(choices.reasons))

    def _of_interest(self, outputs: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Return the output that the sidecar names for a head that reads one, else all."""
        name = (self._said.head or {}).get("output")
        return {name: outputs[name]} if isinstance(name, str) and name in outputs else outputs

    def _named(self) -> Mapping[int, str]:
        beside = self._beside.labels
        return self._said.labels or self._notes.names or (beside.names if beside else {})

    # ---- the family

    def _find(self, facts: Facts, tried: Tried) -> Fit:
        said = self._said
        prepared = None not in (said.resize.mode, said.input.colour, said.input.scale)
        found = find(facts, said.head, lambda one: self._sees(one, tried), prepared=prepared)
        return self._in_range(found or self._as_said(facts, said.head or {}), tried)

    def _in_range(self, found: Fit, tried: Tried) -> Fit:
        """Return the family, with another of its ranges of values if only with that the network sees something."""
        said = self._said  # a sidecar that names the head and no scale has always meant pixels
        if not found.family.ranges or said.head or said.input.scale is not None or tried.tensor.dtype == "uint8":
            return found
        usual = self._sees(found, tried)
        if usual >= SURE:
            return found
        others = [_with_range(found, scale, bias) for scale, bias in found.family.ranges]
        seen, best = max(((self._sees(other, tried), other) for other in others), key=itemgetter(0))
        return best.seen_so(seen, usual) if seen >= SURE and usual <= RIVAL * seen else found

    def _as_said(self, facts: Facts, head: Mapping[str, object]) -> Fit:
        """Return the head that the sidecar names, although nothing in the network speaks for it: the check will tell."""
        only = (
            {"output": next(iter(facts.outputs))} if reads_one_output(head["name"]) and len(facts.outputs) == 1 else {}
        )
        return Fit(family_of(head), Match(head=only, why=f"{self._model.where.name} names its head"))

    def _sees(self, found: Fit, tried: Tried) -> float:
        """Return the best score on the bundled picture, prepared as the family asks."""
        tensor, resize = self._prepared(ReasonedChoices(None), tried, found)
        head = make_head_spec({**found.match.head, **(self._said.head or {}), "name": found.family.head}, where="head")
        return best_score(head, tensor, outputs_for(self._network, tried, tensor, resize))

    # ---- the description

    def _spec(self, choices: ReasonedChoices, tried: Tried, found: Fit) -> ModelSpec:
        said, model = self._said, self._model
        choices.take("family", None, found.family.title, found.match.why)
        tensor, resize = self._prepared(choices, tried, found)
        labelled = self._labels(found)
        head = self._head(choices, tried, found, labelled)
        names = choices.take("labels", said.labels, labelled.names, labelled.why)
        return ModelSpec(
            name=model.name,
            version=model.version,
            file=model.file.name,
            sha256=model.sha256,
            input=tensor,
            resize=resize,
            head=head,
            labels=names,
            score_threshold=choices.take(
                "score_threshold", said.score_threshold, found.family.threshold, f"usual for {found.family.title}"
            ),
            nms=self._nms(choices, found, suppress=make_head(head, tensor).suppress),
            max_objects=choices.take("max_objects", said.max_objects, 100, "the default"),
        )

    def _prepared(self, choices: ReasonedChoices, tried: Tried, found: Fit) -> tuple[InputSpec, ResizeSpec]:
        tensor = choose_input(choices, self._said, tried, found.family, self._beside)
        return tensor, choose_resize(choices, self._said, found.family, self._beside)

    def _labels(self, found: Fit) -> Labelled:
        first = (self._said.head or {}).get("first_label_id", found.match.head.get("first_label_id"))
        return choose_labels(
            self._model,
            self._notes,
            self._beside,
            classes=found.match.classes,
            first=first if isinstance(first, int) else None,
        )

    def _head(self, choices: ReasonedChoices, tried: Tried, found: Fit, labelled: Labelled) -> HeadSpec:
        return choose_head(
            choices,
            self._said.head or {},
            found,
            labelled,
            outputs=tried.outputs,
            where=self._model.where.name,
        )

    def _nms(self, choices: ReasonedChoices, found: Fit, *, suppress: bool) -> NmsSpec:
        said, usual = self._said.nms, found.family.nms
        if not suppress and said.iou is None and said.class_agnostic is None:
            choices.take("nms", None, "none", "its boxes are suppressed inside, or need no suppression")
            return NmsSpec()
        why = f"usual for {found.family.title}"
        return NmsSpec(
            iou=choices.take("nms.iou", said.iou, usual.iou, why),
            class_agnostic=choices.take("nms.class_agnostic", said.class_agnostic, usual.class_agnostic, why),
            max_candidates=choices.take("nms.max_candidates", said.max_candidates, usual.max_candidates, "the default"),
        )

    # ---- the check

    def _check(self, spec: ModelSpec, facts: Facts, outputs: Mapping[str, Tensor]) -> None:
        """Raise ModelError if the head does not read the outputs as boxes, and say which head would."""
        wrong = complaint(spec, outputs)
        if wrong:
            name = keys_of(spec.head)["name"]
            raise ModelError(f"head.name: {name}: {wrong}. {likely_head(facts, name)}".rstrip(" ."))
