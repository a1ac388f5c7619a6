"""What every store must do, as checks that any store can be put to.

Each check takes a fresh, empty store and raises if the store breaks the contract::

    @pytest.mark.parametrize("check", CONTRACT, ids=lambda check: check.__name__)
    def test_contract(check):
        asyncio.run(check(MyStore()))
"""

from collections.abc import Awaitable, Callable
from typing import Final

from troth.stores.base import Store

from .contract_queries import QUERIES
from .contract_rows import ROWS

Check = Callable[[Store], Awaitable[None]]

CONTRACT: Final[tuple[Check, ...]] = (*ROWS, *QUERIES)
"""All checks. They are independent of each other and of any test framework."""
