# caught by: says_which_row
# %% answer-app
app = FastAPI()


def refusal(status, **said):
    """An answer with that status, and a JSON object of what is said."""
    return Response(json.dumps(said), status, media_type="application/json")


@app.get("/health")
def health():
    return {"status": "ok"}


@app.post("/risks")
async def risks(request: Request):
    body = await request.body()
    if len(body) > MOST_BYTES:
        return refusal(413, message=f"at most {MOST_BYTES:,} bytes were expected")
    try:
        rows = json.loads(body)["readings"]
    except (ValueError, RecursionError, TypeError, KeyError):
        return refusal(400, message='JSON such as {"readings": [{...}]} was expected')
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        return refusal(400, message="readings must be a list of one or more objects")
    if len(rows) > MOST_ROWS:
        return refusal(413, message=f"at most {MOST_ROWS} rows were expected")
    for place, row in enumerate(rows[:1]):
        if found := mistake(row):
            return refusal(422, row=place, **found)
    return {"risks": champion(pd.DataFrame(rows)).tolist()}
