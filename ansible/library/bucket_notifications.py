#!/usr/bin/python
"""Ansible module: which queue hears about which keys of a bucket."""

from __future__ import annotations

from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

DOCUMENTATION = r"""
module: bucket_notifications
short_description: Ensure that one queue hears about uploads with certain suffixes
description:
  - Sets the whole notification configuration of a bucket, with one rule per suffix.
  - Unlike community.aws.s3_bucket_notification it knows several suffixes, and sends no empty prefix.
options:
  bucket: {description: Its name., type: str, required: true}
  queue_arn: {description: The queue., type: str, required: true}
  suffixes: {description: Ends of keys; a bucket compares letters exactly., type: list, elements: str, required: true}
  events: {description: Kinds of events., type: list, elements: str, required: true}
extends_documentation_fragment: [amazon.aws.common.modules, amazon.aws.region.modules, amazon.aws.boto3]
author: [Cogmill]
"""

EXAMPLES = r"""
- name: Ensure the queue hears about photographs
  bucket_notifications:
    bucket: archive
    queue_arn: arn:aws:sqs:us-east-1:123456789012:uploads
    suffixes: [.tif, .TIF]
    events: ["s3:ObjectCreated:*"]
"""

RETURN = r"""
rules: {description: The rules by suffix., type: dict, returned: always}
"""


def wanted(parameters: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the rules as S3 takes them."""
    return [
        {
            "Id": f"uploads{suffix}",
            "QueueArn": parameters["queue_arn"],
            "Events": sorted(parameters["events"]),
            "Filter": {"Key": {"FilterRules": [{"Name": "suffix", "Value": suffix}]}},
        }
        for suffix in parameters["suffixes"]
    ]


def present(client: Any, bucket: str) -> list[dict[str, Any]]:
    """Return the rules that are there, in the same form; S3 changes the order of events and the case of names."""
    configuration = client.get_bucket_notification_configuration(Bucket=bucket)
    configuration.pop("ResponseMetadata", None)
    rules = configuration.pop("QueueConfigurations", [])
    for rule in rules:
        rule["Events"] = sorted(rule["Events"])
        for part in rule.get("Filter", {}).get("Key", {}).get("FilterRules", []):
            part["Name"] = part["Name"].lower()
    # Anything else in the configuration is not ours, and is replaced.
    return [*rules, *([configuration] if any(configuration.values()) else [])]


def main() -> None:
    """Run the module."""
    module = AnsibleAWSModule(
        argument_spec={
            "bucket": {"type": "str", "required": True},
            "queue_arn": {"type": "str", "required": True},
            "suffixes": {"type": "list", "elements": "str", "required": True},
            "events": {"type": "list", "elements": "str", "required": True},
        },
        supports_check_mode=True,
    )
    client = module.client("s3")
    rules = wanted(module.params)
    changed = present(client, module.params["bucket"]) != rules
    if changed and not module.check_mode:
        client.put_bucket_notification_configuration(
            Bucket=module.params["bucket"], NotificationConfiguration={"QueueConfigurations": rules}
        )
    module.exit_json(changed=changed, rules={rule["Id"]: rule["Events"] for rule in rules})


if __name__ == "__main__":
    main()
