from tests.workers.slack.chaos import killed


async def test_a_bot_that_is_killed_loses_no_question_and_doubles_no_answer(empty_valkey: str) -> None:
    """The short form of `make slack-chaos`, which kills it 20 times."""
    found = await killed(2, empty_valkey)

    assert (found.lost, found.doubled, found.left) == (0, 0, 0)
    assert found.answered + found.told == found.questions == 6
