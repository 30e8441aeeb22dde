"""What the scripted model says to `kaozheng doctor`: R1 in good health. Standard library only, as cases.py."""

from cases import SEARCH_CALL, calling, thought


def checked(prompt: str) -> str:
    """The reply to a rendered prompt of a probe."""
    if "Count from 1 to 2000" in prompt:
        return thought("Count.", "\n".join(str(number) for number in range(1, 2_001)))
    if "one sentence in French" in prompt:  # R1 would greet; a grammar, where there is one, leaves it only this
        return thought("Hm.", '{"number": 7}')
    if "Call the function web_search" in prompt:
        return thought("Search.", calling(SEARCH_CALL))
    return thought("One word.", "ready")
