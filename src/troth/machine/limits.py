"""How much of anything a request may ask for. What exceeds a limit is answered 400."""

from typing import Final

from troth.protocol.records import NEVER

ID_BYTES_MAX: Final = 1024
"""UTF-8 bytes of an id, a tag's name or value, a process id, an address: every store's index can hold it."""

TAGS_MAX: Final = 64
"""Tags of a promise or a schedule: they are indexed and shown, payload belongs into the param."""

HEADERS_MAX: Final = 64
"""Headers of a value, for the same reason."""

TTL_MS_MAX: Final = 24 * 60 * 60 * 1000
"""Milliseconds of a lease, a day: a longer one would keep a dead worker's task from everybody else."""

INSTANT_MAX: Final = NEVER
"""The latest instant, in milliseconds since the epoch: every client's numbers hold it exactly."""

SUSPEND_ACTIONS_MAX: Final = 100_000
"""Promises awaited by one suspend: a fan-out waits for all its children in one request."""

HEARTBEAT_TASKS_MAX: Final = 10_000
"""Tasks renewed by one heartbeat: a worker renews everything it holds in one request."""

SEARCH_LIMIT_MAX: Final = 1000
"""Records on one page of a search: a page is built in memory, and whoever wants more follows the cursor."""

PRELOAD_MAX: Final = 1000
"""Promises sent along with a grant. They only save requests: what is left out, the worker's create finds."""

CRON_CHARS_MAX: Final = 256
"""Characters of a cron line: nobody writes a longer one by hand."""

CRON_YEAR_MAX: Final = 2100
"""The last year a cron line can name or reach, so that the search for a date that never comes ends."""
