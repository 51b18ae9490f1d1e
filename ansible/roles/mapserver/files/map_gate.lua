-- The gate before the MapServer workers: which of them draws a map, what happens when there is no room, and that a map which
-- many people ask for at once is drawn once. nginx asks it at each step of a request; see nginx.conf.j2.
--
-- There are two pools of workers. The quick ones end each drawing after two seconds; the costly ones may take the whole time
-- for one map. No picture says by its size what it costs: one of 256 px opens a thousand files when it shows a whole
-- collection. So the cost is learned. Requests of one class (service, layers, scale and size by powers of two) cost about the
-- same; a class of which one drawing was ended goes to the costly workers for a while, and one that was drawn is quick.
-- An unknown class that shows as much ground as a costly one is taken for costly too. Others are tried, one request of each and
-- none beside a try that shows less, and all tries leave one of the quick workers to classes of which it is known that they are
-- quick.

local gate = {}

local QUEUE = { quick = 16, costly = 4 }
-- Requests that may be open, per worker of a pool. Who comes then is told so at once.
local QUICK_S, COSTLY_S, ABANDONED_S = 600, 30, 10
-- How long it is known of a class that it is quick, that it is costly, and that people left before that was known.
local SHARED_S, SHARED_BYTES = 1, 16000000
-- How long a picture is kept for those who were waiting for it, and the largest one that is.
local KEPT_S = 600
-- How long a tile is kept in the memory of this host; a picture in which something was missing ends with it.
local ENDINGS = { ["image/png"] = "IEND\174B`\130$", ["image/jpeg"] = "\255\217$", xml = ">%s*$" }
-- What a whole document ends with. A worker that was ended while it answered leaves half of one, and nginx 1.22 takes the end of
-- its connection for the end of the document.

local settings, rooms
local known = ngx.shared.gate
local open = ngx.shared.gate_open -- apart, so that no number of classes and addresses can push out what is counted
local pictures, kept = ngx.shared.pictures, ngx.shared.tiles

-- Once, before nginx makes its processes. `chosen`: workers, costly_workers, timeout, quick, quick_wait (seconds).
function gate.configure(chosen)
  settings = chosen
  rooms = {
    quick = QUEUE.quick * chosen.workers,
    costly = QUEUE.costly * chosen.costly_workers,
    probe = math.max(chosen.workers - 1, 1),
  }
end

-- Each process counts for itself, so that one which crashed leaves no requests behind for ever.
local function counter(pool, process)
  return pool .. " " .. process
end

function gate.begin()
  for pool in pairs(rooms) do
    open:set(counter(pool, ngx.worker.id()), 0)
  end
end

local function open_requests(pool)
  local sum = 0
  for process = 0, ngx.worker.count() - 1 do
    sum = sum + math.max(open:get(counter(pool, process)) or 0, 0)
  end
  return sum
end

local function count(pool, change)
  open:incr(counter(pool, ngx.worker.id()), change, 0)
end

local function enter_pool(pool)
  if open_requests(pool) >= rooms[pool] then
    return false
  end
  count(pool, 1)
  ngx.var.gate_pool = pool
  return true
end

local function leave_pool(var)
  if (var.gate_pool or "") ~= "" then
    count(var.gate_pool, -1)
    var.gate_pool = ""
  end
  if (var.gate_probe or "") ~= "" then
    count("probe", -1)
    known:delete("probe " .. var.gate_family)
    var.gate_probe = ""
  end
end

local function octave(number)
  return math.floor(math.log(number) / math.log(2))
end

