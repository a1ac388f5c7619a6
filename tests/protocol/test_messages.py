import msgspec

from troth.protocol.messages import Execute, Grant, Unblock
from troth.protocol.records import NO_VALUE, Promise, PromiseState, Task, TaskState

PROMISE = Promise("p", PromiseState.RESOLVED, NO_VALUE, NO_VALUE, {}, 9, 1, 2)


def test_messages_are_data_that_can_be_written_down() -> None:
    for message in (Execute("p", 3), Unblock(PROMISE), Grant(Task("p", TaskState.ACQUIRED, 1, 0, 5, "w"), PROMISE)):
        assert msgspec.json.decode(msgspec.json.encode(message), type=type(message)) == message
