"""The times that hang together across processes and rooms, in seconds. A test holds them to fitting into each other."""

from __future__ import annotations

# ---- a partition goes to another member: the worker finishes its frames, then the log commits them and lets go

HANDOVER_FRAMES_S = 5.0  # how long a worker finishes frames of partitions that it gives up
HANDOVER_S = 8.0  # how long the log waits for that and for the commit behind it; less than a session, or the group goes on without

# ---- a process says that it is alive

BEAT_S = 1.0  # the pause between two beats
AWAY_S = 5.0  # a supervisor whose rounds lie so far apart was not running, and judges nobody by the time between them
HANG_S = 15.0  # a process that is silent for so long is killed; a batch of a slow model may take seconds
START_S = 60.0  # how long one may take until it is ready; one that loads and is silent for longer must not be stopped (state T)
# How long detectors may load a model and try it, at the start or for a swap. A run of the network may take HANG_S, and it is run
# about ten times; TensorRT builds an engine for minutes. They are silent meanwhile: ONNX Runtime 1.28 holds Python's lock while it
# makes a session.
LOAD_S = 600.0
SLOW_LOAD_S = 30.0  # after so long it is said that a detector is waited for
THREAD_START_S = 10.0  # what the threads of a process may take to begin
ENGINE_S = 1800.0  # the same for the first start of a detector of TensorRT

# ---- another model

# The end of a swap at the latest: a detector that died right after the decision is found dead, started, and loads the model anew.
SWAP_END_S = LOAD_S + HANG_S + LOAD_S
SWAP_ANSWER_S = 30.0  # what whoever asks for a swap waits for its beginning: the supervisor reads the whole file

# ---- the end

WRITER_CLOSE_S = 5.0  # what a writer of the log waits for acknowledgements when it is closed
STOP_FLUSH_S = 5.0  # what ingest waits for them when it is asked to stop
DESK_CLOSE_S = 7.0  # what an ingest process waits for its writer and its log
LANES_END_S = 1.0  # what a detector that ends waits for the runs of its network; workers have their answers by then
KILL_S = 5.0  # a killed process ends at once, unless it hangs in a disk or a device
CONTROL_CLOSE_S = 2.0  # what the end waits for an answer at the control socket that is under way
LOG_LOOK_CLOSE_S = 0.3  # what it waits for a thread that looks at the log
LEFT_LOOK_S = 0.5  # what it waits for how many frames are left
JANITOR_S = 5.0  # what removing the runtime directory may take
DRAIN_GRACE_S = 1.5  # what the supervisor adds to the drain, so that workers can close what they hold
PIPELINE_END_S = 15.0  # what `Pipeline.stop` adds to both: killing what hangs, closing the log, the last callback

# ---- films

# Longer than nearly any group of pictures: so far back a key frame is looked for. The first one is waited for twice as long.
GROUP_S = 60.0

# ---- a question to a running pipeline

LAG_PATIENCE_S = 1.5  # what the answer waits for a fresh look at the log
ANSWER_S = 3.0  # what whoever asks waits for the answer
ADD_ANSWER_S = 30.0  # the same for one who adds streams: their sources are looked at first
