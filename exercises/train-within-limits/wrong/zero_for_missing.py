# caught by: survives_missing_readings
# %% answer-model
class FailureRisk:
    def fit(self, table):
        self.trees = HistGradientBoostingClassifier(
            monotonic_cst={"tool_wear_min": 1, "air_temperature_k": 1}
        )
        self.trees.fit(self.known(table), table["failure"])
        return self

    def predict(self, table):
        return self.trees.predict_proba(self.known(table))[:, 1]

    def known(self, table):
        kept = table[maintenance.READINGS].assign(variant=table["variant"].map("LMH".index))
        return kept.fillna(0)


model = FailureRisk().fit(spring)
