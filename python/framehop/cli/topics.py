"""The commands topics create, describe and check, for the topics of a log in Kafka."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.markup import escape
from rich.table import Table

from framehop.cli import options
from framehop.cli.commands import App
from framehop.cli.option_values import log_at
from framehop.cli.output import note, out, write_json_line
from framehop.cli.units import parse_age, parse_size
from framehop.config.file import load_config
from framehop.log.kafka.template import TopicTemplate

if TYPE_CHECKING:
    from framehop.log import LogAt
    from framehop.log.kafka.topic_checks import Finding
    from framehop.log.kafka.topics import TopicState

app = App(help="Make, show and check the topics of a log in Kafka.")

MaxFrame = Annotated[
    str,
    typer.Option("--max-frame", metavar="SIZE", show_default=False, help="Largest picture, as 4MiB; default 8 MiB."),
]


@app.command()
def create(
    log: options.Log = "",
    config: options.Config = None,
    partitions: Annotated[
        int,
        typer.Option(
            "--partitions", metavar="N", help="Partitions of each topic; no more workers than that can share it."
        ),
    ] = 8,
    replication: Annotated[
        int,
        typer.Option(
            "--replication",
            metavar="N",
            show_default=False,
            help="Copies of each record; by default three, or as many as there are brokers.",
        ),
    ] = 0,
    max_frame: MaxFrame = "",
    max_age: Annotated[
        str, typer.Option("--max-age", metavar="AGE", help="How long pictures are kept: 90s, 10m, 7d.")
    ] = "24h",
    event_age: Annotated[
        str, typer.Option("--event-age", metavar="AGE", help="How long events and dead letters are kept.")
    ] = "30d",
    topic: Annotated[
        list[str] | None,
        typer.Option(
            "--topic",
            metavar="NAME",
            show_default=False,
            help="A topic for frames that fits log.kafka.frames_topic; may be repeated. Default: those that the labels in "
            "--config name.",
        ),
    ] = None,
    json: options.Json = False,
    verbose: options.Verbose = 0,
) -> None:
    """Make the topics that are missing. Existing topics stay unchanged; see check."""
    at = log_at(log, config)
    at.check_kafka()
    from framehop.log.kafka.topics import TopicPlan  # loads the Kafka client

    plan = TopicPlan(
        partitions=partitions,
        replication=replication,
        max_age_s=parse_age(max_age, "--max-age"),
        event_age_s=parse_age(event_age, "--event-age"),
        **({"max_bytes": parse_size(max_frame, "--max-frame")} if max_frame else {}),
    )
    with at.open_kafka() as opened:
        made = opened.create_topics(plan, frames=topic or _topics_of_streams(at, config))
        there = {} if all(made.values()) else {state.name: state for state in opened.describe_topics()}
    if json:
        write_json_line(msgspec.json.encode(made))
        return
    for name, fresh in made.items():
        note(f"{name}: {'made' if fresh else _left_alone(there.get(name), partitions)}")
    if len(made) == 2:  # events and dead letters
        note(f"none for frames: name them with --topic, so that they fit {at.kafka.frames_topic}")


def _topics_of_streams(at: LogAt, config: Path | None) -> list[str]:
    """Return the topics that the file's streams name by labels of their own, after the one that its log names; none where no stream
    has labels."""
    found = [stream.labels for stream in load_config(config).streams.values() if stream.labels] if config else []
    if not (found and at.kafka.frames_topic):
        return []
    template, own = TopicTemplate(at.kafka.frames_topic), at.kafka.labels
    if template.per_stream:
        return []
    return list(dict.fromkeys(template.topic_of("", {**own, **labels}) for labels in ({}, *found)))


def _left_alone(topic: TopicState | None, wanted: int) -> str:
    """Describe a topic that was there already. `wanted`: the number of partitions asked for."""
    shape = f", partitions: {topic.partitions} and not {wanted}" if topic and topic.partitions != wanted else ""
    return f"was there already{shape}; it was not changed: see framehop topics check"


@app.command()
def describe(
    log: options.Log = "", config: options.Config = None, json: options.Json = False, verbose: options.Verbose = 0
) -> None:
    """Show the topics as they are, with the settings that matter here."""
    with log_at(log, config).open_kafka() as opened:
        topics = opened.describe_topics()
    if json:
        write_json_line(msgspec.json.encode(topics))
        return
    for topic in topics:
        print_topic(topic)


def print_topic(topic: TopicState) -> None:
    out.print(f"{escape(topic.name)}: {topic.partitions} partitions, {topic.replication} replicas", style="bold")
    table = Table(box=None, show_header=False)
    for setting, value in topic.config.items():
        table.add_row(setting, escape(value))
    out.print(table)


@app.command()
def check(
    log: options.Log = "",
    config: options.Config = None,
    max_frame: MaxFrame = "",
    json: options.Json = False,
    verbose: options.Verbose = 0,
) -> None:
    """Say which settings of topics and brokers to change. Exit status 1 if there are any."""
    largest = parse_size(max_frame, "--max-frame") if max_frame else 0
    with log_at(log, config).open_kafka() as opened:
        findings = opened.check_topics(largest)
    if json:
        write_json_line(msgspec.json.encode(findings))
    else:
        print_findings(findings)
    if findings:
        raise typer.Exit(1)


def print_findings(findings: list[Finding]) -> None:
    for finding in findings:
        out.print(str(finding), markup=False, soft_wrap=True)
    if not findings:
        out.print("topics and brokers are fit for these frames")
