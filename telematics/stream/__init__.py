"""Kafka: everything that reads, writes or keeps it. The only importer of aiokafka in the product."""
