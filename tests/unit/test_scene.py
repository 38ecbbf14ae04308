"""Motion in synthetic views of a fixed camera: every true change is found, and noise, light and the night are not taken for one
for ever."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from framehop import _core
from framehop.pipeline.worker.scene import LEARN, SETTLE_S, Scene, luma_of
from framehop.pipeline.worker.watched import watched

WIDTH, HEIGHT = 256, 160
CELLS = WIDTH // 8, HEIGHT // 8
FPS = 5
NOISES = 23  # different ones, which come again and again
Pixels = NDArray[np.uint8]


class Camera:
    """A textured background under noise, as JPEGs at an eighth of their size. `object_at`: adds a square of `contrast`."""

    def __init__(self, *, sigma: float = 5.0, seed: int = 1) -> None:
        chance = np.random.default_rng(seed)
        self.ground = chance.uniform(60, 180, (HEIGHT // 16, WIDTH // 16, 3)).repeat(16, 0).repeat(16, 1)
        self.noise = chance.normal(0, sigma, (NOISES, *self.ground.shape)).astype(np.float32)
        self.taken = 0

    def take(
        self, at: tuple[int, int] | None = None, *, side: int = 24, contrast: float = 30, gain: float = 1
    ) -> Pixels:
        self.taken += 1
        picture = self.ground * gain + self.noise[self.taken % NOISES]
        if at is not None:
            x, y = at
            picture[y : y + side, x : x + side] += contrast
        jpeg = _core.encode_jpeg(np.clip(picture, 0, 255).astype(np.uint8), quality=80)
        return _core.decode_jpeg(jpeg, min_width=1, min_height=1)


class Watch:
    """A scene and its time."""

    def __init__(self, seen: NDArray[np.bool_] | None = None) -> None:
        self.scene = Scene(np.ones(CELLS[::-1], np.bool_) if seen is None else seen)
        self.seconds = 0.0

    def moves(self, pixels: Pixels, after_s: float = 1 / FPS) -> bool:
        self.seconds += after_s
        return self.scene.moves(luma_of(pixels, CELLS), round(self.seconds * 1e6))

    def learn(self, take: Callable[[], Pixels]) -> None:
        for _ in range(LEARN):
            assert self.moves(take())


@pytest.mark.parametrize("sigma", [0.0, 2.0, 5.0, 12.0])
def test_every_true_change_is_found_and_noise_is_none(sigma: float) -> None:
    camera, watch = Camera(sigma=sigma), Watch()
    watch.learn(camera.take)
    still, found, missed = 0, 0, 0
    for step in range(120):
        moving = step % 40 >= 25
        seen = watch.moves(camera.take((step * 7 % 200, step * 5 % 120) if moving else None))
        found += seen and moving
        missed += moving and not seen
        still += seen and not moving
    assert (found, missed) == (45, 0)
    assert still <= 2


@pytest.mark.parametrize("contrast", [-60, -15, 15, 60])
def test_a_small_object_that_stands_out_a_little_is_found(contrast: float) -> None:
    camera, watch = Camera(sigma=4), Watch()
    watch.learn(camera.take)
    for _ in range(20):
        watch.moves(camera.take())
    for step in range(30):
        assert watch.moves(camera.take((40 + 5 * step, 100), side=24, contrast=contrast))


def test_what_comes_to_rest_is_learnt_and_its_leaving_is_motion_again() -> None:
    camera, watch = Camera(), Watch()
    watch.learn(camera.take)
    rests = [watch.moves(camera.take((100, 100))) for _ in range(int(SETTLE_S * FPS) + 2 * LEARN)]
    assert all(rests[: int(SETTLE_S * FPS)])
    assert not any(watch.moves(camera.take((100, 100))) for _ in range(20))
    assert watch.moves(camera.take())


def test_a_sudden_change_of_light_is_motion_once_and_then_the_new_background() -> None:
    camera, watch = Camera(), Watch()
    watch.learn(camera.take)
    assert not watch.moves(camera.take())
    assert watch.moves(camera.take(gain=0.5))
    after = [watch.moves(camera.take(gain=0.5)) for _ in range(40)]
    assert all(after[: LEARN - 1])
    assert not any(after[LEARN:])
    assert watch.moves(camera.take((100, 100), gain=0.5))


def test_a_slow_change_of_light_is_followed() -> None:
    camera, watch = Camera(), Watch()
    watch.learn(camera.take)
    seen = [watch.moves(camera.take(gain=1 + step / 3000), after_s=0.4) for step in range(150)]
    assert sum(seen) < 15
    assert watch.moves(camera.take((100, 100), gain=1.05))


def test_black_for_an_hour_and_then_something() -> None:
    camera, watch = Camera(sigma=0), Watch()
    black = np.zeros((HEIGHT // 8, WIDTH // 8, 3), np.uint8)
    watch.learn(lambda: black)
    assert not any(watch.moves(black, after_s=10) for _ in range(360))
    lit = black.copy()
    lit[10:13, 10:13] = 12
    assert watch.moves(lit)
    assert watch.moves(camera.take())


@pytest.mark.parametrize("jump_s", [7200.0, -7200.0])
def test_a_clock_that_jumps_hides_no_motion(jump_s: float) -> None:
    camera, watch = Camera(), Watch()
    watch.learn(camera.take)
    watch.moves(camera.take(), after_s=jump_s)
    assert not any(watch.moves(camera.take()) for _ in range(5))
    assert all(watch.moves(camera.take((10 * step, 100))) for step in range(10))


def test_motion_under_a_mask_does_not_count_and_beside_it_does() -> None:
    camera, watch = Camera(), Watch(watched([((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))], *CELLS))
    watch.learn(camera.take)
    assert not any(watch.moves(camera.take((x, 100))) for x in range(0, 90, 8))
    assert all(watch.moves(camera.take((x, 100))) for x in range(140, 220, 8))


def test_a_mask_of_the_whole_picture_leaves_nothing_to_move() -> None:
    camera, watch = Camera(), Watch(watched([((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))], *CELLS))
    watch.learn(camera.take)
    assert not watch.moves(camera.take((100, 100)))
    assert not watch.moves(camera.take(gain=0.3))


def test_cells_are_means_of_the_pictures_brightness_whatever_its_scale() -> None:
    pixels = np.zeros((50, 83, 3), np.uint8)
    pixels[:25] = 200
    cells = luma_of(pixels, (10, 6))
    assert cells.shape == (6, 10)
    assert cells[0, 0] == pytest.approx(200, abs=0.1)
    assert cells[5, 9] == 0
    grey = luma_of(np.full((6, 10, 3), 77, np.uint8), (10, 6))
    assert np.allclose(grey, 77, atol=0.1)
