"""Words, sentences and scripts of Chinese and English text. No I/O, no model.

Offsets are always into the text that was given, so that a quote can be found again.
"""

from typing import Literal

Script = Literal["zh-Hans", "zh-Hant", "en", "other"]


def script_of(text: str) -> Script:
    """Which template family a question belongs to."""
    raise NotImplementedError
