"""Streaming GPS telematics: truck pings in, alerts out, with the reasons why."""
