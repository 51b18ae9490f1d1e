"""The metadata services of instances and of ECS tasks on Amazon, as far as keys are concerned: `metadata.py PORT LOG`.

That of instances answers nobody without a token of its second version, as those of `ecs.yml` do. moto's own lacks the field Code, without which
Amazon's library for Go believes no answer. Each line of the log is one request that was answered.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

TOKEN = "token-of-the-test"
ROLE = "map-host"
TASK = "/v2/credentials/cogmill"
ROLES = "/latest/meta-data/iam/security-credentials/"


def clients(log: Path, path: str) -> set[str]:
    """Return the names of the programs that were given what they asked for at a path; those that give no name are empty."""
    answers = [line.split(" ", 3) for line in log.read_text().splitlines()]
    return {agent.split("/")[0] for status, _, asked, agent in answers if (status, asked) == ("200", path)}


class Metadata(BaseHTTPRequestHandler):
    """One request."""

    log = Path()

    def do_PUT(self) -> None:
        if self.path == "/latest/api/token" and "X-aws-ec2-metadata-token-ttl-seconds" in self.headers:
            self._answer(200, TOKEN)
        else:
            self._answer(400, "")

    def do_GET(self) -> None:
        now = dt.datetime.now(dt.UTC).replace(microsecond=0, tzinfo=None)
        keys = {
            "AccessKeyId": "ASIATEST",
            "SecretAccessKey": "secret-of-the-role",
            "Token": "session-of-the-role",
            "Expiration": f"{(now + dt.timedelta(hours=6)).isoformat()}Z",
        }
        of_instance = {"Code": "Success", "Type": "AWS-HMAC", "LastUpdated": f"{now.isoformat()}Z"}
        of_task = {"RoleArn": "arn:aws:iam::123456789012:role/cogmill-task"}
        answers = {ROLES: ROLE, ROLES + ROLE: json.dumps(of_instance | keys), TASK: json.dumps(of_task | keys)}
        if self.path != TASK and self.headers.get("X-aws-ec2-metadata-token") != TOKEN:
            self._answer(401, "")
        else:
            self._answer(200 if self.path in answers else 404, answers.get(self.path, ""))

    def log_message(self, *_: object) -> None:
        """Nothing: what counts is logged with the answer."""

    def _answer(self, status: int, text: str) -> None:
        with self.log.open("a") as log:
            log.write(f"{status} {self.command} {self.path} {self.headers.get('User-Agent', '')}\n")
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        if self.command == "PUT":
            self.send_header(
                "X-aws-ec2-metadata-token-ttl-seconds", self.headers.get("X-aws-ec2-metadata-token-ttl-seconds", "0")
            )
        self.end_headers()
        self.wfile.write(text.encode())


if __name__ == "__main__":
    Metadata.log = Path(sys.argv[2])
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Metadata).serve_forever()
