# caught by: says_which_row, asks_for_the_agreed_form, survives_a_bad_day
# %% answer-app
from typing import Literal

from pydantic import BaseModel, Field


class Reading(BaseModel):
    variant: Literal["L", "M", "H"]
    air_temperature_k: float = Field(ge=280, le=325)
    process_temperature_k: float = Field(ge=285, le=340)
    rotational_speed_rpm: float = Field(ge=500, le=2900)
    torque_nm: float = Field(ge=0, le=95)
    tool_wear_min: float = Field(ge=0, le=240)


class Asked(BaseModel):
    readings: list[Reading] = Field(max_length=MOST_ROWS)


app = FastAPI()


@app.get("/health")
def health():
    return {"status": "ok"}


@app.post("/risks")
def risks(asked: Asked):
    return {"risks": champion(pd.DataFrame([row.model_dump() for row in asked.readings])).tolist()}
