"""Rolls out a release, once a permit."""

import hashlib
import json
import os
import re
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from permit import PermitError, is_current, verify_permit


def roll_out(argument: Any, jwks_file: Path, state: Path, task_queue: str, heartbeat: Callable[[Any], None]) -> dict[str, Any]:
    """Performs what the permit says and returns the outcome.

    Raises PermitError when the permit does not hold: then nothing was done. A permit that comes a second time is
    answered with what the first time led to; nothing is rolled out again.
    """
    jws = argument.get("permit") if isinstance(argument, dict) else None
    permit = verify_permit(jws, jwks_file, task_queue, "release.rollout")
    used = state / "permits" / f"{hashlib.sha256(permit['jti'].encode()).hexdigest()}.json"
    if used.exists():
        return _answer_again(used, permit)
    if not is_current(permit):
        raise PermitError("not in time")
    service, version, percent = _read_order(permit)
    used.parent.mkdir(parents=True, exist_ok=True)
    try:
        # Two workers may get the same permit at the same moment: only one can create the file.
        _write_durably(used, {"actionDigest": permit["actionDigest"]}, "x")
    except FileExistsError:
        return _answer_again(used, permit)

    outcome = _perform(service, version, percent, permit, state, heartbeat)
    draft = used.with_suffix(".new")
    _write_durably(draft, {"actionDigest": permit["actionDigest"], "outcome": outcome}, "w")
    os.replace(draft, used)
    return outcome


def _answer_again(used: Path, permit: dict[str, Any]) -> dict[str, Any]:
    try:
        entry = json.loads(used.read_text("utf-8"))
    except ValueError:
        # A crash left it half written: it was used, and nothing more is known.
        entry = {}
    if "outcome" in entry and entry.get("actionDigest") == permit["actionDigest"]:
        return entry["outcome"]
    return {
        "status": "unknown",
        "detail": "The permit was used before, and how that ended is not known; nothing was done again.",
        "check": f"Look at the rollout of {permit['resource']['id']} for action {permit['actionId']}.",
        "finishedAt": _now(),
    }


def _read_order(permit: dict[str, Any]) -> tuple[str, str, int]:
    # The schema in connector.json was checked before; an activity that changes production checks again.
    match = re.fullmatch(r"acme/([a-z][a-z0-9-]{0,40})", permit["resource"]["id"])
    version, percent = permit["parameters"].get("version"), permit["parameters"].get("percent")
    if permit["resource"]["type"] != "Service" or match is None:
        raise PermitError("for a resource that is not a service of Acme")
    sound = isinstance(version, str) and re.fullmatch(r"[0-9]{1,5}(\.[0-9]{1,5}){2}", version)
    # True is an int in Python.
    if not sound or type(percent) is not int or not 1 <= percent <= 100:
        raise PermitError("with parameters that make no sense")
    return match.group(1), version, percent


def _perform(service: str, version: str, percent: int, permit: dict[str, Any], state: Path, heartbeat: Callable[[Any], None]) -> dict[str, Any]:
    # Stands for what your own system does; here a release is a line in a file.
    started_at = _now()
    instances = -(-percent // 10)
    for done in range(1, instances + 1):
        heartbeat({"service": service, "done": done, "of": instances})
    folder = state / "releases"
    folder.mkdir(parents=True, exist_ok=True)
    release = {"service": service, "version": version, "percent": percent, "action": permit["actionId"]}
    _write_durably(folder / f"{service}.new", release, "w")
    os.replace(folder / f"{service}.new", folder / f"{service}.json")
    return {
        "status": "succeeded",
        "startedAt": started_at,
        "finishedAt": _now(),
        "facts": [
            {"label": "Service", "value": service},
            {"label": "Version", "value": version},
            {"label": "Instances", "value": f"{instances} of 10"},
        ],
    }


def _write_durably(file: Path, value: Any, mode: str) -> None:
    with open(file, mode, encoding="utf-8") as stream:
        json.dump(value, stream)
        stream.flush()
        os.fsync(stream.fileno())


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
