"""The queue on RabbitMQ, for those who outgrow one Valkey: its messages say which row is next, and to whom.

Rows, their leases and their ends stay in the store, so that what holds there holds here: a message is a hint. Each
worker announces rows while it has room; whoever gets a message claims the row, and one that is claimed already, or has
its end, is passed by. A row that was announced and never claimed (a RabbitMQ that lost it) is announced again after a
lease.
"""

import asyncio
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog
from taskiq import BrokerMessage

from workers.batch.records import Leased
from workers.batch.row_leases import RowLeases
from workers.interactive import INTERACTIVE
from workers.leases import Hands
from workers.settings_error import SettingsError
from workers.store_errors import StoreError

if TYPE_CHECKING:
    from taskiq_aio_pika import AioPikaBroker

    from workers.broker import LeaseBroker, Room

QUEUE = "kaozheng-v1"
"""With the version of the payload."""
SEND_SECONDS, PAUSE_SECONDS = 5.0, 0.5
UNKNOWN = 1_000_000
"""As many as nobody has room beside: nothing is announced while RabbitMQ is away."""
ROW_PRIORITY, INTERACTIVE_PRIORITY = 1, 5


@dataclass(frozen=True, slots=True)
class RabbitQueue:
    """hands, leases: of this process, which announces as well as it works."""

    broker: "AioPikaBroker"
    hands: Hands
    leases: RowLeases

    async def announce(self, source: "LeaseBroker") -> None:
        """Goes on until it is cancelled: rows come from the store, and their names go to RabbitMQ."""
        async with aclosing(source.arrivals(self.waiting)) as arrivals:
            async for leased in arrivals:
                try:
                    # Before its message: who gets that, and be it we, must find the row free.
                    announced = await self.leases.announce(leased)
                    self.hands.drop(leased)
                    if announced:
                        await self._send(leased, source.message(leased).data)
                except StoreError as error:  # announced again, after a lease
                    structlog.get_logger().warning("row_not_announced", code=error.code)
                except (OSError, RuntimeError, TimeoutError) as error:  # aio-pika's, of a connection that is away
                    structlog.get_logger().warning("row_not_announced", detail=type(error).__name__)
                    await asyncio.sleep(PAUSE_SECONDS)
                finally:
                    self.hands.drop(leased)

    async def _send(self, leased: Leased, message: bytes) -> None:
        """Returns when RabbitMQ has it."""
        priority = INTERACTIVE_PRIORITY if leased.job_id == INTERACTIVE else ROW_PRIORITY
        name = f"{leased.job_id}/{leased.entry}"
        async with asyncio.timeout(SEND_SECONDS):
            await self.broker.kick(
                BrokerMessage(task_id=name, task_name="row", message=message, labels={"priority": priority})
            )

    async def waiting(self) -> int:
        """Messages that no worker has yet."""
        channel = self.broker.write_channel
        if channel is None:
            return UNKNOWN
        try:
            async with asyncio.timeout(SEND_SECONDS):
                queue = await channel.declare_queue(QUEUE, passive=True)
        except (OSError, RuntimeError, TimeoutError):
            return UNKNOWN
        return int(queue.declaration_result.message_count or 0)


def rabbit_queue(url: str, room: "Room", hands: Hands, leases: RowLeases) -> RabbitQueue:
    """Raises SettingsError where the extra is not installed."""
    try:
        from taskiq_aio_pika import AioPikaBroker, Exchange, Queue, QueueType
    except ImportError:
        detail = "KAOZHENG_QUEUE_URL names a RabbitMQ: install kaozheng[rabbitmq]"
        raise SettingsError("queue_url", detail) from None
    broker = AioPikaBroker(url, qos=room.rows + room.interactive, exchange=Exchange(name="kaozheng"))
    queue = Queue(name=QUEUE, type=QueueType.CLASSIC, max_priority=INTERACTIVE_PRIORITY)
    return RabbitQueue(broker.with_queues(queue), hands, leases)
