"""About how many tokens a text has, where no tokenizer is at hand."""

_CHARACTERS_PER_TOKEN = 3.5  # of text that is not Chinese; measured with R1's tokenizer: English 4.1
_HAN_PER_TOKEN = 1.5


def estimated_tokens(text: str) -> int:
    """For prompts that no model reads: about what R1's tokenizer would count."""
    han = sum("\u3400" <= character <= "\u9fff" for character in text)
    return round(han / _HAN_PER_TOKEN + (len(text) - han) / _CHARACTERS_PER_TOKEN) + 1
