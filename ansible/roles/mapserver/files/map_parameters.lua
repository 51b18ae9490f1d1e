-- The door before MapServer: which parameters a request may have, and what may stand in them. MapServer sees none but these, each
-- once, in one spelling and in a fixed order, so nothing depends on how it reads an address that is written in a roundabout way.
--
-- Three kinds of parameters. Those of WMS and of vector tiles that the services know are checked and passed on. Those that load
-- documents, filter by expressions or change the map are refused. All others (a client's own, such as TILED, DPI or a number
-- against caches) are left out: no map depends on them.

local parameters = {}

local MAX_SIDE_PX, MAX_LAYERS, MAX_ZOOM, MAX_COORDINATE, MIN_SPAN = 4096, 8, 24, 1e9, 1e-9
local MAX_STRETCH, MAX_STRETCH_OF_UNSURE_AXES = 4, 16
-- How many times as much ground a pixel may show in one direction as in the other. The scale, and with it the overview that is
-- drawn, follows from the width alone: a map of 4096 x 1 px over a whole collection would else be drawn from single frames.
-- Where the order of the axes is not known (WMS 1.3.0, and neither EPSG:3857 nor CRS:84) both may be mixed up here.
local LEAST_DPI, MOST_DPI = 72, 2400
-- The scale follows from the resolution too. Below 72 every map counts as finer than it is, and is drawn from more files.

local WORD, LIST = [[^[A-Za-z0-9_:.,-]{0,64}$]], [[^[^\x00-\x1f\x7f]{0,1024}$]]
local NUMBER = [[[+-]?(?:[0-9]{1,20}(?:\.[0-9]{0,20})?|\.[0-9]{1,20})(?:[eE][+-]?[0-9]{1,2})?]]
local FORMAT = [[^[A-Za-z0-9/+._-]{0,64}(?:; ?[A-Za-z]{1,16}=[A-Za-z0-9]{1,8})?$]]
local PIXELS = [[^[0-9]{1,5}(?:\.[0-9]{1,20})?$]]
local TIME = [[[0-9]{4}(?:-[0-9]{2}){0,2}(?:T[0-9:.]{2,15}Z?)?]]

