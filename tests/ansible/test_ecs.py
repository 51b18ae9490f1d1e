"""`ecs.yml` against a server that speaks Amazon's interfaces: what is created, and that a second run has nothing to do."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import boto3
import pytest
from cogmill.domain.public_access import CORS, PUBLIC_PATTERNS

ROOT = Path(__file__).parents[2]
REGION = "us-east-1"
KEYS = {"AWS_ACCESS_KEY_ID": "only", "AWS_SECRET_ACCESS_KEY": "for-tests", "AWS_EC2_METADATA_DISABLED": "true"}


ASKED = {
    "list_objects_v2": "s3:ListBucket", "list_multipart_uploads": "s3:ListBucketMultipartUploads", "head_bucket": "s3:ListBucket",
    "get_object": "s3:GetObject", "head_object": "s3:GetObject", "put_object": "s3:PutObject", "copy_object": "s3:PutObject", "copy": "s3:PutObject",
    "create_multipart_upload": "s3:PutObject", "upload_part": "s3:PutObject", "complete_multipart_upload": "s3:PutObject",
    "delete_object": "s3:DeleteObject", "abort_multipart_upload": "s3:AbortMultipartUpload",
    "receive_message": "sqs:ReceiveMessage", "delete_message_batch": "sqs:DeleteMessage",
    "change_message_visibility_batch": "sqs:ChangeMessageVisibility", "get_queue_attributes": "sqs:GetQueueAttributes",
}  # fmt: skip
"""Calls of the program, and the right that each needs."""


def called() -> set[str]:
    """Return the calls in the package that speaks to Amazon; ACLs are not used there."""
    text = "".join(module.read_text() for module in (ROOT / "include/cogmill/aws").glob("*.py"))
    return set(re.findall(r"client\.([a-z_0-9]+)\(", text)) - {"put_object_acl"}


def listed(value: str | list[str]) -> list[str]:
    """Return what a policy says as one text or as a list, as a list."""
    return [value] if isinstance(value, str) else value


@pytest.fixture(scope="module")
def amazon(s3_server: str) -> Any:
    """Return a maker of clients."""

    def client(service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=s3_server,
            region_name=REGION,
            aws_access_key_id="only",
            aws_secret_access_key="for-tests",
        )

    client("route53").create_hosted_zone(Name="example.org", CallerReference="test")
    return client


def play(address: str, *options: str, **more: str) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment |= KEYS | {"PATH": f"{ROOT}/.venv-ansible/bin:{os.environ['PATH']}", "ANSIBLE_NOCOLOR": "1"}
    settings = {"ecs_endpoint_url": address, "ecs_notified_emails": ["scans@example.org"], **more}
    done = subprocess.run(
        ["ansible-playbook", "-i", "localhost,", "ecs.yml", "-e", json.dumps(settings), *options],
        cwd=ROOT / "ansible", env=environment, check=False, capture_output=True, text=True, timeout=1800,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:]
    return done.stdout


@pytest.fixture(scope="module")
def plays(amazon: Any, s3_server: str) -> list[str]:
    ec2 = amazon("ec2")
    any_image = ec2.describe_images()["Images"][0]["ImageId"]
    (machine,) = ec2.run_instances(ImageId=any_image, MinCount=1, MaxCount=1)["Instances"]
    ec2.create_image(InstanceId=machine["InstanceId"], Name="cogmill-maps-1")
    return [play(s3_server), play(s3_server)]


def test_second_run_changes_nothing(plays: list[str]) -> None:
    first, second = plays

    assert "changed=0" not in first
    assert "changed=0" in second


def test_bucket_forgets_nothing_at_once_and_tells_the_queue(plays: list[str], amazon: Any) -> None:
    store = amazon("s3")
    name = "cogmill-example-org"

    rules = {rule["ID"] for rule in store.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]}
    told = store.get_bucket_notification_configuration(Bucket=name)["QueueConfigurations"]
    policy = json.loads(store.get_bucket_policy(Bucket=name)["Policy"])

    assert store.get_bucket_versioning(Bucket=name)["Status"] == "Enabled"
    assert rules == {"unfinished-uploads", "old-versions"}
    assert {rule["QueueArn"].rsplit(":", 1)[-1] for rule in told} == {"cogmill-uploads"}
    assert {rule["Filter"]["Key"]["FilterRules"][0]["Value"] for rule in told} == {".tif", ".TIF", ".tiff", ".TIFF"}
    assert store.get_bucket_cors(Bucket=name)["CORSRules"] == CORS["CORSRules"]
    public = [one for one in policy["Statement"] if one["Effect"] == "Allow"]
    assert [one["Action"] for one in public] == ["s3:GetObject"]
    assert {resource.partition("/")[2] for one in public for resource in one["Resource"]} == set(PUBLIC_PATTERNS)
    assert not [resource for one in public for resource in one["Resource"] if "mapfiles" in resource]


def test_a_public_bucket_is_opened_and_that_of_uploads_blocked(amazon: Any, s3_server: str) -> None:
    names = {"ecs_name": "apart", "ecs_bucket": "apart-uploads", "ecs_public_bucket": "apart-open"}
    first, second = (play(s3_server, "--tags", "ground", **names) for _ in range(2))
    store = amazon("s3")

    policies = {
        bucket: json.loads(store.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"]
        for bucket in ("apart-uploads", "apart-open")
    }
    blocked = {
        bucket: store.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"] for bucket in policies
    }

    assert "changed=0" not in first
    assert "changed=0" in second
    assert [one["Effect"] for one in policies["apart-uploads"]] == ["Deny"]
    (public,) = [one for one in policies["apart-open"] if one["Effect"] == "Allow"]
    assert {resource.partition("/")[2] for resource in public["Resource"]} == set(PUBLIC_PATTERNS)
    assert all(blocked["apart-uploads"].values()), "Amazon refuses what would open it"
    assert not blocked["apart-open"]["BlockPublicPolicy"]
    assert store.get_bucket_cors(Bucket="apart-open")["CORSRules"] == CORS["CORSRules"]
    assert store.get_bucket_notification_configuration(Bucket="apart-uploads")["QueueConfigurations"]
    assert "QueueConfigurations" not in store.get_bucket_notification_configuration(Bucket="apart-open")


def test_roles_may_do_what_they_need_and_no_key_exists(plays: list[str], amazon: Any) -> None:
    iam = amazon("iam")
    statements = {
        role: iam.get_role_policy(RoleName=f"cogmill-{role}", PolicyName=role)["PolicyDocument"]["Statement"]
        for role in ("hosts", "task", "execution", "airflow")
    }
    allowed = {role: {action for one in statements[role] for action in listed(one["Action"])} for role in statements}
    read = {
        role: {
            resource.partition("/")[2]
            for one in statements[role]
            if "s3:GetObject" in listed(one["Action"])
            for resource in listed(one["Resource"])
        }
        for role in ("hosts", "task")
    }

    assert allowed["task"] == {"s3:GetObject"}
    assert read == {"hosts": {"mapfiles/*"}, "task": {"*/cog/*.tif", "overviews/*.tif"}}
    assert set(ASKED.values()) <= allowed["airflow"]
    assert called() == set(ASKED), "what the program asks of S3 and SQS has an action here"
    assert {action for action in allowed["hosts"] if action.startswith("s3:")} == {"s3:GetObject", "s3:ListBucket"}
    assert not [action for actions in allowed.values() for action in actions if action.endswith("*")]
    assert iam.list_users()["Users"] == []


def test_container_reads_the_mount_and_writes_its_log(plays: list[str], amazon: Any) -> None:
    ecs = amazon("ecs")
    service = ecs.describe_services(cluster="cogmill", services=["maps"])["services"][0]
    task = ecs.describe_task_definition(taskDefinition=service["taskDefinition"])["taskDefinition"]
    (container,) = task["containerDefinitions"]

    assert container["mountPoints"] == [
        {"sourceVolume": "mapfiles", "containerPath": "/srv/cogmill/mapfiles", "readOnly": True}
    ]
    assert task["volumes"] == [{"name": "mapfiles", "host": {"sourcePath": "/srv/cogmill/mapfiles"}}]
    assert [(port["containerPort"], port["hostPort"]) for port in container["portMappings"]] == [(8081, 8081)]
    assert container["logConfiguration"]["options"]["awslogs-group"] == "/cogmill/maps"
    assert "PASSWORD" not in json.dumps(container["environment"])
    assert {"name": "COGMILL_MAPFILES", "value": "mount"} in container["environment"]
    assert {"name": "TRUSTED_PROXIES", "value": "10.42.0.0/16"} in container["environment"]
    assert service["desiredCount"] == 2
    assert service["launchType"] == "EC2"


def test_balancer_asks_a_map_and_the_public_name_leads_to_it(plays: list[str], amazon: Any) -> None:
    balancing = amazon("elbv2")
    (balancer,) = balancing.describe_load_balancers(Names=["cogmill-maps"])["LoadBalancers"]
    (group,) = balancing.describe_target_groups(Names=["cogmill-maps"])["TargetGroups"]
    zone = amazon("route53").list_hosted_zones()["HostedZones"][0]["Id"]
    records = amazon("route53").list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]

    listeners = balancing.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]

    assert [(one["Port"], one["DefaultActions"][0]["TargetGroupArn"]) for one in listeners] == [
        (80, group["TargetGroupArn"])
    ]
    assert (group["HealthCheckPath"], group["Port"]) == ("/health", 8081)
    alias = {record["Name"]: record.get("AliasTarget", {}).get("DNSName", "") for record in records}
    assert alias["maps.example.org."].rstrip(".").endswith(balancer["DNSName"])


def test_hosts_start_from_the_image_and_only_the_balancer_reaches_them(plays: list[str], amazon: Any) -> None:
    ec2 = amazon("ec2")
    (template,) = ec2.describe_launch_template_versions(LaunchTemplateName="cogmill-hosts")["LaunchTemplateVersions"]
    (image,) = ec2.describe_images(Filters=[{"Name": "name", "Values": ["cogmill-maps-1"]}])["Images"]
    groups = {group["GroupName"]: group for group in ec2.describe_security_groups()["SecurityGroups"]}
    (rule,) = groups["cogmill-hosts"]["IpPermissions"]
    ours = groups["cogmill-hosts"]["VpcId"]  # a test before has made another network
    endpoints = [each for each in ec2.describe_vpc_endpoints()["VpcEndpoints"] if each["VpcId"] == ours]
    queue = amazon("sqs").get_queue_url(QueueName="cogmill-uploads")["QueueUrl"]
    redrive = amazon("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["RedrivePolicy"])["Attributes"]

    assert template["LaunchTemplateData"]["ImageId"] == image["ImageId"]
    assert template["LaunchTemplateData"]["MetadataOptions"]["HttpTokens"] == "required"
    assert len(endpoints[0]["RouteTableIds"]) == len(endpoints) == 1
    assert json.loads(redrive["RedrivePolicy"])["deadLetterTargetArn"].endswith(":cogmill-uploads-dead")
    assert (rule["FromPort"], rule["IpRanges"]) == (8081, [])
    assert rule["UserIdGroupPairs"][0]["GroupId"] == groups["cogmill-balancer"]["GroupId"]
    assert amazon("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"][0]["DesiredCapacity"] == 2
    (repository,) = amazon("ecr").describe_repositories()["repositories"]
    assert repository["repositoryName"] == "cogmill/maps"
    assert repository["imageTagMutability"] == "IMMUTABLE"
    assert repository["imageScanningConfiguration"]["scanOnPush"]
    assert amazon("sns").list_topics()["Topics"][0]["TopicArn"].endswith(":cogmill-digest")
