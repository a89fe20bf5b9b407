"""The connection form. Airflow reads it from the metadata from 3.2 on, and from methods of the hook before."""

from __future__ import annotations

from typing import Any, Final

from airflow_provider_seats._text import join_names
from airflow_provider_seats.connection import DEFAULT_SITE, DEFAULT_TIMEOUT, KNOWN_SITES

# The fields that are stored in the connection's extra, as ``conn-fields`` of the provider's metadata. None is required:
# an access token needs no API key, and the rest has defaults.
FIELDS: Final[dict[str, dict[str, Any]]] = {
    "api_key": {
        "label": "API key",
        "description": "Not needed with an access token (ddpat_... or ddsat_...) in the application key's place.",
        "schema": {"type": ["string", "null"], "format": "password"},
    },
    "site": {
        "label": "Site",
        "description": f"Your Datadog site: {join_names(KNOWN_SITES)}, or a newer one.",
        "schema": {"type": ["string", "null"], "default": DEFAULT_SITE, "examples": list(KNOWN_SITES)},
    },
    "timeout": {
        "label": "Timeout",
        "description": "Seconds to wait for one answer.",
        "schema": {"type": ["integer", "null"], "default": int(DEFAULT_TIMEOUT)},
    },
}
# Which standard fields show, and their names, as ``ui-field-behaviour`` of the metadata.
BEHAVIOUR: Final[dict[str, Any]] = {
    # If the extra is hidden, Airflow 2's Test button may do nothing.
    "hidden-fields": ["login", "schema"],
    "relabeling": {"password": "Application key", "host": "Base URL"},
    "placeholders": {
        "password": "Or an access token. The API key is among the extra fields",
        "host": "Instead of the site: a proxy, or a local stand-in at http://127.0.0.1:18126",
        # The Test button of 3.3.1 and 3.3.2 refuses a connection without a port. Without a base URL it is ignored.
        "port": "443; only the Test button of Airflow 3.3 needs one",
    },
}


def widget(form_field: dict[str, Any]) -> object:
    """Return a field of the form as Airflow before 3.2 takes it."""
    from flask_appbuilder.fieldwidgets import BS3PasswordFieldWidget, BS3TextFieldWidget  # noqa: PLC0415 (Airflow 2)
    from flask_babel import lazy_gettext  # noqa: PLC0415 (as above)
    from wtforms import IntegerField, PasswordField, StringField  # noqa: PLC0415 (as above)
    from wtforms.validators import Optional  # noqa: PLC0415 (as above)

    schema = form_field["schema"]

    def kept(field: Any, **attributes: Any) -> object:  # noqa: ANN401 (a type of wtforms)
        # Airflow 2 deletes a field that comes back empty from its form. For this text it keeps the stored key.
        shown = "RATHER_LONG_SENSITIVE_FIELD_PLACEHOLDER" if field.data else ""
        return BS3PasswordFieldWidget(hide_value=False)(field, value=shown, **attributes)

    kind, shown_as = StringField, BS3TextFieldWidget()
    if "format" in schema:
        kind, shown_as = PasswordField, kept
    elif "integer" in schema["type"]:
        kind = IntegerField
    return kind(
        lazy_gettext(form_field["label"]),
        validators=[Optional()],
        description=form_field["description"],
        default=schema.get("default"),
        widget=shown_as,
    )
