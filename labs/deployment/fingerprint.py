"""What a model was made from: a hash of its data, the version of its code."""

import hashlib
import importlib.metadata
import subprocess
from collections.abc import Sequence

import numpy as np
import pandas as pd

import labs


def content_hash(data: pd.DataFrame, target: Sequence | None = None) -> str:
    """SHA-256 of a table: 64 hexadecimal digits, the same wherever the table is the same.

    Names, types, values and the order of rows and columns count; the index does not.
    `target` is hashed as one more column. Raises ValueError if it is not as long as `data`.
    """
    if target is not None:
        if len(target) != len(data):
            raise ValueError(f"target has {len(target)} values and data {len(data)} rows")
        data = pd.concat([data, pd.Series(np.asarray(target), index=data.index)], axis=1)
    types = [f"{name}: {dtype}" for name, dtype in data.dtypes.items()]
    rows = pd.util.hash_pandas_object(data, index=False).to_numpy("<u8")
    return hashlib.sha256("\n".join(types).encode() + rows.tobytes()).hexdigest()


def code_version() -> str:
    """The git commit of the working directory, with `-dirty` if a file differs from it.

    Outside a repository it is the version of the labs.
    """
    describe = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        done = subprocess.run(describe, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):  # no git on this machine, or a huge repository
        done = None
    if done and done.returncode == 0:
        return done.stdout.strip()
    return f"mlops-labs {labs.__version__}"


def pinned(packages: Sequence[str]) -> list[str]:
    """Requirements for the versions installed here, such as `numpy==2.4.6`."""
    return [f"{package}=={importlib.metadata.version(package)}" for package in packages]
