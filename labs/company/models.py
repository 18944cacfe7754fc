"""Models that Norrmotor's teams train, as scikit-learn pipelines that are not fitted yet.

They take plain columns, as callers send them; whatever else they need they compute
themselves, so that no caller can compute it differently.
"""

import numpy as np
import pandas as pd
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

RPM = 2 * np.pi / 60  # radians per second in one revolution per minute
CAR_TEXTS = ["region", "line", "fuel", "gearbox"]
CAR_NUMBERS = ["age_years", "mileage_km", "power_kw", "owners", "condition"]


def with_physics(readings: pd.DataFrame) -> pd.DataFrame:
    """The readings, and power in W, strain in min·N·m and cooling in K."""
    return readings.assign(
        power=readings["torque_nm"] * readings["rotational_speed_rpm"] * RPM,
        strain=readings["torque_nm"] * readings["tool_wear_min"],
        cooling=readings["process_temperature_k"] - readings["air_temperature_k"],
    )


def failure_model(seed: int = 1, trees: int = 50) -> Pipeline:
    """Predicts the risk that a machining operation fails, from `maintenance.READINGS`."""
    return make_pipeline(
        FunctionTransformer(with_physics),
        make_column_transformer(
            (OneHotEncoder(handle_unknown="ignore"), ["variant"]), remainder="passthrough"
        ),
        RandomForestClassifier(n_estimators=trees, min_samples_leaf=3, random_state=seed),
    )


def price_model() -> TransformedTargetRegressor:
    """Predicts what a used car will fetch, in kr, from the columns CAR_TEXTS and CAR_NUMBERS.

    It learns the logarithm of the price; missing numbers count as the median car's.
    """
    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), CAR_TEXTS),
        (make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), CAR_NUMBERS),
    )
    return TransformedTargetRegressor(
        make_pipeline(columns, Ridge()), func=np.log, inverse_func=np.exp
    )
