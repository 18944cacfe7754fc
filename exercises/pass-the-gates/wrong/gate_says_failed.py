# caught by: refuses_with_reasons
# %% answer-gate
def no_region_leans(candidate):
    """No region's quotes are off by more than LIMIT in the middle."""
    found = leans(held["price_kr"], candidate.model.predict(held), held["region"])
    off = {region: lean for region, lean in found.items() if abs(lean) > LIMIT}
    return Verdict("no region leans", not off, "failed" if off else "passed")
