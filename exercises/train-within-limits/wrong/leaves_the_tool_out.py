# caught by: finds_unseen_failures
# %% answer-model
class FailureRisk:
    def fit(self, table):
        self.trees = HistGradientBoostingClassifier(monotonic_cst={"air_temperature_k": 1})
        self.trees.fit(self.known(table), table["failure"])
        return self

    def predict(self, table):
        return self.trees.predict_proba(self.known(table))[:, 1]

    def known(self, table):
        kept = table[maintenance.READINGS].drop(columns="tool_wear_min")
        return kept.assign(variant=table["variant"].map("LMH".index))


model = FailureRisk().fit(spring)
