"""`PYTHON -m arny_studio.workers.probe_engine`: what an interpreter has for training, as one JSON line on stdout.

Runs under a stranger's Python, so it needs the standard library only and syntax that older ones understand. Not a job.
"""

import importlib.util
import json
import os
import sys
from importlib import metadata

# What the training worker imports, by module, with the name under which it is installed.
NEEDED = {
    "msgspec": "msgspec", "orjson": "orjson", "jsonschema_rs": "jsonschema-rs", "numpy": "numpy", "xxhash": "xxhash",
    "platformdirs": "platformdirs", "psutil": "psutil", "jinja2": "jinja2", "tokenizers": "tokenizers",
    "safetensors": "safetensors", "tomli_w": "tomli-w", "yaml": "PyYAML", "pyarrow": "pyarrow", "torch": "torch",
    "transformers": "transformers", "trl": "trl", "peft": "peft", "accelerate": "accelerate", "datasets": "datasets",
}  # fmt: skip
SHOWN = ("unsloth", "unsloth-zoo", "bitsandbytes", "xformers", "triton")


def main() -> None:
    """Print versions, what is missing, and the devices that torch sees."""
    answers = os.dup(1)
    os.dup2(2, 1)  # what torch prints is not part of the answer
    missing = [name for module, name in NEEDED.items() if importlib.util.find_spec(module) is None]
    found = {
        "python": ".".join(map(str, sys.version_info[:3])),
        "versions": _versions([*NEEDED.values(), *SHOWN]),
        "missing": missing,
        "has_unsloth": importlib.util.find_spec("unsloth") is not None,
        "devices": _devices() if "torch" not in missing else [],
    }
    with os.fdopen(answers, "w", encoding="utf-8") as out:
        out.write(json.dumps(found) + "\n")


def _versions(names):  # noqa: ANN001, ANN202
    versions = {}
    for name in names:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def _devices():  # noqa: ANN202
    try:
        import torch

        return [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    except Exception as error:  # noqa: BLE001 - a broken torch is one of the findings
        sys.stderr.write(f"torch: {error}\n")
        return []


if __name__ == "__main__":
    main()
