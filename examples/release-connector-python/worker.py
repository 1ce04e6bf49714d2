"""A Temporal worker with the activity that connector.json names."""

import asyncio
import json
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from temporalio import activity
from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker

from encryption import encrypted_with
from permit import PermitError
from rollout import roll_out

TASK_QUEUE = os.environ.get("ACME_TASK_QUEUE", "acme-releases")
JWKS = Path(os.environ["COUNTERSIGN_JWKS"])
STATE = Path(os.environ["ACME_STATE"])
ENCRYPTION_KEYS = os.environ["COUNTERSIGN_ENCRYPTION_KEYS"]


@activity.defn(name="rolloutRelease")
def rollout_release(argument: Any) -> dict[str, Any]:
    """Its one argument is a permit; nothing else it is told counts."""
    try:
        return roll_out(argument, JWKS, STATE, TASK_QUEUE, activity.heartbeat)
    except PermitError as error:
        raise ApplicationError(f"The permit is {error}.", type="grant-invalid", non_retryable=True) from None


async def main() -> None:
    client = await Client.connect(
        os.environ.get("TEMPORAL_ADDRESS", "127.0.0.1:7233"),
        namespace=os.environ.get("TEMPORAL_NAMESPACE", "default"),
        data_converter=encrypted_with(ENCRYPTION_KEYS),
    )
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    with ThreadPoolExecutor(max_workers=4) as pool:
        async with Worker(client, task_queue=TASK_QUEUE, activities=[rollout_release], activity_executor=pool):
            print(json.dumps({"ready": True, "taskQueue": TASK_QUEUE}), flush=True)
            await stop.wait()


if __name__ == "__main__":
    asyncio.run(main())
