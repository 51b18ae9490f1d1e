"""What the gate shares among those who ask at once: the real nginx with the real door and gate, and a slow painter behind."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from demo.stack.settings import REPOSITORY
from demo.stack.temporary_stack import free_ports

LIBRARY = REPOSITORY / "ansible/roles/mapserver/files"
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
  lua_shared_dict gate 1m; lua_shared_dict gate_open 64k; lua_shared_dict pictures 4m;
  init_by_lua_block {{
    require("jit").off()
    parameters, gate = require("map_parameters"), require("map_gate")
    parameters.configure({{ legends = false }})
    gate.configure({{ workers = 8, costly_workers = 2, timeout = 9, quick = 2, quick_wait = 3 }})
  }}
  init_worker_by_lua_block {{ gate.begin() }}
  map $arg_map $mapfile_id {{ default ""; "~^/mapfiles/(?<id>[a-z0-9_]+)\\.map$" $id; }}
  map $args $errors_as_pictures {{ default 0; }}
  server {{
    listen 127.0.0.1:{port};
    uninitialized_variable_warn off;
    set $gate_class ""; set $gate_family ""; set $gate_ground ""; set $gate_pool ""; set $gate_probe ""; set $gate_key "";
    log_by_lua_block {{ gate.leave() }}
    location / {{
      if ($mapfile_id = "") {{ return 404; }}
      access_by_lua_block {{ parameters.check() gate.enter() }}
      {draw}
    }}
    location @again {{ access_by_lua_block {{ gate.enter_costly() }} {draw} }}
    location @costly {{ access_by_lua_block {{ gate.enter_costly() }} {draw} }}
  }}
  server {{
    listen 127.0.0.1:{painter};
    location / {{
      content_by_lua_block {{
        local picture = ngx.var.arg_name .. " " .. ngx.now()
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
      body_filter_by_lua_block {{ gate.body() }}
      proxy_pass http://127.0.0.1:{painter}/?name=$mapfile_id;
"""

TILE = "mode=tile&tilemode=gmap&tile=1+2+3&layers=all"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder, (port, painter) = tmp_path_factory.mktemp("gate"), free_ports(2)
    values = {
        "folder": folder,
        "library": LIBRARY,
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


def at_once(address: str, queries: list[str]) -> list[str]:
    def ask(query: str) -> str:
        return httpx.get(f"{address}?{query}", trust_env=False, timeout=30).text

    with ThreadPoolExecutor(len(queries)) as people:
        return list(people.map(ask, queries))


def test_one_picture_is_shared_by_all_who_ask_for_it(address: str) -> None:
    spellings = [
        TILE,
        "MODE=tile&TILEMODE=gmap&Tile=1%202%203&LAYERS=all",
        "&".join(reversed(TILE.split("&"))),
        f"{TILE}&_=7",
    ]

    answers = at_once(address, [f"map=/mapfiles/a.map&{words}" for words in spellings * 2])

    assert len(set(answers)) == 1
    assert answers[0].startswith("a ")


def test_services_with_the_same_layers_share_no_picture(address: str) -> None:
    names = ["b", "c", "d"] * 3

    answers = at_once(address, [f"map=/mapfiles/{name}.map&{TILE}" for name in names])

    assert [answer.partition(" ")[0] for answer in answers] == names
    assert len(set(answers)) == 3
