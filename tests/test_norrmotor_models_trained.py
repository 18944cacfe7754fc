"""The models that lessons train: as good as their docstrings need, on data they have not seen."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from labs.company import Company, maintenance
from labs.company.models import CAR_NUMBERS, CAR_TEXTS, failure_model, price_model


@pytest.mark.parametrize("seed", [1, 7, 2024])
def test_the_failure_model_ranks_unseen_operations(seed):
    train, test = maintenance.machines(seed, 4000), maintenance.machines(seed + 1, 4000)
    model = failure_model(seed).fit(train[maintenance.READINGS], train["failure"])
    risk = model.predict_proba(test[maintenance.READINGS])[:, 1]
    assert roc_auc_score(test["failure"], risk) > 0.93


def test_the_price_model_is_nearly_as_good_as_any_can_be():
    company = Company(seed=1)
    weeks = [company.batch("price", week=week) for week in (1, 20)]
    labels = [company.labels_of("price", week=week).set_index("id") for week in (1, 20)]
    columns = CAR_TEXTS + CAR_NUMBERS
    truths = [truth.loc[cars["id"], "price_kr"] for cars, truth in zip(weeks, labels, strict=True)]
    model = price_model().fit(weeks[0][columns], truths[0].to_numpy())
    error = np.abs(model.predict(weeks[1][columns]) / truths[1].to_numpy() - 1)
    assert weeks[1][CAR_NUMBERS].isna().any().any(), "missing values are part of the data"
    assert error.mean() < 0.10
