"""`image.yml`: a real machine is provisioned and cleaned, while instance and image are those of a server that only speaks EC2."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from typing import Any

import boto3
import httpx
import pytest

from tests.ansible.hosts import ANSIBLE, ROOT, Host, docker, fresh_host

KEYS = {"AWS_ACCESS_KEY_ID": "only", "AWS_SECRET_ACCESS_KEY": "for-tests", "AWS_EC2_METADATA_DISABLED": "true"}
TRACES = (
    "/etc/ssh/ssh_host_rsa_key",
    "/root/.bash_history",
    "/home/admin/.ssh/authorized_keys",
    "/var/log/secrets.log",
)


@pytest.fixture(scope="module")
def amazon(s3_server: str) -> Any:
    """Return a maker of clients, for an account with the ground that ecs.yml makes and nothing else."""
    httpx.post(f"{s3_server}/moto-api/reset").raise_for_status()

    def client(service: str) -> Any:
        return boto3.client(
            service, endpoint_url=s3_server, region_name="us-east-1",
            aws_access_key_id="only", aws_secret_access_key="for-tests",
        )  # fmt: skip

    ec2, iam = client("ec2"), client("iam")
    vpc = ec2.create_vpc(CidrBlock="10.42.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.42.0.0/24")["Subnet"]["SubnetId"]
    ec2.create_tags(Resources=[subnet], Tags=[{"Key": "Name", "Value": "cogmill-a"}])
    iam.create_instance_profile(InstanceProfileName="cogmill-hosts")
    return client


@pytest.fixture(scope="module")
def machine(docker_engine: str) -> Iterator[Host]:
    # What is removed from it must not be missing elsewhere.
    with fresh_host(13, shares_packages=False) as host:
        host.ask("make_bucket")
        host.run(f"for f in {' '.join(TRACES)}; do mkdir -p $(dirname $f); echo mine > $f; done")
        yield host


def play(machine: Host, address: str, amazon: Any) -> str:
    system = amazon("ec2").describe_images()["Images"][0]
    settings = {
        "ecs_endpoint_url": address, "ecs_bucket": "cogmill", "ecs_build_image": system["Name"],
        "ecs_build_image_owner": system["OwnerId"], "ecs_build_address": machine.name, "ecs_build_user": "root",
        "ecs_build_connection": "community.docker.docker", "ecs_agent_package": "",
        **{name: value for name, value in machine.variables.items() if name.startswith("s3fs_")},
    }  # fmt: skip
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    path = {"PATH": f"{ROOT}/.venv-ansible/bin:{os.environ['PATH']}", "ANSIBLE_NOCOLOR": "1"}
    done = subprocess.run(
        ["ansible-playbook", "-i", "localhost,", "image.yml", "-e", json.dumps(settings)],
        cwd=ANSIBLE, env=inherited | KEYS | path, check=False, capture_output=True, text=True, timeout=1800,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:]
    return done.stdout


def test_image_is_made_once_and_no_build_host_stays(machine: Host, s3_server: str, amazon: Any) -> None:
    first = play(machine, s3_server, amazon)
    second = play(machine, s3_server, amazon)

    (image,) = amazon("ec2").describe_images(Filters=[{"Name": "name", "Values": ["cogmill-maps-1"]}])["Images"]
    states = {
        instance["State"]["Name"]
        for reservation in amazon("ec2").describe_instances()["Reservations"]
        for instance in reservation["Instances"]
    }
    groups = [group["GroupName"] for group in amazon("ec2").describe_security_groups()["SecurityGroups"]]
    assert image["State"] == "available"
    assert states == {"terminated"}
    assert "cogmill-build" not in groups
    assert second.count("changed=0") == second.count("changed=")
    assert "changed=0" not in first


def test_nothing_of_the_build_host_is_in_the_image(machine: Host) -> None:
    assert machine.run(f"ls {' '.join(TRACES)} 2>/dev/null; true") == ""
    assert machine.run("stat -c %s /etc/machine-id") == "0"
    assert machine.run("find /var/lib/apt/lists /var/cache/apt/archives -type f -size +0 2> /dev/null; true") == ""


def test_a_machine_that_starts_from_it_mounts_the_mapfiles_by_itself(machine: Host) -> None:
    docker("commit", machine.name, "cogmill-host-image:test")
    try:
        with fresh_host(13, "cogmill-host-image:test") as started:
            started.ask("make_bucket")
            started.run(
                "for i in $(seq 60); do s3fs-helper check /srv/cogmill/mapfiles 5 && exit 0; sleep 1; done; exit 1"
            )

            assert started.run("systemctl is-active s3fs-mapfiles s3fs-watch-mapfiles") == "active\nactive"
            assert started.run("stat -c %s /etc/machine-id") != "0"
    finally:
        docker("rmi", "-f", "cogmill-host-image:test", check=False)
