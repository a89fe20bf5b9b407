"""The connection form."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

from airflow_provider_seats._connection_form import FIELDS
from airflow_provider_seats.hooks import DatadogSeatsHook


def test_both_forms_have_the_same_fields() -> None:
    """The form in the metadata, for Airflow from 3.2 on, and that of the hook's methods have the same fields."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the form libraries of Airflow 2, which are old
        pytest.importorskip("flask_appbuilder", reason="the form of Airflow 2 needs Flask-AppBuilder")
        import flask
        import flask_babel
        import wtforms

        widgets = DatadogSeatsHook.get_connection_form_widgets()
        app = flask.Flask("form")
        flask_babel.Babel(app)
        with app.test_request_context():
            form: Any = type("Form", (wtforms.Form,), widgets)()
            html = {field.name: str(field()) for field in form}
            form.api_key.data = "SECRET-KEY"
            stored = str(form.api_key())
            kinds = {
                field.name: (field.type, str(field.label.text), field.description, field.default) for field in form
            }
    types = {"string": "StringField", "integer": "IntegerField"}
    expected = {}
    for name, field in FIELDS.items():
        secret = field["schema"].get("format") == "password"
        kind = "PasswordField" if secret else types[field["schema"]["type"][0]]
        expected[name] = (kind, field["label"], field["description"], field["schema"].get("default"))
    assert kinds == expected
    assert 'type="password"' in html["api_key"]
    assert 'value=""' in html["api_key"]
    assert 'value="RATHER_LONG_SENSITIVE_FIELD_PLACEHOLDER"' in stored
    # The form's script takes every element with such an id for a field.
    assert all(each.count('id="') == 1 for each in html.values())
    assert all(" required" not in each for each in html.values())
