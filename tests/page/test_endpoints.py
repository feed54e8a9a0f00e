"""The API's names are a promise: what a program calls today it calls tomorrow."""

import json
from pathlib import Path

import app

ENDPOINTS = json.loads(Path(__file__).with_name("endpoints.json").read_text())


def test_every_endpoint_keeps_its_name_and_its_parameters_in_their_order():
    now = app.create_app("cpu").get_api_info()["named_endpoints"]
    there = {name: [p["parameter_name"] for p in about["parameters"]] for name, about in now.items()}
    assert {name: there.get(name) for name in ENDPOINTS} == ENDPOINTS
