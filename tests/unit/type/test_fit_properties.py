"""What holds of fit whatever the types, and that validation bears it out."""

from fixtures.media_handlers import media_manager
from fixtures.type_strategies import EMBEDDINGS, PLAIN_TYPES, TENSORS, VALUE_TYPES, arrays, values_of
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic_core import SchemaValidator, ValidationError

from flowra.plugin import use_manager
from flowra.type.fit import fit
from flowra.type.value_type import (
    JSON,
    AnyImage,
    Anything,
    Boolean,
    ListOf,
    OptionalOf,
    String,
    Tensor,
    UnionOf,
)


def passes(value_type, value):
    try:
        SchemaValidator(value_type.core_schema()).validate_python(value)
    except ValidationError:
        return False
    return True


def hollow(value):
    return value is None or (isinstance(value, list) and (not value or any(map(hollow, value))))


@given(VALUE_TYPES)
def test_every_type_fits_itself_and_whatever_is_wider(value_type):
    for wider in (value_type, Anything(), OptionalOf(value_type), UnionOf((value_type, AnyImage()))):
        assert fit(value_type, wider).kind == "fits"
    assert fit(ListOf(value_type), ListOf(OptionalOf(value_type))).kind == "fits"


@given(VALUE_TYPES)
def test_what_may_be_anything_is_refused_nowhere(value_type):
    assert fit(Anything(), value_type).kind != "refused"
    assert fit(OptionalOf(value_type), value_type).kind != "refused"


@given(VALUE_TYPES, VALUE_TYPES)
def test_a_verdict_says_why_unless_it_fits(source, target):
    found = fit(source, target)
    assert bool(found.why) == (found.kind != "fits")


@given(VALUE_TYPES, VALUE_TYPES)
def test_taking_nothing_as_well_makes_no_type_narrower(source, target):
    order = ["refused", "converts", "fits"]
    assert order.index(fit(source, OptionalOf(target)).kind) >= order.index(fit(source, target).kind)


@given(st.data())
def test_what_fits_passes_at_the_target(data):
    source = data.draw(PLAIN_TYPES)
    # Two types at random seldom fit; those that are wider than the source mostly do.
    wider = [JSON(), OptionalOf(source), UnionOf((Boolean(), source)), UnionOf((OptionalOf(source), String()))]
    target = data.draw(st.sampled_from(wider) | PLAIN_TYPES)
    assume(fit(source, target).kind == "fits")
    assert passes(target, data.draw(values_of(source)))


@given(st.data())
def test_what_is_refused_passes_at_no_target(data):
    source, target = data.draw(PLAIN_TYPES), data.draw(PLAIN_TYPES)
    assume(fit(source, target).kind == "refused")
    value = data.draw(values_of(source))
    assume(not hollow(value))  # an empty list is a list of anything, nothing is nothing of anything
    assert not passes(target, value)


@given(TENSORS | EMBEDDINGS, arrays())
def test_arrays_that_fit_any_tensor_pass_there(source, array):
    assert fit(source, Tensor()).kind == "fits"
    with use_manager(media_manager()):
        assert passes(Tensor(), array)
