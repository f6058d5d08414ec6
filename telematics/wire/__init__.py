"""Bytes to the values of `telematics.model` and back. Arbitrary bytes never raise out of here."""
