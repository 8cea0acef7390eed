import numpy as np
import pytest

from harness.core.errors import Failed, InputError, Unsupported
from harness.core.feeds import (
    bind_dimensions,
    cut,
    data_rows,
    distinct_count,
    random_rows,
    sample_count,
    with_overrides,
)
from harness.core.inputs import Input
from harness.measure.worker.arrays import read_arrays

IMAGE = Input("image", "float32", ("N", 3, 2))
IDS = Input("ids", "int64", ("N", "seq"), low=0, high=1000)
MASK = Input("mask", "int64", ("N", "seq"), fill=1)
SCALE = Input("scale", "float32", ())


def save(path, **arrays):
    np.savez(path, **arrays)
    return path


def test_the_batch_drives_the_symbolic_first_axis():
    dims = bind_dimensions([IMAGE, SCALE], 8, {})
    assert (dims.batch, dims.sizes, dims.axes) == (8, {"N": 8}, {"image": 0, "scale": None})
    assert dims.shape(IMAGE) == (8, 3, 2)
    assert dims.row_shape(IMAGE) == (3, 2)


def test_an_unbound_dimension_is_named_with_what_to_write():
    with pytest.raises(Failed) as error:
        bind_dimensions([IDS], 2, {})
    assert str(error.value) == (
        "dimension is not bound: seq (ids axis 1); "
        'give sizes with --shape seq=128, or in the suite: shapes: {"seq": 128}'
    )


def test_all_dimensions_that_are_not_bound_are_named_at_once():
    item = Input("x", "float32", ("N", "?", "h", "w"))
    with pytest.raises(Failed) as error:
        bind_dimensions([item], 2, {})
    assert str(error.value) == (
        "dimensions are not bound: x[1], h (x axis 2), w (x axis 3); "
        "give sizes with --shape 'x[1]=3' --shape h=224 --shape w=224, "
        'or in the suite: shapes: {"x[1]": 3, "h": 224, "w": 224}'
    )


def test_a_sum_of_dimensions_follows_from_its_parts():
    inputs = (
        Input("ids", "int64", ("N", "seq")),
        Input("past", "float32", ("N", 4, "past", 8)),
        Input("mask", "int64", ("N", "past + seq")),
    )
    dims = bind_dimensions(inputs, None, {"seq": 3, "past": 0})
    assert [dims.shape(item) for item in inputs] == [(1, 3), (1, 4, 0, 8), (1, 3)]
    with pytest.raises(Failed) as error:
        bind_dimensions(inputs, None, {})
    assert "give sizes with --shape seq=128 --shape past=0, or" in str(error.value)
    assert bind_dimensions(inputs, None, {"seq": 3, "past": 0, "past + seq": 7}).sizes["past + seq"] == 7


def test_one_word_for_the_batch_and_other_axes_names_none_of_them():
    item = Input("x", "float32", ("dynamic", 3, "dynamic", "dynamic"))
    dims = bind_dimensions([item], 2, {"x[2]": 5, "x[3]": 7})
    assert dims.shape(item) == (2, 3, 5, 7)
    square = Input("x", "float32", ("N", 3, "s", "s"))
    assert bind_dimensions([square], 2, {"s": 5}).shape(square) == (2, 3, 5, 5)


def test_text_is_asked_for_by_name_with_an_example():
    item = Input("word", "object", ("N", 2))
    with pytest.raises(InputError) as error:
        random_rows([item], 1, bind_dimensions([item], 1, {}), 0)
    assert str(error.value).startswith("input 'word' holds text, which is not made up: give it as --data")
    assert str(error.value).endswith("np.savez('FILE.npz', word=np.array([['some', 'text']]))")


