"""What stands before MapServer: the real nginx with the real door and gate, and nobody who draws behind them."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from demo.stack.settings import REPOSITORY
from demo.stack.temporary_stack import free_ports

CONFIGURATION = """
load_module /usr/lib/nginx/modules/ndk_http_module.so;
load_module /usr/lib/nginx/modules/ngx_http_lua_module.so;
daemon off;
pid {folder}/pid;
error_log {folder}/error.log warn;
events {{ worker_connections 256; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  lua_package_path "{library}/?.lua;;";
  lua_shared_dict gate 1m; lua_shared_dict gate_open 64k; lua_shared_dict pictures 4m; lua_shared_dict services 1m;
  lua_shared_dict tiles 4m;
  init_by_lua_block {{
    require("jit").off()
    parameters, gate, tiles = require("map_parameters"), require("map_gate"), require("map_tiles")
    tiles.configure({{ mapfiles = "/mapfiles", archive = "/archive.map" }})
    parameters.configure({{ legends = false }})
    gate.configure({{ workers = 8, costly_workers = 2, timeout = 9, quick = 2, quick_wait = 3 }})
  }}
  init_worker_by_lua_block {{ gate.begin() }}
  map $arg_map $mapfile_id {{ default ""; "~^/mapfiles/(?<id>[a-z0-9_]+)\\.map$" $id; }}
  map $args $errors_as_pictures {{ default 0; }}
  server {{
    listen 127.0.0.1:{port};
    uninitialized_variable_warn off;
    set $gate_class ""; set $gate_family ""; set $gate_ground ""; set $gate_pool ""; set $gate_probe ""; set $gate_key ""; set $gate_map "";
    set $gate_version ""; set $gate_tag "";
    log_by_lua_block {{ gate.leave() }}
    location = /door {{
      access_by_lua_block {{ parameters.check() }}
      content_by_lua_block {{ ngx.header["X-Let-In"] = "1" ngx.print(ngx.var.args) }}
    }}
    location / {{
      if ($mapfile_id = "") {{ return 404; }}
      set $gate_map $mapfile_id;
      access_by_lua_block {{ gate.enter(parameters.check()) }}
      {draw}
    }}
    location /tiles/ {{
      access_by_lua_block {{ gate.enter(tiles.check()) }}
      {draw}
    }}
    location = /tile-service {{ internal; proxy_pass http://127.0.0.1:{painter}/facts?$args; }}
    location @again {{ access_by_lua_block {{ gate.enter_costly() }} {draw} }}
    location @costly {{ access_by_lua_block {{ gate.enter_costly() }} {draw} }}
  }}
  server {{
    listen 127.0.0.1:{painter};
    location = /facts {{
      content_by_lua_block {{
        local map = ngx.var.arg_map
        if map == "/mapfiles/absent.map" then
          ngx.print("msLoadMap(): Unable to access file.")
        elseif map == "/mapfiles/broken.map" then
          ngx.print("<ServiceException>Query error</ServiceException>")
        elseif map == "/mapfiles/withdrawn.map" then
          ngx.print("GetFeatureInfo results:\\n\\n  Search returned no results.\\n")
        else
          ngx.print("GetFeatureInfo results:\\n\\nLayer 'facts'\\n  Feature 1: \\n    oid = '1'\\n    layer = 'A%26B'\\n    digest = 'd'\\n",
            "    version = '7.7.0'\\n    west = '0'\\n    south = '0'\\n    east = '1000'\\n    north = '1000'\\n    min_zoom = '2'\\n    max_zoom = '15'\\n")
        end
      }}
    }}
    location / {{
      content_by_lua_block {{
        local picture = ngx.var.arg_name .. " " .. ngx.now() .. " " .. (ngx.var.arg_asked or "")
        ngx.header["Content-Type"], ngx.header["Content-Length"] = "application/x-protobuf", #picture
        ngx.sleep(0.5)
        ngx.print(picture)
      }}
    }}
  }}
}}
"""

DRAW = """
      header_filter_by_lua_block {{ gate.headers() }}
      body_filter_by_lua_block {{ return gate.body() }}
      proxy_pass http://127.0.0.1:{painter}/?name=$gate_map;
"""


@pytest.fixture(scope="package")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve: below `/` and `/tiles/` pictures of a slow painter, and at `/door` what the door would pass on; yields the address."""
    folder, (port, painter) = tmp_path_factory.mktemp("front"), free_ports(2)
    values = {
        "folder": folder,
        "library": REPOSITORY / "ansible/roles/mapserver/files",
        "port": port,
        "painter": painter,
        "draw": DRAW.format(painter=painter),
    }
    (folder / "nginx.conf").write_text(CONFIGURATION.format(**values))
    for path in (*folder.parents, folder):  # the worker is another account
        if path.stat().st_uid == folder.stat().st_uid and path != Path("/"):
            path.chmod(path.stat().st_mode | 0o011)
    nginx = subprocess.Popen(["/usr/sbin/nginx", "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")])
    for _ in range(100):
        try:
            httpx.get(f"http://127.0.0.1:{port}/", trust_env=False)
            break
        except httpx.TransportError:
            time.sleep(0.1)
    yield f"http://127.0.0.1:{port}/"
    nginx.terminate()
    nginx.wait()
    assert "[error]" not in (folder / "error.log").read_text()
