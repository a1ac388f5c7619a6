import pytest

from troth.protocol.answers import EMPTY, PreloadAnswer, Refusal, Response


@pytest.mark.parametrize(
    ("response", "ok"),
    [
        (Response(200, EMPTY), True),
        (Response(300, PreloadAnswer()), True),
        (Response(400, Refusal("no")), False),
        (Response(409, Refusal("no")), False),
        (Response(500, Refusal("no")), False),
    ],
)
def test_a_response_says_whether_the_request_was_carried_out(response: Response, ok: bool) -> None:
    assert response.ok is ok
