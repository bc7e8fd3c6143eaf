"""Time and memory of a prediction against what a user would do otherwise, pair by pair in one run.

Each side is a process of its own: the plain PyTorch module on the whole volume in memory, and `medscience
predict` from store to store. Prints a table and writes ``results/bench.json``.
"""

import json
import statistics
import subprocess
import sys
from pathlib import Path

PAIRS = 3
WORK = Path("results/bench")

PEAK = """
from pathlib import Path
def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 2**20
"""

PLAIN = """
import sys, time, numpy as np, torch
from pathlib import Path
from medscience.models.zoo import load
from medscience.store.images import open_image
begun = time.perf_counter()
model, network = load(Path(sys.argv[2]))
image = open_image(Path(sys.argv[1])).image
values = image.read((slice(None),) * 3).astype(np.float32)
low, high = np.quantile(values, (0.02, 0.98))
values = np.clip((values - low) / (high - low + 1e-3), 0, 1).astype(np.float32)
change = image.geometry.reorientation(model.input.axes)
with torch.inference_mode():
    logits = network(torch.from_numpy(np.ascontiguousarray(change.apply(values)))[None, None])
labels = change.inverse.apply(logits.argmax(1)[0].numpy())
np.save(sys.argv[3], labels.astype(np.uint8))
print(time.perf_counter() - begun, peak())
"""

OURS = """
import sys, time, numpy as np
from pathlib import Path
from medscience.steps.predict import predict
from medscience.store.images import open_image
begun = time.perf_counter()
predict(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
seconds, held = time.perf_counter() - begun, peak()
np.save(sys.argv[4], open_image(Path(sys.argv[3])).image.read((slice(None),) * 3))
print(seconds, held)
"""


def measured(code: str, *arguments: object) -> tuple[float, float]:
    """Seconds and peak gigabytes of a piece of code in a process of its own."""
    command = [sys.executable, "-c", PEAK + code, *map(str, arguments)]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds, peak = found.stdout.split()
    return float(seconds), float(peak)


def main() -> None:
    """Run the bench."""
    import numpy as np

    from medscience.steps.ingest import ingest
    from medscience.steps.simulate import head

    head(WORK, seed=71)
    image, model = WORK / "head.ome.zarr", "config/models/demo-head.yaml"
    ingest(WORK / "head-71.nii.gz", image)
    rows = []
    for pair in range(PAIRS):
        store = WORK / f"pair-{pair}.ome.zarr"
        store.with_name(f"{store.name}.commit.json").unlink(missing_ok=True)
        plain = measured(PLAIN, image, model, WORK / "plain.npy")
        ours = measured(OURS, image, model, store, WORK / "ours.npy")
        same = float((np.load(WORK / "plain.npy") == np.load(WORK / "ours.npy")).mean())
        rows.append({"plain": plain, "ours": ours, "agreement": same})
    speedup = statistics.median(row["plain"][0] / row["ours"][0] for row in rows)
    memory = statistics.median(row["ours"][1] / row["plain"][1] for row in rows)
    result = {
        "what": "demo-head, one simulated head of 144 x 176 x 144 voxels, store to store",
        "times_faster_than_plain": round(speedup, 2),
        "memory_over_plain": round(memory, 2),
        "agreement": min(row["agreement"] for row in rows),
        "pairs": rows,
    }
    Path("results/bench.json").write_text(json.dumps(result, indent=1) + "\n")
    for key, value in result.items():
        sys.stdout.write(f"{key:26} {value}\n")


main()
