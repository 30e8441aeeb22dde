"""The Lua scripts of a job: each change of its state is one, so that it happens wholly or not at all.

Keys of a job share the hash tag {ID}, so that they lie on one node of a cluster:

    kz:q:{ID}:job     hash: user, status, counts, times, the job's record
    kz:q:{ID}:rows    stream of the rows that have no end; in its group `rows`, a pending entry is a row in the hands
                      of a worker, its delivery count the fencing token, its idle time the age of the lease
    kz:q:{ID}:begun   hash: entry of the stream -> how often work on it has begun, and the token of the last time;
                      lost:ENTRY -> how often it lay in the hands of a worker that was lost
    kz:q:{ID}:ends    hash: row number -> place among the ends, and the end's record
    kz:q:{ID}:order   list of row numbers in the order in which they ended
    kz:q:{ID}:again   hash: row number -> the row, of rows that failed and may be tried again

A row leaves the stream in the script that writes its end. Writing commands that need memory come first in each script:
a server that is full refuses the whole script and changes nothing. What workers do is in workers/batch/row_scripts.py.
"""

GROUP = "rows"
"""The consumer group of every job's stream."""
QUEUE, RELEASED = "-queue-", "-released-"
"""Hold what another queue has announced, and what was given back: nobody looks for it in the hands of whoever did."""

COMMON = (
    f"""
local queue, released = '{QUEUE}', '{RELEASED}'"""
    + """
local job, rows, ends, order, again, begun = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local function seconds() return tonumber(redis.call('TIME')[1]) end
local function become(status)
  redis.call('HSET', job, 'status', status, 't:' .. status, seconds())
end
local function count(name) return tonumber(redis.call('HGET', job, name) or 0) end
local function ended() return count('completed') + count('failed') + count('cancelled') + count('expired') end
local function put(number, outcome, record)
  if redis.call('HEXISTS', ends, number) == 1 then return false end
  redis.call('HSET', ends, number, redis.call('RPUSH', order, number) .. ' ' .. record)
  redis.call('HINCRBY', job, outcome, 1)
  return true
end
local function settle()
  local status = redis.call('HGET', job, 'status')
  if (status ~= 'in_progress' and status ~= 'cancelling') or ended() < count('total') then return status end
  local final = 'completed'
  if status == 'cancelling' then final = 'cancelled' elseif count('expired') > 0 then final = 'expired' end
  become(final)
  for _, key in ipairs(KEYS) do redis.call('EXPIRE', key, redis.call('HGET', job, 'keep')) end
  return final
end
local function take_out(entry)
  redis.call('XACK', rows, 'rows', entry)
  redis.call('XDEL', rows, entry)
  redis.call('HDEL', begun, entry, 'lost:' .. entry)
end
"""
)

# ARGV: the job's record, user, seconds that it is kept when it has ended, payload version, when it expires, when it may
# begin, seconds of its window
CREATE = (
    COMMON
    + """
if redis.call('EXISTS', job) == 1 then return 0 end
redis.call('HSET', job, 'record', ARGV[1], 'user', ARGV[2], 'keep', ARGV[3], 'version', ARGV[4], 'expires', ARGV[5],
           'not_before', ARGV[6], 'window', ARGV[7], 'touched', seconds())
become('validating')
redis.call('XGROUP', 'CREATE', rows, 'rows', '0', 'MKSTREAM')
return 1
"""
)

# ARGV: place, number, custom_id, body of each row. Places grow; rows whose place was taken before are passed by.
ADD_ROWS = (
    COMMON
    + """
if redis.call('HGET', job, 'status') ~= 'validating' then return 0 end
redis.call('HSET', job, 'touched', seconds())
local last = tonumber(redis.call('HGET', job, 'last') or -1)
for i = 1, #ARGV, 4 do
  local place = tonumber(ARGV[i])
  if place > last then
    redis.call('XADD', rows, (place + 1) .. '-0', 'n', ARGV[i + 1], 'c', ARGV[i + 2], 'b', ARGV[i + 3])
    redis.call('HSET', job, 'last', place)
    redis.call('HINCRBY', job, 'total', 1)
    last = place
  end
end
return 1
"""
)

