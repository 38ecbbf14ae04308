"""Programs that embed a pipeline and leave it in every way there is: no abort, no process, no socket directory stays."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
from dataclasses import dataclass

import pytest

from tests.system.harness import House
from tests.tiny_model import write_model

BEGIN = """
import asyncio, gc, multiprocessing, os, signal, sys, threading, time
import framehop

LOG, MODEL = sys.argv[1:3]
OPTIONS = framehop.DetectOptions(model=MODEL, drain_s=2.0)
SOURCE = "testsrc:?size=96x64&rate=50"

def pipeline(log=LOG, **more):
    return framehop.Pipeline(log, options=OPTIONS, **more)

def fed(**more):
    made = pipeline(**more)
    made.add(SOURCE, stream="cam")
    return made
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """`status`: of the program. `says`: on its standard error."""

    body: str
    status: int = 0
    says: str = ""


WAYS = {
    "main returns while a daemon thread iterates": Way(
        body="""
        seen = threading.Event()
        def work():
            for event in framehop.run(SOURCE, log=LOG, options=OPTIONS):
                seen.set()
        threading.Thread(target=work, daemon=True).start()
        assert seen.wait(60)
        """
    ),
    "a thread breaks out of its loop": Way(
        body="""
        def work():
            for event in framehop.run(SOURCE, log=LOG, options=OPTIONS):
                break
        thread = threading.Thread(target=work)
        thread.start()
        thread.join(60)
        assert not thread.is_alive()
        """
    ),
    "a generator is left unclosed": Way(
        body="""
        events = framehop.run(SOURCE, log=LOG, options=OPTIONS)
        next(events)
        """
    ),
    "nobody stops it": Way(
        body="""
        left = fed().start()
        next(iter(left.events()))
        """
    ),
    "an exception in the block": Way(
        body="""
        with fed() as running:
            next(running.events())
            raise ValueError("of the program's own")
        """,
        status=1,
        says="ValueError: of the program's own",
    ),
    "sys.exit in the block": Way(
        body="""
        with fed() as running:
            next(running.events())
            sys.exit(3)
        """,
        status=3,
    ),
    "sys.exit in a thread": Way(
        body="""
        def work():
            with fed() as running:
                next(running.events())
                sys.exit(3)
        thread = threading.Thread(target=work)
        thread.start()
        thread.join(60)
        assert not thread.is_alive()
        """
    ),
    "os._exit": Way(
        body="""
        with fed() as running:
            next(running.events())
            os._exit(4)
        """,
        status=4,
    ),
    "kill -9": Way(
        body="""
        with fed() as running:
            next(running.events())
            os.kill(os.getpid(), signal.SIGKILL)
        """,
        status=-signal.SIGKILL,
    ),
    "SIGTERM without a handler": Way(
        body="""
        with fed() as running:
            next(running.events())
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(60)
        """,
        status=-signal.SIGTERM,
    ),
    "Ctrl-C while it iterates": Way(
        body="""
        with fed() as running:
            try:
                for event in running.events():
                    os.kill(os.getpid(), signal.SIGINT)
            except KeyboardInterrupt:
                print("interrupted", file=sys.stderr)
        """,
        says="interrupted",
    ),
    "Ctrl-C that nobody catches": Way(
        body="""
        for event in framehop.run(SOURCE, log=LOG, options=OPTIONS):
            os.kill(os.getpid(), signal.SIGINT)
        """,
        status=-signal.SIGINT,
        says="KeyboardInterrupt",
    ),
    "async for that is left": Way(
        body="""
        async def main():
            async with fed() as running:
                async for event in running.events():
                    return
        asyncio.run(main())
        """
    ),
    "async for over a run, which is left": Way(
        body="""
        async def main():
            async for event, picture in framehop.run(SOURCE, log=LOG, options=OPTIONS, pictures=True):
                assert picture.shape == (64, 96, 3)
                return
        asyncio.run(main())
        """
    ),
    "a task that is cancelled": Way(
        body="""
        async def work(seen):
            async with fed() as running:
                async for event in running.events():
                    seen.set()
        async def main():
            seen = asyncio.Event()
            task = asyncio.create_task(work(seen))
            await asyncio.wait_for(seen.wait(), 60)
            task.cancel()
            try:
                await task
            except asyncio.CancelledError:
                print("cancelled", file=sys.stderr)
        asyncio.run(main())
        """,
        says="cancelled",
    ),
    "an event loop that closes under it": Way(
        body="""
        async def main():
            running = fed().start()
            await anext(aiter(running.events()))
            return running
        running = asyncio.run(main())
        running.stop()
        """
    ),
    "two tasks with an iterator each": Way(
        body="""
        async def first(running):
            async for event in running.events():
                return event.seq
        async def main():
            async with fed() as running:
                await asyncio.gather(first(running), first(running))
        asyncio.run(main())
        """
    ),
    "stop from another thread": Way(
        body="""
        with fed() as running:
            seen = threading.Event()
            def end():
                seen.wait(60)
                running.stop()
            thread = threading.Thread(target=end)
            thread.start()
            count = 0
            for event in running.events():
                count += 1
                seen.set()
            thread.join(60)
        assert count and not thread.is_alive()
        """
    ),
    "start twice, stop twice, start again": Way(
        body="""
        running = fed()
        running.start()
        running.start()
        running.stop()
        running.stop()
        try:
            running.start()
        except framehop.errors.ClosedError as error:
            print(error, file=sys.stderr)
        """,
        says="has been stopped",
    ),
    "stop before the start": Way(
        body="""
        running = fed()
        running.stop()
        """
    ),
    "stop during the start": Way(
        body="""
        running = fed()
        running.start()
        running.stop(0.0)
        """
    ),
    "two pipelines in one process": Way(
        body="""
        with fed() as one, fed(log=LOG + "-2") as two:
            for running in (one, two):
                next(running.events())
        """
    ),
    "a fork that outlives it": Way(
        body="""
        def child(pipe, running):
            try:
                running.status()
            except framehop.errors.ProcessError:
                pipe.send("not mine")
            pipe.recv()
        ours, theirs = multiprocessing.Pipe()
        with fed() as running:
            next(running.events())
            forked = multiprocessing.get_context("fork").Process(target=child, args=(theirs, running))
            forked.start()
            assert ours.poll(60) and ours.recv() == "not mine"
            supervised = [process.pid for process in running.status().processes]
        for pid in supervised:
            assert not os.path.exists(f"/proc/{pid}"), "kept alive by the fork"
        ours.send("end")
        forked.join(60)
        assert forked.exitcode == 0
        """
    ),
    "a fork, and then kill -9 of the parent": Way(
        body="""
        with fed() as running:
            next(running.events())
            if os.fork() == 0:
                time.sleep(2)
                os._exit(0)
            os.kill(os.getpid(), signal.SIGKILL)
        """,
        status=-signal.SIGKILL,
    ),
    "it goes with a cycle": Way(
        body="""
        class Holder:
            pass
        holder = Holder()
        holder.me, holder.running = holder, fed().start()
        next(iter(holder.running.events()))
        del holder
        gc.collect()
        """,
        says="was let go without stop()",
    ),
    "a callback that raises": Way(
        body="""
        def raising(event):
            raise LookupError("of the callback")
        running = fed(on_event=raising).start()
        try:
            running.wait(60)
        except LookupError as error:
            print(error, file=sys.stderr)
        try:
            running.stop()
        except LookupError:
            print("again", file=sys.stderr)
        """,
        says="of the callback",
    ),
    "a callback that stops": Way(
        body="""
        ended = threading.Event()
        def stopping(event):
            running.stop()
            ended.set()
        running = fed(on_event=stopping)
        running.start()
        assert running.wait(60)
        assert ended.is_set()
        """
    ),
    "pushed from threads": Way(
        body="""
        import numpy as np
        def work(name):
            for _ in range(20):
                running.push(name, np.zeros((48, 64, 3), np.uint8), timeout_s=30)
        with pipeline() as running:
            threads = [threading.Thread(target=work, args=(f"cam-{i}",)) for i in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(60)
            assert running.flush(30)
            seen = set()
            for event in running.events():
                seen.add(event.event_id)
                if len(seen) == 80:
                    break
        """
    ),
    "no descriptor is left for a while, and everybody dies": Way(
        body="""
        import contextlib, logging, resource
        lacking = threading.Event()
        class Hears(logging.Handler):
            def emit(self, record):
                if "cannot be started: no file descriptors are left" in record.getMessage():
                    lacking.set()
        logging.getLogger("framehop").addHandler(Hears())
        with fed() as running:
            events = running.events()
            first = next(events).epoch
            resource.setrlimit(resource.RLIMIT_NOFILE, (256, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
            held = []
            with contextlib.suppress(OSError):
                while True:
                    held.append(os.open(os.devnull, os.O_RDONLY))
            for process in running.status().processes:
                os.kill(process.pid, signal.SIGKILL)
            assert lacking.wait(60)
            for descriptor in held:
                os.close(descriptor)
            while next(events).epoch == first:
                pass
        """
    ),
    "it changes its directory, and everybody dies": Way(
        body="""
        OPTIONS = framehop.DetectOptions(model=os.path.relpath(MODEL), drain_s=2.0)
        with fed(log=os.path.relpath(LOG)) as running:
            events = running.events()
            first = next(events).epoch
            os.chdir("/")
            for process in running.status().processes:
                os.kill(process.pid, signal.SIGKILL)
            while next(events).epoch == first:
                pass
        """
    ),
    "removed and added again": Way(
        body="""
        with fed() as running:
            events = running.events()
            first = next(events).epoch
            assert running.remove("cam")
            running.add(SOURCE, stream="cam", wait_s=60)
            while next(events).epoch == first:
                pass
        """
    ),
}


def run_way(house: House, way: Way, model: str) -> str:
    """Run one way to leave, and return what it says on its standard error."""
    script = house.path / "embeds.py"
    script.write_text(BEGIN + textwrap.dedent(way.body))
    process = subprocess.Popen(
        [sys.executable, str(script), str(house.log), model],
        env=house.env,
        cwd=house.path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        _, stderr = process.communicate(timeout=100)
    except subprocess.TimeoutExpired:
        process.kill()
        raise AssertionError(f"it does not end: {process.communicate()[1]}") from None
    assert process.returncode == way.status, stderr
    return stderr


@pytest.mark.parametrize("name", WAYS)
def test_nothing_stays(house: House, name: str) -> None:
    way = WAYS[name]
    said = run_way(house, way, str(write_model(house.path)))
    assert way.says in said
    assert "terminate called" not in said
    if not way.status:
        assert "Traceback" not in said, said
    house.assert_nothing_left()
