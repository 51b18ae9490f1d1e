-- Tiles: /tiles/<id>/<zoom>/<column>/<row>.png of a service, /tiles/archive/<year>/... of all photographs of a year. A tile is the
-- GetMap of its square, so its pixels are those of any other map, and it passes the same gate.
--
-- What this host must know of a service it asks MapServer for, by the hidden layer `facts` of its mapfile, and again after two
-- seconds: nothing has to be told to a host, none is restarted, and no file is read from a mount that could be away. The version that
-- comes with it is part of the name under which a tile is kept. So a publication makes new tiles, and a withdrawal ends them all.

local parameters = require("map_parameters")
local say = parameters.say

local tiles = {}

local HALF_WORLD_M, TILE_PX = 20037508.342789244, 256
local FRESH_S, OTHERS_S, KNOWN_S = 2, 5, 60
-- How long nobody asks again; how old an answer may be while somebody else asks; and while MapServer cannot be asked.
local PATIENCE_S, QUESTION_S = 5, 4
local FORMATS = { png = "image/png", jpg = "image/jpeg" }
local FEATURE = "GetFeatureInfo results:"
local QUESTION = "SERVICE=WMS&VERSION=1.1.1&REQUEST=GetFeatureInfo&LAYERS=facts&QUERY_LAYERS=facts&STYLES=&SRS=EPSG:3857"
  .. "&BBOX=-0.0001,-0.0001,0.0001,0.0001&WIDTH=2&HEIGHT=2&X=1&Y=1&INFO_FORMAT=text/plain"

local settings
local services = ngx.shared.services

-- Once, before nginx makes its processes. `chosen`: mapfiles, the folder of the services; archive, the mapfile of the archive.
function tiles.configure(chosen)
  settings = chosen
end

-- Returns what MapServer says of a service, nothing where there is none; nil where it cannot be asked.
local function ask(mapfile, year)
  local answer = ngx.location.capture("/tile-service", { args = "map=" .. mapfile .. "&" .. QUESTION .. (year and "&YEAR=" .. year or "") })
  local body = answer.body or ""
  if answer.status == ngx.HTTP_OK and string.sub(body, 1, #FEATURE) == FEATURE then
    return string.find(body, "version = ", 1, true) and body or ""
  end
  local is_unknown = string.find(body, "Unable to access file", 1, true) or string.find(body, "LayerNotDefined", 1, true)
  return is_unknown and "" or nil
end

local function recall(key)
  local checked, tried, body = string.match(services:get(key) or "", "^(%S+) (%S+)\n(.*)$")
  return tonumber(checked), tonumber(tried), body
end

local function keep(key, checked, tried, body)
  services:set(key, string.format("%.3f %.3f\n%s", checked, tried, body), KNOWN_S)
end

-- One of all who want to know of a service asks.
local function facts_of(mapfile, year)
  local key = mapfile .. (year or "")
  local patience = ngx.now() + PATIENCE_S
  repeat
    local checked, tried, body = recall(key)
    local is_known = checked and ngx.now() - checked < KNOWN_S
    if is_known and ngx.now() - tried < FRESH_S then
      return body
    end
    if services:add("asked " .. key, true, QUESTION_S) then
      local answer = ask(mapfile, year)
      if answer then
        keep(key, ngx.now(), ngx.now(), answer)
      elseif is_known then
        keep(key, checked, ngx.now(), body)
      end
      services:delete("asked " .. key)
      return answer or is_known and body or nil
    end
    if is_known and ngx.now() - tried < OTHERS_S then
      return body
    end
    ngx.sleep(0.02)
  until ngx.now() > patience
end

local function read(text)
  local facts = {}
  for name, value in string.gmatch(text, "\n%s+(%l[%l_]*) = '([^\n]*)'") do
    facts[name] = tonumber(value) and name ~= "version" and tonumber(value) or value
  end
  return facts
end

-- Returns the square of a tile: west, south, east, north in EPSG:3857 meters.
local function square(zoom, column, row)
  local side = 2 * HALF_WORLD_M / 2 ^ zoom
  local west, north = column * side - HALF_WORLD_M, HALF_WORLD_M - row * side
  return west, north - side, west + side, north
end

local function is_outside(facts, west, south, east, north)
  return east <= facts.west or west >= facts.east or north <= facts.south or south >= facts.north
end

-- Weak, for nobody compares bytes. It changes each hour too, so that a picture for which S3 did not hand out a COG heals everywhere.
local function set_tag(facts, mapfile)
  local version = ngx.md5(mapfile .. facts.version .. facts.digest)
  ngx.var.gate_version = version
  ngx.var.gate_tag = string.format('W/"%s-%d"', string.sub(version, 1, 12), math.floor(ngx.time() / 3600) % 100000)
end

local function answer_without_picture(status)
  ngx.status = status
  ngx.header["ETag"] = ngx.var.gate_tag
  ngx.send_headers()
  return ngx.exit(ngx.HTTP_OK)
end

local function find_service(id)
  local year = string.match(id, "^archive/(%d%d%d%d)$")
  if not year and (id == "archive" or string.find(id, "/", 1, true)) then
    return
  end
  local mapfile = year and settings.archive or settings.mapfiles .. "/" .. id .. ".map"
  return mapfile, year, facts_of(mapfile, year)
end

-- access, in /tiles/: answers what needs no picture. Returns the parameters of the map by name, for the gate.
function tiles.check()
  local id, z, x, y, twice, suffix = string.match(ngx.var.uri, "^/tiles/([a-z0-9_/]+)/(%d%d?)/(%d+)/(%d+)(@?2?x?)%.(%l+)$")
  local format = FORMATS[suffix or ""]
  if not format or twice ~= "" and twice ~= "@2x" or #x > 8 or #y > 8 then
    return say(404, "A tile is /tiles/<service>/<zoom>/<column>/<row>.png, or .jpg; with @2x before the dot it has 512 pixels.")
  end
  local mapfile, year, text = find_service(id)
  if mapfile and not text then
    ngx.header["Retry-After"] = 5
    return say(503, "This service cannot be asked. Try again in a few seconds.")
  elseif not mapfile or text == "" then
    return say(404, "There is no such service.")
  end
  local facts, zoom, column, row = read(text), tonumber(z), tonumber(x), tonumber(y)
  if zoom < facts.min_zoom or zoom > facts.max_zoom or column >= 2 ^ zoom or row >= 2 ^ zoom then
    return say(404, string.format("There is no such tile: zoom goes from %d to %d, column and row to 2^zoom - 1.", facts.min_zoom, facts.max_zoom))
  end
  set_tag(facts, mapfile .. (year or ""))
  local west, south, east, north = square(zoom, column, row)
  if is_outside(facts, west, south, east, north) then
    return answer_without_picture(204)
  end
  if string.find(ngx.var.http_if_none_match or "", ngx.var.gate_tag, 1, true) then
    return answer_without_picture(304)
  end
  local side = tostring(twice == "@2x" and 2 * TILE_PX or TILE_PX)
  ngx.var.gate_map = mapfile
  local asked = {
    SERVICE = "WMS", VERSION = "1.3.0", REQUEST = "GetMap", LAYERS = ngx.unescape_uri(facts.layer), STYLES = "", CRS = "EPSG:3857",
    BBOX = string.format("%.9f,%.9f,%.9f,%.9f", west, south, east, north), WIDTH = side, HEIGHT = side, FORMAT = format,
    TRANSPARENT = suffix == "png" and "TRUE" or "FALSE", YEAR = year,
  }
  ngx.req.set_uri_args(parameters.spelled(asked))
  return asked
end

return tiles
