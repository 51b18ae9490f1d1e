"""The configuration files, from templates."""

from __future__ import annotations

import re
import shutil

import jinja2
from cogmill.domain.errors import ConfigurationError

from demo.stack.paths import StackPaths, make_folder, write_private
from demo.stack.programs import Program
from demo.stack.role import ROLE, role_variables
from demo.stack.settings import LOOPBACK, REPOSITORY, StackSettings


def render(template: str, **values: object) -> str:
    """Fill one template of the stack, of `include/templates/` or of the role mapserver; a missing value is an error."""
    folders = [REPOSITORY / "demo/stack/templates", REPOSITORY / "include/templates", ROLE / "templates"]
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folders),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        autoescape=False,  # noqa: S701  # configuration files, not pages; settings admit nothing that needs quoting
    )
    environment.filters |= {"environment_line": environment_line, "percent": double_percent}
    return environment.get_template(template).render(values, loopback=LOOPBACK)


def write_configuration(paths: StackPaths, settings: StackSettings, programs: list[Program]) -> None:
    """Write all configuration files, each readable only by the account that needs it."""
    values = {"paths": paths, "settings": settings}
    write_private(paths.supervisor_conf, render("supervisord.conf.j2", programs=programs, **values))
    write_private(paths.nginx / "nginx.conf", render("nginx.conf.j2", **front_values(paths, settings)))
    for name in ("map_parameters.lua", "map_gate.lua", "map_tiles.lua"):
        write_private(paths.nginx / name, (ROLE / "files" / name).read_text(encoding="utf-8"))
    for name in ("client_body", "fastcgi", "proxy", "uwsgi", "scgi"):
        shutil.rmtree(paths.nginx / name, ignore_errors=True)
        make_folder(paths.nginx / name, 0o700, "www-data")
    limits = {name: role_variables()[f"mapserver_{name}"] for name in ("curl_cache_bytes", "block_cache_mb")}
    extra = {
        "AWS_S3_ENDPOINT": f"{LOOPBACK}:{settings.s3_port}",
        "AWS_HTTPS": "NO",
        "AWS_VIRTUAL_HOSTING": "FALSE",
        "AWS_REGION": "us-east-1",
        "CPL_AWS_CREDENTIALS_FILE": str(paths.mapserver / "aws-credentials"),
    }
    folders = f"({paths.mapfiles}|{paths.mapserver}/health)"
    mapserver = render("mapserver.conf.j2", mapfile_folder=folders, extra=extra, **limits)
    make_folder(paths.mapserver / "health", 0o700, "www-data")
    for name in ("health.map", "archive.map"):
        write_private(
            paths.mapserver / "health" / name, (ROLE / "files" / name).read_text(encoding="utf-8"), "www-data"
        )
    write_private(paths.mapserver / "mapserver.conf", mapserver, "www-data")
    write_private(paths.mapserver / "pg_service.conf", render("pg_service.conf.j2", **values), "www-data")
    write_private(paths.mapserver / "aws-credentials", render("aws-credentials.j2", **values), "www-data")
    budget = (REPOSITORY / "include/cogmill/mapserver/request_budget.py").read_text(encoding="utf-8")
    write_private(paths.mapserver / "request_budget.py", budget, "www-data")
    write_private(paths.s3_password, f"{settings.s3_access_key}:{settings.s3_secret_key.get_secret_value()}\n")


def front_values(paths: StackPaths, settings: StackSettings) -> dict[str, object]:
    """Return the variables of the role's `nginx.conf.j2`: those of the role, and what is otherwise here."""
    return role_variables() | {
        "mapserver_listen": f"{LOOPBACK}:{settings.mapserver_port}",
        "mapserver_cache_seconds": 0,
        "mapserver_mapfiles": str(paths.mapfiles),
        "mapserver_check_exists": True,
        "mapserver_timeout": settings.mapserver_timeout,
        "mapserver_workers": settings.mapserver_workers,
        "mapserver_costly_workers": settings.mapserver_costly_workers,
        "__mapserver_conf": str(paths.mapserver),
        "__mapserver_library": str(paths.nginx),
        "__mapserver_socket": str(paths.mapserv_socket),
        "__mapserver_costly_socket": str(paths.costly_socket),
        "__mapserver_nginx": {
            "made_by": "Written by demo.stack at each start.",
            "pid": f"{paths.run}/nginx.pid",
            "error_log": "stderr",
            "access_log": f"{paths.log}/nginx-access.log",
            "folder": str(paths.nginx),
            # What a client says about its host goes nowhere.
            "name": LOOPBACK,
            "host": f"{LOOPBACK}:$server_port",
        },
    }


def double_percent(text: str) -> str:
    """Escape what the supervisor would expand."""
    return text.replace("%", "%%")


def environment_line(variables: dict[str, str]) -> str:
    """Write variables as the supervisor reads them: quoted without escapes, so a value may hold one kind of quote.

    Raises:
        ConfigurationError: A value cannot be written this way; the value itself is not repeated.
    """
    return ",".join(f"{name}={_quoted(name, value)}" for name, value in variables.items())


def _quoted(name: str, value: str) -> str:
    quote = "'" if '"' in value else '"'
    if quote in value or re.search(r"[\r\n\x00]", value) or value[:1] in {"'", '"'} or value[-1:] in {"'", '"'}:
        raise ConfigurationError(
            f"{name}: holds a mixture of quotes, or a line break, which the supervisor cannot pass on"
        )
    return quote + double_percent(value) + quote