def test_text_is_fed_as_objects_and_mixed_up_with_numbers_nowhere():
    words, numbers = np.array([["a", "b"], ["c", "d"]]), np.ones((2, 2))
    text, real = Input("x", "object", ("N", 2)), Input("x", "float32", ("N", 2))
    rows, _ = data_rows("d.npz", {"x": words}, [text])
    assert rows["x"].dtype == object
    assert rows["x"].tolist() == words.tolist()
    rows, _ = data_rows("d.npz", {"x": words.astype("S1")}, [text])
    assert rows["x"].tolist() == words.tolist(), "bytes are text too"
    with pytest.raises(InputError, match=r"d\.npz: 'x' holds numbers; the model takes text"):
        data_rows("d.npz", {"x": numbers}, [text])
    with pytest.raises(InputError, match=r"d\.npz: 'x' holds text; the model takes float32"):
        data_rows("d.npz", {"x": words}, [real])


@pytest.mark.parametrize("nameless", ["?", "", "-1", "0", -1, 0, None])
def test_a_symbol_that_names_nothing_is_a_dimension_for_each_axis(nameless):
    item = Input("x", "float32", (nameless, 3, nameless, nameless))
    dims = bind_dimensions([item], 4, {"x[2]": 5, "x[3]": 7})
    assert dims.shape(item) == (4, 3, 5, 7)


def test_a_size_by_place_wins_over_one_by_name():
    item = Input("x", "float32", ("N", "s", "s"))
    assert bind_dimensions([item], 1, {"s": 5, "x[2]": 7}).shape(item) == (1, 5, 7)


def test_a_size_by_place_takes_an_axis_from_the_batch():
    item = Input("x", "float32", ("N", "s"))
    assert bind_dimensions([item], None, {"x[0]": 7, "s": 5}).shape(item) == (7, 5)


def test_an_anonymous_dimension_is_bound_by_its_place():
    item = Input("x", "float32", (None, 3, None))
    with pytest.raises(Failed, match=r"dimension is not bound: x\[2\];"):
        bind_dimensions([item], 2, {})
    assert bind_dimensions([item], 2, {"x[2]": 5}).shape(item) == (2, 3, 5)


def test_a_name_that_the_model_does_not_have_is_refused():
    with pytest.raises(Failed, match="shapes binds 'length'; the symbolic dimensions of the model: N, seq"):
        bind_dimensions([IDS], 2, {"length": 4})
    with pytest.raises(Failed, match="batch_dim is 'B'; the symbolic dimensions of the model: N, seq"):
        bind_dimensions([IDS], 2, {"seq": 4}, "B")


def test_a_fixed_batch_is_unsupported_unless_it_is_the_one_asked_for():
    item = Input("x", "float32", (1, 4))
    with pytest.raises(
        Unsupported,
        match=r"^input 'x' has a fixed batch of 1: say --batch 1, .*; a batch of 8 was asked for$",
    ):
        bind_dimensions([item], 8, {})
    assert bind_dimensions([item], 1, {}).shape(item) == (1, 4)
    assert bind_dimensions([Input("x", "float32", (5, 4))], None, {}).batch == 5


def test_a_model_of_scalars_takes_a_batch_of_one_only():
    assert bind_dimensions([SCALE], 1, {}).batch == 1
    with pytest.raises(Unsupported, match="no input has a batch axis; asked for a batch of 2"):
        bind_dimensions([SCALE], 2, {})


def test_the_channels_of_one_picture_are_no_samples():
    picture = Input("x", "float32", (3, 224, 224))
    dims = bind_dimensions([picture], None, {})
    assert (dims.batch, dims.axes, dims.shape(picture)) == (1, {"x": None}, (3, 224, 224))
    with pytest.raises(Unsupported, match=r"\[3, 224, 224\], one picture without a batch axis; asked .*"):
        bind_dimensions([picture], 3, {})
    assert bind_dimensions([Input("x", "float32", (3, 8, 224))], None, {}).batch == 3, "may be anything"