-- What a value looks like, with what to say when it does not.
local KNOWN = {
  SERVICE = { [[^wms$]], "WMS" },
  REQUEST = { [[^[a-z_]{1,20}$]], "GetCapabilities, GetMap or GetFeatureInfo" },
  VERSION = { [[^(?:[0-9]{1,2}(?:\.[0-9]{1,2}){0,2})?$]], "a version such as 1.3.0" },
  WMTVER = { [[^(?:[0-9]{1,2}(?:\.[0-9]{1,2}){0,2})?$]], "a version such as 1.0.0" },
  LAYERS = { LIST, "names with commas between them, 1024 characters at most" },
  QUERY_LAYERS = { LIST, "names with commas between them, 1024 characters at most" },
  LAYER = { LIST, "a name" },
  STYLES = { LIST, "names with commas between them, or nothing" },
  STYLE = { LIST, "a name, or nothing" },
  CRS = { [[^(?:(?!AUTO)[A-Z]{3,9}:[0-9]{1,7}|urn:(?:x-)?ogc:def:crs:(?:EPSG|OGC|CRS):[0-9.]{0,8}:[0-9A-Z]{1,8})?$]], "a code such as EPSG:3857" },
  BBOX = { "^(?: ?" .. NUMBER .. ",){3} ?" .. NUMBER .. " ?$", "four numbers with commas between them" },
  WIDTH = { PIXELS, "a number of pixels, 1 to 4096" },
  HEIGHT = { PIXELS, "a number of pixels, 1 to 4096" },
  FORMAT = { FORMAT, "a format such as image/png" },
  INFO_FORMAT = { FORMAT, "a format such as text/plain" },
  EXCEPTIONS = { FORMAT, "a format such as XML" },
  TRANSPARENT = { [[^(?:true|false|on|off|yes|no|0|1)?$]], "TRUE or FALSE" },
  BGCOLOR = { [[^(?:(?:0x|#)?[0-9a-f]{6})?$]], "a color such as 0xFFFFFF" },
  TIME = { "^(?:(?:" .. TIME .. ")(?:[/,](?:" .. TIME .. [[)|/P[0-9]{1,4}[YMWD]){0,15}|current|default)?$]], "a day such as 1951-01-29, or two with / between them" },
  FEATURE_COUNT = { [[^(?:[0-9]{1,3}|1000)?$]], "a number, 0 to 1000" },
  RADIUS = { [[^(?:[0-9]{1,2}(?:\.[0-9]{1,8})?)?$]], "pixels, 0 to 99" },
  UPDATESEQUENCE = { WORD, "a word" },
  LANGUAGE = { [[^[A-Za-z-]{0,16}$]], "a language such as eng" },
  SLD_VERSION = { [[^[0-9.]{0,8}$]], "a version" },
  RULE = { LIST, "a name" },
  SCALE = { "^" .. NUMBER .. "$", "a number" },
  MODE = { [[^tile$]], "tile" },
  TILEMODE = { [[^gmap$]], "gmap" },
  TILE = { [[^[0-9]{1,8} [0-9]{1,8} [0-9]{1,2}$]], "column, row and zoom with + between them" },
  ["MAP.IMAGETYPE"] = { [[^(?:mvt|png|jpeg|image/png|image/jpeg)$]], "png, jpeg or mvt" },
  ["MAP.RESOLUTION"] = { [[^[0-9]{1,5}(?:\.[0-9]{1,20})?$]], "dots per inch" },
}
KNOWN.SRS = KNOWN.CRS
for _, name in ipairs({ "I", "J", "X", "Y" }) do
  KNOWN[name] = { PIXELS, "a pixel of the map, 0 to 4095" }
end
-- Empty where a client writes a parameter of another request, or has nothing to say: left out, as if it were not there.
local ABSENT_WHEN_EMPTY = { I = true, J = true, X = true, Y = true, TIME = true, CRS = true, SRS = true, WIDTH = true, HEIGHT = true,
  SCALE = true, ["MAP.RESOLUTION"] = true, ["MAP.IMAGETYPE"] = true, REQUEST = true, SERVICE = true, MODE = true, TILEMODE = true }

local OTHER_SPELLINGS = { MAP_IMAGETYPE = "MAP.IMAGETYPE", MAP_RESOLUTION = "MAP.RESOLUTION" }

-- The way in of most of MapServer's advisories (docs/hosts.md names them), and no map needs any of these.
local REFUSED = {}
for name in string.gmatch("SLD SLD_BODY FILTER CONTEXT QUERYFILE SAVEQUERY SAVEMAP SEARCHMAP MAPXML MAPSIZE_X TEMPLATE QSTRING QITEM QFORMAT", "%S+") do
  REFUSED[name] = true
end

local REQUESTS = { getmap = true, map = true, getcapabilities = true, capabilities = true, getfeatureinfo = true, feature_info = true }
-- As the specifications spell them; MapServer takes any case.
local PICTURES = { getmap = true, map = true, getfeatureinfo = true, feature_info = true }
local LEGEND = "getlegendgraphic"
local EMPTY_PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
-- One transparent pixel.

local has_legends = false

-- Once, before nginx makes its processes. `chosen`: legends, whether MapServer draws legends.
function parameters.configure(chosen)
  has_legends = chosen.legends
end

local function matches(text, pattern)
  return ngx.re.find(text, pattern, "io") ~= nil -- "io": any case, compiled once; no "j", for nginx may not make code
end

-- Returns the known parameters by name; nil, a status and a sentence where the address is no request of ours.
local function read(text)
  local found = {}
  for piece in string.gmatch(text, "[^&]+") do
    local name, value = string.match(piece, "^([^=]*)=?(.*)$")
    if not string.find(name, "^[%w_.-]*$") then
      return nil, 403, "A name of a parameter has letters, digits, dot, hyphen and underscore, not escaped."
    end
    name = string.upper(name)
    name = OTHER_SPELLINGS[name] or name
    if REFUSED[name] or string.find(name, "^MAP[._]") and not KNOWN[name] then
      return nil, 403, "This service does not know " .. name .. ": it takes no styles, filters or changes of a map."
    end
    if KNOWN[name] or name == "MAP" then
      if found[name] then
        return nil, name == "MAP" and 403 or 400, name .. " stands twice in the address; write it once."
      end
      found[name] = ngx.unescape_uri(value)
    end
  end
  found.MAP = nil -- the location has read it
  for name in pairs(ABSENT_WHEN_EMPTY) do
    found[name] = found[name] ~= "" and found[name] or nil
  end
  return found
end

local function check_values(asked)
  for name, value in pairs(asked) do
    local rule = KNOWN[name]
    if not matches(value, rule[1]) then
      local status = (name == "SERVICE" or name == "MODE" or name == "MAP.IMAGETYPE") and 403 or 400
      return status, name .. " must be " .. rule[2] .. "."
    end
  end
end

local function has_many_names(text)
  local _, commas = string.gsub(text or "", ",", "")
  return commas >= MAX_LAYERS
end

local function check_size(asked)
  for _, name in ipairs({ "WIDTH", "HEIGHT" }) do
    local side = asked[name] and math.floor(tonumber(asked[name]))
    if side and (side < 1 or side > MAX_SIDE_PX) then
      return 400, name .. " must be " .. KNOWN[name][2] .. ". Ask for a larger map in parts."
    end
    asked[name] = side and tostring(side)
  end
  for _, name in ipairs({ "I", "J", "X", "Y" }) do
    if asked[name] and tonumber(asked[name]) >= MAX_SIDE_PX then
      return 400, name .. " must be " .. KNOWN[name][2] .. "."
    end
  end
end

local function most_stretch(asked)
  local is_sure = matches(asked.CRS or asked.SRS or "", "^(?:EPSG:(?:3857|900913)|CRS:84)$") or not matches(asked.VERSION or "1.3", [[^1\.3]])
  return is_sure and MAX_STRETCH or MAX_STRETCH_OF_UNSURE_AXES
end

local function check_ground(asked)
  if not asked.BBOX then
    return
  end
  local west, south, east, north = string.match(asked.BBOX, "^([^,]+),([^,]+),([^,]+),([^,]+)$")
  west, south, east, north = tonumber(west), tonumber(south), tonumber(east), tonumber(north)
  for _, number in ipairs({ west, south, east, north }) do
    if math.abs(number) > MAX_COORDINATE then
      return 400, "BBOX lies outside of the world."
    end
  end
  local across, up = east - west, north - south
  if across < MIN_SPAN or up < MIN_SPAN then
    return 400, "BBOX must be west, south, east, north, each end beyond its beginning."
  end
  local width, height, most = tonumber(asked.WIDTH or ""), tonumber(asked.HEIGHT or ""), most_stretch(asked)
  if width and height then
    local stretch = (across / width) / (up / height)
    if stretch > most or stretch < 1 / most then
      return 400, "WIDTH and HEIGHT do not fit the BBOX: a pixel may show " .. most
        .. " times as much ground in one direction as in the other, not more."
    end
  end
end

local function check_tile(asked)
  local column, row, zoom = string.match(asked.TILE or "", "^(%d+) (%d+) (%d+)$")
  column, row, zoom = tonumber(column), tonumber(row), tonumber(zoom)
  if asked.MODE and not column then
    return 400, "TILE must be " .. KNOWN.TILE[2] .. "."
  end
  if column and (zoom > MAX_ZOOM or column >= 2 ^ zoom or row >= 2 ^ zoom) then
    return 400, "There is no such tile: zoom goes to " .. MAX_ZOOM .. ", column and row to 2^zoom - 1."
  end
end

local function check_request(asked)
  if not next(asked) then -- somebody opened the bare address of a service, as documents name it
    asked.SERVICE, asked.REQUEST = "WMS", "GetCapabilities"
  end
  local request = string.lower(asked.REQUEST or "")
  if not asked.SERVICE and not asked.REQUEST and not asked.MODE then
    return 403, "Ask for something: SERVICE=WMS&REQUEST=GetCapabilities tells what there is."
  end
  if asked.REQUEST and not REQUESTS[request] and request ~= LEGEND then
    return 400, "REQUEST must be " .. KNOWN.REQUEST[2] .. "."
  end
  if PICTURES[request] and not (asked.WIDTH and asked.HEIGHT and asked.BBOX) then
    return 400, "A map needs BBOX, WIDTH and HEIGHT."
  end
  if asked.FORMAT and PICTURES[request] and not matches(asked.FORMAT, [[png|jpe?g|mapbox|mvt|protobuf|^$]]) then
    return 400, "FORMAT must be image/png or image/jpeg."
  end
  if has_many_names(asked.LAYERS) or has_many_names(asked.QUERY_LAYERS) then
    return 400, "Ask for " .. MAX_LAYERS .. " layers at most."
  end
end

local function keep_scale_honest(asked)
  local dpi = tonumber(asked["MAP.RESOLUTION"])
  if dpi then
    asked["MAP.RESOLUTION"] = tostring(math.min(math.max(dpi, LEAST_DPI), MOST_DPI))
  end
end

-- Returns one spelling of an address.
function parameters.spelled(asked)
  local words = {}
  for name, value in pairs(asked) do
    words[#words + 1] = (string.find(name, "^MAP%.") and string.lower(name) or name) .. "=" .. ngx.escape_uri(value)
  end
  table.sort(words)
  return table.concat(words, "&")
end

-- Answers in words.
function parameters.say(status, sentence)
  ngx.status = status
  ngx.header["Content-Type"] = "text/plain"
  ngx.print(sentence .. "\n")
  return ngx.exit(status)
end

local function draw_empty_legend()
  ngx.header["Content-Type"] = "image/png"
  ngx.print(ngx.decode_base64(EMPTY_PNG))
  return ngx.exit(ngx.HTTP_OK)
end

-- access, in /wms/, before the gate: answers what is no request of ours, and puts the rest into the one spelling. Returns the
-- parameters by name, for the gate.
function parameters.check()
  local asked, status, sentence = read(ngx.var.args or "")
  if asked then
    status, sentence = check_values(asked)
  end
  for _, check in ipairs({ check_request, check_size, check_ground, check_tile }) do
    if not status then
      status, sentence = check(asked)
    end
  end
  if status then
    return parameters.say(status, sentence)
  end
  if string.lower(asked.REQUEST or "") == LEGEND and not has_legends then
    return draw_empty_legend()
  end
  keep_scale_honest(asked)
  ngx.req.set_uri_args(parameters.spelled(asked))
  return asked
end

return parameters
