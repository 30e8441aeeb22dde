"""What a run is told, and which of it must stay the same when the run is gone on with."""

from dataclasses import dataclass
from pathlib import Path

from agent.question import Depth
from workers.evaluation.collection import Scope

# Where published question sets lie, with their answers: a page of theirs is no evidence of anything.
DATASET_HOSTS: tuple[str, ...] = (
    *("huggingface.co", "hf.co", "hf-mirror.com", "modelscope.cn", "modelscope.ai", "kaggle.com", "paperswithcode.com"),
    *("github.com", "github.io", "githubusercontent.com", "gitee.com", "gitcode.com", "gitlab.com"),
    *("opendatalab.com", "opendatalab.org.cn", "openxlab.org.cn", "zenodo.org", "figshare.com", "datasetsearch.org"),
    *("storage.googleapis.com", "openaipublic.blob.core.windows.net", "arxiv.org", "alphaxiv.org", "openreview.net"),
)


@dataclass(frozen=True, slots=True)
class Price:
    """What a million tokens cost, in any currency; 0: nothing is said of cost."""

    prompt: float = 0.0
    completion: float = 0.0

    def of(self, prompt_tokens: int, completion_tokens: int) -> float:
        return (prompt_tokens * self.prompt + completion_tokens * self.completion) / 1_000_000


@dataclass(frozen=True, slots=True)
class EvalOptions:
    """samples: answers per question; limit: questions, drawn with `seed`, 0 for all; blocked: hosts that no source may
    come from; judge: let the model grade, where one is configured; out: the run's folder."""

    path: Path
    set_name: str
    out: Path
    depth: Depth
    scope: Scope
    limit: int = 0
    seed: int = 5
    samples: int = 1
    concurrency: int = 4
    judge: bool = True
    price: Price = Price()
    blocked: tuple[str, ...] = DATASET_HOSTS
    plots: bool = True
