"""Small models for the tests of the server: ones that wait, ones that turn bad once loaded."""

import json
import sys
import time
import urllib.error
import urllib.request
from typing import NamedTuple

import cloudpickle
import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from labs.deployment import registry

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # a server cannot import the tests
DATA = pd.DataFrame({"torque_nm": np.arange(40.0), "speed_rpm": np.arange(40.0)[::-1]})
WORDS = {"owner": "team", "intended_use": "tests", "dataset_name": "line 4"}


class Sum(BaseEstimator):
    """Adds up its columns and `plus`; waits while a row's torque says so, fails below zero."""

    def __init__(self, plus=0.0):
        self.plus = plus

    def fit(self, table, target=None):
        return self

    def predict(self, table):
        if (table["speed_rpm"] == -1).any():
            time.sleep(table["torque_nm"].max())
        elif (table["torque_nm"] < 0).any():
            raise ArithmeticError("a torque below zero")
        return table.sum(axis=1).to_numpy() + self.plus


class TurnsBad(Sum):
    """Behaves until it is loaded, and then as `manner` says."""

    def __init__(self, manner="raises"):
        super().__init__()
        self.manner = manner

    def __setstate__(self, state):
        self.__dict__.update(state)
        if self.manner == "cannot be loaded":
            raise OSError("its weights are gone")
        self.loaded = True

    def predict(self, table):
        sums = super().predict(table)
        if not getattr(self, "loaded", False):
            return sums
        if self.manner == "fails later":
            if len(table) > 3 or table["torque_nm"].min() > 30:
                raise ArithmeticError("only with real traffic")
            return sums
        return {"nan": sums * np.nan, "one answer": sums[:1], "shape": np.c_[sums, sums]}[
            self.manner
        ]


def add_version(client, name, model, alias="champion"):
    """Log and register `model`, give it the alias if one is named, and return its version."""
    target = DATA["torque_nm"]
    logged = registry.log_model(
        model.fit(DATA, target), data=DATA, target=target, name=name, **WORDS
    )
    version = str(registry.register(logged, name).version)
    if alias:
        client.set_registered_model_alias(name, alias, version)
    return version


class Answer(NamedTuple):
    status: int
    headers: dict
    body: bytes

    def json(self):
        return json.loads(self.body)


def post(url, body, media="application/json", **headers):
    """What the server answers, whatever its status."""
    body = json.dumps(body).encode() if isinstance(body, dict) else body
    request = urllib.request.Request(url, body, {"content-type": media, **headers})
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return Answer(response.status, dict(response.headers), response.read())
    except urllib.error.HTTPError as error:
        return Answer(error.code, dict(error.headers), error.read())


def row(torque=1.0, speed=2.0):
    return {"dataframe_records": [{"torque_nm": torque, "speed_rpm": speed}]}


def until(true, seconds=60):
    """Wait until `true()`; AssertionError if it never is."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it never became true"
        time.sleep(0.02)
