"""Every kind of fault that was found has a test: the inputs that showed it, and what proves the answer."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]

PROOFS: dict[str, dict[str, tuple[str, ...]]] = {
    "cases/test_cases.py": {
        "test_outputs_are_judged_by_distance_where_no_classes_are_known": (
            "emb_a",
            "emb_off",
            "depth",
            "random_inside",
        ),
        "test_a_source_that_is_int8_is_judged_by_its_own_unoptimized_session": ("qdq_bias",),
        "test_a_weight_that_is_stored_in_halves_and_cast_is_fp32_and_becomes_int8": ("weight_behind_cast",),
        "test_the_batch_drives_the_axis_of_samples_alone": (
            "two_symbols",
            "time_major",
            "minus_one",
            "unnamed",
        ),
        "test_the_first_step_of_a_decoder_is_measured_with_a_past_of_no_length": ("decoder_with_past",),
        "test_every_one_of_them_is_measured": (
            "string_input",
            "words.npz",
        ),
        "test_what_indexes_is_drawn_over_all_of_its_range": (
            "index_by_gathernd",
            "mask_that_is_no_mask",
        ),
        "test_a_model_without_inputs_has_a_script_that_repeats_it": ("no_inputs",),
        "test_a_file_whose_shapes_are_stale_is_measured_and_the_checkers_complaint_is_a_note": (
            "stale_shape",
        ),
        "test_weights_that_are_inputs_too_are_taken_out_before_a_conversion": ("weights_are_inputs",),
        "test_inputs_that_are_nan_are_said": ("nan_rows.npz",),
    },
    "bisect/test_bisect_degradation.py": {
        "test_outputs_that_vary_by_themselves_name_no_version": ("random_inside_copy",),
    },
    "bisect/test_bisect_halving.py": {
        "test_the_window_of_a_pooling_that_was_wrong_is_found_among_the_releases": ("averagepool_window",),
    },
    "inspect/test_inspect_job.py": {
        "test_lint_leaves_sound_models_alone": ("normal_weights",),
        "test_the_weight_that_holds_most_denormals_is_named": ("denormal_weights",),
    },
    "run/test_run_assume.py": {
        "test_a_fixed_batch_is_the_batch": ("fixed_batch_4",),
        "test_outputs_that_cannot_be_bound_are_run": ("sequence_output",),
    },
    "build/test_build_repair.py": {
        "test_what_onnx_runtime_loads_is_taken_and_the_checkers_complaint_is_a_note": ("unsorted",),
        "test_model_and_data_that_link_into_one_folder_belong_together": ("hf/snapshot/model",),
        "test_a_mended_model_is_converted_and_checks_clean": (
            "if_subgraphs",
            "weights_are_constant_nodes",
        ),
        "test_per_channel_scales_raise_the_opset_and_say_so": ("per_channel_opset_12",),
    },
    "run/test_run_custom_ops.py": {
        "test_a_missing_domain_is_named_with_how_to_add_it": ("custom_op",),
    },
    "build/test_build_data.py": {
        "test_an_array_that_declares_more_or_less_than_it_holds_is_refused_unread": (
            "declares_too_much.npz",
        ),
    },
}
"""File of tests -> test -> the cases whose right answer it holds."""

CASES = (
    *("emb_a", "emb_off", "depth", "random_inside", "random_inside_copy", "qdq_bias", "weight_behind_cast"),
    *("averagepool_window", "normal_weights", "denormal_weights", "two_symbols", "time_major"),
    *("fixed_batch_4", "minus_one", "unnamed", "decoder_with_past", "string_input", "index_by_gathernd"),
    *("mask_that_is_no_mask", "no_inputs", "sequence_output", "stale_shape", "unsorted", "hf/snapshot/model"),
    *(
        "if_subgraphs",
        "weights_are_inputs",
        "weights_are_constant_nodes",
        "per_channel_opset_12",
        "custom_op",
    ),
    *("words.npz", "nan_rows.npz", "declares_too_much.npz"),
)
"""The inputs that showed a fault, each of a kind."""


def test_every_case_is_set_beside_a_test() -> None:
    held = [case for tests in PROOFS.values() for cases in tests.values() for case in cases]
    assert sorted(held) == sorted(CASES)


@pytest.mark.parametrize("file", PROOFS)
def test_the_tests_that_are_named_are_there_and_assert_something(file: str) -> None:
    there = {
        node.name: any(isinstance(part, ast.Assert | ast.With) for part in ast.walk(node))
        for node in ast.parse((TESTS / file).read_text()).body
        if isinstance(node, ast.FunctionDef)
    }
    assert [name for name in PROOFS[file] if not there.get(name)] == []
