"""New ids: of their time, in order, never twice."""

from __future__ import annotations

import time
import uuid
from datetime import UTC, datetime

import pytest

from worker import ids


def test_a_new_id_is_a_version_7_uuid_of_its_millisecond() -> None:
    before = time.time_ns() // 1_000_000
    made = uuid.UUID(ids.new_id())
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert before <= made.int >> 80 <= time.time_ns() // 1_000_000 + 1


def test_ids_of_one_process_are_in_the_order_in_which_they_were_made() -> None:
    made = [ids.new_id() for _ in range(20_000)]
    assert made == sorted(made)
    assert len(set(made)) == len(made)


@pytest.mark.parametrize(("back_s", "kept"), [(5, True), (3600, False)])
def test_a_clock_that_is_set_back_repeats_no_id_and_is_believed_once_it_is_far_off(
    back_s: int, kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ids.new_id()
    then = time.time_ns() - back_s * 1_000_000_000
    monkeypatch.setattr(ids.time, "time_ns", lambda: then)
    made = [ids.new_id() for _ in range(10_000)]
    assert len({first, *made}) == 10_001
    assert made == sorted(made)
    assert (first < made[0]) is kept


def test_what_was_made_at_a_time_or_later_has_no_lower_id_than_the_first_of_it() -> None:
    at = datetime.fromtimestamp(time.time_ns() // 1_000_000 / 1000, UTC)
    assert ids.first_at(at) <= ids.new_id()
