"""Categories of offers, each with a serial number."""

from __future__ import annotations

from worker.store.records import Numbered

RECORDS = Numbered("offer_categories")
