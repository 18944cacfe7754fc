# caught by: finds_unseen_failures
# %% answer-model
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


class FailureRisk:
    def fit(self, table):
        self.means = self.known(table).mean()
        steps = StandardScaler(), LogisticRegression()
        self.line = make_pipeline(*steps).fit(self.known(table), table["failure"])
        return self

    def predict(self, table):
        return self.line.predict_proba(self.known(table).fillna(self.means))[:, 1]

    def known(self, table):
        return table[maintenance.READINGS].assign(variant=table["variant"].map("LMH".index))


model = FailureRisk().fit(spring)
