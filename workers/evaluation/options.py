"""What a run is told, and which of it must stay the same when the run is gone on with."""

from dataclasses import dataclass, field
from pathlib import Path

from agent.question import Depth
from workers.evaluation.collection import Scope
from workers.quota import Prices

# Where published question sets lie, with their answers: a page of theirs is no evidence of anything.
DATASET_HOSTS: tuple[str, ...] = (
    *("huggingface.co", "hf.co", "hf-mirror.com", "modelscope.cn", "modelscope.ai", "kaggle.com", "paperswithcode.com"),
    *("github.com", "github.io", "githubusercontent.com", "gitee.com", "gitcode.com", "gitlab.com"),
    *("opendatalab.com", "opendatalab.org.cn", "openxlab.org.cn", "zenodo.org", "figshare.com", "datasetsearch.org"),
    *("storage.googleapis.com", "openaipublic.blob.core.windows.net", "arxiv.org", "alphaxiv.org", "openreview.net"),
)


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
    prices: Prices = field(default_factory=Prices)
    blocked: tuple[str, ...] = DATASET_HOSTS
    plots: bool = True
