"""The settings of links to answers."""

from dataclasses import dataclass

from pydantic import Field
from pydantic_settings import BaseSettings


@dataclass(frozen=True, slots=True)
class ShareLimits:
    """most_days: the longest life of a link, 0 where no links are made; anybody: whether an owner may let people read
    without a key; reads_per_minute: of one link, and of one stranger's wrong links."""

    most_days: float = 30.0
    anybody: bool = True
    reads_per_minute: int = 120


class ShareSettings(BaseSettings):
    """One field for each, as in workers/settings.py."""

    share_days: float = Field(
        30, ge=0, le=3_650, description="longest life of a link to an answer, in days; 0: no links are made"
    )
    share_without_key: bool = Field(True, description="let an owner choose that a link is read without a key")
    share_reads_per_minute: int = Field(
        120,
        ge=1,
        le=1_000_000,
        description="how often one link is read in any minute, and how many wrong ones are tried",
    )

    @property
    def share_limits(self) -> ShareLimits:
        return ShareLimits(self.share_days, self.share_without_key, self.share_reads_per_minute)
