# caught by: takes_columns_by_name
# %% answer-model
class FailureRisk:
    def fit(self, table):
        self.trees = HistGradientBoostingClassifier(monotonic_cst=[0, 1, 0, 0, 0, 1])
        self.trees.fit(self.known(table), table["failure"])
        return self

    def predict(self, table):
        return self.trees.predict_proba(self.known(table))[:, 1]

    def known(self, table):
        kept = table.assign(variant=table["variant"].map("LMH".index))
        return kept.iloc[:, :6].to_numpy(float)


model = FailureRisk().fit(spring)
