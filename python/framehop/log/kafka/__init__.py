"""The log in Apache Kafka: the same contract as the embedded one, across machines."""
