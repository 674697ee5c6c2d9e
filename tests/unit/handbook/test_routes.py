from handbook.routes import page

SCHEMAS = {"Job": {"properties": {"id": {"type": "string"}}}, "Spec": {}, "Alone": {}}
SUBMIT = {
    "tags": ["jobs"],
    "description": "Submit a job.",
    "parameters": [
        {"name": "dry_run", "in": "query", "schema": {"type": "boolean", "default": False}, "description": "Only look"},
        {"name": "tuneyard-project", "in": "header", "schema": {"type": "string"}},
    ],
    "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Spec"}}}},
    "responses": {
        "201": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Job"}}}},
        "4XX": {"content": {"application/problem+json": {"schema": {}}}},
    },
}
READ = {"responses": {"200": {"content": {"application/octet-stream": {"schema": {"format": "binary"}}}}, "307": {}}}
TOLD = page("The API", "About it.", {"/jobs": {"post": SUBMIT}, "/": {"get": READ}}, SCHEMAS, {"Spec": "spec.md"})


def test_a_route_tells_what_it_does_takes_and_answers() -> None:
    assert (
        "## Jobs\n\n### `POST /jobs`\n\nSubmit a job.\n\n"
        "| parameter | in | type | default | meaning |\n| --- | --- | --- | --- | --- |\n"
        "| `dry_run` | query | boolean | `false` | Only look |\n\n"
        "Body: [Spec](spec.md#spec) as `application/json`.\n\n"
        "Answers: 201 [Job](#job) as `application/json`."
    ) in TOLD


def test_a_route_of_no_subject_is_told_with_the_others() -> None:
    assert "## Other\n\n### `GET /`\n\nAnswers: 200 bytes as `application/octet-stream`; 307." in TOLD


def test_schemas_that_routes_need_are_on_their_page_and_no_others() -> None:
    assert TOLD.partition("## Schemas")[2].count("### ") == 1
    assert "### Job { #job }" in TOLD