def test_two_names_of_first_axes_want_a_batch_dim():
    other = Input("other", "float32", ("M", 2))
    with pytest.raises(Failed, match=r"different dimensions \(M, N\).*batch_dim: M"):
        bind_dimensions([IMAGE, other], 2, {})
    dims = bind_dimensions([IMAGE, other], 2, {"M": 7}, "N")
    assert dims.shape(other) == (7, 2)
    assert dims.axes == {"image": 0, "other": None}


def test_a_batch_on_the_second_axis_is_cut_there():
    item = Input("x", "float32", ("T", "N", 2))
    dims = bind_dimensions([item], 3, {"T": 4}, "N")
    rows = random_rows([item], 3, dims, 0)
    (batch,) = cut(rows, [item], 3, dims)
    assert rows["x"].shape == (3, 4, 2)
    assert batch["x"].shape == (4, 3, 2)
    assert batch["x"].flags.c_contiguous
    assert np.array_equal(batch["x"][:, 1], rows["x"][1])


@pytest.mark.parametrize("batch", [1, 2, 3, 8])
def test_rows_are_the_same_whatever_the_batch(batch):
    items = [IMAGE, IDS]
    dims = bind_dimensions(items, batch, {"seq": 5})
    batches = cut(random_rows(items, 12, dims, 7), items, batch, dims)
    one = bind_dimensions(items, 1, {"seq": 5})
    alone = cut(random_rows(items, 12, one, 7), items, 1, one)
    for name in ("image", "ids"):
        together = np.concatenate([feed[name] for feed in batches])[:12]
        assert np.array_equal(together, np.concatenate([feed[name] for feed in alone]))


def test_the_first_rows_do_not_depend_on_how_many_are_drawn():
    dims = bind_dimensions([IMAGE, IDS], 1, {"seq": 5})
    few, many = random_rows([IMAGE, IDS], 3, dims, 0), random_rows([IMAGE, IDS], 50, dims, 0)
    assert all(np.array_equal(few[name], many[name][:3]) for name in ("image", "ids"))


def test_every_input_has_a_stream_of_its_own():
    dims = bind_dimensions([IMAGE, IDS], 1, {"seq": 5})
    both = random_rows([IMAGE, IDS], 4, dims, 0)
    assert np.array_equal(random_rows([IDS], 4, dims, 0)["ids"], both["ids"])
    assert not np.array_equal(random_rows([IDS], 4, dims, 1)["ids"], both["ids"])


def test_integers_stay_in_their_vocabulary_and_masks_are_ones():
    dims = bind_dimensions([IDS, MASK], 1, {"seq": 64})
    rows = random_rows([IDS, MASK], 200, dims, 0)
    assert rows["ids"].dtype == np.int64
    assert (rows["ids"].min(), rows["ids"].max()) == (0, 999)
    assert (rows["mask"] == 1).all()


@pytest.mark.parametrize(
    ("dtype", "low", "high", "values"),
    [
        ("int32", None, None, {0, 1}),
        ("bool", None, None, {False, True}),
        ("uint8", 254, 256, {254, 255}),
        ("int8", -2, 1, {-2, -1, 0}),
    ],
)
def test_integers_take_every_value_of_their_range(dtype, low, high, values):
    item = Input("x", dtype, ("N",), low=low, high=high)
    rows = random_rows([item], 200, bind_dimensions([item], 1, {}), 0)["x"]
    assert rows.dtype == np.dtype(dtype)
    assert set(rows.tolist()) == values


@pytest.mark.parametrize(("low", "high"), [(0, 300), (5, 5), (-1, 2)])
def test_a_range_that_the_type_cannot_hold_is_refused(low, high):
    item = Input("x", "uint8", ("N",), low=low, high=high)
    with pytest.raises(Failed, match=rf"input 'x': no uint8 lies in \[{low}, {high}\)"):
        random_rows([item], 1, bind_dimensions([item], 1, {}), 0)


