"""What the judge's evidence weighs, and where its verdicts begin. In the order of Evidence.vector.

Fitted by a ridge towards round numbers on one half of CiteCheck, ExpertQA, the falsified snippets of RGB and XQuAD's
answers, signs fixed, then rounded; the figures of the other half are in docs/evaluation.md. SUPPORTED is where the
balanced accuracy over these sets is best; PARTIAL where fewer than one in twenty statements that people call supported
would count as unsupported.
"""

from typing import Final

SUPPORTED: Final = 0.5
PARTIAL: Final = 0.2
IN_ORDER: Final = 3.2
OUT_OF_ORDER: Final = -1.8
"""For a Chinese claim's best window: what the order of its letters is worth (logits), and what it is with none."""
# In the order of Evidence.vector: constant, covered, on_page, alone, exact, phrases, letters, runs, rarest missing,
# names missing, names off the page, numbers missing, numbers off the page, has numbers, tail missing, flipped,
# tail far from its question, tail near it, meaning, ending, pointing
# fmt: off
WEIGHTS_ZH: Final = (
    -4.45, 1.5, 1.65, 0.3, 1.0, 0.0, 1.85, 0.3, 0.0, 0.0, -0.1, -0.65, -0.55, -0.2, -3.9, -0.5, -2.4, 2.2, 0.0, 1.0, 0.5
)
WEIGHTS_EN: Final = (
    -5.8, 0.5, 0.5, 0.2, 0.2, 0.4, 1.5, 0.9, -0.1, -0.15, -0.3, -0.5, -0.4, 0.45, -4.0, -0.5, -3.0, 4.0, 5.0, 0.0, 0.0
)
# fmt: on
