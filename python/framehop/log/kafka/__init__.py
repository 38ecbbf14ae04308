"""The log in Apache Kafka, with the same contract as the embedded one, across machines."""