def test_floats_are_normal_unless_a_bound_is_given():
    dims = bind_dimensions([IMAGE], 1, {})
    normal = random_rows([IMAGE], 5000, dims, 0)["image"]
    assert abs(float(normal.mean())) < 0.02
    assert abs(float(normal.std()) - 1) < 0.02
    (bounded,) = with_overrides([IMAGE], {"image": {"low": 2, "high": 6}})
    uniform = random_rows([bounded], 5000, dims, 0)["image"]
    assert uniform.dtype == np.float32
    assert 2 <= uniform.min() < 2.01
    assert 5.99 < uniform.max() < 6


def test_an_fp16_input_is_fed_the_rows_of_its_fp32_twin_rounded():
    half = Input("image", "float16", IMAGE.shape)
    dims = bind_dimensions([IMAGE], 1, {})
    full = random_rows([IMAGE], 4, dims, 0)["image"]
    assert np.array_equal(random_rows([half], 4, dims, 0)["image"], full.astype(np.float16))


@pytest.mark.parametrize("dtype", ["str", "bfloat16", "complex64"])
def test_types_without_plain_numbers_are_unsupported(dtype):
    item = Input("x", dtype, ("N",))
    with pytest.raises(Unsupported, match=f"input 'x' is of type {dtype}"):
        random_rows([item], 1, bind_dimensions([item], 1, {}), 0)


def test_an_input_without_a_batch_axis_is_shared_by_all_batches():
    dims = bind_dimensions([IMAGE, SCALE], 2, {})
    rows = random_rows([IMAGE, SCALE], 4, dims, 0)
    batches = cut(rows, [IMAGE, SCALE], 2, dims)
    assert rows["scale"].shape == ()
    assert [feed["scale"].shape for feed in batches] == [(), ()]
    assert batches[0]["scale"] == batches[1]["scale"]


def test_the_last_batch_is_padded_from_the_first_row():
    dims = bind_dimensions([IMAGE], 4, {})
    rows = random_rows([IMAGE], 6, dims, 0)
    first, last = cut(rows, [IMAGE], 4, dims)
    assert np.array_equal(first["image"], rows["image"][:4])
    assert np.array_equal(last["image"], rows["image"][[4, 5, 0, 1]])


def test_rows_start_again_where_more_batches_are_asked_for():
    dims = bind_dimensions([IMAGE], 2, {})
    rows = random_rows([IMAGE], 3, dims, 0)
    batches = cut(rows, [IMAGE], 2, dims, 3)
    index = [[0, 1], [2, 0], [1, 2]]
    assert all(
        np.array_equal(feed["image"], rows["image"][i]) for feed, i in zip(batches, index, strict=True)
    )


@pytest.mark.parametrize(
    ("wanted", "rows", "batch", "distinct"), [(4, 128, 32, 4), (4, 32, 32, 1), (4, 3, 2, 3), (2, 100, 7, 2)]
)
def test_batches_are_counted_as_distinct_only_where_they_differ(wanted, rows, batch, distinct):
    assert distinct_count(wanted, rows, batch) == distinct


def read(path, inputs, rows=None):
    return data_rows(str(path), read_arrays(str(path)), inputs, rows)


def test_data_is_read_by_name_with_its_labels(tmp_path):
    path = save(tmp_path / "d.npz", ids=np.arange(12).reshape(4, 3), y=[0, 1, 0, 1])
    rows, labels = read(path, [IDS, MASK], 3)
    assert rows.keys() == {"ids"}
    assert rows["ids"].tolist() == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    assert labels.tolist() == [0, 1, 0]


def test_a_sole_input_may_be_called_x(tmp_path):
    path = save(tmp_path / "d.npz", x=np.zeros((4, 3, 2), np.float32))
    rows, labels = read(path, [IMAGE])
    assert rows["image"].shape == (4, 3, 2)
    assert labels is None


def test_an_input_called_y_is_no_label(tmp_path):
    path = save(tmp_path / "d.npz", y=np.zeros((4, 3), np.float32))
    rows, labels = read(path, [Input("y", "float32", ("N", 3))])
    assert rows["y"].shape == (4, 3)
    assert labels is None


