"""Faults that can be planted in the queue's scripts, one changed line each, to see whether the machine finds them."""

from dataclasses import dataclass

from redis.asyncio import Redis
from redis.commands.core import AsyncScript

from workers.batch import job_scripts, row_scripts

SCRIPTS = [
    text
    for module in (job_scripts, row_scripts)
    for name, text in vars(module).items()
    if name.isupper() and "KEYS[6]" in str(text) and name not in ("COMMON", "_ROWS")
]


@dataclass(frozen=True)
class Fault:
    """good: stands in at least one script; bad: instead of it; soon: it is found within seconds."""

    name: str
    good: str
    bad: str
    soon: bool = False

    def planted(self, script: str) -> str:
        return script.replace(self.good, self.bad)


class Altered(Redis):
    """A client whose scripts have a fault."""

    fault: Fault | None = None

    def register_script(self, script: str | bytes) -> AsyncScript:
        text = script if isinstance(script, str) else script.decode()
        return super().register_script(self.fault.planted(text) if self.fault else text)


FAULTS = (
    Fault("the token is not asked for", " and found[4] == tonumber(token)", ""),
    Fault("the owner is not asked for", "found[2] == owner and ", "", soon=True),
    Fault("a row stays in the queue with its end", "take_out(entry)\nreturn {settle()", "return {settle()", soon=True),
    Fault("work counts each time that it is told", "if last ~= ARGV[3] then", "if true then", soon=True),
    Fault("work that was given back counts", "if last == ARGV[3] then", "if false then"),
    Fault("giving back takes back what others began", "if last == ARGV[3] then", "if times > 0 then"),
    Fault("a row that kills is never given up", "return begun_times(entry) >= deliveries", "return false"),
    Fault("a row whose taking kills is never given up", ">= 10 * deliveries", ">= 1000 * deliveries"),
    Fault("what was given back counts as lost", "if from ~= queue and from ~= released then", "if true then"),
    Fault("nothing counts as lost", "if from ~= queue and from ~= released then", "if false then", soon=True),
    Fault("rows of a stopped job are taken", "or found[2] or tonumber", "or tonumber"),
    Fault("who has lost its row is not told", "else lost[#lost + 1] = ARGV[i] end", "end", soon=True),
    Fault("renewing takes a lost row back", "if held(ARGV[i], ARGV[1], ARGV[i + 1]) then", "if true then", soon=True),
    Fault(
        "renewing does not renew", "redis.call('XCLAIM', rows, 'rows', ARGV[1], 0, ARGV[i], 'JUSTID')", "local _ = 0"
    ),
    Fault("renewing is a delivery", "ARGV[i], 'JUSTID')", "ARGV[i])"),
    Fault("rows of the living are taken over", "'IDLE', ARGV[2], from", "'IDLE', 0, from", soon=True),
    Fault(
        "taking over is no delivery",
        "redis.call('XCLAIM', rows, 'rows', owner, 0, entry)[1]",
        "redis.call('XCLAIM', rows, 'rows', owner, 0, entry, 'JUSTID') and redis.call('XRANGE', rows, entry, entry)[1]",
        soon=True,
    ),
    Fault(
        "giving back sets the token back",
        "'IDLE', ARGV[5], 'JUSTID'",
        "'IDLE', ARGV[5], 'RETRYCOUNT', ARGV[3] - 1, 'JUSTID'",
        soon=True,
    ),
    Fault(
        "giving back leaves the lease as it was",
        "ARGV[4], 0, ARGV[2], 'IDLE', ARGV[5]",
        "ARGV[4], 0, ARGV[2], 'IDLE', 0",
    ),
    Fault("a failed row is not kept for a retry", "if outcome == 'failed' then", "if false then"),
    Fault("a job ends before its last row", "ended() < count('total')", "ended() + 1 < count('total')", soon=True),
    Fault("a stop forgets what was given back", "ipairs({released, queue})", "ipairs({queue})"),
    Fault("a stop forgets what was announced", "ipairs({released, queue})", "ipairs({released})"),
    Fault("what somebody holds is claimed", "found[2] ~= queue and found[3] < tonumber(ARGV[3])", "false"),
    Fault("what is to be given up is claimed", "if given_up(ARGV[2], tonumber(ARGV[4])) then return {} end", ""),
    Fault(
        "what is being stopped is claimed",
        " or redis.call('HGET', job, 'ending') then return {} end",
        " then return {} end",
    ),
    Fault("what is being stopped begins", "if ending then return {times, ending} end", ""),
    Fault("a retried row keeps its old end", "redis.call('HDEL', ends, number)\n", ""),
    Fault("a retried row still counts as failed", "redis.call('HINCRBY', job, 'failed', -1)", ""),
    Fault("a retried job is still being stopped", "redis.call('HDEL', job, 'ending', 'reason')", ""),
    Fault("counts of ended rows stay", "redis.call('HDEL', begun, entry, 'lost:' .. entry)", ""),
    Fault(
        "a job that has ended is kept for ever",
        "redis.call('EXPIRE', key, redis.call('HGET', job, 'keep'))",
        "local _ = 0",
    ),
    Fault("a retried job is forgotten in its time", "redis.call('PERSIST', key)", "local _ = 0"),
    Fault(
        "a second stop is obeyed",
        "if status ~= 'validating' and status ~= 'in_progress' then return status end",
        "",
        soon=True,
    ),
)