# ARGV: number, the end's record
REJECT_ROW = (
    COMMON
    + """
if redis.call('HGET', job, 'status') ~= 'validating' then return 0 end
redis.call('HSET', job, 'touched', seconds())
if put(ARGV[1], 'failed', ARGV[2]) then redis.call('HINCRBY', job, 'total', 1) end
return 1
"""
)

START = (
    COMMON
    + """
local status = redis.call('HGET', job, 'status')
if status ~= 'validating' then return status end
become('in_progress')
return settle()
"""
)

# ARGV: reason, errors; the third, where it is there: only a job that nobody has touched for so many seconds
FAIL = (
    COMMON
    + """
if redis.call('HGET', job, 'status') ~= 'validating' then return 0 end
if ARGV[3] and seconds() - count('touched') < tonumber(ARGV[3]) then return 0 end
redis.call('HSET', job, 'reason', ARGV[1], 'errors', ARGV[2])
become('failed')
redis.call('DEL', rows, again, begun)
for _, key in ipairs(KEYS) do redis.call('EXPIRE', key, redis.call('HGET', job, 'keep')) end
return 1
"""
)

# ARGV: cancelled or expired, reason. What runs is stopped by its workers, the rest is swept.
STOP = (
    COMMON
    + """
local status = redis.call('HGET', job, 'status')
if status ~= 'validating' and status ~= 'in_progress' then return status end
redis.call('HSET', job, 'ending', ARGV[1], 'reason', ARGV[2])
if status == 'validating' then become('in_progress') end
if ARGV[1] == 'cancelled' then become('cancelling') end
return settle()
"""
)

# ARGV: owner, how many, what stands in a record before the number, between it and the custom_id, and behind; which
# ending the record tells of. Rows that nobody has had, and those that were given back or announced and that nobody has
# now. How many there were.
SWEEP = (
    COMMON
    + """
local ending = redis.call('HGET', job, 'ending')
if ending ~= ARGV[6] then return 0 end
local read = redis.call('XREADGROUP', 'GROUP', 'rows', ARGV[1], 'COUNT', ARGV[2], 'STREAMS', rows, '>')
local entries = read and read[1] and read[1][2] or {}
for _, holder in ipairs({released, queue}) do
  for _, each in ipairs(redis.call('XPENDING', rows, 'rows', '-', '+', ARGV[2], holder)) do
    entries[#entries + 1] = redis.call('XRANGE', rows, each[1], each[1])[1]
  end
end
for _, entry in ipairs(entries) do
  local number, custom_id = entry[2][2], cjson.encode(entry[2][4])
  put(number, ending, ARGV[3] .. number .. ARGV[4] .. custom_id .. ARGV[5])
  take_out(entry[1])
end
settle()
return #entries
"""
)

# ARGV: the numbers of failed rows, ascending
RETRY = (
    COMMON
    + """
local status = redis.call('HGET', job, 'status')
if status == 'validating' or status == 'failed' or status == 'cancelling' then return -1 end
local piece, moved = redis.call('HINCRBY', job, 'generation', 1), 0
for _, number in ipairs(ARGV) do
  local kept = redis.call('HGET', again, number)
  if kept then
    local length, rest = kept:match('^(%d+):()')
    local custom_id, body = kept:sub(rest, rest + length - 1), kept:sub(rest + length)
    local entry = string.format('%.0f-0', piece * 1000000000 + number + 1)
    redis.call('XADD', rows, entry, 'n', number, 'c', custom_id, 'b', body)
    redis.call('HDEL', ends, number)
    redis.call('HDEL', again, number)
    redis.call('HINCRBY', job, 'failed', -1)
    moved = moved + 1
  end
end
if moved > 0 then
  for _, key in ipairs(KEYS) do redis.call('PERSIST', key) end
  redis.call('HDEL', job, 'ending', 'reason')
  redis.call('HSET', job, 'expires', seconds() + tonumber(redis.call('HGET', job, 'window') or 86400))
  if status ~= 'in_progress' then become('in_progress') end
end
return moved
"""
)

# ARGV: number, the end's record, of a row that the store has lost. Counts are set by what is there.
LOST_ROW = (
    COMMON
    + """
if redis.call('EXISTS', job) == 0 or redis.call('XLEN', rows) > 0 then return 0 end
put(ARGV[1], 'failed', ARGV[2])
return settle()
"""
)
