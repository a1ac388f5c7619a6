"""What must hold at every stored state, over every single step, and when the server has come to rest.

Each property is a small predicate with a name, true where it holds. Those whose docstring begins with a plus
are ours; the others stand in the protocol's specification.
"""

from .check import PROPERTIES, check_rest, check_state, check_step
from .state import PromiseMove, ScheduleMove, State, TaskMove, Transition, Violation

__all__ = [
    "PROPERTIES",
    "PromiseMove",
    "ScheduleMove",
    "State",
    "TaskMove",
    "Transition",
    "Violation",
    "check_rest",
    "check_state",
    "check_step",
]
