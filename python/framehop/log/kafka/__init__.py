"""The log in Apache Kafka, with the same contract as the embedded one, across machines.

`kafka_log` opens it. A `consumer` consists of what comes in (`receiver`), partitions that come and go (`rebalance`) and what
goes back (`commits`), which share a `member` and its progress. A `writer` consists of its clients (`producers`), where streams
go on (`epochs`), the frames under way (`send_queue`) and the open streams (`stream_ledger`). All of them ask brokers through a
`connection`, whose errors `errors` explains.
"""
