-- For wrk: sends the requests of a file that `vaho-bench ingest --out` has written, each once and in order, and prints the rate.
-- After the last answer it writes the file DONE, because wrk itself always runs for its whole duration.
local ffi = require("ffi")
ffi.cdef("typedef struct { long s, ns; } vaho_time; int clock_gettime(int clock, vaho_time *time);")
local time = ffi.new("vaho_time")
local function now()
    ffi.C.clock_gettime(1, time)
    return tonumber(time.s) + tonumber(time.ns) / 1e9
end
local requests, sent, answered, refused, started, done = {}, 0, 0, 0, nil, nil
function init(arguments)
    done = arguments[2]
    local file = assert(io.open(arguments[1], "rb"))
    while true do
        local length = file:read(4)
        if not length then break end
        local a, b, c, d = length:byte(1, 4)
        requests[#requests + 1] = file:read(a + 256 * (b + 256 * (c + 256 * d)))
    end
    file:close()
end
function request()
    started = started or now()
    sent = sent + 1
    return requests[sent] or "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
end
function response(status)
    answered = answered + 1
    if status ~= 200 and status ~= 204 then refused = refused + 1 end
    if answered ~= #requests then return end
    local seconds = now() - started
    local file = assert(io.open(done, "w"))
    file:write(string.format("batches=%d refused=%d seconds=%.2f batches_per_second=%.0f\n", answered, refused, seconds, answered / seconds))
    file:close()
    wrk.thread:stop()
end
