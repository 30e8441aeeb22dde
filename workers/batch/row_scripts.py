"""The Lua scripts of what workers do with rows; the keys of a job are in workers/batch/job_scripts.py.

A row is delivered whenever somebody takes it, and that gives it a new token; what counts against it is only that work
on it began (BEGIN) and its worker was lost. A row whose workers are lost ten times as often before they begin is given
up, too: its mere taking may be what kills.
"""

from workers.batch.job_scripts import COMMON

_ROWS = (
    COMMON
    + """
local function held(entry, owner, token)
  if redis.call('EXISTS', rows) == 0 then return false end
  local found = redis.call('XPENDING', rows, 'rows', entry, entry, 1)[1]
  return found and found[2] == owner and found[4] == tonumber(token)
end
local function begun_times(entry)
  local times, last = (redis.call('HGET', begun, entry) or '0 '):match('^(%d+) (%d*)$')
  return tonumber(times), last
end
local function given_up(entry, deliveries)
  return begun_times(entry) >= deliveries
      or tonumber(redis.call('HGET', begun, 'lost:' .. entry) or 0) >= 10 * deliveries
end
local function take_over(entry, from, owner)
  -- pcall: a server that is full cannot count, but rows of dead workers still go to others
  if from ~= queue and from ~= released then redis.pcall('HINCRBY', begun, 'lost:' .. entry, 1) end
  return redis.call('XCLAIM', rows, 'rows', owner, 0, entry)[1]
end
"""
)

# ARGV: owner, how many rows, the newest payload version that is known
TAKE = (
    _ROWS
    + """
local found = redis.call('HMGET', job, 'status', 'ending', 'version', 'not_before')
if found[1] ~= 'in_progress' or found[2] or tonumber(found[3]) > tonumber(ARGV[3]) then return {} end
if tonumber(found[4] or 0) > seconds() then return {} end
local read = redis.call('XREADGROUP', 'GROUP', 'rows', ARGV[1], 'COUNT', ARGV[2], 'STREAMS', rows, '>')
return read and read[1] and read[1][2] or {}
"""
)

# ARGV: owner, least and greatest age of a lease in milliseconds, how many rows, deliveries at which a row is given up
# Two lists: rows that are now the owner's {entry, fields, token}, and those that are given up {entry, fields, token,
# last owner, how often they began}.
RECLAIM = (
    _ROWS
    + """
local ours, dead, from = {}, {}, '-'
if redis.call('EXISTS', rows) == 0 then return {ours, dead} end
repeat
  local pending = redis.call('XPENDING', rows, 'rows', 'IDLE', ARGV[2], from, '+', 100)
  for _, each in ipairs(pending) do
    local entry, owner, token = each[1], each[2], each[4]
    local found = redis.call('XRANGE', rows, entry, entry)[1]
    if not found then redis.call('XACK', rows, 'rows', entry)
    elseif each[3] > tonumber(ARGV[3]) then -- released, and not asked for
    elseif given_up(entry, tonumber(ARGV[5])) then
      dead[#dead + 1] = {entry, found[2], token, owner, (begun_times(entry))}
    elseif #ours < tonumber(ARGV[4]) and take_over(entry, owner, ARGV[1]) then
      ours[#ours + 1] = {entry, found[2], token + 1}
    end
  end
  from = pending[100] and '(' .. pending[100][1]
until not from or #ours >= tonumber(ARGV[4])
return {ours, dead}
"""
)

# ARGV: owner, then entry and token of each row in its hands. The entries that are not its own any more, and why all
# others shall be stopped ("" for not at all). The leases of the others begin anew.
RENEW = (
    _ROWS
    + """
local lost = {}
for i = 2, #ARGV, 2 do
  if held(ARGV[i], ARGV[1], ARGV[i + 1]) then redis.call('XCLAIM', rows, 'rows', ARGV[1], 0, ARGV[i], 'JUSTID')
  else lost[#lost + 1] = ARGV[i] end
end
return {lost, redis.call('HGET', job, 'ending') or ''}
"""
)

# ARGV: owner, entry, token. How often work on the row has begun, this time included, 0 when it is not the owner's any
# more; and why it shall not begin ("" for no reason: then it has). Asked twice with one token, it counts once.
BEGIN = (
    _ROWS
    + """
if not held(ARGV[2], ARGV[1], ARGV[3]) then return {0, ''} end
local times, last = begun_times(ARGV[2])
local ending = redis.call('HGET', job, 'ending')
if ending then return {times, ending} end
if last ~= ARGV[3] then
  times = times + 1
  redis.call('HSET', begun, ARGV[2], times .. ' ' .. ARGV[3])
end
return {times, ''}
"""
)

# ARGV: owner, entry, token, who shall have it, its lease's age in milliseconds. What began with this token does not
# count.
HAND_OVER = (
    _ROWS
    + """
if not held(ARGV[2], ARGV[1], ARGV[3]) then return 0 end
local times, last = begun_times(ARGV[2])
if last == ARGV[3] then
  if times > 1 then redis.call('HSET', begun, ARGV[2], (times - 1) .. ' ') else redis.call('HDEL', begun, ARGV[2]) end
end
redis.call('XCLAIM', rows, 'rows', ARGV[4], 0, ARGV[2], 'IDLE', ARGV[5], 'JUSTID')
return 1
"""
)

# ARGV: owner, entry, lease in milliseconds, deliveries at which a row is given up. The row {fields, token} that nobody
# holds; {} when somebody does, or when it is to be given up.
CLAIM = (
    _ROWS
    + """
if redis.call('EXISTS', rows) == 0 or redis.call('HGET', job, 'ending') then return {} end
local found = redis.call('XPENDING', rows, 'rows', ARGV[2], ARGV[2], 1)[1]
if not found or (found[2] ~= queue and found[3] < tonumber(ARGV[3])) then return {} end
if given_up(ARGV[2], tonumber(ARGV[4])) then return {} end
local claimed = take_over(ARGV[2], found[2], ARGV[1])
if not claimed then return {} end
return {claimed[2], found[4] + 1}
"""
)

# ARGV: owner, entry, token
LAY_ASIDE = (
    _ROWS
    + """
if not held(ARGV[2], ARGV[1], ARGV[3]) then return 0 end
local fields = redis.call('XRANGE', rows, ARGV[2], ARGV[2])[1][2]
redis.call('XADD', again, 'MAXLEN', 1000, '*', unpack(fields))
take_out(ARGV[2])
return 1
"""
)

# ARGV: owner, entry, token
DROP = (
    _ROWS
    + """
if not held(ARGV[2], ARGV[1], ARGV[3]) then return 0 end
take_out(ARGV[2])
return 1
"""
)

# ARGV: owner, entry, token, number, outcome, the end's record, tokens of the prompt and of the completion, cost
# (millionths), tokens of the prompt that were in the server's cache
FINISH = (
    _ROWS
    + """
local owner, entry, token, number, outcome, record = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
if not held(entry, owner, token) then return {'refused'} end
if outcome == 'failed' then
  local fields = redis.call('XRANGE', rows, entry, entry)[1][2]
  redis.call('HSET', again, number, #fields[4] .. ':' .. fields[4] .. fields[6])
end
put(number, outcome, record)
redis.call('HINCRBY', job, 'prompt_tokens', ARGV[7])
redis.call('HINCRBY', job, 'completion_tokens', ARGV[8])
redis.call('HINCRBY', job, 'cost', ARGV[9])
redis.call('HINCRBY', job, 'cached_tokens', ARGV[10])
take_out(entry)
return {settle(), count('prompt_tokens') + count('completion_tokens'), count('cost')}
"""
)
