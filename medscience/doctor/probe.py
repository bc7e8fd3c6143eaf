"""What torch sees, asked in a process of its own: importing it is slow and may crash."""

import json
import sys

import torch


def main() -> None:
    """Write torch's version and the GPUs that it can use, as JSON, to stdout."""
    there = torch.cuda.is_available()
    devices = [torch.cuda.get_device_properties(n) for n in range(torch.cuda.device_count())] if there else []
    found = {
        "version": torch.__version__,
        "cuda": torch.version.cuda,
        "gpus": [[device.name, device.total_memory] for device in devices],
    }
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
