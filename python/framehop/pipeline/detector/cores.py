"""The rule by which lanes and decode threads share the cores: as many lanes as cores, split among the detectors, and as many decode
threads as cores, split among the workers. Who has work takes a core, and the ring holds the faster of the two back."""

from __future__ import annotations

import logging

from framehop.config.detect_options import DetectOptions

logger = logging.getLogger(__name__)

_LEAST_CREDITS = 64
_MOST_CREDITS = 4096  # what the hop allows


def side_by_side(options: DetectOptions) -> bool:
    """Return whether the CPU is to run lanes of one thread each, and not one inference on several threads."""
    return options.lanes != 1 and options.infer_threads <= 1


def lane_count(options: DetectOptions, provider: str, cores: int) -> int:
    """Return how many lanes a detector has whose network runs on `provider`. `cores`: what this process may use."""
    if options.lanes:
        return options.lanes
    return max(1, cores // len(options.devices)) if provider == "cpu" and side_by_side(options) else 1


def credits_of(lanes: int, pictures: int) -> int:
    """Return how many descriptors of one worker may be unanswered, so that one alone can keep all lanes at work while its next
    pictures wait. `pictures`: of one run. The slots of its ring are what usually bounds them."""
    return min(_MOST_CREDITS, max(_LEAST_CREDITS, 2 * lanes * pictures))


def warn_of_lanes(options: DetectOptions, lanes: int, provider: str, cores: int) -> None:
    """Say what keeps so many lanes from being of use, if anything does."""
    if provider == "cpu" and lanes > cores:
        logger.warning(
            "%d lanes on %d cores: a lane is a thread that needs a core of its own. More of them look at no more pictures in a"
            " second, and each picture takes longer; --lanes auto takes as many as there are cores",
            lanes,
            cores,
        )
    pictures = options.slots * max(1, options.workers // len(options.devices))
    if lanes > pictures:
        logger.warning(
            "%d lanes, and the rings hold %d pictures: the other lanes have nothing to do; raise --slots",
            lanes,
            pictures,
        )
