"""Read the queue of S3 notifications: the only module that calls SQS. Receives a ready boto3 client."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from cogmill.domain.errors import ServiceUnavailableError

AT_ONCE = 10
"""Messages that SQS gives or takes with one call, at most."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message, invisible to other readers until its visibility timeout is over."""

    body: str
    receipt: str


class EventQueue:
    """One queue and its dead-letter queue. Every method raises ServiceUnavailableError when SQS cannot answer."""

    def __init__(self, client: Any, url: str, dead_letter_url: str = "") -> None:
        self._client = client
        self._url = url
        self._dead_letter_url = dead_letter_url

    def receive(self) -> list[Message]:
        """Return up to ten messages, without waiting."""
        with _translated("receive events"):
            answer = self._client.receive_message(QueueUrl=self._url, MaxNumberOfMessages=AT_ONCE)
        return [Message(message["Body"], message["ReceiptHandle"]) for message in answer.get("Messages", [])]

    def delete(self, messages: Sequence[Message]) -> None:
        """Delete messages that were processed."""
        for entries in _entries(messages):
            with _translated("delete events"):
                self._client.delete_message_batch(QueueUrl=self._url, Entries=entries)

    def give_back(self, messages: Sequence[Message]) -> None:
        """Make messages visible to the next reader at once."""
        for entries in _entries(messages):
            visible = [entry | {"VisibilityTimeout": 0} for entry in entries]
            with _translated("give events back"):
                self._client.change_message_visibility_batch(QueueUrl=self._url, Entries=visible)

    def dead_letters(self) -> int:
        """Return how many messages nobody could read; 0 without a dead-letter queue."""
        if not self._dead_letter_url:
            return 0
        name = "ApproximateNumberOfMessages"
        with _translated("read the dead-letter queue"):
            answer = self._client.get_queue_attributes(QueueUrl=self._dead_letter_url, AttributeNames=[name])
        return int(answer["Attributes"][name])


def _entries(messages: Sequence[Message]) -> Iterator[list[dict[str, Any]]]:
    for start in range(0, len(messages), AT_ONCE):
        part = messages[start : start + AT_ONCE]
        yield [{"Id": str(number), "ReceiptHandle": message.receipt} for number, message in enumerate(part)]


@contextmanager
def _translated(what: str) -> Iterator[None]:
    try:
        yield
    except (ClientError, BotoCoreError, ConnectionError) as err:
        raise ServiceUnavailableError(f"cannot {what}: {err}") from err
