"""What the tests of objectives share: evaluations made of plain numbers."""

from hypothesis import strategies as st

from edarl.metrics import Constraint, Evaluation, Point

CONSTRAINT = Constraint("BUF", 10.0)

sizes = st.integers(1, 40).map(float)
point_sets = st.lists(
    st.builds(Point, target_ps=st.just(1.0), delay_ps=sizes, area_um2=sizes, flow=st.just("x")),
    max_size=12,
)
some_points = point_sets.filter(bool)


def points(*pairs):
    """Give points from (delay, area) pairs."""
    return [Point(delay, float(delay), float(area), "direct") for delay, area in pairs]


def evaluation_of(given):
    """Give a successful evaluation with these points."""
    return Evaluation("d" * 32, "lib", CONSTRAINT, tuple(given), calls=len(given))


def failed_evaluation():
    """Give an evaluation that failed."""
    return Evaluation("d" * 32, "lib", CONSTRAINT, (), failure="the tool fell over")
