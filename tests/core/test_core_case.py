"""A case's key is readable and stable; changing one orphans a trend."""

from harness.core.case import AXES, Artifact, Case, Load, Model, Named, Session, Source, freeze, plain, thaw

MODEL = Model("digits_cnn", Source("onnx", freeze({"path": "digits_cnn.onnx"})))


def test_a_case_at_its_defaults_is_named_by_its_model() -> None:
    assert Case(Artifact(MODEL), Session(), Load()).key == "digits_cnn"


def test_keys_name_what_differs_from_the_defaults_in_a_fixed_order() -> None:
    case = Case(
        Artifact(MODEL, "torchscript", 17, Named("int8_static", "int8_static"), "ort"),
        Session(
            "onnxruntime==1.22.1",
            Named("ov", "openvino"),
            "disable",
            "parallel",
            2,
            1,
            Named("calm", "config"),
        ),
        Load(32, Named("short", "shapes"), "run"),
    )
    assert case.key == (
        "digits_cnn/exporter=torchscript/opset=17/precision=int8_static/format=ort"
        "/runtime=onnxruntime==1.22.1/provider=ov/graph_opt=disable/execution_mode=parallel"
        "/intra_threads=2/inter_threads=1/config=calm/batch=32/shapes=short/io=run"
    )


def test_the_axes_of_a_case_are_all_named_after_the_model() -> None:
    assert tuple(Case(Artifact(MODEL), Session(), Load()).axes) == ("model", *AXES)


def test_cases_that_are_alike_are_equal_and_hash_alike() -> None:
    first, second = (Case(Artifact(MODEL), Session(), Load(batch=8)) for _ in range(2))
    assert first == second
    assert hash(first) == hash(second)


def test_freezing_keeps_all_and_forgets_the_order() -> None:
    value = {"b": [1, {"c": None}], "a": {}}
    assert thaw(freeze(value)) == value
    assert freeze({"a": 1, "b": 2}) == freeze({"b": 2, "a": 1})


def test_plain_data_shows_options_as_mappings() -> None:
    session = Session(provider=Named("ov", "openvino", freeze({"device_type": "CPU"})))
    assert plain(session)["provider"] == {"name": "ov", "kind": "openvino", "options": {"device_type": "CPU"}}
    assert "key" not in plain(session)
