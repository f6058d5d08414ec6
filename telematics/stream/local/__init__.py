"""The local broker: real Apache Kafka from Python alone (a Java runtime in a wheel, jars by their hashes).

`broker.LocalBroker` is what programs use. Nothing is imported here, so that the keeper process stays small.
"""
