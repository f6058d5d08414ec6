"""The pure engine: inputs in, effects out; no I/O, no clock."""
