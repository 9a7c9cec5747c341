"""Many orders in one request, each answered for itself."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Field, ValidationError, ValidatorFunctionWrapHandler, WithJsonSchema, WrapValidator

from schemas.api.fields import Wire
from schemas.api.order import OrderCreate
from schemas.api.problem import Problem

LARGEST = 1000


def _by_itself(value: Any, validate: ValidatorFunctionWrapHandler) -> Any:
    """The order, or what is wrong with it: a bad one is the answer of its row, and of no other."""
    try:
        return validate(value)
    except ValidationError as error:
        return error


Row = Annotated[
    OrderCreate,
    WrapValidator(_by_itself),
    WithJsonSchema({"title": "Order", "description": "As the body of `POST /api/v1/orders`."}),
]


class BulkCreate(Wire):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "orders": [
                        {
                            "contact_id": "01938c5e-3f00-7000-8000-000000000001",
                            "external_id": "shop-1001",
                            "currency": "BRL",
                            "items": [{"sku": "COF-1", "name": "Coffee beans, 1 kg", "unit_price": 4990}],
                        }
                    ]
                }
            ]
        }
    )

    orders: list[Row] = Field(min_length=1, max_length=LARGEST)


class BulkResult(Wire):
    """What became of one order of the request."""

    index: int = Field(description="Its place in the request, from 0.")
    status: int = Field(description="As `POST /api/v1/orders` would have answered.", examples=[201, 200, 409, 422])
    external_id: str | None
    id: str | None = Field(description="The order; null where there is none.")
    problem: Problem | None = Field(description="Why there is none.")


class BulkBody(Wire):
    created: int = Field(description="How many orders are new.")
    results: list[BulkResult] = Field(description="One for each order of the request, in its order.")
