"""Kafka: throughput of producing and consuming, and latency through a broker."""
