"""Cut the range of (standardized) ages into groups; each group is one iteration of the pipeline's ForEach step."""

import json

YOUNGEST, OLDEST = -0.11, 0.12
NAMES = {1: ["everybody"], 2: ["younger", "older"], 3: ["younger", "middle", "older"]}


def handle(event, context):
    count = event["count"]
    names = NAMES.get(count) or [f"group-{number}" for number in range(count)]
    width = (OLDEST - YOUNGEST) / count
    groups = [
        {"name": name, "from": YOUNGEST + number * width, "to": YOUNGEST + (number + 1) * width}
        for number, name in enumerate(names)
    ]
    return {"groups": json.dumps(groups)}