@pytest.mark.parametrize(
    ("given", "dtype"),
    [
        ("uint8", "float32"),
        ("float64", "float32"),
        ("float32", "float16"),
        ("int64", "int32"),
        ("bool", "int64"),
    ],
)
def test_values_are_cast_where_that_keeps_their_meaning(tmp_path, given, dtype):
    path = save(tmp_path / "d.npz", x=np.array([[0], [1]], given))
    rows, _ = read(path, [Input("x", dtype, ("N", 1))])
    assert rows["x"].dtype == np.dtype(dtype)
    assert rows["x"].tolist() == [[0], [1]]


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        (np.array([0.5]), "int64"),
        (np.array([300]), "uint8"),
        (np.array([1e9]), "float16"),
    ],
)
def test_values_that_do_not_fit_the_model_are_refused(tmp_path, values, dtype):
    path = save(tmp_path / "d.npz", x=values)
    with pytest.raises(InputError, match=f"do not fit the model's {dtype}"):
        read(path, [Input("x", dtype, ("N",))])


def test_data_that_is_not_there_or_not_whole_is_refused_with_its_path(tmp_path):
    (tmp_path / "text.npz").write_text("hello")
    (tmp_path / "empty.npz").write_bytes(b"")
    np.savez(tmp_path / "pickled.npz", x=np.array([{}], object))
    for name in ("text", "empty", "pickled", "missing"):
        with pytest.raises(InputError, match=f"{name}.npz: not a readable .npz"):
            read(tmp_path / f"{name}.npz", [IMAGE])


def test_data_of_the_wrong_form_is_refused(tmp_path):
    path = save(tmp_path / "d.npz", ids=np.zeros((4, 3)), y=[1])
    with pytest.raises(InputError, match="same number of samples, at least one; got ids: 4, y: 1"):
        read(path, [IDS, MASK])
    with pytest.raises(InputError, match="no array for the model's input 'image'; arrays: ids"):
        read(path, [IDS, IMAGE])
    with pytest.raises(InputError, match="'ids' has 2 axes; the model's input has 3"):
        read(path, [Input("ids", "float32", ("N", 1, 3))])
    empty = save(tmp_path / "e.npz", ids=np.zeros((0, 3)))
    with pytest.raises(InputError, match="at least one; got ids: 0"):
        read(empty, [IDS, MASK])


def test_data_binds_what_the_suite_leaves_open(tmp_path):
    path = save(tmp_path / "d.npz", ids=np.zeros((4, 6), np.int64))
    rows, _ = read(path, [IDS, MASK])
    dims = bind_dimensions([IDS, MASK], 2, {}, data=rows)
    assert dims.shape(MASK) == (2, 6)
    assert sample_count(rows, dims) == 4
    with pytest.raises(InputError, match=r"samples of 'ids' have shape \(6,\); the model takes \(9,\)"):
        bind_dimensions([IDS, MASK], 2, {"seq": 9}, data=rows)


def test_data_for_an_input_without_a_batch_axis_is_refused(tmp_path):
    table = Input("table", "float32", (3,))
    path = save(tmp_path / "d.npz", image=np.zeros((4, 3, 2)), table=np.zeros(4))
    rows, _ = read(path, [IMAGE, table])
    with pytest.raises(InputError, match=r"'table' has no batch axis.*inputs: {table: {fill: 1}}"):
        bind_dimensions([IMAGE, table], 2, {}, data=rows)


def test_a_range_in_the_suite_takes_the_place_of_a_fill():
    ids, mask = with_overrides([IDS, MASK], {"mask": {"low": 0, "high": 2}})
    assert ids == IDS
    assert (mask.low, mask.high, mask.fill) == (0, 2, None)
    with pytest.raises(Failed, match="inputs names 'maks'; the model's inputs: ids, mask"):
        with_overrides([IDS, MASK], {"maks": {"fill": 1}})
