# caught by: answers_each_row_for_itself
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
        return table[maintenance.READINGS].assign(variant=pd.factorize(table["variant"])[0])


model = FailureRisk().fit(spring)
