"""Locations: where goods lie."""

from __future__ import annotations

from worker.store.records import Records

RECORDS = Records("locations")
