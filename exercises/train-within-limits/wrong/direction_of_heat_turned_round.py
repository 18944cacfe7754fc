# caught by: fears_warmer_air
# %% answer-model
class FailureRisk:
    def fit(self, table):
        self.trees = HistGradientBoostingClassifier(
            monotonic_cst={"tool_wear_min": 1, "air_temperature_k": -1}
        )
        self.trees.fit(self.known(table), table["failure"])
        return self

    def predict(self, table):
        return self.trees.predict_proba(self.known(table))[:, 1]

    def known(self, table):
        return table[maintenance.READINGS].assign(variant=table["variant"].map("LMH".index))


model = FailureRisk().fit(spring)
