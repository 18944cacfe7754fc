# caught by: knows_what_a_number_is, names_the_field
# %% answer-mistake
def mistake(row):
    """The field to mend in `row` and what was expected there; None if the row fits."""
    for field in READINGS:
        if field not in row:
            return {"field": field, "message": "this reading is missing"}
    for field in row:
        if field not in READINGS:
            return {"field": field[:60], "message": "there is no such reading"}
    if row["variant"] not in VARIANTS:
        return {"field": "variant", "message": f"one of {', '.join(VARIANTS)} was expected"}
    for field, (low, high) in RANGES.items():
        try:
            value = float(row[field])
        except (TypeError, ValueError):
            value = None
        if value is None or not low <= value <= high:
            return {"field": field, "message": f"a number from {low} to {high} was expected"}
    return None
