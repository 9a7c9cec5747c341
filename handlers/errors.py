"""Why a rule refused. Each says what is wrong, where, and what to do."""

from __future__ import annotations


class Unmappable(Exception):
    """A payload that verified but cannot be read: `path` names the field (`data.object.currency`)."""

    def __init__(self, path: str, problem: str) -> None:
        self.path, self.problem = path, problem
        super().__init__(f"{path}: {problem}")


class Locked(Exception):
    """A change of fields that Stripe manages on this order."""

    def __init__(self, fields: tuple[str, ...]) -> None:
        self.fields = fields
        super().__init__(f"managed by Stripe, cannot be changed here: {', '.join(fields)}")


class Refused(Exception):
    """A change that the rules do not allow. `code` is stable, `field` names the culprit, `remedy` what to do."""

    def __init__(self, code: str, message: str, *, field: str | None = None, remedy: str = "") -> None:
        self.code, self.message, self.field, self.remedy = code, message, field, remedy
        super().__init__(message)
