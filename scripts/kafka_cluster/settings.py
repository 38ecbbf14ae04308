"""The brokers' settings: small time-outs and small internal topics, for tests and trying out, not for a server room."""

from __future__ import annotations

from scripts.kafka_cluster.layout import HOST, Broker, Cluster
from scripts.kafka_cluster.tls import SUPER_USERS

LOG4J = """\
rootLogger.level=WARN
rootLogger.appenderRef.o.ref=OUT
appender.o.type=Console
appender.o.name=OUT
appender.o.layout.type=PatternLayout
appender.o.layout.pattern=[%d] %p %m (%c)%n
"""

COMMON = {
    "process.roles": "broker,controller",
    "controller.listener.names": "CONTROLLER",
    "message.max.bytes": "8388608",
    "replica.fetch.max.bytes": "8388608",
    "log.segment.delete.delay.ms": "1000",  # what a deleted topic held is not kept for a minute more
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.num.partitions": "4",
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    "group.consumer.min.session.timeout.ms": "1000",
    "group.consumer.min.heartbeat.interval.ms": "200",
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
}

REPLICATED_TOPICS = ("offsets.topic", "transaction.state.log", "share.coordinator.state.topic")


def properties(cluster: Cluster, broker: Broker) -> dict[str, str]:
    controllers = ",".join(f"{HOST}:{each.controller_port}" for each in cluster.brokers)
    return {
        **COMMON,
        "node.id": str(broker.id),
        "log.dirs": str(broker.home / "data"),
        "controller.quorum.bootstrap.servers": controllers,
        **_replication(len(cluster.brokers)),
        **(_secure_listeners(cluster, broker) if cluster.secure else _plain_listeners(broker)),
    }


def as_text(settings: dict[str, str]) -> str:
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def _replication(brokers: int) -> dict[str, str]:
    in_sync = str(brokers // 2 + 1)  # one of three may be away
    settings = {"default.replication.factor": str(brokers), "min.insync.replicas": in_sync}
    for topic in REPLICATED_TOPICS:
        settings[f"{topic}.replication.factor"] = str(brokers)
        if topic != "offsets.topic":
            settings[f"{topic}.min.isr"] = in_sync
    return settings


def _plain_listeners(broker: Broker) -> dict[str, str]:
    return {
        **_with_proxied(broker, _listeners(PLAINTEXT=broker.port, CONTROLLER=broker.controller_port)),
        "inter.broker.listener.name": "PLAINTEXT",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,PROXIED:PLAINTEXT",
    }


def _with_proxied(broker: Broker, listeners: dict[str, str]) -> dict[str, str]:
    """One more, whose clients are told another port than the one it listens on: they come back through the proxy."""
    if broker.proxied_port is None:
        return listeners
    return {
        "listeners": f"{listeners['listeners']},PROXIED://{HOST}:{broker.proxied_port}",
        "advertised.listeners": f"{listeners['advertised.listeners']},PROXIED://{HOST}:{broker.proxy_port}",
    }


def _secure_listeners(cluster: Cluster, broker: Broker) -> dict[str, str]:
    """Users come in by password (SASL_SSL) or certificate (MTLS); brokers talk to each other by certificate."""
    assert broker.mtls_port is not None
    return {
        **_listeners(SASL_SSL=broker.port, MTLS=broker.mtls_port, CONTROLLER=broker.controller_port),
        "inter.broker.listener.name": "MTLS",
        "listener.security.protocol.map": "SASL_SSL:SASL_SSL,MTLS:SSL,CONTROLLER:SSL",
        "listener.name.mtls.ssl.client.auth": "required",
        "listener.name.controller.ssl.client.auth": "required",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(cluster.tls / "broker-keystore.pem"),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(cluster.tls / "ca.pem"),
        "ssl.principal.mapping.rules": "RULE:^CN=([^,]+)$/$1/",
        "sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": (
            "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        ),
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": ";".join(f"User:{user}" for user in SUPER_USERS),
    }


def _listeners(**ports: int) -> dict[str, str]:
    addresses = ",".join(f"{name}://{HOST}:{port}" for name, port in ports.items())
    return {"listeners": addresses, "advertised.listeners": addresses}
