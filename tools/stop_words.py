"""Function words and abbreviations: the short lists that `tools.text` needs. Constants only."""

import re

from tools.stemming import stem

_EN = """
a about above after again all also am an and any are as at be because been before being below between both
but by can could did do does doing down during each few for from further get had has have having he her here
hers him his how i if in into is it its itself just let may me might more most must my no nor not now of off
on once only or other our out over own please same shall she should so some such tell than that the their
them then there these they this those through to too under until up us very was we were what when where
which while who whom whose why will with would you your yours yet given want many much
don doesn didn isn aren wasn weren won couldn shouldn wouldn hasn hadn
"""
_ZH = """
用 做 让 使 给 去 来 上 下 中 里 时 后 前 以 等 该 何 样 么 多 有 没 不 又 还 再 或 某 各 每 此 其 之
的 了 在 是 吗 呢 吧 啊 和 与 或 及 我 你 您 他 她 它 们 这 那 有 就 都 也 很 把 被 对 从 到 为 请 要 会 能 可
如何 怎么 怎样 什么 为何 为什 哪个 哪些 哪里 哪种 多少 几个 是否 能否 可否 可以 需要 应该 应当 能够 请问
告诉 诉我 我们 你们 他们 一个 一种 这个 那个 这些 那些 以及 或者 并且 而且 但是 因为 所以 如果 关于 对于
时候 的时 我想 想要 么样 么办 怎办 有什 有哪 是什 是怎 是谁 是多 是指 是不 不是 有没 没有 之间 其中 的是
的话 么是 何在 一下 进行
"""
_ZH_PHRASES = """
有没有 有什么 有哪些 有多少 怎么样 怎么办 为什么 告诉我 如何 怎么 怎样 什么 为何 哪个 哪些 哪里 哪种 多少 几个 是否
能否 可否 可以 需要 应该 应当 能够 请问 告诉 我们 你们 他们 一个 一种 这个 那个 这些 那些 以及 或者 并且 而且 但是 因为
所以 如果 关于 对于 时候 我想 是谁 是指 是不 一下
"""
_ELSEWHERE = """
der das und ist wie ich nicht ein eine mit für auf le la les des est une du dans pour comment que qui el los
las una por para cómo qué il che di per sono como não uma os het een van hoe wat är och att
"""
_ABBREVIATIONS_EN = """
e.g i.e cf dr mr mrs ms prof st vs fig figs vol pp p ed eds inc ltd co corp jr sr jan feb mar apr jun jul aug
sep sept oct nov dec approx resp dept est ca sec ch eq ref refs gen col lt capt rev hon a.m p.m al
"""

STOP_WORDS_EN = frozenset(_EN.split())
STOP_WORDS_ZH = frozenset(_ZH.split())
STOP_WORDS = STOP_WORDS_EN | frozenset(map(stem, STOP_WORDS_EN)) | STOP_WORDS_ZH
"""Terms of `tools.text.words` (so with stems, and bigrams) that carry grammar, not a subject."""

FUNCTION_PHRASES = re.compile(rf"(?P<word>目的|了解|为了|的确|标的)|{'|'.join(_ZH_PHRASES.split())}|[的了吗呢是怎么哪]")
"""Function words inside a Chinese run, the longer first; `word` only looks like one and is to be kept."""

ASKING_EN = frozenset(("compare", "define", "describe", "explain", "give", "list", "show", "summarize", "translate"))
ELSEWHERE = frozenset(_ELSEWHERE.split())
"""Function words of other languages in Latin letters, none of which is an English word."""

ABBREVIATIONS_EN = frozenset(_ABBREVIATIONS_EN.split())
"""Words whose full stop ends no sentence, without that stop."""

JAPANESE = frozenset(
    "亜仏仮価児円剣剤労勧単厳収営団囲図圏圧塁塩壊売変対専帰広廃弐弾従応悪戦払抜択挙挿掲揺摂斉斎暁桜検楽様"
    "権歓歩毎気浄済渇渋渓満滝瀬焼犠獣畳発県砕稲穂穏経絵継続総縄繊聴脳臓蔵薬覇覚覧観訳読譲賛転軽辺逓遅郷酔"
    "醸釈鉄銭鋳録関陥険隠雑霊頼顔顕駅駆騒験髄鶏黒黙齢"
)
"""The commonest forms of characters that Japan alone writes."""
