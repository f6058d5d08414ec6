"""Where simulated records go: files, or Kafka (`emit.kafka`, the only importer of aiokafka among the simulators)."""