-- Returns the class of a request, what it has in common with other scales and sizes, and the ground it shows as a power of two.
local function cost_class(id, asked)
  local words, ground = { id, string.lower(asked.REQUEST or asked.MODE or ""), asked.LAYERS or "", asked.YEAR or asked.TIME and "time" or "" }, nil
  local family = ngx.md5(table.concat(words, "\n"))
  if asked.TILE then
    words[#words + 1] = string.match(asked.TILE, "(%d+)$") or ""
  end
  if asked.BBOX and asked.WIDTH and asked.HEIGHT then -- numbers, and of some extent: the door has seen to that
    local west, south, east, north = string.match(asked.BBOX, "^([^,]+),([^,]+),([^,]+),([^,]+)$")
    ground = octave((tonumber(east) - tonumber(west)) * (tonumber(north) - tonumber(south)))
    words[#words + 1] = ground
    words[#words + 1] = octave(tonumber(asked.WIDTH) * tonumber(asked.HEIGHT))
  end
  return ngx.md5(table.concat(words, "\n")), family, ground
end

local function cost_of(class, family, ground)
  local least = known:get("costly ground " .. family)
  return known:get("class " .. class) or (least and ground and ground >= least and "costly") or nil
end

local function learn(var, cost, seconds)
  known:set("class " .. var.gate_class, cost, seconds)
  local key, ground = "costly ground " .. var.gate_family, tonumber(var.gate_ground)
  local least = known:get(key)
  if cost == "costly" and ground then
    known:set(key, math.min(least or ground, ground), seconds)
  elseif least and ground and ground >= least then
    known:delete(key) -- overviews make that much ground quick
  end
end

-- Tiles have a version, see map_tiles.lua; no other map has.
local function is_tile()
  return (ngx.var.gate_version or "") ~= ""
end

-- Returns where pictures like this one are kept, and for how many seconds.
local function shelf()
  if is_tile() then
    return kept, KEPT_S
  end
  return pictures, SHARED_S
end

-- A picture that is being drawn is not drawn twice: who asks for the same waits for it. Returns for whoever draws it.
local function share(key)
  local patience = ngx.now() + settings.timeout
  while ngx.now() < patience do
    local picture = shelf():get(key)
    if picture then
      if is_tile() then
        ngx.header["X-Cache"] = "HIT"
      end
      local kind, start = string.match(picture, "^([^\n]*)\n()")
      ngx.header["Content-Type"] = kind
      ngx.header["Content-Length"] = #picture - start + 1
      ngx.print(string.sub(picture, start))
      return ngx.exit(ngx.HTTP_OK)
    end
    if known:add("drawn " .. key, true, settings.timeout + 5) then
      ngx.var.gate_key = key
      return
    end
    known:set("wanted " .. key, true, 0.5)
    ngx.sleep(0.02)
  end
  return ngx.exit(ngx.HTTP_SERVICE_UNAVAILABLE)
end

local function probe(family, ground)
  local running = known:get("probe " .. family)
  if running and ground >= running or open_requests("probe") >= rooms.probe or not enter_pool("quick") then
    return false
  end
  count("probe", 1)
  known:set("probe " .. family, ground, settings.timeout)
  ngx.var.gate_probe = "1"
  return true
end

-- access, in /wms/ and /tiles/: goes on to the quick workers, or to the location of the costly ones. `asked`: what the door has read; it has put
-- the address into one spelling, without the map.
function gate.enter(asked)
  local var = ngx.var
  local is_picture = string.lower(asked.REQUEST or "") == "getmap" or asked.MODE
  if is_picture and var.errors_as_pictures == "0" and (var.request_method == "GET" or is_tile()) then
    share(var.gate_version .. var.gate_map .. "?" .. var.args)
  end
  local class, family, ground = cost_class(var.gate_map, asked)
  var.gate_class, var.gate_family, var.gate_ground = class, family, ground or ""
  local patience, place = ngx.now() + settings.quick_wait, "@costly"
  repeat
    local cost = cost_of(class, family, ground)
    if cost == "quick" and enter_pool("quick") or not cost and probe(family, ground or 0) then
      return
    end
    if cost then
      return ngx.exec(place)
    end
    place = "@again" -- part of its time is over
    ngx.sleep(0.05)
  until ngx.now() > patience
  return ngx.exec(place)
end

-- access, in the locations of the costly workers. One that comes from the quick ones was ended there, or waited too long.
function gate.enter_costly()
  local var = ngx.var
  if var.gate_pool == "quick" then
    leave_pool(var)
    if string.find(var.upstream_status or "", "502", 1, true) then
      learn(var, "costly", COSTLY_S)
    end
  end
  if not enter_pool("costly") then
    return ngx.exit(ngx.HTTP_SERVICE_UNAVAILABLE)
  end
end

-- A client of tiles knows nothing of MapServer's documents about errors, which come with status 200.
local function head_tile(is_picture)
  if ngx.status == ngx.HTTP_OK and not is_picture then
    ngx.status = ngx.HTTP_SERVICE_UNAVAILABLE
  elseif ngx.status == ngx.HTTP_OK then
    ngx.header["ETag"] = ngx.var.gate_tag
    ngx.header["X-Cache"] = ngx.header["X-Cache"] or "MISS"
  end
end

-- header_filter: pictures alone are kept, whole ones, and only while somebody waits; tiles for longer.
function gate.headers()
  local key, kind = ngx.var.gate_key, ngx.header["Content-Type"] or ""
  ngx.ctx.tail, ngx.ctx.ending = "", ENDINGS[string.match(kind, "^[^;]*")] or string.find(kind, "xml", 1, true) and ENDINGS.xml or nil
  local is_picture = string.find(kind, "^image/") or string.find(kind, "vector-tile", 1, true) or string.find(kind, "x-protobuf", 1, true)
  if is_tile() then
    head_tile(is_picture)
  end
  if key ~= "" and ngx.status == ngx.HTTP_OK and is_picture and (is_tile() or known:get("wanted " .. key)) then
    ngx.ctx.parts, ngx.ctx.bytes = { kind, "\n" }, 0
  end
end

-- body_filter: who gets half of a document must see that. An error closes the connection before the end of the answer.
function gate.body()
  local ctx, part = ngx.ctx, ngx.arg[1]
  if ctx.ending then
    ctx.tail = string.sub(ctx.tail .. string.sub(part, -16), -16)
    if ngx.arg[2] and not string.find(ctx.tail, ctx.ending) then
      ctx.is_cut = true
      ngx.log(ngx.ERR, "a worker was ended while it answered; the client is told by the end of the connection")
      return ngx.ERROR
    end
  end
  if not ctx.parts then
    return
  end
  ctx.parts[#ctx.parts + 1] = part
  ctx.bytes = ctx.bytes + #part
  if ctx.bytes > SHARED_BYTES then
    ctx.parts = nil
  elseif ngx.arg[2] then
    local store, seconds = shelf()
    store:set(ngx.var.gate_key, table.concat(ctx.parts), seconds)
    ctx.parts = nil
  end
end

-- log: takes note of what the drawing cost.
function gate.leave()
  local var = ngx.var
  local pool, has_left = var.gate_pool or "", tonumber(var.status) == 499
  local answered = tonumber(string.match(var.upstream_status or "", "(%d+)%s*$"))
  local took_s = tonumber(string.match(var.upstream_response_time or "", "([%d.]+)%s*$")) or 0
  local was_probe = (var.gate_probe or "") ~= ""
  leave_pool(var)
  if (var.gate_key or "") ~= "" then
    known:delete("drawn " .. var.gate_key)
  end
  if pool == "" then
    return
  end
  if ngx.ctx.is_cut then
    learn(var, "costly", COSTLY_S)
  elseif has_left then
    if was_probe then
      known:set("class " .. var.gate_class, "costly", ABANDONED_S)
    end
  elseif answered and answered ~= 502 and answered ~= 504 and (pool == "quick" or took_s < settings.quick) then
    learn(var, "quick", QUICK_S)
  elseif pool == "costly" then
    learn(var, "costly", COSTLY_S)
  end
end

return gate
