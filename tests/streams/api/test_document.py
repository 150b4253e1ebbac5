"""The OpenAPI document and the client's types are exactly what is answered."""

from __future__ import annotations

import httpx
import pytest
from pydantic import BaseModel, TypeAdapter

from streams import client_answers as answers
from streams import client_segments as segments
from streams.api import schemas
from streams.client import Segmenter
from tests.support.api_house import NEW_NAME, ODD_IDS, OLD_NAME, Api, House, got, path, unnamed

ANSWERS: list[tuple[str, type[BaseModel]]] = [
    *((path(each), answers.Customer) for each in (*ODD_IDS[:5], OLD_NAME, "@home")),
    (path("@home") + "?explain=true", answers.Customer),
    (path("@home") + "?as_of=2999-01-01T00:00:00Z", answers.Customer),
    (path(OLD_NAME) + "/history", answers.History),
    *((path(each) + "/timeline", answers.Timeline) for each in (ODD_IDS[10], NEW_NAME)),
    ("/v1/customers?limit=1000", schemas.SearchPage),
    ("/v1/segments", segments.Segments),
    ("/v1/segments/lifecycle/active", segments.Segment),
    ("/v1/segments/rule/regulars", segments.Segment),
    ("/v1/segments/rule/regulars/breakdown?by=age_band", segments.Breakdown),
    ("/v1/segments/lifecycle/active/breakdown?by=profile.age_band&limit=90", segments.Breakdown),
    ("/v1/segments/risk/high/members?limit=5", answers.Page),
    ("/v1/segments/lifecycle/active/members/%40home", segments.Membership),
    ("/v1/overview", answers.Overview),
    ("/v1/lifecycle/sizes", schemas.SizesThroughTime),
    ("/v1/lifecycle/flows", schemas.Flows),
    ("/v1/rfm/heatmap", schemas.Heatmap),
    ("/v1/clusters", schemas.ClusterMapBody),
    ("/v1/cohorts", schemas.CohortTable),
    ("/v1/changes?limit=1000", answers.ChangePage),
    ("/healthz", schemas.Alive),
    ("/readyz", schemas.Alive),
]


@pytest.mark.parametrize(("where", "model"), ANSWERS)
def test_an_answer_has_all_that_its_model_says_and_nothing_else(
    ask: httpx.Client, where: str, model: type[BaseModel]
) -> None:
    told = got(ask.get(where))
    read = TypeAdapter(model).validate_json(ask.get(where).content, strict=True)
    assert unnamed(read, told) == []
    if "items" in told:
        assert told["items"]


def test_many_customers_are_as_their_model_says(ask: httpx.Client, house: House) -> None:
    ids = [*sorted(house.states), "nobody"]
    answer = ask.post("/v1/customers:batchGet", json={"ids": ids})
    read = answers.AskedPage.model_validate_json(answer.content, strict=True)
    assert unnamed(read, answer.json()) == []


def test_each_route_is_documented_with_the_model_that_it_answers_with(ask: httpx.Client) -> None:
    paths = got(ask.get("/openapi.json"))["paths"]
    documented = {}
    for where, model in ANSWERS:
        bare = where.partition("?")[0]
        matching = [each for each in paths if _fits(each, bare)]
        schema = paths[min(matching, key=lambda each: each.count("{"))]["get"]["responses"]["200"]
        documented[where] = schema["content"]["application/json"]["schema"]["$ref"]
        assert documented[where] == f"#/components/schemas/{model.__name__}"


def _fits(template: str, where: str) -> bool:
    parts, own = template.split("/"), where.split("/")
    pairs = zip(parts, own, strict=False)
    return len(parts) == len(own) and all(a == b or a.startswith("{") for a, b in pairs)


def test_the_typed_client_reads_a_real_server(server: Api, house: House) -> None:
    with Segmenter(server.url) as segmenter:
        customer = segmenter.customer(OLD_NAME)
        assert customer is not None
        assert (customer.customer_id, customer.asked_for) == (NEW_NAME, OLD_NAME)
        assert segmenter.customer("nobody") is None
        for id_ in ODD_IDS:
            found, line = segmenter.customer(id_, explain=True), segmenter.timeline(id_)
            assert found is not None
            assert line is not None
            assert found.customer_id == line.customer_id == id_
            assert found.explanation
            assert len(segmenter.history(id_)) == min(32, found.sequence)
        many = list(segmenter.customers([*sorted(house.states) * 4, "nobody"]))
        assert [each.id for each in many] == [*sorted(house.states) * 4, "nobody"]
        assert many[-1].error == "nobody is known by that id"
        dormant = house.members("lifecycle/dormant")
        assert (
            sorted(each.customer_id for each in segmenter.members("lifecycle/dormant")) == dormant
        )
        assert segmenter.is_member("lifecycle/dormant", dormant[0])
        north = {each.customer_id for each in segmenter.search(attributes={"region": "north"})}
        assert north >= set(ODD_IDS[1::2])
        population = segmenter.overview().population
        assert population is not None
        assert population.as_of.toordinal() == house.populations[-1].as_of_day
        assert [each.type for each in segmenter.changes(limit=3)] == [
            each["type"] for each in house.changes[-1:-4:-1]
        ]
