"""The settings of the queue and of those who work on it."""

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings

from workers.setting_types import QueueUrl


class QueueSettings(BaseSettings):
    """One field for each, as in workers/settings.py."""

    queue_url: QueueUrl = Field(
        "",
        repr=False,
        description="Valkey or Redis of the batches and their queue, with `noeviction` and an append-only file, or "
        "`amqp://` for RabbitMQ (then batches lie in the store); empty: the store's",
    )
    lease_seconds: float = Field(
        30, ge=1, le=3_600, description="how long a worker may be silent before others take over its rows, in seconds"
    )
    deliveries: int = Field(
        3, ge=1, le=100, description="workers that may be lost while they work on a row before it is given up as failed"
    )
    worker_rows: int = Field(16, ge=1, le=1_000, description="rows of batches at the same time, in each worker")
    worker_interactive: int = Field(
        4, ge=1, le=1_000, description="questions that somebody waits for (Slack) at the same time, in each worker"
    )
    row_patience_seconds: float = Field(
        900,
        ge=0,
        le=86_400,
        description="how long a row of a batch waits for a model server or a store that is away before it fails, "
        "in seconds",
    )
    worker_in_serve: Literal["auto", "yes", "no"] = Field(
        "auto", description="whether `serve` works on batches too; auto: where the store is its own"
    )
    rows_model_calls: int = Field(
        0, ge=0, le=100_000, description="replies that rows of all workers ask of the model at once; 0: no limit"
    )
    rows_near: bool = Field(
        True,
        description="rows with the same pages are sent near each other, and these pages first, so that the model "
        "server's prefix cache has them",
    )
    rows_searches: int = Field(0, ge=0, le=100_000, description="searches of rows at once, of all workers; 0: no limit")
    rows_host_reads: int = Field(
        4, ge=0, le=1_000, description="pages that rows fetch from one host at once, of all workers; 0: no limit"
    )
