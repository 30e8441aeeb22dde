"""Text as it looks: letters, digits, brackets and colons in plain ASCII, with the place that each came from.

NFKC alone does not see that `ᴡ`, `в` with a Cyrillic tail, `【`, `∶` or `٣` may stand for something plainer. What is
folded here is only compared with patterns; the text itself is never folded (P5).
"""

import unicodedata

_ALIKE = (
    *(("аᴀ🅐🅰🇦", "a"), ("ʙ🅑🅱🇧", "b"), ("сᴄϲ🅒🅲🇨", "c"), ("ԁᴅ🅓🅳🇩", "d"), ("еᴇё🅔🅴🇪", "e"), ("ꜰ🅕🅵🇫", "f")),
    *(("ɡɢ🅖🅶🇬", "g"), ("һʜ🅗🅷🇭", "h"), ("іɪıӏⅼι🅘🅸🇮", "i"), ("јᴊ🅙🅹🇯", "j"), ("кᴋκ🅚🅺🇰", "k"), ("ʟ🅛🅻🇱", "l")),
    *(("мᴍ🅜🅼🇲", "m"), ("ɴո🅝🅽🇳", "n"), ("оᴏοօ🅞🅾🇴", "o"), ("рᴘρ🅟🅿🇵", "p"), ("ʀ🅡🆁🇷", "r"), ("ѕꜱ🅢🆂🇸", "s")),
    *(("тᴛτ🅣🆃🇹", "t"), ("ᴜυս🅤🆄🇺", "u"), ("ᴠνѵ🅥🆅🇻", "v"), ("ᴡԝѡ🅦🆆🇼", "w"), ("хχ🅧🆇🇽", "x"), ("уʏγ🅨🆈🇾", "y")),
    *(("АΑ", "A"), ("ВΒ", "B"), ("СϹ", "C"), ("ЕΕ", "E"), ("НΗ", "H"), ("ІΙ", "I"), ("КΚ", "K"), ("ᏞⅬ", "L")),
    *(("МΜ", "M"), ("Ν", "N"), ("ОΟ", "O"), ("РΡ", "P"), ("Ѕ", "S"), ("ТΤ", "T"), ("ХΧ", "X"), ("УΥ", "Y")),
    *(("∶ː꞉︓։׃⁚﹕ꓽ", ":"), ("│ǀ∣❘⏐┃⎮￨︱︳", "|"), ("’‘´`′ʼꞌʹ", "'")),
    *(("【〔〖〘〚⁅⟦⟬❲⦋⦍⦏⦗﹇︹︻", "["), ("】〕〗〙〛⁆⟧⟭❳⦌⦎⦐⦘﹈︺︼", "]")),
    *(("戶", "户"), ("為爲", "为"), ("內", "内"), ("於", "于"), ("發", "发"), ("結", "结"), ("\uff5c", "\uff5c")),
)
_PLAIN = {character: plain for characters, plain in _ALIKE for character in characters} | {
    chr(first + place): chr(ord("a") + place)
    for first in (0x249C, 0x1F110)
    for place in range(26)  # ⒜ and 🄐
}


def folded(text: str) -> tuple[str, list[int] | range]:
    """`text` as it looks, and for each of its characters the place in `text`. Case, and the full-width bar, stay."""
    if text.isascii():
        return text, range(len(text))
    pieces: list[str] = []
    origin: list[int] = []
    for place, character in enumerate(text):
        for piece in character if character < "\x80" else _plain(character):
            pieces.append(piece)
            origin.append(place)
    return "".join(pieces), origin


def _plain(character: str) -> str:
    """In ASCII where it looks or counts like that; "" for a mark on the letter before it."""
    if character in _PLAIN:
        return _PLAIN[character]
    if "\u3400" <= character <= "\u9fff":
        return character
    digit = unicodedata.digit(character, None)
    if digit is not None:
        return str(digit)
    apart = unicodedata.normalize("NFKD", character)
    return "".join(_PLAIN.get(piece, piece) for piece in apart if not unicodedata.combining(piece))
