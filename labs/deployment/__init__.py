"""From a fitted model to one that people can rely on: register, deploy, roll back.

Works on any scikit-learn model and pandas table, and on any MLflow registry.
"""

import os

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # MLflow reads it when imported
