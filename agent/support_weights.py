"""What the judge's evidence weighs, and where its verdicts begin. In the order of Evidence.vector.

Fitted by a ridge towards round numbers on one half of CiteCheck, ExpertQA and the falsified snippets of RGB, signs
fixed; the figures of the other half are in docs/evaluation.md.
"""

from typing import Final

SUPPORTED: Final = 0.5
PARTIAL: Final = 0.3
# constant, covered, on_page, alone, exact, phrases, letters, runs,
# rarest missing, names missing, names off the page, numbers missing, numbers off the page, has numbers, tail, flipped
WEIGHTS_ZH: Final = (-3.2, 1.5, 1.5, 1.0, 1.0, 0.3, 1.0, 0.3, -0.3, -0.2, -0.3, -0.6, -0.5, 0.3, -4.0, -0.5)
WEIGHTS_EN: Final = (-2.35, 0.7, 0.7, 0.3, 0.3, 0.7, 2.0, 1.2, -0.25, -0.2, -0.3, -0.55, -0.45, 0.35, -4.0, -0.5)
