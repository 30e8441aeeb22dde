"""Links to one answer: who made them, until when they are good, and who may read with them.

    kz:u:USER:shares:ANSWER-ID      hash: SHA-256 of a link's token -> what is known of it
    kz:shared:SHA256-OF-TOKEN       whose answer it leads to
    kz:shared:reads:…, :misses:…    how often it, or a stranger, was served in this minute

A token has 256 random bits and is kept nowhere: only its hash is. What is revoked or expired is known as such for a
month more, so that its reader can be told; then, and when the answer is forgotten, it is as unknown as what never was.
"""

import hashlib
import re
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import cast

from redis.asyncio import Redis

from workers.problems import Problem
from workers.records import Record
from workers.share_settings import ShareLimits
from workers.store import reaching
from workers.store_errors import RecordPoisoned
from workers.store_keys import PREFIX, key_of, shared_key

TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
DAY_SECONDS = 86_400
REMEMBERED_SECONDS = 30 * DAY_SECONDS
MINUTE_SECONDS = 60
MOST_LINKS = 50
"""Of one answer, the revoked and expired ones included."""
UNKNOWN_LINK = "this link leads nowhere: it is mistyped, or what it led to was forgotten"


@dataclass(frozen=True, slots=True)
class Share:
    """hash: SHA-256 of its token, as hex; anybody: readable without a key; created, expires, revoked: ISO 8601, UTC,
    revoked "" while nobody has."""

    hash: str
    created: str
    expires: str
    anybody: bool
    revoked: str = ""

    @property
    def id(self) -> str:
        """A name that does not give the token away."""
        return f"share-{self.hash[:16]}"


@dataclass(frozen=True, slots=True)
class Shared:
    """What a link leads to: an answer of this user."""

    user: str
    answer_id: str
    share: Share


@dataclass(frozen=True, slots=True)
class _Place:
    user: str
    answer_id: str


_SHARE = Record("share", Share)
_PLACE = Record("shared", _Place)


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Shares:
    """Every method raises StoreDown while the store cannot be reached. client: answers with bytes."""

    client: Redis
    limits: ShareLimits = field(default_factory=ShareLimits)
    now: Callable[[], datetime] = utc_now

    async def create(self, user: str, answer_id: str, days: float, anybody: bool) -> tuple[str, Share]:
        """The token, this once, and what is kept of it. Raises Problem."""
        self._allow(days, anybody)
        key, now, token = key_of(user, "shares", answer_id), self.now(), secrets.token_urlsafe(32)
        share = Share(token_hash(token), _iso(now), _iso(now + timedelta(days=days)), anybody)
        seconds = round(days * DAY_SECONDS) + REMEMBERED_SECONDS
        with reaching():
            if await self.client.hlen(key) >= MOST_LINKS:
                raise Problem("bad_question", f"an answer has {MOST_LINKS} links at most", "answer_id")
            longest = max(seconds, await self.client.ttl(key))
            async with self.client.pipeline(transaction=True) as pipe:
                pipe.hset(key, share.hash, cast(str, _SHARE.write(share)))
                pipe.expire(key, longest)
                pipe.set(shared_key(share.hash), _PLACE.write(_Place(user, answer_id)), ex=seconds)
                await pipe.execute()
        return token, share

    def _allow(self, days: float, anybody: bool) -> None:
        if not self.limits.most_days:
            raise Problem("sharing_off", "this service makes no links to answers; ask the operator")
        if not 0 < days <= self.limits.most_days:
            raise Problem(
                "bad_question", f"a link lives for more than 0 and at most {self.limits.most_days:g} days", "days"
            )
        if anybody and not self.limits.anybody:
            detail = "links of this service are read with a key only; leave `anybody` out"
            raise Problem("sharing_off", detail, "anybody")

    async def all(self, user: str, answer_id: str) -> tuple[Share, ...]:
        """The newest first."""
        with reaching():
            found = await cast(Awaitable[dict[bytes, bytes]], self.client.hgetall(key_of(user, "shares", answer_id)))
        kept = [_SHARE.read(record) for record in found.values()]
        return tuple(sorted(kept, key=lambda share: share.created, reverse=True))

    async def revoke(self, user: str, answer_id: str, share_id: str) -> Share:
        """From the next request on. Raises Problem for one that is not there."""
        for share in await self.all(user, answer_id):
            if share.id == share_id:
                revoked = replace(share, revoked=share.revoked or _iso(self.now()))
                with reaching():
                    key, record = key_of(user, "shares", answer_id), cast(str, _SHARE.write(revoked))
                    await self.client.hset(key, share.hash, record)
                return revoked
        raise Problem("not_found", "this answer has no such link", "share")

    async def find(self, token: str, stranger: str) -> Shared:
        """Where the link leads now. stranger: the address of whoever asks. Raises Problem, RecordPoisoned."""
        hash_ = token_hash(token)
        missed = f"{PREFIX}shared:misses:{token_hash(stranger)}"
        await self._within_limit(missed, 0)
        place = await self._place(hash_) if TOKEN.fullmatch(token) else None
        share = await self._share(place, hash_) if place else None
        if place is None or share is None:
            await self._within_limit(missed, 1)
            raise Problem("not_found", UNKNOWN_LINK)
        await self._within_limit(f"{PREFIX}shared:reads:{hash_}", 1)
        self._still_good(share)
        return Shared(place.user, place.answer_id, share)

    def _still_good(self, share: Share) -> None:
        if share.revoked:
            raise Problem("share_revoked", "whoever shared this answer has taken the link back")
        if datetime.fromisoformat(share.expires) <= self.now():
            raise Problem("share_expired", f"this link was good until {share.expires}; ask whoever sent it for another")

    async def _place(self, hash_: str) -> _Place | None:
        with reaching():
            found = await self.client.get(shared_key(hash_))
        return _PLACE.read(cast(bytes, found)) if found else None

    async def _share(self, place: _Place, hash_: str) -> Share | None:
        with reaching():
            found = await cast(
                Awaitable[bytes | None], self.client.hget(key_of(place.user, "shares", place.answer_id), hash_)
            )
        share = _SHARE.read(found) if found else None
        if share and share.hash != hash_:
            raise RecordPoisoned("a link is kept under another one's name")
        return share

    async def _within_limit(self, key: str, more: int) -> None:
        """Raises Problem when this minute's are used up."""
        with reaching():
            async with self.client.pipeline(transaction=True) as pipe:
                pipe.set(key, 0, ex=MINUTE_SECONDS, nx=True)
                pipe.incrby(key, more)
                pipe.ttl(key)
                _, used, left = await pipe.execute()
        if used >= self.limits.reads_per_minute + more:
            detail = "this link was opened too often in this minute, or too many wrong ones were"
            raise Problem("rate_limit_exceeded", detail, retry_seconds=max(1, left))


def token_hash(token: str) -> str:
    """What is kept of it. Lone surrogates, which no token has, are hashed as they are."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _iso(time: datetime) -> str:
    return time.isoformat(timespec="seconds")
