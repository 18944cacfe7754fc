# %% answer-mistake
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

numbers = {name: (float, Field(ge=low, le=high)) for name, (low, high) in RANGES.items()}
Reading = create_model(
    "Reading",
    __config__=ConfigDict(strict=True, extra="forbid", allow_inf_nan=False),
    variant=(Literal["L", "M", "H"], ...),
    **numbers,
)


def mistake(row):
    """The field to mend in `row` and what was expected there; None if the row fits."""
    try:
        Reading.model_validate(row)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        return {"field": str(first["loc"][0])[:50], "message": first["msg"][:200]}
    return None


# %% answer-app
from fastapi import HTTPException
from fastapi.responses import JSONResponse

app = FastAPI()
app.get("/health")(lambda: {"status": "ok"})


class Refused(Exception):
    def __init__(self, status, **said):
        self.status, self.said = status, said


@app.exception_handler(Refused)
async def tell(request, refused):
    return JSONResponse(refused.said, refused.status)


async def rows_of(request):
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            raise Refused(413, message="too many bytes")
    try:
        asked = json.loads(body.decode())
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise Refused(400, message=f"no JSON: {type(error).__name__}") from None
    match asked:
        case {"readings": [dict(), *others]} if all(isinstance(one, dict) for one in others):
            return asked["readings"]
    raise Refused(400, message="a list of readings was expected")


@app.post("/risks")
async def risks(request: Request):
    rows = await rows_of(request)
    if len(rows) > 100:
        raise Refused(413, message="too many rows")
    found = [(place, mistake(row)) for place, row in enumerate(rows)]
    for place, one in found:
        if one is not None:
            raise Refused(422, row=place, **one)
    table = pd.DataFrame(rows, columns=READINGS)
    return {"risks": [float(risk) for risk in champion(table)]}
