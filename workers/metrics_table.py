"""Writes docs/metrics.md from the metrics that exist: `python -m workers.metrics_table`."""

from pathlib import Path

from prometheus_client.metrics import MetricWrapperBase

from workers.metrics import Metrics

DOCUMENT = Path(__file__).parents[1] / "docs" / "metrics.md"
_HEAD = """# Metrics

`GET /metrics` gives them in Prometheus's text format. It asks for a key like every other path: without a key it is
open to this machine only. Each process has its own counts. Written by `python -m workers.metrics_table`.

| Name | Kind | Labels | What it counts |
|---|---|---|---|
"""
_TAIL = """
Outcomes of a planner round: `parsed` (the server's parser read valid calls), `rescued` (a call was left as markup in
the text or the reasoning), `repeated` (it was had by asking once more without streaming), `json_plan` (it was had
as JSON), `enough` (a later round called nothing: write), `fallback` (no call could be had: the question is the query).
Much else than `parsed` and `enough` says that the server's parser or chat template does not fit the model.

The share of prompt tokens that came from the server's prefix cache (SGLang counts them with `--enable-cache-report`):

```
rate(kaozheng_model_cached_prompt_tokens_total[5m]) / rate(kaozheng_model_prompt_tokens_total[5m])
```

## Traces

With `KAOZHENG_OTLP_URL=http://collector:4318` (and the extra: `kaozheng[otel]`) the service sends traces over HTTP to
any OpenTelemetry collector; without it nothing of OpenTelemetry is even loaded. Each question is a trace:

| Span | Below | What it says beside its times |
|---|---|---|
| `answer` | | `kaozheng.status`, `depth`, `language`, `degraded`, `sources`, `corrections`, `request_id`, tokens |
| `plan`, `search`, `read`, `write`, `verify` | `answer` | the steps of the graph; `error.type` where one broke |
| `query` | `search` | `kaozheng.engine`, `results`; `reason` where no engine answered |
| `page` | `read` | `kaozheng.characters`, `truncated`; `reason` where it could not be read |
| `chat MODEL` | `plan`, `write`, `verify` | `gen_ai.*`: model, tokens, finish; `purpose`, `first_token_seconds` |
| `judge` | `verify` | the model's opinion of doubtful citations |

W3C's `traceparent` is taken from every caller: the question then belongs to the caller's trace (and is not recorded
where the caller does not record it), and the model server gets the header with each request, also where no collector is
set. Web pages and search engines never get it. The rows of a batch stand in one trace: that of the request that made
the batch, else one whose id is the batch's, 32 hexadecimal digits behind `batch_`. `kaozheng ask` is traced too.

No question, query, address, page, answer or message of an error stands in a span, unless `KAOZHENG_LOG_TEXTS` adds
`kaozheng.question`, `kaozheng.query` and `url.full`. A collector that is down is not waited for; what is more than
4,096 spans behind is dropped.
"""


def table() -> str:
    """The whole document."""
    return _HEAD + "".join(_row(metric) for metric in Metrics().all()) + _TAIL


def _row(metric: MetricWrapperBase) -> str:
    described = next(iter(metric.describe()))
    name = described.name + ("_total" if described.type == "counter" else "")
    labels = ", ".join(f"`{label}`" for label in metric._labelnames)
    return f"| `{name}` | {described.type} | {labels} | {described.documentation} |\n"


if __name__ == "__main__":
    DOCUMENT.write_text(table(), encoding="utf-8")
