"""The connection form of Airflow before 3.2, with the fields that the module ``connection`` declares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_seats.connection import FormField


def widget(form_field: FormField) -> object:
    """Return the field of the form that stands for a field of the connection's extra."""
    from flask_appbuilder.fieldwidgets import BS3PasswordFieldWidget, BS3TextFieldWidget  # noqa: PLC0415 (Airflow 2)
    from flask_babel import lazy_gettext  # noqa: PLC0415 (as above)
    from wtforms import IntegerField, PasswordField, StringField  # noqa: PLC0415 (as above)
    from wtforms.validators import Optional  # noqa: PLC0415 (as above)

    def with_examples(field: Any, **attributes: Any) -> object:  # noqa: ANN401 (a type of wtforms)
        from markupsafe import Markup  # noqa: PLC0415 (as above)

        options = Markup("").join(Markup('<option value="{}">').format(each) for each in form_field.examples)
        # An id that begins with the field's own name would break the form's script.
        box = BS3TextFieldWidget()(field, list=f"examples-{field.id}", **attributes)
        return box + Markup('<datalist id="examples-{}">{}</datalist>').format(field.id, options)

    def kept(field: Any, **attributes: Any) -> object:  # noqa: ANN401 (as above)
        # Airflow 2 deletes a field that comes back empty from its form. For this text it keeps the stored key.
        shown = "RATHER_LONG_SENSITIVE_FIELD_PLACEHOLDER" if field.data else ""
        return BS3PasswordFieldWidget(hide_value=False)(field, value=shown, **attributes)

    kind, shown_as = StringField, with_examples if form_field.examples else BS3TextFieldWidget()
    if form_field.secret:
        kind, shown_as = PasswordField, kept
    elif form_field.type == "integer":
        kind = IntegerField
    return kind(
        lazy_gettext(form_field.label),
        validators=[Optional()],
        description=form_field.description,
        default=form_field.default,
        widget=shown_as,
    )
